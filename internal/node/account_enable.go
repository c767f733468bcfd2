package node

import (
	"context"

	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/form"
)

// AccountEnable lets an account sign in.
type AccountEnable struct{}

var _ Type = AccountEnable{}

// Spec describes the node.
func (AccountEnable) Spec() flow.Spec {
	return flow.Spec{
		Kind: "account.enable", Version: 1, Category: "directory", Title: "Enable account", Icon: "user-check", Writes: true, Enables: true,
		Help:    "Lets the account sign in.",
		Fields:  []form.Field{directoryField(), accountField()},
		Ports:   []flow.Port{{Name: "done", Label: "then"}},
		Outputs: []flow.Output{{Name: "account_id", Type: "string"}, {Name: "changed", Type: "bool"}},
	}
}

// Run enables the account.
func (AccountEnable) Run(ctx context.Context, call Call) (Result, error) {
	return setEnabled(ctx, call, true)
}

func setEnabled(ctx context.Context, call Call, enabled bool) (Result, error) {
	dir, err := call.Directory(ctx, call.Params.Text("directory"))
	if err != nil {
		return Result{}, err
	}
	a, err := account(ctx, call, dir)
	if err != nil {
		return Result{}, err
	}
	if a.Stamp != "" && a.Stamp != call.Ref.Stamp() {
		return Result{}, fault.New(fault.Conflict, "The account %s belongs to another joiner, so it is not changed.", a.Name)
	}
	changed, err := dir.SetEnabled(ctx, a.ID, enabled)
	if err != nil {
		return Result{}, err
	}
	return Result{Port: "done", Output: map[string]any{"account_id": a.ID, "changed": changed}}, nil
}
