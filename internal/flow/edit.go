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
// becomes the start when it can be one and there is none. Fields stay empty: what is
// not said counts as the type's default.
func (c Content) Add(spec Spec, from string) (Content, NodeID) {
	c = c.clone()
	id := c.freeID(spec.Kind)
	c.Nodes = append(c.Nodes, Node{ID: id, Type: spec.Kind})
	if from == "" {
		if _, ok := c.Find(c.Trigger); !ok && spec.Trigger {
			c.Trigger = id
		}
		return c, id
	}
	return c.behind(id, spec, from), id
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

// Remove takes a node out. When one thing followed it, what led to it leads there;
// other edges of the node go with it. Without its start a flow waits for another.
func (c Content) Remove(id NodeID) Content {
	c = c.clone()
	c.Nodes = slices.DeleteFunc(c.Nodes, func(n Node) bool { return n.ID == id })
	heir := c.heir(id)
	var edges []Edge
	for _, e := range c.Edges {
		from, _ := e.Split()
		healed := Edge{From: e.From, To: heir}
		switch {
		case from == id:
		case e.To != id:
			edges = append(edges, e)
		case heir != "" && !slices.Contains(c.Edges, healed):
			edges = append(edges, healed)
		}
	}
	c.Edges = edges
	if c.Trigger == id {
		c.Trigger = ""
	}
	return c
}

// heir is the one thing that follows a node where nothing fails; "" when there are
// several or none.
func (c Content) heir(id NodeID) NodeID {
	var heir NodeID
	for _, e := range c.Edges {
		if from, port := e.Split(); from != id || port == ErrorPort {
			continue
		}
		if heir != "" && heir != e.To {
			return ""
		}
		heir = e.To
	}
	return heir
}

// Rename gives a node another id; edges follow, and so do expressions of other
// nodes that read steps.<old>.
func (c Content) Rename(cat Catalog, old, id NodeID) (Content, error) {
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
	for i, n := range c.Nodes {
		c.Nodes[i].Params = renamed(n, cat, map[string]string{string(old): string(id)})
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

func (c Content) clone() Content {
	c.Nodes = slices.Clone(c.Nodes)
	for i := range c.Nodes {
		c.Nodes[i].Params = maps.Clone(c.Nodes[i].Params)
	}
	c.Edges = slices.Clone(c.Edges)
	return c
}
