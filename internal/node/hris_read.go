package node

import (
	"context"

	"joinery/internal/flow"
	"joinery/internal/form"
)

// HRISRead reads the joiner again.
type HRISRead struct{}

var _ Type = HRISRead{}

// Spec describes the node.
func (HRISRead) Spec() flow.Spec {
	return flow.Spec{
		Kind: "hris.read", Version: 1, Reads: true, Category: "hris", Title: "Read worker again", Icon: "refresh-cw",
		Help: "Reads the worker from the HRIS once more, so that later steps use what it says now. Useful after a long wait.",
		Fields: []form.Field{
			{Key: "connection", Label: "HRIS", Kind: form.HRIS, Required: true},
		},
		Ports:   []flow.Port{{Name: "done", Label: "then"}},
		Outputs: []flow.Output{{Name: "worker_id", Type: "string"}},
	}
}

// Run reads the worker.
func (HRISRead) Run(ctx context.Context, call Call) (Result, error) {
	return readJoiner(ctx, call, "done")
}
