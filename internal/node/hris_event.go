package node

import (
	"context"

	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/form"
	"joinery/internal/joiner"
)

// HRISEvent starts a flow when an HRIS says something about a worker. The event
// is a hint: the worker is read again, and that reading is the joiner.
type HRISEvent struct{}

var _ Type = HRISEvent{}

// Spec describes the node.
func (HRISEvent) Spec() flow.Spec {
	labels := map[string]string{"worker.hired": "Worker hired", "worker.updated": "Worker changed", "worker.start_moved": "Start date moved",
		"worker.rescinded": "Hire rescinded", "worker.terminated": "Worker terminated"}
	var options []form.Option
	for _, t := range joiner.EventTypes() {
		options = append(options, form.Option{Value: t, Label: labels[t]})
	}
	return flow.Spec{
		Kind: flow.KindEvent, Version: 1, Reads: true, Category: "trigger", Title: "HRIS event", Icon: "zap", Trigger: true,
		Help: "Starts a run when the HRIS sends one of these events. The worker is read again from the HRIS first, because an event may be late or out of order.",
		Fields: []form.Field{
			{Key: "connection", Label: "HRIS", Kind: form.HRIS, Required: true, Help: "The connection that sends the events and holds the workers."},
			{Key: "events", Label: "Events", Kind: form.List, Required: true, Options: options, Help: "Which events start a run."},
			{Key: "poll_every", Label: "Also ask every", Kind: form.Duration, Placeholder: "1h", Help: "Finds changes whose event never came, by asking the HRIS what has changed. Empty: only events count."},
			rescindedMoves(),
		},
		Ports:   []flow.Port{{Name: "started", Label: "then"}},
		Outputs: []flow.Output{{Name: "worker_id", Type: "string", Help: "The HRIS's id of the worker."}},
	}
}

func rescindedMoves() form.Field {
	return form.Field{Key: "rescinded_moves", Label: "“Rescinded” with a new start date is a move", Kind: form.Bool,
		Help: "Some HRIS move a start by rescinding the hire and giving a later date. Switch this on only for such an HRIS: elsewhere it would bring in somebody who does not come."}
}

// Run reads the worker.
func (HRISEvent) Run(ctx context.Context, call Call) (Result, error) {
	return readJoiner(ctx, call, "started")
}

func readJoiner(ctx context.Context, call Call, port string) (Result, error) {
	source, err := call.Workers(ctx, call.Params.Text("connection"))
	if err != nil {
		return Result{}, err
	}
	w, err := source.Worker(ctx, call.Ref.Worker)
	if err != nil {
		return Result{}, err
	}
	if w.ID != call.Ref.Worker {
		return Result{}, fault.New(fault.Invalid, "The HRIS answered with another worker than the one asked for.")
	}
	call.Log("The worker was read from the HRIS.")
	return Result{Port: port, Joiner: &w, Output: map[string]any{"worker_id": w.ID}}, nil
}
