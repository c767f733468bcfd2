package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"joinery/internal/expr"
	"joinery/internal/fault"
)

// groupTable is a table whose conditions and names are compiled: once for all
// joiners of a release. It never changes and is safe for concurrent use.
type groupTable struct {
	rows     []groupLine
	problems []fault.Problem
}

type groupLine struct {
	when  expr.Value // nil: everybody
	names []expr.Value
}

// table compiles the rows once. Rows must not be changed afterwards.
func (g *Groups) table() *groupTable {
	g.once.Do(func() { g.compiled = compileGroups(g.Rows, g.Inputs, g.programs) })
	return g.compiled
}

func compileGroups(rows []GroupRow, inputs []Input, programs *expr.Programs) *groupTable {
	t := &groupTable{rows: make([]groupLine, len(rows))}
	env, err := envOf(programs, inputs)
	if err != nil {
		t.problems = append(t.problems, fault.Problem{Path: "rows", Detail: fault.Sentence(err)})
		return t
	}
	for i, r := range rows {
		at := fmt.Sprintf("rows.%d", i)
		var problems []expr.Problem
		if t.rows[i].when, problems = condition(env, r.When); len(problems) > 0 {
			t.problems = append(t.problems, fault.Problem{Path: at + ".when", Detail: problems[0].Detail})
		}
		for j, name := range r.Groups {
			v, problems := env.Field(strings.TrimSpace(name), expr.String, expr.Where{})
			if len(problems) > 0 {
				t.problems = append(t.problems, fault.Problem{Path: fmt.Sprintf("%s.groups.%d", at, j), Detail: problems[0].Detail})
				continue
			}
			t.rows[i].names = append(t.rows[i].names, v)
		}
	}
	return t
}

// condition compiles a condition; an empty one gives nil: it always holds.
func condition(env *expr.Env, source string) (expr.Value, []expr.Problem) {
	if strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(source), "=")) == "" {
		return nil, nil
	}
	return env.Expression(source, expr.Bool, expr.Where{})
}

// grant is one group that a row or an exception gives.
type grant struct {
	group, directory, reason, owner, until string
	row                                    int // from 1; 0 for an exception
}

func (g grant) output() map[string]any {
	return map[string]any{"group": g.group, "directory": g.directory, "row": g.row, "exception": g.row == 0, "reason": g.reason, "owner": g.owner, "until": g.until}
}

// decision is a table's decision as it is made.
type decision struct {
	granted, withheld []grant
	reasons           []Reason
	person            string
}

// Try decides the groups of one joiner.
func (g *Groups) Try(ctx context.Context, s Subject) (Outcome, error) {
	if err := need(g.Inputs, s.Inputs); err != nil {
		return Outcome{}, err
	}
	t := g.table()
	if len(t.problems) > 0 {
		return Outcome{}, fault.New(fault.Invalid, "The table cannot be used: %s: %s", t.problems[0].Path, t.problems[0].Detail)
	}
	var d decision
	scope := s.scope().Bound()
	for i, r := range g.Rows {
		took, err := g.row(ctx, &d, i, r, t.rows[i], s, scope)
		if err != nil {
			return Outcome{}, fmt.Errorf("row %d: %w", i+1, err)
		}
		if took && g.Hit == HitFirst {
			break
		}
	}
	for i, x := range g.Exceptions {
		g.except(&d, i, x, s)
	}
	return d.outcome(), nil
}

func (g *Groups) row(ctx context.Context, d *decision, i int, r GroupRow, line groupLine, s Subject, scope expr.Scope) (bool, error) {
	reason := Reason{Row: i + 1, Title: strings.Join(r.Groups, ", "), Detail: "Does not match."}
	defer func() { d.reasons = append(d.reasons, reason) }()
	holds := true
	if line.when != nil {
		v, err := line.when.Eval(ctx, scope)
		if err != nil {
			return false, err
		}
		holds = v == true
	}
	if !holds {
		return false, nil
	}
	if s.ended(r.Until) {
		reason.Detail = "Matches, but ran out on " + r.Until + "."
		return false, nil
	}
	reason.Took, reason.Detail = true, said("Matches", r.Reason)
	for j, name := range line.names {
		v, err := name.Eval(ctx, scope)
		if err != nil {
			return false, err
		}
		group := strings.TrimSpace(expr.Text(v))
		// "loc-{{ joiner.location }}" must not become the group "loc-".
		if group == "" || expr.Blank(ctx, name, scope) {
			d.person = fmt.Sprintf("Row %d gives the group %s, and what its name is made of is empty for this joiner. Complete the joiner in the HRIS, or add a condition to the row.", i+1, r.Groups[j])
			continue
		}
		d.give(grant{group, g.where(r.Directory), r.Reason, r.Owner, r.Until, i + 1})
	}
	return true, nil
}

func said(word, reason string) string {
	if reason == "" {
		return word + "."
	}
	return word + ": " + strings.TrimSuffix(reason, ".") + "."
}

func (d *decision) give(x grant) {
	if !slices.ContainsFunc(d.granted, func(o grant) bool { return o.group == x.group && o.directory == x.directory }) {
		d.granted = append(d.granted, x)
	}
}

func (g *Groups) except(d *decision, i int, x GroupException, s Subject) {
	if x.Worker != s.Worker.ID && (s.Source == "" || x.Worker != s.Source+":"+s.Worker.ID) {
		return
	}
	word := map[string]string{ExceptAdd: "Gets", ExceptRemove: "Does not get"}[x.Change]
	reason := Reason{Title: fmt.Sprintf("Exception %d: %s %s", i+1, strings.ToLower(word), strings.Join(x.Groups, ", ")), Detail: said(x.Owner, x.Reason)}
	defer func() { d.reasons = append(d.reasons, reason) }()
	if s.ended(x.Until) {
		reason.Detail = "Ran out on " + x.Until + "."
		return
	}
	reason.Took = true
	for _, name := range x.Groups {
		one := grant{strings.TrimSpace(name), g.where(x.Directory), x.Reason, x.Owner, x.Until, 0}
		if x.Change == ExceptAdd {
			d.give(one)
			continue
		}
		d.granted = slices.DeleteFunc(d.granted, func(o grant) bool { return strings.EqualFold(o.group, one.group) && o.directory == one.directory })
		d.withheld = append(d.withheld, one)
	}
}

func (d decision) outcome() Outcome {
	groups, granted, withheld := []any{}, []any{}, []any{}
	where := map[string]any{}
	for _, x := range d.granted {
		granted = append(granted, x.output())
		if !slices.Contains(groups, any(x.group)) {
			groups = append(groups, x.group)
		}
		list, _ := where[x.directory].([]any)
		where[x.directory] = append(list, x.group)
	}
	for _, x := range d.withheld {
		withheld = append(withheld, x.output())
	}
	return Outcome{Output: map[string]any{"groups": groups, "granted": granted, "withheld": withheld, "by_directory": where}, Reasons: d.reasons, Person: d.person}
}
