package author_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/author"
	"joinery/internal/pgtest"
)

// Through the whole of it: a request that holds what the console's tables know of a person
// is not sent, the stage says so, the audit log has it without the value, and once it is
// reworded it goes on (S-98).
func TestS98_HeldBackAndAudited(t *testing.T) {
	t.Parallel()
	model := &gatedModel{rest: make(chan struct{})}
	close(model.rest)
	var asked atomic.Int32
	h := newHouse(t, raw(t, func(w http.ResponseWriter, r *http.Request) { asked.Add(1); model.ServeHTTP(w, r) }), time.Now)
	pgtest.Exec(t, h.db, `INSERT INTO joiners (id, connection, worker, attributes) VALUES ('j_1', 'hr', 'w1', '{"first_name": "May", "last_name": "Price", "birth_date": "1984-11-30", "badge_number": "B-7788", "emergency_contact": {"phone": "0151 2345678"}}')`)
	a, _ := h.process(t, "p1")
	for i, text := range []string{"A login like that of May Price", "Badge b7788 gets no login", "Call +49 151 2345678 when it fails", "may, born on 30.11.1984, gets a login", "asker@example.com asks for it"} {
		id := h.ask(t, text)
		a.Kick()
		turn := h.until(t, id, "the text held back", in(author.Failed))
		require.Equal(t, author.Private, troubleOf(turn).Kind, text)
		var kept int
		pgtest.Scan(t, h.db, &kept, `SELECT count(*)::int FROM audit_events WHERE action = 'author.held_back'`)
		require.Equal(t, i+1, kept)
	}
	require.Zero(t, asked.Load(), "nothing was sent")
	var told int
	pgtest.Scan(t, h.db, &told, `SELECT count(*)::int FROM audit_events WHERE detail::text ~* 'price|7788|2345678|1984'`)
	require.Zero(t, told, "the value is not kept")
	id := h.ask(t, "May the price list have a login? Badges begin with B-, and 1984 is a year.")
	a.Kick()
	h.until(t, id, "an ordinary text sent", in(author.NeedsYou))
	require.EqualValues(t, 1, asked.Load())
}
