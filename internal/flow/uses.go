package flow

import (
	"slices"
	"strings"
	"time"

	"joinery/internal/form"
	"joinery/internal/joiner"
)

// Kinds of trigger that this package has to know.
const (
	KindEvent  = "hris.event"
	KindPoll   = "schedule.poll"
	KindManual = "manual"
	// KindWriteBack is the node whose fields a contract has to allow.
	KindWriteBack = "hris.write_back"
)

// Use is one connection that one node uses.
type Use struct {
	Connection string
	Node       NodeID
	Writes     bool
}

// Uses lists the connections a flow names.
func (c Content) Uses(cat Catalog) []Use {
	var out []Use
	for _, n := range c.Nodes {
		spec, ok := cat.Spec(n.Type)
		if !ok {
			continue
		}
		for _, f := range spec.Fields {
			if f.Kind != form.Directory && f.Kind != form.HRIS {
				continue
			}
			if key, ok := n.Params[f.Key].(string); ok && key != "" {
				out = append(out, Use{key, n.ID, spec.Writes})
			}
		}
	}
	return out
}

// UsedPolicy is one policy that one node uses.
type UsedPolicy struct {
	Policy string
	Node   NodeID
}

// Policies lists the policies a flow names.
func (c Content) Policies(cat Catalog) []UsedPolicy {
	var out []UsedPolicy
	for _, n := range c.Nodes {
		spec, ok := cat.Spec(n.Type)
		if !ok {
			continue
		}
		for _, f := range spec.Fields {
			if key, ok := n.Params[f.Key].(string); ok && key != "" && f.Kind == form.Policy {
				out = append(out, UsedPolicy{key, n.ID})
			}
		}
	}
	return out
}

// UsedFunction is one function that one node runs.
type UsedFunction struct {
	Function string
	Node     NodeID
}

// Functions lists the functions a flow names.
func (c Content) Functions(cat Catalog) []UsedFunction {
	var out []UsedFunction
	for _, n := range c.Nodes {
		spec, ok := cat.Spec(n.Type)
		if !ok {
			continue
		}
		for _, f := range spec.Fields {
			if key, ok := n.Params[f.Key].(string); ok && key != "" && f.Kind == form.Function {
				out = append(out, UsedFunction{key, n.ID})
			}
		}
	}
	return out
}

// Source gives the HRIS connection that the flow's workers come from.
func (c Content) Source() (string, bool) {
	n, ok := c.Find(c.Trigger)
	if !ok {
		return "", false
	}
	key, _ := n.Params["connection"].(string)
	return key, key != ""
}

// Listens tells which events start the flow; ok is false when none does.
func (c Content) Listens() (connection string, events []string, ok bool) {
	n, found := c.Find(c.Trigger)
	if !found || n.Type != KindEvent && n.Type != KindPoll {
		return "", nil, false
	}
	connection, _ = n.Params["connection"].(string)
	return connection, texts(n.Params["events"]), connection != ""
}

// Poll is how often an HRIS is asked what has changed.
type Poll struct {
	Connection string
	Every      time.Duration
	// All says that the first look takes everybody the HRIS has.
	All bool
	// Moves says that "rescinded" with a new start date means a move in this HRIS.
	Moves bool
}

// Bounds of how often an HRIS is asked.
const (
	ShortestPoll = time.Minute
	LongestPoll  = 24 * time.Hour
	defaultPoll  = 15 * time.Minute
)

// Polls tells whether and how often the flow's HRIS is asked.
func (c Content) Polls() (Poll, bool) {
	n, ok := c.Find(c.Trigger)
	if !ok || n.Type != KindEvent && n.Type != KindPoll {
		return Poll{}, false
	}
	field := "every"
	if n.Type == KindEvent {
		field = "poll_every"
	}
	text, _ := n.Params[field].(string)
	p := Poll{Every: defaultPoll, All: n.Params["since"] == "all", Moves: c.RescindedMoves()}
	p.Connection, _ = n.Params["connection"].(string)
	if text == "" && n.Type == KindEvent || p.Connection == "" {
		return Poll{}, false
	}
	if d, err := ParseDuration(text); err == nil && text != "" {
		p.Every = min(max(d, ShortestPoll), LongestPoll)
	}
	return p, true
}

