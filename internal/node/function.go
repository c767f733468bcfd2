package node

import (
	"context"
	"encoding/json"
	"strings"

	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/form"
	"joinery/internal/function"
)

// Function runs a function, and carries out what it plans.
type Function struct{}

var _ Type = Function{}

// Functions runs functions as the run's release pins them. ask answers what the
// code asks of connected systems.
type Functions func(ctx context.Context, key string, input map[string]any, ask Ask) (FunctionEnd, error)

// Ask answers one question of a function's code: JSON, or a fault.
type Ask func(ctx context.Context, name string, args []json.RawMessage) (any, error)

// FunctionEnd is how a function ended: with a result and a plan, or because a
// person is needed.
type FunctionEnd struct {
	Result map[string]any
	Plan   []function.Planned
	// Failed is the short word that the code gave fail, Sentence what a person reads.
	Failed, Sentence string
}

// Spec describes the node.
func (Function) Spec() flow.Spec {
	return flow.Spec{
		Kind: "function", Version: 1, Category: "logic", Title: "Run function", Icon: "braces", Writes: true,
		Help: "Runs a function that was approved and released. It computes and looks things up by its grants; changes that it plans are made here, one after another, like those of any other step.",
		Fields: []form.Field{
			{Key: "function", Label: "Function", Kind: form.Function, Required: true, Help: "A function that is live. Its newest release is pinned when the flow is released."},
			{Key: "input", Label: "Input", Kind: form.Mapping, Expr: true, Placeholder: "phone: =joiner.phone", Help: "What the function takes, by the names of its input."},
		},
		Ports:   []flow.Port{{Name: "done", Label: "done"}, {Name: "failed", Label: "a person is needed"}},
		Outputs: []flow.Output{{Name: "result", Type: "map", Help: "What the function gave."}, {Name: "changed", Type: "list", Of: "string", Help: "What it planned and was not so before."}, {Name: "failed", Type: "string", Help: "The short word of a function that gave up; empty otherwise."}, {Name: "sentence", Type: "string"}},
	}
}

// Run calls the function, then carries out its plan.
func (Function) Run(ctx context.Context, call Call) (Result, error) {
	key := call.Params.Text("function")
	input := call.Params.Map("input")
	if input == nil {
		input = map[string]any{}
	}
	end, err := call.Functions(ctx, key, input, call.ask)
	if err != nil {
		return Result{}, err
	}
	if end.Failed != "" || end.Sentence != "" {
		if !call.Connected("failed") {
			return Result{}, fault.New(fault.Invalid, "%s", firstOf(end.Sentence, "The function "+key+" gave up: "+end.Failed+"."))
		}
		return Result{Port: "failed", Output: map[string]any{"result": map[string]any{}, "changed": []any{}, "failed": end.Failed, "sentence": end.Sentence}}, nil
	}
	changed, err := call.carryOut(ctx, end.Plan)
	if err != nil {
		return Result{}, err
	}
	return Result{Port: "done", Output: map[string]any{"result": plainMap(end.Result), "changed": changed, "failed": "", "sentence": ""}}, nil
}

func firstOf(list ...string) string {
	for _, s := range list {
		if strings.TrimSpace(s) != "" {
			return s
		}
	}
	return ""
}
