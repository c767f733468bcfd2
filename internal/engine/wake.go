package engine

import (
	"context"
	"slices"

	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/joiner"
	"joinery/internal/node"
	"joinery/internal/postgres"
	"joinery/internal/run"
)

// wake finds which waiting steps run again now, and why.
func (k *carrier) wake(ctx context.Context) (map[flow.NodeID]node.Wake, error) {
	out := map[flow.NodeID]node.Wake{}
	if k.cancel != "" {
		return out, nil
	}
	var waiting []flow.NodeID
	for id, row := range k.c.Steps {
		if row.State == run.StepWaiting {
			waiting = append(waiting, id)
		}
	}
	if len(waiting) == 0 {
		return out, nil
	}
	k.e.reached(AtWake)
	if k.c.WakeReason == "event" {
		if err := k.reread(ctx); err != nil {
			return nil, err
		}
	}
	decisions, err := k.e.DB.SignoffDecisions(ctx, k.c.ID)
	if err != nil {
		return nil, err
	}
	now := k.e.Now()
	slices.Sort(waiting)
	for _, id := range waiting {
		row := k.c.Steps[id]
		d, decided := decisions[id]
		due := row.WakeAt != nil && !row.WakeAt.After(now)
		switch {
		case decided:
			out[id] = node.Wake{Reason: "signoff", Signoff: &node.Decision{Approved: d.Approved, By: d.By, Comment: d.Comment, Form: d.Form}}
		case due && row.Type == "signoff" && row.ErrorKind == "":
			out[id] = node.Wake{Reason: "signoff", Signoff: &node.Decision{Expired: true}}
		case due:
			out[id] = node.Wake{Reason: "time"}
		case k.c.WakeReason == "event":
			out[id] = node.Wake{Reason: "event"}
		}
	}
	return out, nil
}

// reread asks the HRIS again after a newer event. When the HRIS does not answer,
// the old reading stands and the waiting steps look again with it; the flow's
// next step that needs the worker will ask again.
func (k *carrier) reread(ctx context.Context) error {
	if k.worker == nil {
		return nil
	}
	conn, back, err := k.e.open(ctx, k.rel, k.c.Ref.Connection)
	if err != nil {
		k.e.Log.Warn("reading a worker again failed", "run", k.c.ID, "connection", k.c.Ref.Connection, "kind", fault.KindOf(err))
		return nil
	}
	defer back()
	source, ok := conn.(interface {
		Worker(ctx context.Context, id string) (joiner.Worker, error)
	})
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, run.DefaultTimeout)
	defer cancel()
	var w joiner.Worker
	err = k.called(ctx, k.c.Ref.Connection, opReadWorker, func(ctx context.Context) error { w, err = source.Worker(ctx, k.c.Ref.Worker); return err })
	if err != nil {
		k.e.Log.Warn("reading a worker again failed", "run", k.c.ID, "connection", k.c.Ref.Connection, "kind", fault.KindOf(err))
		return nil
	}
	k.worker = &w
	return k.checkpoint(ctx, &postgres.Checkpoint{Worker: &w, Leaves: k.leaves(), Attempts: []postgres.AttemptRow{}, Steps: k.touch()})
}

// touch gives a waiting step unchanged, so that a checkpoint without progress is written.
func (k *carrier) touch() []postgres.StepRow {
	for _, row := range k.c.Steps {
		if row.State == run.StepWaiting {
			return []postgres.StepRow{row}
		}
	}
	return nil
}
