package node

import (
	"context"

	"joinery/internal/flow"
	"joinery/internal/form"
)

// AccountDisable keeps an account from signing in.
type AccountDisable struct{}

var _ Type = AccountDisable{}

// Spec describes the node.
func (AccountDisable) Spec() flow.Spec {
	return flow.Spec{
		Kind: "account.disable", Version: 1, Category: "directory", Title: "Disable account", Icon: "user-x", Writes: true,
		Help:    "Keeps the account from signing in. Nothing is deleted.",
		Fields:  []form.Field{directoryField(), accountField()},
		Ports:   []flow.Port{{Name: "done", Label: "then"}},
		Outputs: []flow.Output{{Name: "account_id", Type: "string"}, {Name: "changed", Type: "bool"}},
	}
}

// Run disables the account.
func (AccountDisable) Run(ctx context.Context, call Call) (Result, error) {
	return setEnabled(ctx, call, false)
}
