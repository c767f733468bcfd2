package node

import (
	"context"
	"strings"

	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/form"
)

// AccountRename gives an account another user name.
type AccountRename struct{}

var _ Type = AccountRename{}

// Spec describes the node.
func (AccountRename) Spec() flow.Spec {
	return flow.Spec{
		Kind: "account.rename", Version: 1, Category: "directory", Title: "Rename account", Icon: "signature", Writes: true,
		Help: "Gives the account another user name, such as after a change of name. The account stays the same one: its mark, groups and attributes stay. A name that somebody else has is refused. What signs in by the old name has to follow: rename there too.",
		Fields: []form.Field{directoryField(), accountField(),
			{Key: "name", Label: "New user name", Kind: form.Text, Required: true, Expr: true, Placeholder: "=steps.names.login", Help: "Hold it with Choose names first."}},
		Ports:   []flow.Port{{Name: "changed", Label: "changed"}, {Name: "unchanged", Label: "was called so already"}},
		Outputs: []flow.Output{{Name: "account_id", Type: "string"}, {Name: "name", Type: "string"}, {Name: "before", Type: "string", Help: "The name from before."}},
	}
}

// Run renames.
func (AccountRename) Run(ctx context.Context, call Call) (Result, error) {
	name := strings.TrimSpace(call.Params.Text("name"))
	if name == "" {
		return Result{}, fault.New(fault.Invalid, "The new user name is empty, so the account keeps its name.")
	}
	dir, err := call.Directory(ctx, call.Params.Text("directory"))
	if err != nil {
		return Result{}, err
	}
	a, err := account(ctx, call, dir)
	if err != nil {
		return Result{}, err
	}
	if a.Stamp != "" && a.Stamp != call.Ref.Stamp() {
		return Result{}, fault.New(fault.Conflict, "The account %s belongs to another joiner, so it is not renamed.", a.Name)
	}
	before, err := connector.Rename(ctx, dir, a.ID, name)
	if err != nil {
		return Result{}, err
	}
	port := "changed"
	if before == name {
		port = "unchanged"
	}
	return Result{Port: port, Output: map[string]any{"account_id": a.ID, "name": name, "before": before}}, nil
}
