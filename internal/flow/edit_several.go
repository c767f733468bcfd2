package flow

import (
	"bytes"
	"slices"

	"joinery/internal/fault"
)

// Part is what some nodes are together: they, and the edges among them.
func (c Content) Part(ids []NodeID) Content {
	var part Content
	for _, n := range c.Nodes {
		if slices.Contains(ids, n.ID) {
			part.Nodes = append(part.Nodes, n)
		}
	}
	for _, e := range c.Edges {
		if from, _ := e.Split(); slices.Contains(ids, from) && slices.Contains(ids, e.To) {
			part.Edges = append(part.Edges, e)
		}
	}
	return part
}

// Snippet writes nodes and edges as text that can be pasted, without the rest of a flow.
func (c Content) Snippet() ([]byte, error) {
	text, err := Content{Nodes: c.Nodes, Edges: c.Edges}.YAML()
	if at := bytes.Index(text, []byte("\nnodes:")); at >= 0 && bytes.HasPrefix(text, []byte("key:")) {
		text = text[at+1:]
	}
	return text, err
}

// RemoveAll takes nodes out, one after another in the order of the content.
func (c Content) RemoveAll(ids []NodeID) Content {
	out := c
	for _, n := range c.Nodes {
		if slices.Contains(ids, n.ID) {
			out = out.Remove(n.ID)
		}
	}
	return out
}

// Relink lets one edge begin or end elsewhere. It keeps its place among the edges.
func (c Content) Relink(cat Catalog, old, now Edge) (Content, error) {
	without, err := c.Unlink(old)
	if err != nil {
		return c, err
	}
	if why := without.Refuses(cat, now.From, now.To); why != "" {
		return c, fault.New(fault.Invalid, "%s", why)
	}
	out := c.clone()
	out.Edges[slices.Index(out.Edges, old)] = now
	return out, nil
}
