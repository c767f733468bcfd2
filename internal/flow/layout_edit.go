package flow

import (
	"maps"
	"slices"
)

// placed gives every node of a content a place: its own, or that of the drawing
// without script for all when one of them has none.
func (l Layout) placed(c Content, cat Catalog) map[NodeID]Position {
	at := maps.Clone(l.Nodes)
	for _, n := range c.Nodes {
		if _, ok := at[n.ID]; !ok {
			return place(c, cat)
		}
	}
	return at
}

// Shift moves some boxes.
func (l Layout) Shift(c Content, cat Catalog, ids []NodeID, right, down float64) Layout {
	l.Nodes = l.placed(c, cat)
	for _, id := range ids {
		if p, ok := l.Nodes[id]; ok {
			l.Nodes[id] = Position{X: p.X + right, Y: p.Y + down}
		}
	}
	return l
}

// Tidy places some boxes anew among themselves, where they stand; without ids all are
// forgotten, and whatever draws the flow next places them.
func (l Layout) Tidy(c Content, cat Catalog, ids []NodeID) Layout {
	if len(ids) == 0 {
		l.Nodes = nil
		return l
	}
	l.Nodes = l.placed(c, cat)
	part := c.Part(ids)
	part.Trigger = c.Trigger
	at := place(part, cat)
	was, now := corner(part, l.Nodes), corner(part, at)
	for _, n := range part.Nodes {
		l.Nodes[n.ID] = Position{X: at[n.ID].X - now.X + was.X, Y: at[n.ID].Y - now.Y + was.Y}
	}
	return l
}

// corner is the upper left one of the nodes' places.
func corner(c Content, at map[NodeID]Position) Position {
	var out Position
	for i, n := range c.Nodes {
		p := at[n.ID]
		if i == 0 {
			out = p
		}
		out = Position{X: min(out.X, p.X), Y: min(out.Y, p.Y)}
	}
	return out
}

// Group frames some nodes under a title; they leave the groups they were in.
func (l Layout) Group(id, title string, ids []NodeID) Layout {
	var groups []Group
	for _, g := range l.Groups {
		g.Nodes = slices.DeleteFunc(slices.Clone(g.Nodes), func(n NodeID) bool { return slices.Contains(ids, n) })
		if len(g.Nodes) > 0 {
			groups = append(groups, g)
		}
	}
	l.Groups = append(groups, Group{ID: id, Title: title, Nodes: ids})
	return l
}

// Rename lets a node that got another id keep its place and its group.
func (l Layout) Rename(old, id NodeID) Layout {
	if p, ok := l.Nodes[old]; ok {
		l.Nodes = maps.Clone(l.Nodes)
		delete(l.Nodes, old)
		l.Nodes[id] = p
	}
	l.Groups = slices.Clone(l.Groups)
	for i, g := range l.Groups {
		if at := slices.Index(g.Nodes, old); at >= 0 {
			l.Groups[i].Nodes = slices.Clone(g.Nodes)
			l.Groups[i].Nodes[at] = id
		}
	}
	return l
}
