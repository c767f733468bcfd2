package web

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/joiner"
	"joinery/internal/postgres"
)

// Many events at once, which share a transaction, do not carry a flow past its
// limit of runs within an hour: the others park, and none is lost.
func TestAPI_EventsKeepTheLimit(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.hris("hr")
	a.live("flows", "join", obj{"key": "join", "name": "Join", "trigger": "hired", "limits": obj{"runs_per_hour": 3}, "nodes": []any{obj{"id": "hired", "type": "hris.event", "params": obj{"connection": "hr", "events": []any{"worker.hired"}}}}})
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			// Half of them are repeats, which start nothing and take no room.
			_, err := a.db.AcceptEvent(t.Context(), postgres.Incoming{Connection: "hr", Event: joiner.Event{Key: fmt.Sprint("e", i/2), Type: "worker.hired", Worker: fmt.Sprint(i / 2)}})
			assert.NoError(t, err)
		})
	}
	all.Wait()
	require.Len(t, a.call(auth.Viewer, "GET", "/runs?state=queued", nil, 200)["items"], 3)
	require.Len(t, a.call(auth.Viewer, "GET", "/runs?state=parked", nil, 200)["items"], 17)
}
