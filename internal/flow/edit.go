package flow

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"joinery/internal/fault"
)

// Add puts a new node of a type behind a port ("find.missing"). What followed the
// port follows the new node's first port. With from "" the node stands alone, and
// becomes the start when it can be one and there is none.
func (c Content) Add(spec Spec, from string) (Content, NodeID) {
	c = c.clone()
	id := c.freeID(spec.Kind)
	n := Node{ID: id, Type: spec.Kind, Params: map[string]any{}}
	for _, f := range spec.Fields {
		if f.Default != nil {
			n.Params[f.Key] = f.Default
		}
	}
	c.Nodes = append(c.Nodes, n)
	if from == "" {
		if _, ok := c.Find(c.Trigger); !ok && spec.Trigger {
			c.Trigger = id
		}
		return c, id
	}
	var kept []Edge
	for _, e := range c.Edges {
		if e.From == from && len(spec.Ports) > 0 && !spec.Ends {
			e.From = string(id) + "." + spec.Ports[0].Name
		} else if e.From == from {
			continue
		}
		kept = append(kept, e)
	}
	c.Edges = append(kept, Edge{From: from, To: id})
	return c, id
}

func (c Content) freeID(kind string) NodeID {
	base := strings.NewReplacer(".", "_", "-", "_").Replace(kind)
	if _, after, ok := strings.Cut(kind, "."); ok && (strings.HasPrefix(kind, "hris.") || strings.HasPrefix(kind, "notify.")) {
		base = after
	}
	for i := 1; ; i++ {
		id := NodeID(base)
		if i > 1 {
			id = NodeID(fmt.Sprintf("%s_%d", base, i))
		}
		if _, taken := c.Find(id); !taken {
			return id
		}
	}
}

// Remove takes a node out. When one thing led to it and one followed, they are
// joined; other edges of the node go with it.
func (c Content) Remove(id NodeID) Content {
	c = c.clone()
	c.Nodes = slices.DeleteFunc(c.Nodes, func(n Node) bool { return n.ID == id })
	var in, out, rest []Edge
	for _, e := range c.Edges {
		from, port := e.Split()
		switch {
		case e.To == id:
			in = append(in, e)
		case from == id && port != ErrorPort:
			out = append(out, e)
		case from == id:
		default:
			rest = append(rest, e)
		}
	}
	if len(out) == 1 {
		for _, e := range in {
			rest = append(rest, Edge{From: e.From, To: out[0].To})
		}
	}
	c.Edges = rest
	if c.Trigger == id {
		c.Trigger = ""
		if len(out) == 1 {
			c.Trigger = out[0].To
			c.Edges = slices.DeleteFunc(c.Edges, func(e Edge) bool { return e.To == out[0].To })
		}
	}
	return c
}

// Rename gives a node another id; edges follow. Expressions that read
// steps.<old> are left, and Check names them.
func (c Content) Rename(old, id NodeID) (Content, error) {
	if old == id {
		return c, nil
	}
	if !nodeID.MatchString(string(id)) {
		return c, fault.New(fault.Invalid, "An id has lower-case letters, digits and underscores, and starts with a letter.")
	}
	if _, taken := c.Find(id); taken {
		return c, fault.New(fault.Invalid, "Another node has the id %q.", id)
	}
	c = c.clone()
	for i := range c.Nodes {
		if c.Nodes[i].ID == old {
			c.Nodes[i].ID = id
		}
	}
	for i, e := range c.Edges {
		if from, port := e.Split(); from == old {
			c.Edges[i].From = string(id) + "." + port
		}
		if e.To == old {
			c.Edges[i].To = id
		}
	}
	if c.Trigger == old {
		c.Trigger = id
	}
	return c, nil
}

// Set replaces one node.
func (c Content) Set(n Node) Content {
	c = c.clone()
	for i := range c.Nodes {
		if c.Nodes[i].ID == n.ID {
			c.Nodes[i] = n
		}
	}
	return c
}

// Connect leads a port to a node, in place of what it led to before.
func (c Content) Connect(from string, to NodeID) Content {
	c = c.clone()
	c.Edges = slices.DeleteFunc(c.Edges, func(e Edge) bool { return e.From == from })
	if to != "" {
		c.Edges = append(c.Edges, Edge{From: from, To: to})
	}
	return c
}

func (c Content) clone() Content {
	c.Nodes = slices.Clone(c.Nodes)
	for i := range c.Nodes {
		c.Nodes[i].Params = maps.Clone(c.Nodes[i].Params)
	}
	c.Edges = slices.Clone(c.Edges)
	return c
}
