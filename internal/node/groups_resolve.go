package node

import (
	"context"

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
		Help:    "Works out which groups the joiner gets, by the table of a policy. Add group gives them.",
		Fields:  []form.Field{policyField("groups")},
		Ports:   []flow.Port{{Name: "done", Label: "done"}},
		Outputs: []flow.Output{{Name: "groups", Type: "list"}, {Name: "reasons", Type: "list", Help: "Which row gave what, and why."}},
	}
}

func policyField(typ string) form.Field {
	return form.Field{Key: "policy", Label: "Policy", Kind: form.Policy, Of: typ, Required: true, Help: "A policy of type " + typ + "."}
}

// Run decides.
func (GroupsResolve) Run(ctx context.Context, call Call) (Result, error) {
	out, err := call.decide(ctx)
	if err != nil {
		return Result{}, err
	}
	return Result{Port: "done", Output: out}, nil
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
	o, err := rules.Try(ctx, policy.Subject{Worker: c.Joiner, Now: c.Now()})
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
