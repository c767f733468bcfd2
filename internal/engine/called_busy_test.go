package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/pgtest"
	"joinery/internal/review"
	"joinery/internal/run"
)

// A call that our own limits left no room for was not made: the step comes back
// without having used up a try, however often, and the system is not taken for down.
func TestCalled_F11_OurOwnLimitCostsNoTry(t *testing.T) {
	t.Parallel()
	var plan []string
	for n := 1; n <= run.DefaultAttempts+2; n++ {
		plan = append(plan, fmt.Sprintf("EnsureMember#%d:busy", n))
	}
	h := open(t, plan...)
	h.live(review.Flow, "join", joinerFlow)
	h.start()
	h.hire("1", nil)
	waited := 0
	for end := time.Now().Add(pgtest.Hang); ; time.Sleep(5 * time.Millisecond) {
		require.True(t, time.Now().Before(end), "%v", h.runs())
		r := h.runs()[0]
		if r.State == run.Succeeded {
			break
		}
		require.NotEqual(t, run.Failed, r.State, r.Reason)
		if r.State == run.Waiting {
			require.Equal(t, "the connection dir, which other calls of ours keep busy", r.WaitingFor)
			waited++
			h.clock.Forward(max(0, r.WakeAt.Sub(h.clock.Now())))
			h.e.Kick()
		}
	}
	d, err := h.db.RunDetail(t.Context(), h.runs()[0].ID)
	require.NoError(t, err)
	require.Equal(t, 1, step(t, d, "basic").Attempts)
	require.Positive(t, waited)
	require.Zero(t, h.e.Pool.Health("dir").Failures)
}
