package engine

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/joiner"
	"joinery/internal/node"
	"joinery/internal/postgres"
	"joinery/internal/run"
	"joinery/internal/trace"
)

// carrier carries one run while it is in hand. Only its own goroutine touches
// it; steps run beside it and report through the results channel.
type carrier struct {
	e       *Engine
	c       postgres.Claimed
	rel     *release
	worker  *joiner.Worker
	running map[flow.NodeID]bool
	// read are the outputs of steps, decoded once; a step's output never changes.
	read    map[flow.NodeID]map[string]any
	results chan stepResult
	seat    seat
	// alone is a step that is under way with no other beside it.
	alone *try
	// sim is what a simulated run has pretended so far.
	sim *pretence
	// ending is set when a stop node ended the run.
	ending *node.Result
	// again says that the worker is to be read again: the HRIS did not answer.
	again bool
	// parking is why the run parks once nothing is under way.
	parking string
	cancel  string
	// left is the state the run left these hands in; "" when it was given back or lost.
	left run.State
	// riding is what is done and not kept yet (see ride).
	riding ride
	// foresees is set when the run does not happen: foreseen is its joiner, logs and
	// reason what would be kept.
	foresees *Forecaster
	foreseen joiner.Worker
	logs     map[flow.NodeID][]string
	reason   string
	trial    *trialed
}

// carry takes a run as far as it can go now.
func (e *Engine) carry(ctx context.Context, c postgres.Claimed) {
	k := &carrier{e: e, c: c, worker: c.Worker, running: map[flow.NodeID]bool{}, read: map[flow.NodeID]map[string]any{}, results: make(chan stepResult), cancel: c.CancelAsked, seat: seat{all: e.seats, pages: e.First}}
	k.seat.take()
	defer k.seat.leave()
	ctx = seated(ctx, &k.seat)
	ctx, span := e.Trace.Start(e.Trace.Under(ctx, c.Trace), "run", c.Flow, trace.Label{Key: "run", Value: string(c.ID)}, trace.Label{Key: "mode", Value: string(c.Mode)})
	rel, err := e.release(ctx, c.Release)
	k.rel = rel
	k.riding.of, k.riding.stored = k, make(map[flow.NodeID]bool, len(c.Steps))
	for id := range c.Steps {
		k.riding.stored[id] = true
	}
	defer func() { k.riding.end(); span.End("", trace.Label{Key: "state", Value: string(k.left)}) }()
	if c.Mode == run.Simulate {
		k.sim = newPretence()
	}
	switch {
	case ctx.Err() != nil:
		return
	case fault.Is(err, fault.Unavailable):
		e.Log.Warn("reading a release failed", "run", c.ID, "err", err)
		return // the lease ends and the run is taken over
	case err != nil:
		k.end(ctx, run.Failed, "This release cannot run: "+fault.Sentence(err))
		return
	case c.Undoing:
		k.undo(ctx)
		return
	}
	if err := k.forward(ctx); err != nil {
		k.stopped(ctx, err)
	}
}

// stopped tells what kept a run from going on in these hands.
func (k *carrier) stopped(ctx context.Context, err error) {
	var lost lostError
	switch {
	case errors.As(err, &lost):
		k.e.Log.Info("run is in other hands", "run", k.c.ID)
	case ctx.Err() != nil:
		k.e.Log.Info("run given back", "run", k.c.ID)
	default:
		k.e.Log.Error("carrying a run failed; it will be taken over", "run", k.c.ID, "err", err)
	}
}

// forward starts what may start until nothing is under way, writing a checkpoint
// after each step and before the next.
func (k *carrier) forward(ctx context.Context) error {
	woken, err := k.wake(ctx)
	if err != nil {
		return err
	}
	first := postgres.Checkpoint{}
	if k.e.stopping() {
		return nil // given back as it is
	}
	if k.sim == nil {
		k.parking = k.e.barredWhy(k.c.StartedBy)
	}
	if k.parking == "" {
		for id, w := range woken {
			k.launch(ctx, id, w, len(woken) == 1)
		}
	}
	done, err := k.settle(ctx, &first)
	if err != nil || done {
		return err
	}
	for len(k.running) > 0 {
		r, err := k.next(ctx)
		if err != nil {
			k.abandon()
			return err
		}
		cp, err := k.take(r)
		if err != nil {
			k.abandon()
			return err
		}
		if done, err := k.settle(ctx, &cp); err != nil || done {
			k.abandon()
			return err
		}
	}
	return nil
}

