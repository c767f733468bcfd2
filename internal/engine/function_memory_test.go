package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
)

// A function that asks for a gigabyte loses its worker: its run stops and says why, with
// nothing made of what it planned, while another joiner's call of the same function at
// the same time succeeds.
func TestFault_F30_OutOfMemoryInAFunction(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.functions()
	h.live(review.Function, "hog", `
key: hog
name: Hog
source: |
  return function(input)
    plan.add_group("dir", "engineering")
    local kept = {}
    while input.department == "Hog" do
      kept[#kept + 1] = string.rep("x", 65536) .. #kept
    end
    return {group = "engineering"}
  end
manifest:
  input: {type: object, properties: {department: {type: string}}}
  output: {type: object, properties: {group: {type: string}}}
  grants: ["directory:dir:groups.add"]
  limits: {milliseconds: 5000} # on a starved machine memory must not be outrun by time
cases:
  - {name: small, input: {department: Finance}, output: {group: engineering}, plan: [{do: plan.add_group, args: [dir, engineering]}]}
`)
	h.live(review.Flow, "join", `
key: join
name: Join
trigger: hired
nodes:
  - {id: hired, type: hris.event, params: {connection: hr, events: [worker.hired]}}
  - {id: create, type: account.ensure, params: {directory: dir, name: =Lower(joiner.last_name) + joiner.employee_number}}
  - {id: place, type: function, params: {function: hog, input: {department: =joiner.department}}}
edges:
  - {from: hired.started, to: create}
  - {from: create.created, to: place}
  - {from: create.existed, to: place}
`)
	h.start()
	h.hire("1", map[string]any{"department": "Hog", "employee_number": "1"})
	h.hire("2", map[string]any{"department": "Finance", "employee_number": "2"})
	of := map[string]postgres.RunRow{}
	pgtest.Eventually(t, 60*time.Second, "both runs end", func() bool {
		for _, r := range h.runs() {
			of[r.Worker] = r
		}
		return of["1"].State.Terminal() && of["2"].State.Terminal()
	})
	require.Equal(t, run.Succeeded, of["2"].State)
	require.Equal(t, run.Failed, of["1"].State)
	require.Contains(t, of["1"].Reason, "more than 64 MB")
	_, groups := h.groupsOf("hr:1")
	require.Empty(t, groups)

	// HR mends what is wrong, and the operator presses retry.
	h.person("1", map[string]any{"department": "Finance", "employee_number": "1"})
	require.NoError(t, h.db.RetryRun(t.Context(), ben, of["1"].ID))
	h.e.Kick()
	pgtest.Eventually(t, 60*time.Second, "the retry succeeds", func() bool {
		d, err := h.db.RunDetail(t.Context(), of["1"].ID)
		require.NoError(t, err)
		require.NotEqual(t, run.Failed, d.State, d.Reason)
		return d.State == run.Succeeded
	})
	_, groups = h.groupsOf("hr:1")
	require.Equal(t, []string{"engineering"}, groups)
}
