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
		Help: "Gives the account another user name, another common name, or both, such as after a change of name. The account stays the same one: its mark, groups and attributes stay. A name that somebody else has is refused. What signs in by the old name has to follow: rename there too.",
		Fields: []form.Field{directoryField(), accountField(),
			{Key: "name", Label: "New user name", Kind: form.Text, Expr: true, Placeholder: "=steps.names.login", Help: "Hold it with Choose names first. Empty: the user name stays."},
			{Key: "common_name", Label: "New common name", Kind: form.Text, Expr: true, Placeholder: "=steps.names.cn", Help: "Of an entry in Active Directory or LDAP. Where the entry is named by it, the account has another id (DN) afterwards; groups, managers and later steps follow. Empty: it stays."}},
		Ports:    []flow.Port{{Name: "changed", Label: "changed"}, {Name: "unchanged", Label: "was called so already"}},
		NeedsOne: []string{"name", "common_name"},
		Outputs: []flow.Output{{Name: "account_id", Type: "string", Help: "The account's id from now on."}, {Name: "name", Type: "string"}, {Name: "before", Type: "string", Help: "The user name from before."},
			{Name: "common_name", Type: "string", Help: "The new common name; empty when none was given."}, {Name: "common_name_before", Type: "string"}},
	}
}

// Run renames.
func (AccountRename) Run(ctx context.Context, call Call) (Result, error) {
	name := strings.TrimSpace(call.Params.Text("name"))
	common := strings.TrimSpace(call.Params.Text("common_name"))
	if name == "" && common == "" {
		return Result{}, fault.New(fault.Invalid, "The new user name and the new common name are empty, so the account keeps its names.")
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
	out, port := map[string]any{"name": a.Name, "before": a.Name, "common_name": common, "common_name_before": ""}, "unchanged"
	if name != "" {
		before, err := connector.Rename(ctx, dir, a.ID, name)
		if err != nil {
			return Result{}, err
		}
		out["name"], out["before"] = name, before
		if before != name {
			port = "changed"
		}
	}
	if common != "" {
		if a.Stamp == "" {
			return Result{}, fault.New(fault.Conflict, "The account %s does not bear this joiner's mark, so its common name stays. Adopt the account first.", a.Name)
		}
		moved, err := connector.MoveAccount(ctx, dir, connector.Move{ID: a.ID, Stamp: a.Stamp, Name: common})
		if err != nil {
			return Result{}, err
		}
		a.ID, out["common_name_before"] = moved.ID, moved.Before
		if moved.Changed {
			port = "changed"
		}
	}
	out["account_id"] = a.ID
	return Result{Port: port, Output: out}, nil
}
