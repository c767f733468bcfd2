package node

import (
	"context"

	"joinery/internal/connector"
	"joinery/internal/flow"
	"joinery/internal/form"
)

// GroupRemove takes an account out of groups.
type GroupRemove struct{}

var _ Type = GroupRemove{}

// Spec describes the node.
func (GroupRemove) Spec() flow.Spec {
	return flow.Spec{
		Kind: "group.remove", Version: 1, Category: "directory", Title: "Remove from groups", Icon: "user-minus", Writes: true,
		Help: "Takes the account out of groups.",
		Fields: []form.Field{directoryField(), accountField(),
			{Key: "groups", Label: "Groups", Kind: form.List, Required: true, Expr: true, Help: "Names of groups, or an =expression that gives a list."}},
		Ports:   []flow.Port{{Name: "done", Label: "then"}},
		Outputs: []flow.Output{{Name: "removed", Type: "list", Of: "string"}, {Name: "already", Type: "list", Of: "string", Help: "Groups the account was not in."}},
	}
}

// Run removes the memberships.
func (GroupRemove) Run(ctx context.Context, call Call) (Result, error) {
	return members(ctx, call, "removed", func(ctx context.Context, d connector.Directory, group, account string) (bool, error) {
		return d.EnsureNotMember(ctx, group, account)
	})
}
