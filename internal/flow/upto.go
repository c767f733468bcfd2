package flow

import "slices"

// Upto is the part of a flow that a node needs to run: everything before it, and
// the node itself.
func Upto(c Content, id NodeID) Content {
	needs := Before(c)[id]
	away := func(n NodeID) bool { return n != id && !needs[n] }
	c.Nodes = slices.DeleteFunc(slices.Clone(c.Nodes), func(n Node) bool { return away(n.ID) })
	c.Edges = slices.DeleteFunc(slices.Clone(c.Edges), func(e Edge) bool { from, _ := e.Split(); return away(e.To) || away(from) || from == id })
	return c
}
