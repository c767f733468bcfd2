package flow

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Clash is what two people changed in different ways.
type Clash struct {
	// Part is node:<id> or flow:<field>, Title what people call it.
	Part, Title string
	// Fields are what both changed, Mine and Theirs what each made of them.
	Fields       []string
	Mine, Theirs []any
}

// Merge brings two changes of one content together, as the canvas does (merge.ts):
// what only one side changed is taken, fields of one node apart from each other. What
// both changed in different ways is a clash, and mine in the merged content.
func Merge(base, mine, theirs Content) (Content, []Clash, error) {
	m := merging{}
	for i, c := range []Content{base, mine, theirs} {
		raw, err := c.JSON()
		if err == nil {
			err = json.Unmarshal(raw, &m.rest[i])
		}
		if err != nil {
			return mine, nil, fmt.Errorf("merge flows: %w", err)
		}
		m.nodes[i] = map[string]map[string]any{}
		list, _ := m.rest[i]["nodes"].([]any)
		for _, x := range list {
			n, _ := x.(map[string]any)
			id, _ := n["id"].(string)
			m.nodes[i][id] = spread(n)
		}
		delete(m.rest[i], "nodes")
		delete(m.rest[i], "edges")
	}
	ids := nodeIDs(theirs)
	for _, id := range nodeIDs(mine) {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	nodes := []any{}
	for _, id := range ids {
		if n := m.node(id); n != nil {
			nodes = append(nodes, gathered(n))
		}
	}
	out := m.own()
	out["nodes"] = nodes
	raw, err := json.Marshal(out)
	if err != nil {
		return mine, nil, fmt.Errorf("merge flows: %w", err)
	}
	c, err := Decode(raw)
	if err != nil {
		return mine, nil, err
	}
	c.Edges = mergedEdges(c, base, mine, theirs)
	if !hasNode(c, c.Trigger) && hasNode(c, mine.Trigger) {
		c.Trigger = mine.Trigger
	}
	return c, m.clashes, nil
}

// merging holds base, mine and theirs, in this order, as plain fields.
type merging struct {
	rest    [3]map[string]any
	nodes   [3]map[string]map[string]any
	clashes []Clash
}

// node gives a merged node; nil when it is gone.
func (m *merging) node(id string) map[string]any {
	base, old := m.nodes[0][id]
	mine, ours := m.nodes[1][id]
	theirs, other := m.nodes[2][id]
	if ours && other {
		out, c := mergedFields(base, mine, theirs)
		if len(c.Fields) > 0 {
			c.Part, c.Title = "node:"+id, titleOf(mine)
			m.clashes = append(m.clashes, c)
		}
		return out
	}
	left := mine
	if !ours {
		left = theirs
	}
	switch {
	case !old:
		return left
	case reflect.DeepEqual(base, left): // removed, and the other side did not touch it
		return nil
	}
	m.clashes = append(m.clashes, Clash{Part: "node:" + id, Title: titleOf(left), Fields: []string{"removed on one side"}, Mine: []any{ours}, Theirs: []any{other}})
	return mine
}

// own merges what the flow has besides nodes and edges.
func (m *merging) own() map[string]any {
	out, c := mergedFields(m.rest[0], m.rest[1], m.rest[2])
	for i, k := range c.Fields {
		m.clashes = append(m.clashes, Clash{Part: "flow:" + k, Title: "The flow’s " + k, Fields: []string{k}, Mine: c.Mine[i : i+1], Theirs: c.Theirs[i : i+1]})
	}
	return out
}

func mergedFields(base, mine, theirs map[string]any) (map[string]any, Clash) {
	out, c := map[string]any{}, Clash{}
	all := map[string]bool{}
	for _, m := range []map[string]any{base, mine, theirs} {
		for k := range m {
			all[k] = true
		}
	}
	for _, k := range slices.Sorted(maps.Keys(all)) {
		b, m, t := base[k], mine[k], theirs[k]
		now := m
		switch {
		case reflect.DeepEqual(m, t) || reflect.DeepEqual(b, t):
		case reflect.DeepEqual(b, m):
			now = t
		default:
			c.Fields, c.Mine, c.Theirs = append(c.Fields, k), append(c.Mine, m), append(c.Theirs, t)
		}
		if now != nil {
			out[k] = now
		}
	}
	return out, c
}

// mergedEdges has an edge where the side that changed it has it.
func mergedEdges(c, base, mine, theirs Content) []Edge {
	var out []Edge
	for _, e := range slices.Concat(theirs.Edges, mine.Edges) {
		keep := slices.Contains(mine.Edges, e) && slices.Contains(theirs.Edges, e) || !slices.Contains(base.Edges, e)
		if from, _ := e.Split(); keep && !slices.Contains(out, e) && hasNode(c, from) && hasNode(c, e.To) {
			out = append(out, e)
		}
	}
	return out
}

func nodeIDs(c Content) []string {
	var out []string
	for _, n := range c.Nodes {
		out = append(out, string(n.ID))
	}
	return out
}

// spread gives a node as fields of one level: params.<key> and the others.
func spread(n map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range n {
		if k != "params" && v != nil && v != "" {
			out[k] = v
		}
	}
	params, _ := n["params"].(map[string]any)
	for k, v := range params {
		if v != nil {
			out["params."+k] = v
		}
	}
	return out
}

func gathered(f map[string]any) map[string]any {
	n, params := map[string]any{}, map[string]any{}
	for k, v := range f {
		if key, ok := strings.CutPrefix(k, "params."); ok {
			params[key] = v
		} else {
			n[k] = v
		}
	}
	if len(params) > 0 {
		n["params"] = params
	}
	return n
}

func titleOf(n map[string]any) string {
	if name, ok := n["name"].(string); ok && name != "" {
		return name
	}
	id, _ := n["id"].(string)
	return id
}
