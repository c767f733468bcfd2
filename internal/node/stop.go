package node

import (
	"context"

	"joinery/internal/flow"
	"joinery/internal/form"
)

// Stop ends the run.
type Stop struct{}

var _ Type = Stop{}

// Spec describes the node.
func (Stop) Spec() flow.Spec {
	return flow.Spec{
		Kind: "stop", Version: 1, Category: "logic", Title: "Stop", Icon: "octagon-x", Ends: true,
		Help: "Ends the run here. Branches that still wait are canceled. Undoing takes back what this run and earlier runs of the flow did for this joiner: memberships are removed, accounts they made are disabled, changed attributes get their values from before. What was there before stays.",
		Fields: []form.Field{
			{Key: "outcome", Label: "The run has", Kind: form.Select, Default: "succeeded", Options: []form.Option{{Value: "succeeded", Label: "succeeded"}, {Value: "failed", Label: "failed, a person has to look"}, {Value: "undone", Label: "to be undone: all that this flow did for the joiner, newest first"}}},
			{Key: "reason", Label: "Reason", Kind: form.Text, Expr: true, Help: "Shown on the run."},
		},
	}
}

// Run ends the run.
func (Stop) Run(_ context.Context, call Call) (Result, error) {
	end := call.Params.Text("outcome")
	if end == "" {
		end = "succeeded"
	}
	return Result{End: end, Reason: call.Params.Text("reason")}, nil
}
