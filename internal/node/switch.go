package node

import (
	"context"

	"joinery/internal/flow"
	"joinery/internal/form"
)

// Switch goes the way of the first case that holds.
type Switch struct{}

var _ Type = Switch{}

// Spec describes the node.
func (Switch) Spec() flow.Spec {
	return flow.Spec{
		Kind: "switch", Version: 1, Computes: true, Category: "logic", Title: "Switch", Icon: "split", PortsFrom: "cases",
		Help: "Goes the way of the first case whose condition holds, or by default when none does.",
		Fields: []form.Field{
			{Key: "cases", Label: "Cases", Kind: form.Cases, Required: true, Help: "Looked at from top to bottom."},
		},
		Ports:   []flow.Port{{Name: "default", Label: "otherwise"}},
		Outputs: []flow.Output{{Name: "case", Type: "string", Help: "The case that held; empty for default."}},
	}
}

// Run picks the way.
func (Switch) Run(_ context.Context, call Call) (Result, error) {
	port := call.Params.Text("cases")
	out := map[string]any{"case": port}
	if port == "" {
		port = "default"
	}
	return Result{Port: port, Output: out}, nil
}
