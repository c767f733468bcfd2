package engine

import (
	"context"
	"maps"
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
	if k.c.WakeReason == "retry" && k.sim == nil {
		if err := k.reread(ctx); err != nil {
			return nil, err
		}
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
	decisions, err := k.e.DB.SignoffDecisions(ctx, k.c.ID)
	if err != nil {
		return nil, err
	}
	if k.c.WakeReason == "event" {
		if err := k.reread(ctx); err != nil {
			return nil, err
		}
	}
	if d, asked := decisions[postgres.VanishedNode]; asked && d.Approved {
		if err := k.vanished(ctx); err != nil {
			return nil, err
		}
	}
	if k.c.WakeReason == "event" {
		waiting = slices.DeleteFunc(waiting, func(id flow.NodeID) bool { return k.c.Steps[id].State != run.StepWaiting })
	}
	now := k.e.Now()
	slices.Sort(waiting)
	for _, id := range waiting {
		row := k.c.Steps[id]
		d, decided := decisions[id]
		due := row.WakeAt != nil && !row.WakeAt.After(now)
		switch {
		case decided:
			out[id] = node.Wake{Reason: "signoff", Signoff: &node.Decision{Approved: d.Approved, By: d.By, Comment: d.Comment, Form: d.Form, At: d.At}}
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

// reread asks the HRIS again after a newer event, or because a person retries the run. When the HRIS does not answer,
// the old reading stands, the waiting steps look again with it, and the HRIS is
// asked again in a minute.
func (k *carrier) reread(ctx context.Context) error {
	if k.worker == nil {
		return nil
	}
	conn, back, err := k.e.open(ctx, k.rel, k.c.Ref.Connection)
	if err != nil {
		k.again = true
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
	began := k.e.Now()
	err = k.called(ctx, k.c.Ref.Connection, opReadWorker, func(ctx context.Context) error { w, err = source.Worker(ctx, k.c.Ref.Worker); return err })
	if err != nil {
		k.again = !fault.Is(err, fault.NotFound)
		k.e.Log.Warn("reading a worker again failed", "run", k.c.ID, "connection", k.c.Ref.Connection, "kind", fault.KindOf(err))
		return nil
	}
	if err := k.said(ctx, &w); err != nil {
		return err
	}
	old := *k.worker
	k.worker = &w
	cp := postgres.Checkpoint{Worker: &w, Leaves: k.leaves(), Steps: k.touch()}
	if !flow.AsksEvent(k.rel.content) {
		cp.Absorbs = &began
	}
	if err := k.replan(ctx, &cp, old, w); err != nil {
		return err
	}
	if len(cp.Steps) == 0 {
		k.riding.add(&cp) // nothing waits and nothing goes over again: kept with what is written next
		return nil
	}
	return k.checkpoint(ctx, &cp)
}

// vanished goes on as if the HRIS said that the hire is rescinded, when a person
// has said so of a record that is gone.
func (k *carrier) vanished(ctx context.Context) error {
	if k.worker == nil || k.worker.Text(joiner.Status) == joiner.StatusRescinded {
		return nil
	}
	gone, err := k.e.DB.Gone(ctx, k.c.Ref)
	if err != nil || !gone {
		return err
	}
	w := *k.worker
	w.Attributes = maps.Clone(w.Attributes)
	w.Attributes[joiner.Status] = joiner.StatusRescinded
	old := *k.worker
	k.worker, k.c.WakeReason = &w, "event"
	cp := postgres.Checkpoint{Worker: &w, Leaves: k.leaves(), Steps: k.touch()}
	if err := k.replan(ctx, &cp, old, w); err != nil {
		return err
	}
	return k.checkpoint(ctx, &cp)
}

// said is a worker as the HRIS means it: some say "rescinded" together with a new
// start date for a start that was moved.
func (k *carrier) said(ctx context.Context, w *joiner.Worker) error {
	if w.Text(joiner.Status) != joiner.StatusRescinded || w.ID != k.c.Ref.Worker || k.c.JoinerID == "" || !k.rel.content.RescindedMoves() {
		return nil
	}
	status, start, movedTo, err := k.e.DB.Before(ctx, k.c.JoinerID)
	if err != nil {
		return err
	}
	if !joiner.Moved(status, start, movedTo, w.Text(joiner.Status), w.Text(joiner.StartDate), k.e.Now()) {
		return nil
	}
	if k.sim == nil && movedTo != w.Text(joiner.StartDate) {
		if err := k.e.DB.MovedTo(ctx, k.c.JoinerID, w.Text(joiner.StartDate)); err != nil {
			return err
		}
	}
	w.Attributes = maps.Clone(w.Attributes)
	w.Attributes[joiner.Status] = joiner.StatusPlanned
	return nil
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
