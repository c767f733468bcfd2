package node

import (
	"context"

	"joinery/internal/flow"
	"joinery/internal/form"
)

// SchedulePoll starts a flow when Joinery finds a change by asking the HRIS.
type SchedulePoll struct{}

var _ Type = SchedulePoll{}

// Spec describes the node.
func (SchedulePoll) Spec() flow.Spec {
	event := HRISEvent{}.Spec()
	return flow.Spec{
		Kind: flow.KindPoll, Version: 1, Category: "trigger", Title: "Changes found by asking", Icon: "calendar-clock", Trigger: true,
		Help: "Asks the HRIS again and again which workers have changed, and starts a run for what it finds: for an HRIS that sends no events. What a webhook has told already starts nothing twice.",
		Fields: []form.Field{
			{Key: "connection", Label: "HRIS", Kind: form.HRIS, Required: true, Help: "The connection that is asked."},
			{Key: "events", Label: "Events", Kind: form.List, Required: true, Options: event.Fields[1].Options, Help: "Which changes start a run. They are told by comparing with what was seen before."},
			{Key: "every", Label: "Ask every", Kind: form.Duration, Default: "15m", Placeholder: "15m", Help: "From 1m to 1d."},
			pollSince(),
			rescindedMoves(),
		},
		Ports:   event.Ports,
		Outputs: event.Outputs,
	}
}

func pollSince() form.Field {
	return form.Field{Key: "since", Label: "The first time", Kind: form.Select, Default: "start", Options: []form.Option{{Value: "start", Label: "begin with what changes from now on"}, {Value: "all", Label: "take everybody the HRIS has"}},
		Help: "Only looked at when this connection is asked for the very first time."}
}

// Run reads the worker.
func (SchedulePoll) Run(ctx context.Context, call Call) (Result, error) {
	return readJoiner(ctx, call, "started")
}
