package flow

import (
	"slices"
	"strings"

	"joinery/internal/fault"
)

// Route leads a port to these nodes, and to no others. Edges that stay keep their
// place, and one whose target changes keeps its own, so that a form which changes
// nothing gives the same content.
func (c Content) Route(from string, to []NodeID) Content {
	c = c.clone()
	var left []NodeID
	for _, id := range to {
		if id != "" && !slices.Contains(left, id) {
			left = append(left, id)
		}
	}
	var old []int
	for i, e := range c.Edges {
		if e.From != from {
			continue
		}
		if at := slices.Index(left, e.To); at >= 0 {
			left = slices.Delete(left, at, at+1)
		} else {
			old = append(old, i)
		}
	}
	for len(old) > 0 && len(left) > 0 {
		c.Edges[old[0]].To = left[0]
		old, left = old[1:], left[1:]
	}
	for _, i := range slices.Backward(old) {
		c.Edges = slices.Delete(c.Edges, i, i+1)
	}
	for _, id := range left {
		c.Edges = append(c.Edges, Edge{From: from, To: id})
	}
	return c
}

// Link adds an edge.
func (c Content) Link(cat Catalog, from string, to NodeID) (Content, error) {
	if why := c.Refuses(cat, from, to); why != "" {
		return c, fault.New(fault.Invalid, "%s", why)
	}
	c = c.clone()
	c.Edges = append(c.Edges, Edge{From: from, To: to})
	return c, nil
}

// Refuses says why an edge cannot be; "" when it can.
func (c Content) Refuses(cat Catalog, from string, to NodeID) string {
	id, port := Edge{From: from}.Split()
	n, ok := c.Find(id)
	target, found := c.Find(to)
	switch {
	case !ok:
		return "Choose the way out that leads on."
	case !found:
		return "Choose the node that it leads to."
	case id == to:
		return "A node cannot lead to itself."
	case slices.Contains(c.Edges, Edge{From: from, To: to}):
		return "This edge is there already."
	}
	spec, known := cat.Spec(n.Type)
	if known && (spec.Ends || port != ErrorPort && !slices.ContainsFunc(PortsOf(n, spec), func(p Port) bool { return p.Name == port })) {
		return n.Title() + " has no way out named " + port + "."
	}
	if spec, known := cat.Spec(target.Type); known && spec.Trigger || to == c.Trigger {
		return "Nothing can lead into the node that starts the flow."
	}
	if Before(c)[id][to] {
		return "That would be a circle: " + target.Title() + " comes before " + n.Title() + "."
	}
	return ""
}

// Unlink takes an edge out.
func (c Content) Unlink(e Edge) (Content, error) {
	if !slices.Contains(c.Edges, e) {
		return c, fault.New(fault.NotFound, "This flow has no such edge.")
	}
	c = c.clone()
	c.Edges = slices.DeleteFunc(c.Edges, func(x Edge) bool { return x == e })
	return c, nil
}

// Insert puts a new node on one edge: what led on leads to it, and its first port
// leads to where the edge led.
func (c Content) Insert(spec Spec, on Edge) (Content, NodeID, error) {
	if !slices.Contains(c.Edges, on) {
		return c, "", fault.New(fault.NotFound, "This flow has no such edge.")
	}
	c, id := c.Add(spec, "")
	return c.settle(id, spec, on), id, nil
}

// settle puts a node that has no edges onto an edge.
func (c Content) settle(id NodeID, spec Spec, on Edge) Content {
	i := slices.Index(c.Edges, on)
	c.Edges[i].To = id
	if ports := spec.Ports; len(ports) > 0 && !spec.Ends {
		c.Edges = slices.Insert(c.Edges, i+1, Edge{From: string(id) + "." + ports[0].Name, To: on.To})
	}
	return c
}

