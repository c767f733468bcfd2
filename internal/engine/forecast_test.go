package engine_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/engine"
	"joinery/internal/joiner"
	"joinery/internal/review"
	"joinery/internal/run"
)

// A forecast tells what runs would do, one after the other, and leaves nothing:
// no run, no account, no call where none is allowed.
func TestForecast(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "join", joinerFlow)
	a, err := h.db.Artifact(t.Context(), review.Flow, "join")
	require.NoError(t, err)
	before := h.state()
	ada := func(id, department string) engine.Prospect {
		return engine.Prospect{Ref: joiner.Ref{Connection: "hr", Worker: id}, Worker: joiner.Worker{ID: id, Attributes: map[string]any{
			"first_name": "Ada", "last_name": "Lovelace", "department": department, "start_date": "2020-01-01", "status": "active"}}}
	}
	for _, live := range []bool{false, true} {
		t.Run(fmt.Sprint("live look-ups ", live), func(t *testing.T) {
			f, err := h.e.Foresee(t.Context(), a.Live.ID)
			require.NoError(t, err)
			f.Live = live
			first, err := f.Run(t.Context(), ada("1", "Engineering"))
			require.NoError(t, err)
			require.Equal(t, run.Succeeded, first.State, first.Reason)
			var changes []string
			for _, s := range first.Steps {
				for _, c := range s.Changes {
					require.True(t, c.Planned)
					changes = append(changes, c.Operation+" "+c.Target)
				}
			}
			require.Contains(t, changes, "account.ensure ada.lovelace")
			require.Contains(t, changes, "group.add engineering")

			second, err := f.Run(t.Context(), ada("2", "Engineering"))
			require.NoError(t, err)
			require.Equal(t, run.Failed, second.State, "the name was foreseen for the first")
			require.Contains(t, second.Reason, "is taken in dir")
		})
	}
	require.Equal(t, before, h.state())
	require.Empty(t, h.runs())
	require.Zero(t, h.mails.count())
}
