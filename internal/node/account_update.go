package node

import (
	"context"
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
			{Key: "attributes", Label: "Attributes", Kind: form.Mapping, Expr: true, Help: "Attribute of the directory and its new value. What is written here goes before the mapping."},
			mappedField("What the mapping leaves as it is stays; what it removes is removed; what is written only when the account is made stays."),
			{Key: "empty", Label: "An empty value", Kind: form.Select, Default: "keep", Options: []form.Option{{Value: "keep", Label: "leaves the attribute as it is"}, {Value: "remove", Label: "removes the attribute"}}},
		},
		Ports:    []flow.Port{{Name: "changed", Label: "changed"}, {Name: "unchanged", Label: "was right already"}},
		NeedsOne: []string{"attributes", "mapped"},
		Outputs:  []flow.Output{{Name: "account_id", Type: "string"}, {Name: "changed", Type: "list", Of: "string", Help: "The names of the attributes that changed."}},
	}
}

// Run updates the account.
func (AccountUpdate) Run(ctx context.Context, call Call) (Result, error) {
	set, err := newValues(call)
	if err != nil {
		return Result{}, err
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
