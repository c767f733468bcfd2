package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/pgtest"
	"joinery/internal/review"
	"joinery/internal/run"
)

// The answer to enabling an account that was there is lost, and the next try finds it
// enabled. It is of our making all the same: undoing the run disables it again.
func TestUndo_R23_EnabledByATryWhoseAnswerWasLost(t *testing.T) {
	t.Parallel()
	for _, plan := range [][]string{nil, {"SetEnabled#1:lose"}, {"SetEnabled#1:fail"}} {
		h := open(t, plan...)
		const made = `
  - {id: hired, type: hris.event, params: {connection: hr, events: [%]}}
  - {id: make, type: account.ensure, params: {directory: dir, name: =Lower(joiner.first_name), enabled: false, attributes: {displayName: A}}}
`
		h.live(review.Flow, "first", "key: first\nname: First\ntrigger: hired\nnodes:"+strings.Replace(made, "%", "worker.hired", 1)+"edges: [{from: hired.started, to: make}]\n")
		h.live(review.Flow, "second", "key: second\nname: Second\ntrigger: hired\nnodes:"+strings.Replace(made, "%", "worker.updated", 1)+
			"  - {id: on, type: account.enable, params: {directory: dir, account: =steps.make.account_id}}\nedges: [{from: hired.started, to: make}, {from: make.existed, to: on}]\n")
		h.start()
		h.hire("1", nil)
		h.until(run.Succeeded)
		h.event("updated-1", "worker.updated", "1")
		var id string
		state := func(want run.State) func() bool {
			return func() bool {
				h.clock.Forward(time.Second)
				h.e.Kick()
				for _, r := range h.runs() {
					if r.Flow == "second" && r.State == want {
						id = r.ID
						return true
					}
				}
				return false
			}
		}
		pgtest.Eventually(t, time.Minute, "the second run ends", state(run.Succeeded))
		for _, a := range h.state().Accounts {
			require.True(t, a.Enabled)
		}
		require.NoError(t, h.db.CompensateRun(t.Context(), ben, id, "wrong person"))
		pgtest.Eventually(t, time.Minute, "it is undone", state(run.Compensated))
		require.Len(t, h.state().Accounts, 1)
		for _, a := range h.state().Accounts {
			require.False(t, a.Enabled, "%v", plan)
		}
	}
}