// WatchesRecord reports whether the flow does something when a worker's record says
// that the hire is off or the worker has left: it listens to that, or ends a wait by it.
func (c Content) WatchesRecord() bool {
	if _, events, ok := c.Listens(); ok && (slices.Contains(events, "worker.rescinded") || slices.Contains(events, "worker.terminated")) {
		return true
	}
	return slices.ContainsFunc(c.Nodes, func(n Node) bool {
		when, _ := n.Params["cancel_when"].(string)
		return n.Type == "wait.until" && strings.TrimSpace(when) != ""
	})
}

// RescindedMoves reports whether the flow's HRIS means a move when it says
// "rescinded" together with a new start date.
func (c Content) RescindedMoves() bool {
	n, _ := c.Find(c.Trigger)
	return n.Params["rescinded_moves"] == true
}

// Match reports whether an event of a connection starts the flow.
func Match(c Content, e joiner.Event, connection string) bool {
	from, events, ok := c.Listens()
	return ok && from == connection && slices.Contains(events, e.Type)
}

func texts(v any) []string {
	switch x := v.(type) {
	case []string:
		return x
	case []any:
		var out []string
		for _, e := range x {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
		return out
	case string:
		if x != "" {
			return []string{x}
		}
	}
	return nil
}

// From splits an edge's start into node and port.
func (e Edge) Split() (NodeID, string) {
	id, port, _ := strings.Cut(e.From, ".")
	return NodeID(id), port
}

// PortsOf lists a node's own ports, those of its cases included.
func PortsOf(n Node, spec Spec) []Port {
	out := slices.Clone(spec.Ports)
	if spec.PortsFrom == "" {
		return out
	}
	var cases []Port
	list, _ := n.Params[spec.PortsFrom].([]any)
	for _, x := range list {
		m, _ := x.(map[string]any)
		if p, _ := m["port"].(string); p != "" && !slices.ContainsFunc(cases, func(q Port) bool { return q.Name == p }) {
			cases = append(cases, Port{Name: p, Label: p})
		}
	}
	return append(cases, out...)
}

// Order lists the nodes so that each comes after what leads to it; nodes of a
// cycle and unreachable ones come last, as written.
func Order(c Content) []NodeID {
	in := map[NodeID]int{}
	for _, e := range c.Edges {
		in[e.To]++
	}
	var out []NodeID
	seen := map[NodeID]bool{}
	var visit func(id NodeID)
	visit = func(id NodeID) {
		if seen[id] {
			return
		}
		seen[id] = true
		out = append(out, id)
		for _, e := range c.Edges {
			if from, _ := e.Split(); from == id {
				if in[e.To]--; in[e.To] <= 0 {
					visit(e.To)
				}
			}
		}
	}
	if _, ok := c.Find(c.Trigger); ok {
		visit(c.Trigger)
	}
	for _, n := range c.Nodes {
		if !seen[n.ID] {
			seen[n.ID] = true
			out = append(out, n.ID)
		}
	}
	return out
}

// Before tells which nodes can have run before each node.
func Before(c Content) map[NodeID]map[NodeID]bool {
	out := map[NodeID]map[NodeID]bool{}
	for _, n := range c.Nodes {
		out[n.ID] = map[NodeID]bool{}
	}
	for changed := true; changed; {
		changed = false
		for _, e := range c.Edges {
			from, _ := e.Split()
			to := out[e.To]
			if to == nil || out[from] == nil {
				continue
			}
			for _, id := range append([]NodeID{from}, keys(out[from])...) {
				if !to[id] {
					to[id] = true
					changed = true
				}
			}
		}
	}
	return out
}

func keys(m map[NodeID]bool) []NodeID {
	out := make([]NodeID, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	return out
}