// Move takes a node out of where it is and puts it behind a port ("find.missing")
// or onto an edge ("find.missing>create"). What led to it leads to what followed its
// first port; its other ports go on leading where they led. With "" it stands alone.
func (c Content) Move(cat Catalog, id NodeID, to string) (Content, error) {
	n, ok := c.Find(id)
	if !ok {
		return c, fault.New(fault.NotFound, "This flow has no node %q.", id)
	}
	spec, known := cat.Spec(n.Type)
	if !known || spec.Trigger || id == c.Trigger {
		return c, fault.New(fault.Invalid, "The node that starts the flow stays where it is.")
	}
	spec = n.first(spec)
	out := c.lift(id, spec)
	if to == "" {
		return out, nil
	}
	from, target, onEdge := strings.Cut(to, ">")
	on := Edge{From: from, To: NodeID(target)}
	switch why := out.Refuses(cat, from, id); {
	case why != "":
		return c, fault.New(fault.Invalid, "%s", why)
	case onEdge && !slices.Contains(out.Edges, on):
		return c, fault.New(fault.NotFound, "This flow has no such edge.")
	case onEdge:
		out = out.settle(id, spec, on)
	default:
		out = out.behind(id, spec, from)
	}
	if cycle := (&checker{c: out, cat: cat}).cycle(); len(cycle) > 0 {
		return c, fault.New(fault.Invalid, "There the nodes %s would form a circle. A flow only goes forward.", strings.Join(append(cycle, cycle[0]), " → "))
	}
	return out, nil
}

// lift takes a node off its edges: what led to it leads to what its first port leads to.
func (c Content) lift(id NodeID, spec Spec) Content {
	first := ""
	if len(spec.Ports) > 0 && !spec.Ends {
		first = string(id) + "." + spec.Ports[0].Name
	}
	var next []NodeID
	for _, e := range c.Edges {
		if e.From == first {
			next = append(next, e.To)
		}
	}
	out := c.clone()
	out.Edges = nil
	for _, e := range c.Edges {
		switch {
		case e.From == first && first != "":
		case e.To == id:
			for _, to := range next {
				if healed := (Edge{From: e.From, To: to}); !slices.Contains(c.Edges, healed) && !slices.Contains(out.Edges, healed) {
					out.Edges = append(out.Edges, healed)
				}
			}
		default:
			out.Edges = append(out.Edges, e)
		}
	}
	return out
}

// behind puts a node that nothing leads to behind a port; what followed there
// follows its first port.
func (c Content) behind(id NodeID, spec Spec, from string) Content {
	out := c.clone()
	out.Edges = nil
	for _, e := range c.Edges {
		if e.From == from {
			if len(spec.Ports) == 0 || spec.Ends {
				continue
			}
			e.From = string(id) + "." + spec.Ports[0].Name
		}
		out.Edges = append(out.Edges, e)
	}
	out.Edges = append(out.Edges, Edge{From: from, To: id})
	return out
}

// first is a spec whose first port is the node's own first one, cases included.
func (n Node) first(spec Spec) Spec {
	spec.Ports = PortsOf(n, spec)
	return spec
}

// FollowPorts lets edges follow the ways out that a node's cases gave other names:
// the case in the same place stands for the one that was there.
func (c Content) FollowPorts(cat Catalog, old, now Node) Content {
	spec, ok := cat.Spec(now.Type)
	if !ok || spec.PortsFrom == "" {
		return c
	}
	before, after := casePorts(old, spec), casePorts(now, spec)
	c = c.clone()
	for i := range min(len(before), len(after)) {
		if before[i] == after[i] || slices.Contains(after, before[i]) || slices.Contains(before, after[i]) {
			continue
		}
		for j, e := range c.Edges {
			if id, port := e.Split(); id == now.ID && port == before[i] {
				c.Edges[j].From = string(id) + "." + after[i]
			}
		}
	}
	return c
}

func casePorts(n Node, spec Spec) []string {
	var out []string
	list, _ := n.Params[spec.PortsFrom].([]any)
	for _, x := range list {
		m, _ := x.(map[string]any)
		port, _ := m["port"].(string)
		out = append(out, port)
	}
	return out
}
