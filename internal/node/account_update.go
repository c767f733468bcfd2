package node

import (
	"context"
	"maps"
	"slices"
	"strings"

	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/form"
)

// AccountUpdate sets attributes of an account.
type AccountUpdate struct{}

var _ Type = AccountUpdate{}

// Spec describes the node.
func (AccountUpdate) Spec() flow.Spec {
	return flow.Spec{
		Kind: "account.update", Version: 1, Category: "directory", Title: "Update account", Icon: "pencil", Writes: true,
		Help: "Sets attributes of an account. What has the value already is left alone.",
		Fields: []form.Field{
			directoryField(), accountField(),
			{Key: "attributes", Label: "Attributes", Kind: form.Mapping, Required: true, Expr: true, Help: "Attribute of the directory and its new value."},
			{Key: "empty", Label: "An empty value", Kind: form.Select, Default: "keep", Options: []form.Option{{Value: "keep", Label: "leaves the attribute as it is"}, {Value: "remove", Label: "removes the attribute"}}},
		},
		Ports:   []flow.Port{{Name: "changed", Label: "changed"}, {Name: "unchanged", Label: "was right already"}},
		Outputs: []flow.Output{{Name: "account_id", Type: "string"}, {Name: "changed", Type: "list", Help: "The names of the attributes that changed."}},
	}
}

// Run updates the account.
func (AccountUpdate) Run(ctx context.Context, call Call) (Result, error) {
	set := call.Params.Map("attributes")
	if call.Params.Text("empty") != "remove" {
		set = present(set)
	} else {
		set = maps.Clone(set)
		for k, v := range set {
			if s, ok := v.(string); ok && strings.TrimSpace(s) == "" {
				set[k] = nil
			}
		}
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
		return Result{}, fault.New(fault.Conflict, "The account %s belongs to another joiner, so it is not changed.", a.Name)
	}
	if len(set) == 0 {
		return Result{Port: "unchanged", Output: map[string]any{"account_id": a.ID, "changed": []any{}}}, nil
	}
	changes, err := dir.UpdateAccount(ctx, a.ID, set)
	if err != nil {
		return Result{}, err
	}
	names := []any{}
	for _, c := range changes {
		names = append(names, c.Attribute)
	}
	slices.SortFunc(names, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
	port := "changed"
	if len(names) == 0 {
		port = "unchanged"
	}
	return Result{Port: port, Output: map[string]any{"account_id": a.ID, "changed": names}}, nil
}
