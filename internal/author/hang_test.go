package author_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/author"
	"joinery/internal/joiner"
	"joinery/internal/postgres"
)

// While the model says a word and then nothing, to as many as may ask at once, deliveries
// of the HRIS are stored, and conversations can be read; afterwards each goes on.
func TestR34_DeliveriesAreStoredWhileTheModelHangs(t *testing.T) {
	t.Parallel()
	model := &gatedModel{rest: make(chan struct{})}
	h := newHouse(t, raw(t, model.ServeHTTP), time.Now)
	a, _ := h.process(t, "p1")
	var asked []author.TurnID
	for n := range 20 {
		asked = append(asked, h.ask(t, fmt.Sprint("Logins for contractors ", n)))
	}
	a.Kick()
	heard(t, a, asked[0], "I begin. ")
	for n := range 100 {
		got, err := h.db.AcceptEvent(t.Context(), postgres.Incoming{Connection: "hr", Signer: "webhook_secret", Event: joiner.Event{Key: fmt.Sprint("k", n), Type: "worker.hired", Worker: fmt.Sprint(n), At: time.Now()}})
		require.NoError(t, err)
		require.False(t, got.Duplicate)
	}
	for _, id := range asked {
		turn, err := h.db.AuthorTurn(t.Context(), id)
		require.NoError(t, err)
		require.False(t, turn.State.Ended())
	}
	close(model.rest)
	for _, id := range asked {
		h.until(t, id, "the intent", in(author.NeedsYou))
	}
}