// next gives the next step that ends. One that is alone runs right here: another
// goroutine would only grow its stack anew and hand over.
func (k *carrier) next(ctx context.Context) (r stepResult, err error) {
	if t := k.alone; t != nil {
		k.alone = nil
		if r = t.run(ctx); r.err != nil {
			err = ctx.Err()
		}
	} else {
		defer k.seat.away()()
		select {
		case r = <-k.results:
		case <-ctx.Done():
			return r, ctx.Err()
		}
	}
	delete(k.running, r.node.ID)
	return r, err
}

// abandon waits for steps under way without keeping their results.
func (k *carrier) abandon() {
	if k.alone != nil {
		delete(k.running, k.alone.node.ID)
		k.alone = nil
	}
	defer k.seat.away()()
	for len(k.running) > 0 {
		r := <-k.results
		delete(k.running, r.node.ID)
	}
}

// settle looks what follows from the steps so far, adds it to the checkpoint,
// writes it, and only then starts what may start. It gives true when the run left
// these hands.
func (k *carrier) settle(ctx context.Context, cp *postgres.Checkpoint) (bool, error) {
	var start []flow.NodeID
	if k.parking == "" && k.sim == nil {
		k.parking = k.e.barredWhy(k.c.StartedBy)
	}
	switch {
	case k.cancel != "" || k.ending != nil || k.parking != "":
		if len(k.running) == 0 {
			k.conclude(ctx, cp)
		}
	default:
		m := run.Next(k.rel.content, k.view())
		for _, id := range m.Skip {
			cp.Steps = append(cp.Steps, k.set(postgres.StepRow{Node: id, Type: k.kind(id), State: run.StepSkipped}))
		}
		start = m.Start
		if k.foresees != nil {
			start = k.trial.next(start, len(k.running))
		}
		switch {
		case m.Failed != "" && len(k.running) == 0:
			n, _ := k.rel.content.Find(m.Failed)
			k.finish(cp, run.Failed, n.Title()+": "+k.c.Steps[m.Failed].Error)
		case m.Failed != "":
			start = nil
		case m.Done && k.tidy(ctx, cp):
			k.finish(cp, run.Succeeded, "")
		case len(start) == 0 && len(k.running) == 0 && cp.State == "" && k.tidy(ctx, cp):
			k.rest(cp)
		}

	}
	if k.mayRide(cp, start) {
		k.riding.add(cp)
		k.e.reached(Riding)
	} else if err := k.checkpoint(ctx, cp); err != nil {
		return false, err
	}
	if cp.State != "" {
		return true, nil
	}
	if k.cancel != "" && len(k.running) == 0 {
		return k.settle(ctx, &postgres.Checkpoint{})
	}
	if k.cancel == "" && !k.e.stopping() {
		alone := len(start) == 1 && len(k.running) == 0
		for _, id := range start {
			k.launch(ctx, id, node.Wake{}, alone)
		}
	}
	return false, nil
}

// conclude ends a run that was canceled, ended by a stop node, or parks.
func (k *carrier) conclude(ctx context.Context, cp *postgres.Checkpoint) {
	switch {
	case k.cancel != "":
		k.finish(cp, run.Canceled, k.cancel)
	case k.ending != nil && !k.tidy(ctx, cp):
		k.finish(cp, run.Failed, "The run came to its end, and what an earlier plan of it gave could not be taken back: "+cp.WaitingFor+" Retry the run.")
		cp.WakeAt, cp.WaitingFor = nil, ""
	case k.ending != nil && k.ending.End == "undone" && k.sim == nil:
		now := k.e.Now()
		k.finish(cp, run.Queued, k.ending.Reason)
		cp.WakeAt, cp.Undo = &now, true
		cp.Acts[len(cp.Acts)-1].Action = "run.undo"
	case k.ending != nil && k.ending.End == "failed":
		k.finish(cp, run.Failed, k.ending.Reason)
	case k.ending != nil:
		k.finish(cp, run.Succeeded, k.ending.Reason)
	default:
		cp.State, cp.Reason = run.Parked, k.parking
		cp.Acts = append(cp.Acts, k.act("run.park", nil))
	}
}

// finish ends the run; steps that still wait are canceled with it.
func (k *carrier) finish(cp *postgres.Checkpoint, s run.State, reason string) {
	cp.State, cp.Reason = s, reason
	for _, n := range k.rel.content.Nodes {
		if row, ok := k.c.Steps[n.ID]; ok && !(run.Step{State: row.State}).Settled() {
			row.State, row.WakeAt, row.WaitFor = run.StepCanceled, nil, ""
			cp.Steps = append(cp.Steps, k.set(row))
		}
	}
	cp.Acts = append(cp.Acts, k.act("run."+string(s), nil))
}

