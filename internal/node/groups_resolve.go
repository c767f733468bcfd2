package node

import (
	"context"
	"maps"
	"slices"
	"strings"

	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/form"
	"joinery/internal/policy"
)

// GroupsResolve works out the joiner's groups by a policy.
type GroupsResolve struct{}

var _ Type = GroupsResolve{}

// Spec describes the node.
func (GroupsResolve) Spec() flow.Spec {
	return flow.Spec{
		Kind: "groups.resolve", Version: 1, Category: "people", Title: "Work out groups", Icon: "table-2",
		Help: "Works out which groups the joiner gets, by the table of a policy. Add to groups or Bring groups in line gives them: =steps.<this step>.groups.",
		Fields: []form.Field{policyField("groups"),
			{Key: "directory", Label: "Only for this directory", Kind: form.Directory, Help: "Takes only what the table gives there. Needed when the table names several directories."},
			policyInputs()},
		Ports: []flow.Port{{Name: "done", Label: "done"}},
		Outputs: []flow.Output{{Name: "groups", Type: "list", Of: "string"}, {Name: "granted", Type: "list", Of: "map", Entry: grantEntry(), Help: "Each group with the row that gave it, its reason, owner and end."},
			{Name: "withheld", Type: "list", Of: "map", Entry: grantEntry(), Help: "Groups that an exception keeps the joiner from."}, {Name: "by_directory", Type: "map", Help: "The groups of each directory, by its key."},
			{Name: "reasons", Type: "list", Of: "map", Entry: reasonEntry(false), Help: "Which row gave what, and why."}},
		Decides: true, Resolves: "groups",
	}
}

func policyField(typ string) form.Field {
	return form.Field{Key: "policy", Label: "Policy", Kind: form.Policy, Of: typ, Required: true, Help: "A policy of type " + typ + "."}
}

func policyInputs() form.Field {
	return form.Field{Key: "inputs", Label: "Values for the policy", Kind: form.Mapping, Expr: true, Placeholder: "site_code: =steps.lookup.code", Help: "What the policy takes beside the joiner, by the names it declares."}
}

// Run decides.
func (GroupsResolve) Run(ctx context.Context, call Call) (Result, error) {
	out, err := call.decide(ctx)
	if err != nil {
		return Result{}, err
	}
	if err := onlyIn(out, call.Params.Text("directory"), call.Params.Text("policy")); err != nil {
		return Result{}, err
	}
	return Result{Port: "done", Output: out}, nil
}

// grantEntry is what a policy of groups says of each group.
func grantEntry() []flow.Output {
	return []flow.Output{{Name: "group", Type: "string"}, {Name: "directory", Type: "string", Help: "The key of its connection; empty where the row names none."}, {Name: "row", Type: "number", Help: "Counted from 1; 0 for an exception."},
		{Name: "exception", Type: "bool"}, {Name: "reason", Type: "string"}, {Name: "owner", Type: "string"}, {Name: "until", Type: "string", Help: "Its last day; empty without an end."}}
}

// reasonEntry is what a policy says of each row that had a say, and of those that had
// none where it tells both.
func reasonEntry(both bool) []flow.Output {
	out := []flow.Output{{Name: "row", Type: "number", Help: "Counted from 1; 0 when none decided."}, {Name: "title", Type: "string"}, {Name: "detail", Type: "string"}}
	if both {
		out = append(out, flow.Output{Name: "took", Type: "bool", Help: "Whether it was taken."})
	}
	return out
}

// onlyIn keeps what a table gives in one directory. Rows that name none are meant
// for whichever the step is about.
func onlyIn(out map[string]any, directory, key string) error {
	where, _ := out["by_directory"].(map[string]any)
	if directory == "" {
		named := slices.DeleteFunc(slices.Sorted(maps.Keys(where)), func(d string) bool { return d == "" })
		if len(named) > 1 {
			return fault.New(fault.Invalid, "The policy %s gives groups in %d directories (%s). Say in the step which one it is about, and use a step for each.", key, len(named), strings.Join(named, ", "))
		}
		return nil
	}
	for _, name := range []string{"granted", "withheld"} {
		list, _ := out[name].([]any)
		out[name] = slices.DeleteFunc(slices.Clone(list), func(x any) bool {
			d, _ := x.(map[string]any)["directory"].(string)
			return d != "" && d != directory
		})
	}
	groups := []any{}
	for _, x := range out["granted"].([]any) {
		if g := x.(map[string]any)["group"]; !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
	}
	out["groups"] = groups
	return nil
}

// decide runs the node's policy over the joiner. A decision that needs a person fails the step.
func (c Call) decide(ctx context.Context) (map[string]any, error) {
	p, err := c.Policy(c.Params.Text("policy"))
	if err != nil {
		return nil, err
	}
	rules, ok := p.Rules()
	if !ok {
		return nil, fault.New(fault.Invalid, "The policy %s has no rules.", p.Key)
	}
	o, err := rules.Try(ctx, policy.Subject{Worker: c.Joiner, Source: c.Ref.Connection, Now: c.Now(), Inputs: c.Params.Map("inputs")})
	if err != nil {
		return nil, err
	}
	if o.Person != "" {
		return nil, fault.New(fault.Invalid, "%s", o.Person)
	}
	reasons := []any{}
	for _, r := range o.Reasons {
		if r.Took {
			reasons = append(reasons, map[string]any{"row": r.Row, "title": r.Title, "detail": r.Detail})
		}
	}
	o.Output["reasons"] = reasons
	return o.Output, nil
}
