package node

import (
	"context"

	"joinery/internal/flow"
	"joinery/internal/form"
)

// Branch goes one of two ways.
type Branch struct{}

var _ Type = Branch{}

// Spec describes the node.
func (Branch) Spec() flow.Spec {
	return flow.Spec{
		Kind: "branch", Version: 1, Computes: true, Category: "logic", Title: "Branch", Icon: "git-branch",
		Help: "Goes one way when a condition holds and the other way when it does not.",
		Fields: []form.Field{
			{Key: "when", Label: "Condition", Kind: form.Expression, Required: true, Result: "bool", Placeholder: `joiner.worker_type == "employee"`,
				Help: "An expression that gives true or false."},
		},
		Ports: []flow.Port{{Name: "yes", Label: "yes"}, {Name: "no", Label: "no"}},
	}
}

// Run picks the way.
func (Branch) Run(_ context.Context, call Call) (Result, error) {
	if call.Params.Bool("when") {
		return Result{Port: "yes"}, nil
	}
	return Result{Port: "no"}, nil
}
