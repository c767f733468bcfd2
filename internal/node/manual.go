package node

import (
	"context"

	"joinery/internal/flow"
	"joinery/internal/form"
)

// Manual starts a flow by hand, for one worker.
type Manual struct{}

var _ Type = Manual{}

// Spec describes the node.
func (Manual) Spec() flow.Spec {
	return flow.Spec{
		Kind: flow.KindManual, Version: 1, Category: "trigger", Title: "Started by hand", Icon: "hand", Trigger: true,
		Help: "Starts a run when a person, the API or the command line asks for it. The worker is read from the HRIS first.",
		Fields: []form.Field{
			{Key: "connection", Label: "HRIS", Kind: form.HRIS, Required: true, Help: "The connection that holds the workers."},
		},
		Ports:   []flow.Port{{Name: "started", Label: "then"}},
		Outputs: []flow.Output{{Name: "worker_id", Type: "string", Help: "The HRIS's id of the worker."}},
	}
}

// Run reads the worker.
func (Manual) Run(ctx context.Context, call Call) (Result, error) {
	return readJoiner(ctx, call, "started")
}
