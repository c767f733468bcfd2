package flow

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"joinery/internal/expr"
	"joinery/internal/fault"
	"joinery/internal/form"
	"joinery/internal/joiner"
)

// Program is a flow's fields, compiled once and safe for concurrent use.
type Program struct {
	nodes      map[NodeID][]compiled
	invariants []compiledInvariant
}

// compiled is one field of one node.
type compiled struct {
	key string
	// one of: value; list; pairs; cases
	value expr.Value
	list  []expr.Value
	pairs map[string]expr.Value
	cases []caseOf
}

type caseOf struct {
	when expr.Value
	port string
}

// Compile compiles every field; problems have paths like
// "nodes.create.params.attributes.mail".
func Compile(c Content, cat Catalog) (*Program, []fault.Problem) {
	env, problems := environment(c, cat)
	if env == nil {
		return nil, problems
	}
	before := Before(c)
	p := &Program{nodes: map[NodeID][]compiled{}}
	problems = p.addInvariants(env, c.Invariants)
	for _, n := range c.Nodes {
		problems = append(problems, p.addNode(env, n, cat, before[n.ID])...)
	}
	return p, problems
}

// environment is what the expressions of a flow may name; nil when there can be none.
func environment(c Content, cat Catalog) (*expr.Env, []fault.Problem) {
	steps := map[string]map[string]expr.Type{}
	for _, n := range c.Nodes {
		spec, _ := cat.Spec(n.Type)
		outputs := map[string]expr.Type{}
		for _, o := range spec.Outputs {
			outputs[o.Name] = expr.Type(o.Type)
		}
		if m, ok := n.Params[spec.OutputsFrom].(map[string]any); ok && spec.OutputsFrom != "" {
			for k := range m {
				outputs[k] = expr.Any
			}
		}
		steps[string(n.ID)] = outputs
	}
	env, err := expr.NewEnv(expr.Decls{Attributes: joiner.Known(), Steps: steps, Vars: c.Vars})
	if err != nil {
		return nil, []fault.Problem{{Path: "vars", Detail: fault.Sentence(err)}}
	}
	return env, nil
}

// addNode compiles the fields of one node; before are the steps that can have run.
func (p *Program) addNode(env *expr.Env, n Node, cat Catalog, before map[NodeID]bool) []fault.Problem {
	spec, ok := cat.Spec(n.Type)
	if !ok {
		return nil
	}
	k := &compiler{env: env, node: n, at: expr.Where{Node: string(n.ID), Before: func(s string) bool { return before[NodeID(s)] }}}
	for _, f := range spec.Fields {
		if v, ok := n.Params[f.Key]; ok {
			k.field(f, v)
		} else if f.Default != nil {
			k.out = append(k.out, compiled{key: f.Key, value: expr.Literal(f.Default)})
		}
	}
	p.nodes[n.ID] = k.out
	return k.problems
}

type compiler struct {
	env      *expr.Env
	node     Node
	at       expr.Where
	out      []compiled
	problems []fault.Problem
}

func (k *compiler) problem(path, format string, args ...any) {
	k.problems = append(k.problems, fault.Problem{Path: "nodes." + string(k.node.ID) + ".params." + path, Detail: fmt.Sprintf(format, args...)})
}

