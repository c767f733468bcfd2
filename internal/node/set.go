package node

import (
	"context"

	"joinery/internal/flow"
	"joinery/internal/form"
)

// Set computes values for later steps.
type Set struct{}

var _ Type = Set{}

// Spec describes the node.
func (Set) Spec() flow.Spec {
	return flow.Spec{
		Kind: "set", Version: 1, Computes: true, Category: "logic", Title: "Set values", Icon: "variable", OutputsFrom: "values",
		Help: "Computes values once and gives them names. Later steps read them as steps.<id>.<name>.",
		Fields: []form.Field{
			{Key: "values", Label: "Values", Kind: form.Mapping, Required: true, Expr: true, Help: "A name and a text, a {{ template }}, or an =expression."},
		},
		Ports: []flow.Port{{Name: "done", Label: "then"}},
	}
}

// Run gives the values.
func (Set) Run(_ context.Context, call Call) (Result, error) {
	return Result{Port: "done", Output: call.Params.Map("values")}, nil
}
