package policy

import (
	"context"
	"fmt"
	"strings"
	"time"

	"joinery/internal/expr"
	"joinery/internal/fault"
)

// mapTable is a mapping whose conditions and values are compiled, once for all
// joiners of a release. It never changes and is safe for concurrent use.
type mapTable struct {
	rows     []mapLine
	problems []fault.Problem
}

type mapLine struct{ when, value expr.Value } // nil: always; nothing

// table compiles the rows once. Rows must not be changed afterwards.
func (m *Mapping) table() *mapTable {
	m.once.Do(func() { m.compiled = compileMapping(m.Rows, m.Inputs, m.programs) })
	return m.compiled
}

func compileMapping(rows []MapRow, inputs []Input, programs *expr.Programs) *mapTable {
	t := &mapTable{rows: make([]mapLine, len(rows))}
	env, err := envOf(programs, inputs)
	if err != nil {
		t.problems = append(t.problems, fault.Problem{Path: "rows", Detail: fault.Sentence(err)})
		return t
	}
	for i, r := range rows {
		var problems []expr.Problem
		if t.rows[i].when, problems = condition(env, r.When); len(problems) > 0 {
			t.problems = append(t.problems, fault.Problem{Path: fmt.Sprintf("rows.%d.when", i), Detail: problems[0].Detail})
		}
		if strings.TrimSpace(r.Value) == "" {
			continue
		}
		if t.rows[i].value, problems = env.Field(r.Value, expr.Any, expr.Where{}); len(problems) > 0 {
			t.problems = append(t.problems, fault.Problem{Path: fmt.Sprintf("rows.%d.value", i), Detail: problems[0].Detail})
		}
	}
	return t
}

// Try fills the attributes of one joiner's account. An attribute that is to be left
// as it is does not occur in the result; nil removes one.
func (m *Mapping) Try(ctx context.Context, s Subject) (Outcome, error) {
	if err := need(m.Inputs, s.Inputs); err != nil {
		return Outcome{}, err
	}
	t := m.table()
	if len(t.problems) > 0 {
		return Outcome{}, fault.New(fault.Invalid, "The mapping cannot be used: %s: %s", t.problems[0].Path, t.problems[0].Detail)
	}
	always, create := map[string]any{}, map[string]any{}
	unchanged := []any{}
	var reasons []Reason
	decided, written := map[string]bool{}, map[string]bool{}
	scope := s.scope().Bound()
	for i, r := range m.Rows {
		name := strings.ToLower(strings.TrimSpace(r.Attribute))
		if decided[name] {
			continue
		}
		reason := Reason{Row: i + 1, Title: r.Attribute, Detail: "Does not apply."}
		holds, v, err := t.rows[i].eval(ctx, scope)
		if err != nil {
			return Outcome{}, fmt.Errorf("%s (row %d): %w", r.Attribute, i+1, err)
		}
		if holds {
			decided[name] = true
			var given bool
			given, reason.Detail = r.result(&v)
			reason.Took, written[name] = given, given
			if given && r.Apply == ApplyCreate {
				create[strings.TrimSpace(r.Attribute)] = v
			} else if given {
				always[strings.TrimSpace(r.Attribute)] = v
			}
		}
		reasons = append(reasons, reason)
	}
	for _, r := range m.Rows {
		if name := strings.TrimSpace(r.Attribute); !written[strings.ToLower(name)] {
			written[strings.ToLower(name)] = true // listed once
			unchanged = append(unchanged, name)
		}
	}
	return Outcome{Output: map[string]any{"attributes": always, "create_only": create, "unchanged": unchanged}, Reasons: reasons}, nil
}

func (l mapLine) eval(ctx context.Context, scope expr.Scope) (holds bool, v any, err error) {
	if l.when != nil {
		got, err := l.when.Eval(ctx, scope)
		if err != nil || got != true {
			return false, nil, err
		}
	}
	if l.value == nil {
		return true, nil, nil
	}
	v, err = l.value.Eval(ctx, scope)
	return true, v, err
}

// result makes of a value what is done: false leaves the attribute as it is.
func (r MapRow) result(v *any) (given bool, detail string) {
	*v = tidy(*v)
	switch {
	case *v != nil && r.Apply == ApplyCreate:
		return true, "Given when the account is made: " + expr.Text(*v)
	case *v != nil:
		return true, expr.Text(*v)
	case r.Empty == EmptyClear:
		return true, "Empty, so it is removed."
	}
	return false, "Empty, so it is left as it is."
}

// tidy takes spaces from the ends of a text and empty values from a list; what is
// empty then is nil.
func tidy(v any) any {
	switch x := v.(type) {
	case string:
		if x = strings.TrimSpace(x); x == "" {
			return nil
		}
		return x
	case []any:
		out := []any{}
		for _, e := range x {
			if e = tidy(e); e != nil {
				out = append(out, e)
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case time.Time:
		return expr.Text(x)
	case map[string]any:
		if len(x) == 0 {
			return nil
		}
	}
	return v
}
