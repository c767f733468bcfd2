package flow

import (
	"maps"
	"slices"
	"strings"

	"joinery/internal/expr"
	"joinery/internal/fault"
	"joinery/internal/form"
)

// Duplicate makes a copy of a node, without its edges.
func (c Content) Duplicate(cat Catalog, id NodeID) (Content, NodeID, error) {
	n, ok := c.Find(id)
	if !ok {
		return c, "", fault.New(fault.NotFound, "This flow has no node %q.", id)
	}
	out, ids, err := c.Paste(cat, Content{Nodes: []Node{n}})
	if err != nil {
		return c, "", err
	}
	return out, ids[0], nil
}

// Paste adds the nodes of another flow, or of a part of one, with the edges among
// them. Nodes whose id is taken get another, and the expressions of what is pasted
// follow. A second start is left out, with its edges.
func (c Content) Paste(cat Catalog, part Content) (Content, []NodeID, error) {
	out := c.clone()
	if len(part.Nodes) == 0 {
		return c, nil, fault.New(fault.Invalid, "The text holds no nodes.")
	}
	names, ids := map[string]string{}, []NodeID{}
	_, started := c.Find(c.Trigger)
	for _, n := range part.Nodes {
		spec, known := cat.Spec(n.Type)
		if known && spec.Trigger && started {
			continue
		}
		id := out.free(n.ID, n.Type)
		names[string(n.ID)] = string(id)
		ids = append(ids, id)
		n.ID = id
		n.Params = maps.Clone(n.Params)
		out.Nodes = append(out.Nodes, n)
		if known && spec.Trigger {
			out.Trigger, started = id, true
		}
	}
	if len(ids) == 0 {
		return c, nil, fault.New(fault.Invalid, "A flow has one start, and this one has it already. Copy what follows the start.")
	}
	for i, n := range out.Nodes {
		if slices.Contains(ids, n.ID) {
			out.Nodes[i].Params = renamed(n, cat, names)
		}
	}
	for _, e := range part.Edges {
		from, port := e.Split()
		a, okA := names[string(from)]
		b, okB := names[string(e.To)]
		if okA && okB {
			out.Edges = append(out.Edges, Edge{From: a + "." + port, To: NodeID(b)})
		}
	}
	return out, ids, nil
}

// free gives an id like the wanted one that no node has.
func (c Content) free(want NodeID, kind string) NodeID {
	if !nodeID.MatchString(string(want)) {
		return c.freeID(kind)
	}
	if _, taken := c.Find(want); !taken {
		return want
	}
	base := strings.TrimRight(string(want), "0123456789")
	return c.freeID(strings.TrimSuffix(base, "_"))
}

// renamed gives a node's params with other names for steps in their expressions.
func renamed(n Node, cat Catalog, names map[string]string) map[string]any {
	spec, ok := cat.Spec(n.Type)
	if !ok || n.Params == nil {
		return n.Params
	}
	out := maps.Clone(n.Params)
	for _, f := range spec.Fields {
		if v, ok := out[f.Key]; ok && (f.Expr || f.Kind == form.Expression || f.Kind == form.Cases) {
			out[f.Key] = rewritten(v, names, f.Kind == form.Expression, f.Kind == form.Cases)
		}
	}
	return out
}

func rewritten(v any, names map[string]string, bare, cases bool) any {
	switch x := v.(type) {
	case string:
		// Two steps at a time: a name that another one had must not be taken for it.
		for old := range names {
			x = expr.RenameStep(x, old, old+"\x00", bare)
		}
		for old, now := range names {
			x = strings.ReplaceAll(x, "steps."+old+"\x00", "steps."+now)
		}
		return x
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = rewritten(e, names, bare, cases)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, e := range x {
			if cases && k != "when" {
				out[k] = e
				continue
			}
			out[k] = rewritten(e, names, bare || cases, cases)
		}
		return out
	}
	return v
}
