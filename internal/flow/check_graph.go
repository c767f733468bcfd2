package flow

import (
	"fmt"
	"slices"
	"strings"
)

func (f *checker) edges() {
	seen := map[Edge]bool{}
	for i, e := range f.c.Edges {
		at := fmt.Sprintf("edges.%d", i)
		from, port, dotted := strings.Cut(e.From, ".")
		n, ok := f.c.Find(NodeID(from))
		switch {
		case !dotted || port == "":
			f.add(at+".from", "Write node.port, such as %s.done.", orSome(from))
			continue
		case !ok:
			f.add(at+".from", "There is no node %q.%s", from, near(from, f.ids()))
			continue
		}
		if spec, known := f.cat.Spec(n.Type); known {
			var ports []string
			for _, p := range PortsOf(n, spec) {
				ports = append(ports, p.Name)
			}
			switch {
			case spec.Ends:
				f.add(at+".from", "%s ends the run, so nothing can follow it.", n.Title())
			case port != ErrorPort && !slices.Contains(ports, port):
				f.add(at+".from", "%s has no way out named %q. It has: %s.", n.Title(), port, strings.Join(append(ports, ErrorPort), ", "))
			}
		}
		if _, ok := f.c.Find(e.To); !ok {
			f.add(at+".to", "There is no node %q.%s", e.To, near(string(e.To), f.ids()))
		}
		if seen[e] {
			f.add(at, "This edge is there twice.")
		}
		seen[e] = true
	}
}

func orSome(id string) string {
	if id == "" {
		return "start"
	}
	return id
}

func (f *checker) ids() []string {
	out := make([]string, len(f.c.Nodes))
	for i, n := range f.c.Nodes {
		out[i] = string(n.ID)
	}
	return out
}

func (f *checker) trigger() {
	n, ok := f.c.Find(f.c.Trigger)
	if !ok {
		if f.c.Trigger == "" {
			f.add("trigger", "Say which node starts the flow.")
		} else {
			f.add("trigger", "There is no node %q.%s", f.c.Trigger, near(string(f.c.Trigger), f.ids()))
		}
		return
	}
	if spec, known := f.cat.Spec(n.Type); known && !spec.Trigger {
		f.add("trigger", "%s cannot start a flow. Start with an HRIS event or by hand.", n.Title())
	}
	for _, key := range []string{"every", "poll_every"} {
		text, _ := n.Params[key].(string)
		if d, err := ParseDuration(text); text != "" && err == nil && (d < ShortestPoll || d > LongestPoll) {
			f.add("nodes."+string(n.ID)+".params."+key, "An HRIS is asked every 1m to 1d.")
		}
	}
	for i, e := range f.c.Edges {
		if e.To == f.c.Trigger {
			f.add(fmt.Sprintf("edges.%d.to", i), "Nothing can lead into the node that starts the flow.")
		}
	}
	for _, other := range f.c.Nodes {
		if spec, known := f.cat.Spec(other.Type); known && spec.Trigger && other.ID != f.c.Trigger {
			f.add("nodes."+string(other.ID), "A flow has one start, and that is %s. Remove this one.", n.Title())
		}
	}
}

// graph finds cycles and nodes that nothing leads to.
func (f *checker) graph() {
	if cycle := f.cycle(); len(cycle) > 0 {
		f.add(f.closes(cycle), "The nodes %s form a circle. A flow only goes forward.", strings.Join(append(cycle, cycle[0]), " → "))
	}
	reached := map[NodeID]bool{f.c.Trigger: true}
	for changed := true; changed; {
		changed = false
		for _, e := range f.c.Edges {
			if from, _ := e.Split(); reached[from] && !reached[e.To] {
				reached[e.To], changed = true, true
			}
		}
	}
	for _, n := range f.c.Nodes {
		spec, known := f.cat.Spec(n.Type)
		if !reached[n.ID] && !(known && spec.Trigger) {
			f.add("nodes."+string(n.ID), "Nothing leads to this node. Connect it or remove it.")
		}
	}
}

func (f *checker) cycle() []string {
	state := map[NodeID]int{}
	var path []NodeID
	var found []string
	var visit func(id NodeID) bool
	visit = func(id NodeID) bool {
		state[id] = 1
		path = append(path, id)
		for _, e := range f.c.Edges {
			from, _ := e.Split()
			if from != id {
				continue
			}
			if state[e.To] == 1 {
				for _, p := range path[slices.Index(path, e.To):] {
					found = append(found, string(p))
				}
				return true
			}
			if state[e.To] == 0 && visit(e.To) {
				return true
			}
		}
		state[id] = 2
		path = path[:len(path)-1]
		return false
	}
	for _, n := range f.c.Nodes {
		if state[n.ID] == 0 && visit(n.ID) {
			return found
		}
	}
	return nil
}

// closes is the path of the edge that closes a circle.
func (f *checker) closes(cycle []string) string {
	for i, e := range f.c.Edges {
		if from, _ := e.Split(); string(from) == cycle[len(cycle)-1] && string(e.To) == cycle[0] {
			return fmt.Sprintf("edges.%d", i)
		}
	}
	return "edges"
}

// near suggests the closest name; "" when none is close.
func near(name string, known []string) string {
	best, least := "", max(len(name)/3, 2)+1
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	if best == "" || len(name) > 100 {
		return ""
	}
	return fmt.Sprintf(" Did you mean %q?", best)
}

func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 100 || len(y) > 100 {
		return 1000
	}
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		last := row[0]
		row[0] = i + 1
		for j := range y {
			cost := last
			if x[i] != y[j] {
				cost++
			}
			last = row[j+1]
			row[j+1] = min(row[j+1]+1, row[j]+1, cost)
		}
	}
	return row[len(y)]
}
