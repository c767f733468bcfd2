package engine

import (
	"context"
	"fmt"
	"regexp"

	"joinery/internal/expr"
	"joinery/internal/flow"
	"joinery/internal/node"
	"joinery/internal/run"
)

// foresight works out what of a run is decided already, without asking any outside
// system: which nodes are sure to come, what those that only compute will give.
// Nodes that ask or wait may go either way, so nothing behind only one of their
// ways counts.
type foresight struct {
	guard   *guard
	content flow.Content
	at      map[flow.NodeID]*future
	scope   expr.Scope
}

// future is what is known about one node.
type future struct {
	// comes and may say that the node runs for sure, or perhaps.
	comes, may bool
	// port is the way it leaves by; "" when that is not known.
	port string
	// known says that its results can be read.
	known bool
}

// readSteps finds which steps an expression reads; an empty name is any step.
var readSteps = regexp.MustCompile(`\bsteps\b(?:\.([a-z][a-z0-9_]*))?`)

func (f *foresight) judge(ctx context.Context, n flow.Node) *future {
	s := f.guard.steps[n.ID]
	if s.Settled() {
		return &future{comes: s.State != run.StepSkipped, may: s.State != run.StepSkipped, port: s.Port, known: true}
	}
	out := &future{}
	if out.comes, out.may = f.reached(n.ID); n.ID == f.content.Trigger || s.State == run.StepRunning || s.State == run.StepWaiting {
		out.comes, out.may = true, true
	}
	if out.may {
		f.compute(ctx, n, out)
	}
	return out
}

// reached tells whether a node runs for sure, or perhaps.
func (f *foresight) reached(id flow.NodeID) (comes, may bool) {
	led := map[flow.NodeID]map[string]bool{}
	for _, e := range f.content.Edges {
		if from, port := e.Split(); e.To == id {
			if led[from] == nil {
				led[from] = map[string]bool{}
			}
			led[from][port] = true
		}
	}
	for from, ports := range led {
		before := f.at[from]
		switch {
		case before == nil || !before.may:
		case before.port != "":
			may = may || ports[before.port]
			comes = comes || before.comes && ports[before.port]
		default:
			may = true
			comes = comes || before.comes && f.allWays(from, ports)
		}
	}
	return comes, may
}

// allWays reports whether every way out of a node but its error leads here.
func (f *foresight) allWays(id flow.NodeID, ports map[string]bool) bool {
	n, _ := f.content.Find(id)
	spec, ok := f.guard.t.k.e.Nodes.Spec(n.Type)
	if !ok {
		return false
	}
	for _, p := range flow.PortsOf(n, spec) {
		if !ports[p.Name] {
			return false
		}
	}
	return true
}

// compute runs a node that asks nobody, if all it reads is known.
func (f *foresight) compute(ctx context.Context, n flow.Node, out *future) {
	t := f.guard.t
	spec, ok := t.k.e.Nodes.Spec(n.Type)
	if !ok || !spec.Computes && !spec.Decides || mentions(n.Params, f.unknown()) {
		return
	}
	typ, _ := t.k.e.Nodes.Find(n.Type)
	params, err := t.k.rel.plan.Params(ctx, n.ID, f.scope)
	if err != nil {
		return // it fails at its turn, with its own sentence
	}
	r, err := typ.Run(ctx, node.Call{Key: stepKey(t.k.c.ID, n.ID), Node: n.ID, Event: t.k.c.Event, Ref: t.k.c.Ref, Joiner: t.worker, Params: params, Now: t.k.now,
		Run: node.RunInfo{ID: string(t.k.c.ID), Flow: t.k.c.Flow, StartedAt: t.k.c.StartedAt}, Log: func(string, ...any) {}, Policy: t.k.rel.policy})
	if err != nil || r.Wait != nil {
		return
	}
	out.port, out.known = r.Port, true
	f.scope.Steps[string(n.ID)] = r.Output
}

// unknown lists the nodes whose results are not there yet.
func (f *foresight) unknown() []flow.NodeID {
	var out []flow.NodeID
	for _, n := range f.content.Nodes {
		if x := f.at[n.ID]; x == nil || x.may && !x.known {
			out = append(out, n.ID)
		}
	}
	return out
}

// breach reports whether what is known about a node breaks an invariant.
func (f *foresight) breach(ctx context.Context, n flow.Node) error {
	x := f.at[n.ID]
	spec, ok := f.guard.t.k.e.Nodes.Spec(n.Type)
	if !ok || !x.comes {
		return nil
	}
	directory, _ := n.Params["directory"].(string)
	var groups []string
	how := fmt.Sprintf("%s gives", n.Title())
	switch {
	case spec.Resolves != "" && x.known:
		groups = texts(f.scope.Steps[string(n.ID)][spec.Resolves])
	case spec.Grants != "" && !mentions(n.Params[spec.Grants], f.unknown()):
		v, err := f.guard.t.k.rel.plan.Param(ctx, n.ID, spec.Grants, f.scope)
		if err != nil {
			return nil // it fails at its turn
		}
		groups = texts(v)
	case spec.Enables:
		for _, v := range f.guard.holding {
			if v.ForbidsAccount(directory) && !f.guard.steps[n.ID].Settled() {
				return newBreach(v, fmt.Sprintf("%s would make or enable an account in %s", n.Title(), directory))
			}
		}
	}
	for _, g := range groups {
		for _, v := range f.guard.holding {
			if v.Forbids(directory, g) {
				return newBreach(v, fmt.Sprintf("%s the group %s", how, g))
			}
		}
	}
	return nil
}
