package run

import (
	"bytes"
	"encoding/json"
	"slices"

	"joinery/internal/fault"
	"joinery/internal/flow"
)

// Newest says what of a run that stopped has to be done again when it goes on by
// another revision of its flow: steps whose node is not the same any more, with
// all that follows them, and steps that were skipped, because other ways may be
// taken now. What is done and unchanged stays. fault.Conflict when a node that is
// done is not in the new revision: then what it did could not be followed any more.
func Newest(was, now flow.Content, steps map[flow.NodeID]Step) (forget []flow.NodeID, err error) {
	add := func(ids ...flow.NodeID) {
		for _, id := range ids {
			if !slices.Contains(forget, id) {
				forget = append(forget, id)
			}
		}
	}
	for _, n := range was.Nodes {
		s, ok := steps[n.ID]
		if !ok {
			continue
		}
		other, there := now.Find(n.ID)
		switch {
		case s.State == StepSkipped || !s.Settled() || s.State == StepCanceled:
			add(n.ID)
		case !there:
			return nil, fault.New(fault.Conflict, "The step %q of this run is done, and the newest revision has no such node. Start a new run for this joiner instead.", n.Title())
		case s.State == StepFailed && s.Port == flow.ErrorPort && !HandlesError(was, n.ID), !sameNode(n, other):
			add(After(now, n.ID)...)
		}
	}
	return forget, nil
}

func sameNode(a, b flow.Node) bool {
	x, errX := json.Marshal(a.Params)
	y, errY := json.Marshal(b.Params)
	return errX == nil && errY == nil && a.Type == b.Type && bytes.Equal(x, y)
}
