package flow

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"joinery/internal/expr"
	"joinery/internal/fault"
)

// Previewed is what one expression of a node gives for one joiner. Path is the
// field, and in a list or a mapping the entry: "attributes.mail", "cases.0.when".
type Previewed struct {
	Path  string
	Value any
	// Error is the sentence about one that could not be computed.
	Error string
}

// Preview computes what is not plainly written in a node's fields. It is for looking
// only: each expression is computed by itself, also those that a run would not reach.
func (p *Program) Preview(ctx context.Context, id NodeID, s expr.Scope) []Previewed {
	s = s.Bound()
	var out []Previewed
	one := func(path string, v expr.Value) {
		if v == nil || !expr.Computed(v) {
			return
		}
		got, err := v.Eval(ctx, s)
		x := Previewed{Path: path, Value: got}
		if err != nil {
			x.Error = fault.Sentence(err)
		}
		out = append(out, x)
	}
	for _, f := range p.nodes[id] {
		one(f.key, f.value)
		for _, name := range slices.Sorted(maps.Keys(f.pairs)) {
			one(f.key+"."+name, f.pairs[name])
		}
		for i, v := range f.list {
			one(fmt.Sprintf("%s.%d", f.key, i), v)
		}
		for i, k := range f.cases {
			one(fmt.Sprintf("%s.%d.when", f.key, i), k.when)
		}
	}
	return out
}

// CompileNode compiles the fields of one node only.
func CompileNode(c Content, cat Catalog, id NodeID) (*Program, []fault.Problem) {
	n, ok := c.Find(id)
	if !ok {
		return &Program{}, nil
	}
	env, problems := environment(c, cat)
	if env == nil {
		return nil, problems
	}
	p := &Program{nodes: map[NodeID][]compiled{}}
	return p, p.addNode(env, n, cat, Before(c)[id])
}