// rest gives the run back until its next wake-up.
func (k *carrier) rest(cp *postgres.Checkpoint) {
	cp.State = run.Waiting
	for _, n := range k.rel.content.Nodes {
		row, ok := k.c.Steps[n.ID]
		if !ok || row.State != run.StepWaiting {
			continue
		}
		if cp.WaitingFor == "" {
			cp.WaitingFor = row.WaitFor
		}
		if row.WakeAt != nil && (cp.WakeAt == nil || row.WakeAt.Before(*cp.WakeAt)) {
			cp.WakeAt, cp.WaitingFor = row.WakeAt, row.WaitFor
		}
	}
	if k.again {
		if at := k.e.Now().Add(readAgain); cp.WakeAt == nil || cp.WakeAt.After(at) {
			cp.WakeAt = &at
		}
		cp.Again = true
	}
}

// readAgain is when the HRIS is asked again that did not answer after a newer event.
const readAgain = time.Minute

// checkpoint writes, and tries again while the database is away: nothing may be
// started before what led to it is kept.
func (k *carrier) checkpoint(ctx context.Context, cp *postgres.Checkpoint) (err error) {
	of := k.checkpointOf()
	cp.Run, cp.Owner, cp.Epoch, cp.JoinerID = of.Run, of.Owner, of.Epoch, of.JoinerID
	if cp.State == "" && len(cp.Steps) == 0 && len(cp.Attempts) == 0 {
		return nil
	}
	if k.foresees != nil {
		k.keptInMind(cp)
		return nil
	}
	k.hideIn(cp)
	k.e.reached(BeforeCheckpoint)
	ctx, span := k.e.Trace.Start(ctx, "checkpoint", "")
	defer func() { span.End(trouble(err)) }()
	deadline := time.Now().Add(checkpointFor)
	for wait := firstAgain; ; wait = min(2*wait, 2*time.Second) {
		f, err := k.riding.keep(context.WithoutCancel(ctx), *cp, wait > firstAgain)
		switch {
		case err == nil && !f.Kept:
			return lostError{}
		case err == nil:
			if f.CancelAsked != "" {
				k.cancel = f.CancelAsked
			}
			if k.left = cp.State; cp.State.Terminal() || cp.State == run.Parked {
				k.e.Metrics.RunEnded(string(cp.State))
			}
			k.e.reached(AfterCheckpoint)
			return nil
		case !fault.Is(err, fault.Unavailable) || time.Now().After(deadline):
			return err
		}
		back := k.seat.away()
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
		back()
	}
}

// firstAgain is the first wait before a checkpoint is written again.
const firstAgain = 50 * time.Millisecond

func (k *carrier) end(ctx context.Context, s run.State, reason string) {
	cp := postgres.Checkpoint{State: s, Reason: reason, Acts: []postgres.Act{k.act("run."+string(s), nil)}}
	if err := k.checkpoint(ctx, &cp); err != nil {
		k.stopped(ctx, err)
	}
}

func (k *carrier) act(action string, detail map[string]any) postgres.Act {
	if detail == nil {
		detail = map[string]any{}
	}
	detail["flow"], detail["release"], detail["mode"] = k.c.Flow, k.c.Release, k.c.Mode
	return postgres.Act{Actor: auth.Engine(), Action: action, Kind: "run", ID: string(k.c.ID), Detail: detail}
}

func (k *carrier) view() map[flow.NodeID]run.Step {
	out := make(map[flow.NodeID]run.Step, len(k.c.Steps))
	for id, row := range k.c.Steps {
		out[id] = run.Step{State: row.State, Port: row.Port}
	}
	for id := range k.running {
		out[id] = run.Step{State: run.StepRunning}
	}
	return out
}

func (k *carrier) set(row postgres.StepRow) postgres.StepRow {
	k.c.Steps[row.Node] = row
	delete(k.read, row.Node)
	return row
}

func (k *carrier) kind(id flow.NodeID) string {
	n, _ := k.rel.content.Find(id)
	return n.Type
}

// outputs gives what later expressions can read.
func (k *carrier) outputs() map[string]map[string]any {
	out := make(map[string]map[string]any, len(k.c.Steps))
	for id, row := range k.c.Steps {
		v, known := k.read[id]
		if !known && len(row.Output) > 0 && json.Unmarshal(row.Output, &v) == nil {
			k.read[id] = v
		}
		if v != nil {
			out[string(id)] = v
		}
	}
	return out
}
