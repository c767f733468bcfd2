package flow

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Mark is what became of a node, an edge or a field from one content to another.
type Mark string

// Marks.
const (
	Added   Mark = "added"
	Removed Mark = "removed"
	Changed Mark = "changed"
	Same    Mark = "same"
)

// FieldChange is one field that differs; a value is nil where the field is not set.
// Field is a path: name, params.attributes.mail.
type FieldChange struct {
	Field         string
	Before, After any
}

// NodeChange is a node of either content; Node is it as it is, or as it was when it
// is gone. Fields are those that differ, or all when the node is new or gone.
type NodeChange struct {
	Mark   Mark
	Node   Node
	Fields []FieldChange
}

// EdgeChange is an edge of either content.
type EdgeChange struct {
	Mark Mark
	Edge Edge
}

// Comparison holds two contents, so that one drawing can show both.
type Comparison struct {
	Nodes []NodeChange
	Edges []EdgeChange
	// Flow are fields of the flow itself.
	Flow []FieldChange
	// Both is the later content with what is gone.
	Both Content
}

// Compare tells what differs from one content to another, in the order of the later
// one, then what is gone. Places are no part of it.
func Compare(before, after Content) Comparison {
	var c Comparison
	for _, n := range after.Nodes {
		old, ok := before.Find(n.ID)
		x := NodeChange{Mark: Added, Node: n}
		if ok {
			x.Mark = Same
		}
		x.Fields = fieldChanges(nodeFields(old, ok), nodeFields(n, true))
		if ok && len(x.Fields) > 0 {
			x.Mark = Changed
		}
		c.Nodes = append(c.Nodes, x)
	}
	for _, n := range before.Nodes {
		if _, ok := after.Find(n.ID); !ok {
			c.Nodes = append(c.Nodes, NodeChange{Mark: Removed, Node: n, Fields: fieldChanges(nodeFields(n, true), nil)})
		}
	}
	for _, e := range after.Edges {
		mark := Same
		if !slices.Contains(before.Edges, e) {
			mark = Added
		}
		c.Edges = append(c.Edges, EdgeChange{mark, e})
	}
	for _, e := range before.Edges {
		if !slices.Contains(after.Edges, e) {
			c.Edges = append(c.Edges, EdgeChange{Removed, e})
		}
	}
	if before.Key != "" { // a flow that is new has no fields that changed
		c.Flow = fieldChanges(flowFields(before), flowFields(after))
	}
	c.Both = after
	c.Both.Nodes, c.Both.Edges = nil, nil
	for _, n := range c.Nodes {
		c.Both.Nodes = append(c.Both.Nodes, n.Node)
	}
	for _, e := range c.Edges {
		c.Both.Edges = append(c.Both.Edges, e.Edge)
	}
	return c
}

// Count gives how many nodes and edges have a mark.
func (c Comparison) Count(m Mark) (nodes, edges int) {
	for _, n := range c.Nodes {
		if n.Mark == m {
			nodes++
		}
	}
	for _, e := range c.Edges {
		if e.Mark == m {
			edges++
		}
	}
	return nodes, edges
}

// nodeFields are the fields of a node by their paths, without its id.
func nodeFields(n Node, there bool) map[string]any {
	if !there {
		return nil
	}
	out := flat(n)
	delete(out, "id")
	return out
}

func flowFields(c Content) map[string]any {
	c.Nodes, c.Edges = nil, nil
	out := flat(c)
	delete(out, "nodes")
	delete(out, "edges")
	return out
}

// flat gives a value's fields by their paths; lists stay whole.
func flat(v any) map[string]any {
	raw, err := json.Marshal(v)
	var m map[string]any
	if err == nil {
		err = json.Unmarshal(raw, &m)
	}
	if err != nil { // contents come from JSON
		return map[string]any{"content": fmt.Sprint(v)}
	}
	out := map[string]any{}
	var walk func(at string, m map[string]any)
	walk = func(at string, m map[string]any) {
		for k, v := range m {
			if deep, ok := v.(map[string]any); ok && len(deep) > 0 {
				walk(at+k+".", deep)
			} else {
				out[at+k] = v
			}
		}
	}
	walk("", m)
	return out
}

// fieldChanges lists what differs: the name and the type first, then by path.
func fieldChanges(a, b map[string]any) []FieldChange {
	names := map[string]bool{}
	for _, m := range []map[string]any{a, b} {
		for k := range m {
			names[k] = true
		}
	}
	first := func(k string) int {
		if i := slices.Index([]string{"name", "type"}, k); i >= 0 {
			return i
		}
		return 2
	}
	var out []FieldChange
	for _, k := range slices.SortedFunc(maps.Keys(names), func(x, y string) int {
		if d := first(x) - first(y); d != 0 {
			return d
		}
		return strings.Compare(x, y)
	}) {
		if !reflect.DeepEqual(a[k], b[k]) {
			out = append(out, FieldChange{k, a[k], b[k]})
		}
	}
	return out
}
