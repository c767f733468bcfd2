package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"joinery/internal/expr"
	"joinery/internal/fault"
	"joinery/internal/form"
	"joinery/internal/joiner"
)

// Groups is a decision table: which joiners get which groups.
type Groups struct {
	// Hit is "all" (every row that matches gives its groups) or "first" (the first
	// one that matches). Empty means all.
	Hit  string     `json:"hit,omitempty" yaml:"hit,omitempty"`
	Rows []GroupRow `json:"rows,omitempty" yaml:"rows,omitempty"`
}

// GroupRow is one row of the table.
type GroupRow struct {
	// When is a condition in CEL; empty means everybody.
	When   string   `json:"when,omitempty" yaml:"when,omitempty"`
	Groups []string `json:"groups" yaml:"groups"`
	// Reason says why, and Owner who answers for it (an e-mail address or a team).
	Reason string `json:"reason,omitempty" yaml:"reason,omitempty"`
	Owner  string `json:"owner,omitempty" yaml:"owner,omitempty"`
}

var _ Rules = (*Groups)(nil)

// The two hit policies, as DMN names them: collect and first.
const (
	HitAll   = "all"
	HitFirst = "first"
)

const maxRows = 1000

func groupsKind() kind {
	return kind{
		spec: Spec{
			Type: "groups", Title: "Groups", Icon: "users", Help: "Which joiners get which groups, as a table of conditions.",
			Fields: []form.Field{
				{Key: "hit", Label: "When several rows match", Kind: form.Select, Default: HitAll, Options: []form.Option{{Value: HitAll, Label: "All of them give their groups"}, {Value: HitFirst, Label: "Only the first one does"}}},
				{Key: "rows", Label: "Rows", Kind: form.Table, Required: true, Columns: []form.Field{
					{Key: "when", Label: "When", Kind: form.Expression, Result: "bool", Placeholder: `joiner.department == "Sales"`, Help: "Empty: everybody."},
					{Key: "groups", Label: "Groups", Kind: form.List, Required: true, Placeholder: "crm-users, dept-sales"},
					{Key: "reason", Label: "Reason", Kind: form.Text},
					{Key: "owner", Label: "Owner", Kind: form.Text, Placeholder: "sales-ops@example.com"},
				}},
			},
			Starter: "key: department-groups\nname: Department groups\ntype: groups\ngroups:\n  rows:\n    - groups: [all-staff]\n      reason: Everybody\n    - when: joiner.department == \"Sales\"\n      groups: [crm-users]\n      reason: Works with customers\ncases:\n  - name: Sales gets the CRM\n    joiner: {department: Sales}\n    expect: {groups: [all-staff, crm-users]}\n",
		},
		rules: func(c Content) (Rules, bool) { return c.Groups, c.Groups != nil },
	}
}

// Env is what expressions of a policy may name: the joiner, today and now.
func Env() (*expr.Env, error) { return expr.NewEnv(expr.Decls{Attributes: joiner.Known()}) }

// scope is what an expression of a policy reads.
func (s Subject) scope() expr.Scope {
	return expr.Scope{Joiner: s.Worker.Attributes, Now: s.Now, Zone: s.Worker.Zone()}
}

// Check finds what is wrong with the table.
func (g *Groups) Check(Known) []fault.Problem {
	var out []fault.Problem
	add := func(path, format string, args ...any) {
		out = append(out, fault.Problem{Path: path, Detail: fmt.Sprintf(format, args...)})
	}
	if g.Hit != "" && g.Hit != HitAll && g.Hit != HitFirst {
		add("hit", "Choose all or first.")
	}
	if len(g.Rows) == 0 {
		add("rows", "The table needs at least one row.")
	}
	if len(g.Rows) > maxRows {
		add("rows", "A table may have up to %d rows.", maxRows)
		return out
	}
	env, err := Env()
	if err != nil {
		add("rows", "%s", fault.Sentence(err))
		return out
	}
	for i, r := range g.Rows {
		at := fmt.Sprintf("rows.%d", i)
		if len(r.Groups) == 0 {
			add(at+".groups", "Name the groups this row gives.")
		}
		for j, name := range r.Groups {
			if strings.TrimSpace(name) == "" {
				add(fmt.Sprintf("%s.groups.%d", at, j), "A group needs a name.")
			}
		}
		if _, problems := condition(env, r.When); len(problems) > 0 {
			add(at+".when", "%s", problems[0].Detail)
		}
	}
	return out
}

// condition compiles a condition; an empty one gives nil: it always holds.
func condition(env *expr.Env, source string) (expr.Value, []expr.Problem) {
	if strings.TrimSpace(strings.TrimPrefix(source, "=")) == "" {
		return nil, nil
	}
	return env.Expression(source, expr.Bool, expr.Where{})
}

// Connections lists none: the node names the directory.
func (g *Groups) Connections() []string { return nil }

// Try decides the groups of one joiner.
func (g *Groups) Try(ctx context.Context, s Subject) (Outcome, error) {
	env, err := Env()
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{Output: map[string]any{}}
	groups := []string{}
	for i, r := range g.Rows {
		holds, err := matches(ctx, env, r.When, s)
		if err != nil {
			return Outcome{}, fmt.Errorf("row %d: %w", i+1, err)
		}
		reason := Reason{Row: i + 1, Took: holds, Title: strings.Join(r.Groups, ", "), Detail: "Does not match."}
		if holds {
			reason.Detail = "Matches"
			if r.Reason != "" {
				reason.Detail += ": " + r.Reason
			}
			for _, name := range r.Groups {
				if !slices.Contains(groups, name) {
					groups = append(groups, name)
				}
			}
		}
		out.Reasons = append(out.Reasons, reason)
		if holds && g.Hit == HitFirst {
			break
		}
	}
	out.Output["groups"] = groups
	return out, nil
}

func matches(ctx context.Context, env *expr.Env, when string, s Subject) (bool, error) {
	value, problems := condition(env, when)
	if len(problems) > 0 {
		return false, fault.New(fault.Invalid, "The condition %q cannot be computed: %s", when, problems[0].Detail)
	}
	if value == nil {
		return true, nil
	}
	v, err := value.Eval(ctx, s.scope())
	return v == true, err
}
