package node

import (
	"context"

	"joinery/internal/connector"
	"joinery/internal/flow"
	"joinery/internal/form"
)

// GroupAdd puts an account into groups.
type GroupAdd struct{}

var _ Type = GroupAdd{}

// Spec describes the node.
func (GroupAdd) Spec() flow.Spec {
	return flow.Spec{
		Kind: "group.add", Version: 1, Category: "directory", Title: "Add to groups", Icon: "users", Writes: true, Grants: "groups",
		Help: "Puts the account into groups. A group that is missing fails the step before anything is changed, and names it.",
		Fields: []form.Field{directoryField(), accountField(),
			{Key: "groups", Label: "Groups", Kind: form.List, Required: true, Expr: true, Placeholder: "=steps.groups.groups", Help: "Names of groups, or an =expression that gives a list."}},
		Ports:   []flow.Port{{Name: "done", Label: "then"}},
		Outputs: []flow.Output{{Name: "added", Type: "list", Of: "string", Help: "Groups the account was not in before."}, {Name: "already", Type: "list", Of: "string"}},
	}
}

// Run adds the memberships.
func (GroupAdd) Run(ctx context.Context, call Call) (Result, error) {
	return members(ctx, call, "added", func(ctx context.Context, d connector.Directory, group, account string) (bool, error) {
		return d.EnsureMember(ctx, group, account)
	})
}

func members(ctx context.Context, call Call, word string, each func(ctx context.Context, d connector.Directory, group, account string) (bool, error)) (Result, error) {
	dir, err := call.Directory(ctx, call.Params.Text("directory"))
	if err != nil {
		return Result{}, err
	}
	a, err := account(ctx, call, dir)
	if err != nil {
		return Result{}, err
	}
	groups, err := groupList(call)
	if err != nil {
		return Result{}, err
	}
	if _, err := findGroups(ctx, dir, groups, call.Params.Text("directory")); err != nil {
		return Result{}, err
	}
	changed, same := []any{}, []any{}
	for _, g := range groups {
		did, err := each(ctx, dir, g, a.ID)
		if err != nil {
			return Result{}, err
		}
		if did {
			changed = append(changed, g)
		} else {
			same = append(same, g)
		}
	}
	return Result{Port: "done", Output: map[string]any{word: changed, "already": same}}, nil
}
