package flow

// Line is one node of a flow's outline.
type Line struct {
	Node  Node
	Spec  Spec
	Known bool
	// Depth is how far the node is indented: one deeper for each branch.
	Depth int
	// From tells how it is reached: the ports that lead to it.
	From []Edge
	// Ports are its ways out and what each leads to.
	Ports []Exit
}

// Exit is one way out of a node.
type Exit struct {
	Port
	To []NodeID
}

// Outline gives a flow as lines to be read from top to bottom.
func Outline(c Content, cat Catalog) []Line {
	depth := map[NodeID]int{}
	var out []Line
	for _, id := range Order(c) {
		n, _ := c.Find(id)
		spec, ok := cat.Spec(n.Type)
		l := Line{Node: n, Spec: spec, Known: ok}
		for _, e := range c.Edges {
			if e.To == id {
				l.From = append(l.From, e)
			}
		}
		l.Depth = depth[id]
		ports := PortsOf(n, spec)
		if !spec.Ends {
			ports = append(ports, Port{Name: ErrorPort, Label: "on error"})
		}
		led := 0
		for _, p := range ports {
			x := Exit{Port: p}
			for _, e := range c.Edges {
				if from, port := e.Split(); from == id && port == p.Name {
					x.To = append(x.To, e.To)
				}
			}
			if len(x.To) > 0 {
				led++
			}
			l.Ports = append(l.Ports, x)
		}
		for _, x := range l.Ports {
			for _, to := range x.To {
				d := l.Depth
				if led > 1 && countIn(c, to) == 1 {
					d++
				} else if countIn(c, to) > 1 {
					d = max(l.Depth-1, 0)
				}
				if old, seen := depth[to]; !seen || d < old {
					depth[to] = min(d, 5)
				}
			}
		}
		out = append(out, l)
	}
	return out
}

func countIn(c Content, id NodeID) int {
	n := 0
	for _, e := range c.Edges {
		if e.To == id {
			n++
		}
	}
	return n
}