func (k *compiler) field(f form.Field, v any) {
	switch f.Kind {
	case form.Mapping:
		if s, ok := v.(string); ok {
			k.out = append(k.out, compiled{key: f.Key, value: k.one(f, f.Key, s, expr.Map)})
			return
		}
		m, _ := v.(map[string]any)
		c := compiled{key: f.Key, pairs: map[string]expr.Value{}}
		for _, name := range slices.Sorted(maps.Keys(m)) {
			c.pairs[name] = k.one(f, f.Key+"."+name, m[name], expr.Any)
		}
		k.out = append(k.out, c)
	case form.List:
		if s, ok := v.(string); ok {
			k.out = append(k.out, compiled{key: f.Key, value: k.one(f, f.Key, s, expr.List)})
			return
		}
		c := compiled{key: f.Key, list: []expr.Value{}}
		list, _ := v.([]any)
		for i, x := range list {
			c.list = append(c.list, k.one(f, fmt.Sprintf("%s.%d", f.Key, i), x, expr.String))
		}
		k.out = append(k.out, c)
	case form.Cases:
		c := compiled{key: f.Key, cases: []caseOf{}}
		list, _ := v.([]any)
		for i, x := range list {
			m, _ := x.(map[string]any)
			when, _ := m["when"].(string)
			port, _ := m["port"].(string)
			c.cases = append(c.cases, caseOf{k.expression(fmt.Sprintf("%s.%d.when", f.Key, i), when, expr.Bool), port})
		}
		k.out = append(k.out, c)
	case form.Expression:
		s, _ := v.(string)
		k.out = append(k.out, compiled{key: f.Key, value: k.expression(f.Key, s, wantOf(f))})
	default:
		k.out = append(k.out, compiled{key: f.Key, value: k.one(f, f.Key, v, wantOf(f))})
	}
}

func wantOf(f form.Field) expr.Type {
	if f.Result != "" {
		return expr.Type(f.Result)
	}
	switch f.Kind {
	case form.Text, form.LongText, form.Select, form.Duration:
		return expr.String
	case form.Bool:
		return expr.Bool
	case form.Number:
		return expr.Number
	}
	return expr.Any
}

func (k *compiler) one(f form.Field, path string, v any, want expr.Type) expr.Value {
	s, ok := v.(string)
	if !ok || !f.Expr {
		return expr.Literal(v)
	}
	value, problems := k.env.Field(s, want, k.at)
	k.report(path, problems)
	return value
}

func (k *compiler) expression(path, source string, want expr.Type) expr.Value {
	if strings.TrimSpace(strings.TrimPrefix(source, "=")) == "" {
		return expr.Literal(nil) // a missing field is reported elsewhere
	}
	value, problems := k.env.Expression(source, want, k.at)
	k.report(path, problems)
	return value
}

func (k *compiler) report(path string, problems []expr.Problem) {
	for _, p := range problems {
		at := ""
		if p.Line > 1 {
			at = fmt.Sprintf("Line %d, column %d: ", p.Line, p.Column)
		} else if p.Column > 1 {
			at = fmt.Sprintf("Column %d: ", p.Column)
		}
		k.problem(path, "%s%s", at, p.Detail)
	}
}

// Params evaluates a node's fields. A Cases field gives the port of the first
// case that holds, "" when none does; later cases are not looked at.
func (p *Program) Params(ctx context.Context, id NodeID, s expr.Scope) (map[string]any, error) {
	fields := p.nodes[id]
	out := make(map[string]any, len(fields))
	if len(fields) > 1 {
		s = s.Bound()
	}
	for _, f := range fields {
		v, err := f.eval(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.key, err)
		}
		out[f.key] = v
	}
	return out, nil
}

func (f compiled) eval(ctx context.Context, s expr.Scope) (any, error) {
	switch {
	case f.cases != nil:
		for _, c := range f.cases {
			v, err := c.when.Eval(ctx, s)
			if err != nil {
				return nil, err
			}
			if v == true {
				return c.port, nil
			}
		}
		return "", nil
	case f.pairs != nil:
		out := map[string]any{}
		for name, e := range f.pairs {
			v, err := e.Eval(ctx, s)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			out[name] = v
		}
		return out, nil
	case f.list != nil:
		out := []any{}
		for _, e := range f.list {
			v, err := e.Eval(ctx, s)
			if err != nil {
				return nil, err
			}
			if t := expr.Text(v); t != "" {
				out = append(out, t)
			}
		}
		return out, nil
	}
	return f.value.Eval(ctx, s)
}
