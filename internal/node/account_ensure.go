package node

import (
	"context"
	"strings"
	"unicode/utf8"

	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/form"
)

// AccountEnsure makes the joiner's account, or goes on with the one that is there.
type AccountEnsure struct{}

var _ Type = AccountEnsure{}

// Spec describes the node.
func (AccountEnsure) Spec() flow.Spec {
	return flow.Spec{
		Kind: "account.ensure", Version: 1, Category: "directory", Title: "Create account", Icon: "user-plus", Writes: true, Enables: true,
		Help: "Creates the joiner's account. If the joiner has one from before, goes on with it. An account of that name that belongs to someone else is never touched: the step fails and says so.",
		Fields: []form.Field{
			directoryField(),
			{Key: "name", Label: "User name", Kind: form.Text, Required: true, Expr: true, Placeholder: `=NormalizeDiacritics(joiner.first_name + "." + joiner.last_name).lowerAscii()`},
			{Key: "enabled", Label: "Can sign in at once", Kind: form.Bool, Default: true, Expr: true, Help: "Off: the account is made disabled, to be enabled on the start date."},
			{Key: "attributes", Label: "Attributes", Kind: form.Mapping, Expr: true, Help: "Attribute of the directory and its value. An empty value leaves the attribute out."},
			mappedField("An account that is made now also gets the attributes that are written only then."),
		},
		Ports:   []flow.Port{{Name: "created", Label: "created"}, {Name: "existed", Label: "was there before"}},
		Outputs: append(accountOutputs(), flow.Output{Name: "created", Type: "bool"}),
	}
}

// Run ensures the account.
func (AccountEnsure) Run(ctx context.Context, call Call) (Result, error) {
	name := strings.TrimSpace(call.Params.Text("name"))
	switch {
	case name == "":
		return Result{}, fault.New(fault.Invalid, "The user name is empty. Look at what the HRIS says about this joiner's name.")
	case utf8.RuneCountInString(name) > 256:
		return Result{}, fault.New(fault.Invalid, "The user name is longer than 256 characters.")
	}
	dir, err := call.Directory(ctx, call.Params.Text("directory"))
	if err != nil {
		return Result{}, err
	}
	enabled := true
	if v, given := call.Params["enabled"].(bool); given {
		enabled = v
	}
	attributes, err := newAttributes(call)
	if err != nil {
		return Result{}, err
	}
	a, err := dir.EnsureAccount(ctx, connector.Ensure{Key: call.Key, Stamp: call.Ref.Stamp(), Name: name, Enabled: enabled, Attributes: attributes})
	if err != nil {
		return Result{}, err
	}
	out := map[string]any{"account_id": a.ID, "name": a.Name, "enabled": a.Enabled, "created": !a.Existed}
	if a.Existed {
		return Result{Port: "existed", Output: out}, nil
	}
	return Result{Port: "created", Output: out}, nil
}

// present leaves out what has no value.
func present(attributes map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range attributes {
		if s, ok := v.(string); v == nil || ok && strings.TrimSpace(s) == "" {
			continue
		}
		if l, ok := v.([]any); ok && len(l) == 0 {
			continue
		}
		out[k] = v
	}
	return out
}
