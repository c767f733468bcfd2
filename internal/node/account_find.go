package node

import (
	"context"
	"strings"

	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/form"
)

// AccountFind looks for an account.
type AccountFind struct{}

var _ Type = AccountFind{}

// Spec describes the node.
func (AccountFind) Spec() flow.Spec {
	return flow.Spec{
		Kind: "account.find", Version: 1, Reads: true, Category: "directory", Title: "Find account", Icon: "search",
		Help: "Looks for an account in a directory: the joiner's own, or one by its name or an attribute. It changes nothing.",
		Fields: []form.Field{
			directoryField(),
			{Key: "by", Label: "Look by", Kind: form.Select, Default: "joiner", Options: []form.Option{{Value: "joiner", Label: "the joiner (the mark Joinery leaves)"}, {Value: "name", Label: "user name"}, {Value: "attribute", Label: "an attribute"}}},
			{Key: "attribute", Label: "Attribute", Kind: form.Text, Placeholder: "mail", Required: true, ShowWhen: &form.When{Field: "by", In: []string{"attribute"}}},
			{Key: "value", Label: "Value", Kind: form.Text, Expr: true, Required: true, Placeholder: "=joiner.work_email", ShowWhen: &form.When{Field: "by", In: []string{"name", "attribute"}}},
			{Key: "again_when", Label: "Look again when this changes", Kind: form.Text, Expr: true, Placeholder: "=joiner.last_name", Help: "While the run waits, the account is looked at anew once the HRIS says something else here."},
		},
		Ports:   []flow.Port{{Name: "found", Label: "found"}, {Name: "missing", Label: "not there"}},
		Outputs: append(accountOutputs(), flow.Output{Name: "ours", Type: "bool", Help: "It carries this joiner's mark."}, flow.Output{Name: "attributes", Type: "map"}),
	}
}

func directoryField() form.Field {
	return form.Field{Key: "directory", Label: "Directory", Kind: form.Directory, Required: true, Help: "A connection with accounts and groups."}
}

func accountField() form.Field {
	return form.Field{Key: "account", Label: "Account", Kind: form.Text, Expr: true, Placeholder: "=steps.create.account_id",
		Help: "The id that an earlier step gave. Empty: the joiner's own account in this directory."}
}

func accountOutputs() []flow.Output {
	return []flow.Output{
		{Name: "account_id", Type: "string", Help: "The directory's own id of the account."},
		{Name: "name", Type: "string", Help: "The user name."},
		{Name: "enabled", Type: "bool"},
	}
}

// Run looks.
func (AccountFind) Run(ctx context.Context, call Call) (Result, error) {
	dir, err := call.Directory(ctx, call.Params.Text("directory"))
	if err != nil {
		return Result{}, err
	}
	by := connector.Lookup{Stamp: call.Ref.Stamp()}
	value := strings.TrimSpace(call.Params.Text("value"))
	switch call.Params.Text("by") {
	case "name":
		by = connector.Lookup{Name: value}
	case "attribute":
		by = connector.Lookup{Attribute: call.Params.Text("attribute"), Value: value}
	default:
		value = "-"
	}
	if value == "" {
		return Result{}, fault.New(fault.Invalid, "There is nothing to look for: the value is empty.")
	}
	a, found, err := dir.FindAccount(ctx, by)
	if err != nil {
		return Result{}, err
	}
	if !found {
		return Result{Port: "missing"}, nil
	}
	return Result{Port: "found", Output: map[string]any{"account_id": a.ID, "name": a.Name, "enabled": a.Enabled, "ours": a.Stamp == call.Ref.Stamp(), "attributes": plainMap(a.Attributes)}}, nil
}

func plainMap(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

// account gives the account a step is about: by id, or the joiner's own.
func account(ctx context.Context, call Call, dir connector.Directory) (connector.Account, error) {
	by := connector.Lookup{ID: strings.TrimSpace(call.Params.Text("account"))}
	if by.ID == "" {
		by = connector.Lookup{Stamp: call.Ref.Stamp()}
	}
	a, found, err := dir.FindAccount(ctx, by)
	if err != nil {
		return a, err
	}
	switch {
	case !found && by.ID == "":
		return a, fault.New(fault.NotFound, "This joiner has no account in %s yet. Create one in an earlier step.", call.Params.Text("directory"))
	case !found:
		return a, fault.New(fault.NotFound, "There is no account %s in %s. Somebody may have removed it.", by.ID, call.Params.Text("directory"))
	}
	return a, nil
}
