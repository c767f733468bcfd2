package run

import (
	"slices"
	"strings"

	"joinery/internal/flow"
)

// Step is what the graph needs to know of one node's part in a run.
type Step struct {
	State StepState
	// Port is the way it left by: one of its own, or flow.ErrorPort.
	Port string
}

// Settled reports whether a step will not change any more by itself.
func (s Step) Settled() bool {
	switch s.State {
	case StepSucceeded, StepFailed, StepSkipped, StepCanceled, StepUndone:
		return true
	}
	return false
}

// Move says what may happen next.
type Move struct {
	// Start are nodes whose time has come, Skip nodes no token can reach any more.
	Start []flow.NodeID
	Skip  []flow.NodeID
	// Done says that nothing is left to do, or that a step failed unhandled and
	// nothing more may start; then Failed names that node.
	Done   bool
	Failed flow.NodeID
}

// Next finds what may happen in a flow, given its steps so far (a node without an
// entry is pending). A node runs when every edge into it is settled and at least
// one was taken; it is skipped when all are settled and none was taken. Skipping
// is followed downstream, so one call gives all of it.
func Next(c flow.Content, steps map[flow.NodeID]Step) Move {
	var m Move
	if bad, ok := unhandled(c, steps); ok {
		return Move{Done: true, Failed: bad}
	}
	in := map[flow.NodeID][]edge{}
	for _, e := range c.Edges {
		from, port, _ := strings.Cut(e.From, ".")
		in[e.To] = append(in[e.To], edge{flow.NodeID(from), port})
	}
	skipped := map[flow.NodeID]bool{}
	at := func(id flow.NodeID) Step {
		if skipped[id] {
			return Step{State: StepSkipped}
		}
		return steps[id]
	}
	for again := true; again; {
		again = false
		for _, n := range c.Nodes {
			if s := at(n.ID); s.State != "" && s.State != StepPending || slices.Contains(m.Start, n.ID) {
				continue
			}
			switch judge(c, n.ID, in[n.ID], at) {
			case ready:
				m.Start = append(m.Start, n.ID)
			case dead:
				skipped[n.ID] = true
				m.Skip = append(m.Skip, n.ID)
				again = true
			}
		}
	}
	m.Done = len(m.Start) == 0
	for _, n := range c.Nodes {
		if !at(n.ID).Settled() {
			m.Done = false
		}
	}
	return m
}

type edge struct {
	from flow.NodeID
	port string
}

type verdict int

const (
	notYet verdict = iota
	ready
	dead
)

func judge(c flow.Content, id flow.NodeID, in []edge, at func(flow.NodeID) Step) verdict {
	if id == c.Trigger {
		return ready
	}
	taken := false
	for _, e := range in {
		s := at(e.from)
		if !s.Settled() {
			return notYet
		}
		taken = taken || (s.State == StepSucceeded || s.State == StepFailed) && s.Port == e.port
	}
	if taken {
		return ready
	}
	return dead
}

// unhandled finds a failed step that no edge from its error port takes care of.
func unhandled(c flow.Content, steps map[flow.NodeID]Step) (flow.NodeID, bool) {
	for _, n := range c.Nodes {
		if s := steps[n.ID]; s.State == StepFailed && !HandlesError(c, n.ID) && s.Port == flow.ErrorPort {
			return n.ID, true
		}
	}
	return "", false
}

// HandlesError reports whether something is connected to a node's error port.
func HandlesError(c flow.Content, id flow.NodeID) bool {
	return slices.ContainsFunc(c.Edges, func(e flow.Edge) bool { return e.From == string(id)+"."+flow.ErrorPort })
}

// After lists a node and everything downstream of it.
func After(c flow.Content, id flow.NodeID) []flow.NodeID {
	out := []flow.NodeID{id}
	for i := 0; i < len(out); i++ {
		for _, e := range c.Edges {
			from, _, _ := strings.Cut(e.From, ".")
			if flow.NodeID(from) == out[i] && !slices.Contains(out, e.To) {
				out = append(out, e.To)
			}
		}
	}
	return out
}
