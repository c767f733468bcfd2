package run

import (
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/fault"
	"joinery/internal/flow"
)

func TestNewest(t *testing.T) {
	content := func(when string, more ...flow.Node) flow.Content {
		c := flow.Content{Trigger: "hired", Nodes: []flow.Node{{ID: "hired", Type: "hris.event"}, {ID: "names", Type: "set"}, {ID: "dept", Type: "switch", Params: map[string]any{"when": when}}, {ID: "sales", Type: "group.add"}, {ID: "unknown", Type: "stop"}},
			Edges: []flow.Edge{{From: "hired.started", To: "names"}, {From: "names.done", To: "dept"}, {From: "dept.sales", To: "sales"}, {From: "dept.default", To: "unknown"}}}
		c.Nodes = append(c.Nodes, more...)
		return c
	}
	steps := map[flow.NodeID]Step{"hired": {StepSucceeded, "started"}, "names": {StepSucceeded, "done"}, "dept": {StepSucceeded, "default"}, "sales": {State: StepSkipped}, "unknown": {StepSucceeded, ""}}
	forget, err := Newest(content("Sales"), content("Sales or Ops"), steps)
	require.NoError(t, err)
	require.ElementsMatch(t, []flow.NodeID{"dept", "sales", "unknown"}, forget, "the switch is another one; the names stay")

	failed := map[flow.NodeID]Step{"hired": {StepSucceeded, "started"}, "names": {StepFailed, flow.ErrorPort}}
	forget, err = Newest(content("Sales"), content("Sales"), failed)
	require.NoError(t, err)
	require.ElementsMatch(t, []flow.NodeID{"names", "dept", "sales", "unknown"}, forget)

	extra := flow.Node{ID: "extra", Type: "account.ensure"}
	steps["extra"] = Step{StepSucceeded, "created"}
	_, err = Newest(content("Sales", extra), content("Sales"), steps)
	require.True(t, fault.Is(err, fault.Conflict), "an account was made by a node that is gone")
}
