package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"joinery/internal/flow"
	"joinery/internal/joiner"
	"joinery/internal/postgres"
	"joinery/internal/run"
)

// What only reads or computes need not be kept before the next step begins: after
// a crash it is done anew, and nothing outside has seen it. It rides with what is
// written next, at the latest with the intent of the next effect, so nothing is
// changed outside before all that led to it is kept. Where the next step takes
// long, what rides is kept beside it, so that pages show where a run is.
const (
	rideFor = 200 * time.Millisecond
	// mostRiding bounds what is done anew after a crash.
	mostRiding = 100
)

// mayRide reports whether a checkpoint can wait: it holds only what can be done
// anew, and something goes on now.
func (k *carrier) mayRide(cp *postgres.Checkpoint, start []flow.NodeID) bool {
	if k.foresees != nil || k.cancel != "" || k.e.stopping() || len(start) == 0 || k.riding.len()+len(cp.Steps) > mostRiding || len(cp.Steps) == 0 || cp.State != "" ||
		cp.Signoff != nil || cp.Awaited != nil || cp.Absorbs != nil || cp.Round+cp.Tidied+len(cp.Attempts)+len(cp.Calls)+len(cp.Moments)+len(cp.Receipts)+len(cp.Acts)+len(cp.Forget)+len(cp.Writes)+len(cp.Names) > 0 {
		return false
	}
	for _, s := range cp.Steps {
		again := k.rel.computed[s.Node] || k.rel.reads[s.Node]
		if s.State != run.StepSkipped && (s.State != run.StepSucceeded || !again) {
			return false
		}
	}
	return true
}

// ride is what a run has done and not kept. The carrier, its steps and the timer
// meet here: whoever writes takes all of it along, and the others wait until it is
// written.
type ride struct {
	of     *carrier
	mu     sync.Mutex
	steps  []postgres.StepRow
	worker *joiner.Worker
	leaves string
	// stored are the steps that have a row.
	stored map[flow.NodeID]bool
	timer  *time.Timer
	over   bool
}

func (r *ride) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.steps)
}

func (r *ride) add(cp *postgres.Checkpoint) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.steps = append(r.steps, cp.Steps...)
	if cp.Worker != nil {
		r.worker, r.leaves = cp.Worker, cp.Leaves
	}
	if r.timer == nil {
		r.timer = time.AfterFunc(rideFor, r.late)
	} else {
		r.timer.Reset(rideFor)
	}
}

// late keeps what rides beside a step that takes long. Where it cannot be kept, it
// rides on.
func (r *ride) late() {
	r.mu.Lock()
	idle := r.over || len(r.steps) == 0
	r.mu.Unlock()
	if !idle {
		_, _ = r.keep(context.Background(), r.of.checkpointOf(), false)
	}
}

// checkpointOf gives an empty checkpoint of the run in these hands.
func (k *carrier) checkpointOf() postgres.Checkpoint {
	return postgres.Checkpoint{Run: k.c.ID, Owner: k.e.Owner, Epoch: k.c.Epoch, JoinerID: k.c.JoinerID}
}

// keep writes a checkpoint with what rides. A try whose answer was lost may have
// been kept: that is looked up before it is written again, or its acts would be on
// record twice.
func (r *ride) keep(ctx context.Context, cp postgres.Checkpoint, again bool) (postgres.Fence, error) {
	defer seatOf(ctx).away()() // first to be deferred: who comes back holds nothing else
	r.mu.Lock()
	defer r.mu.Unlock()
	cp.Steps = slices.Concat(r.steps, cp.Steps)
	for i, s := range cp.Steps {
		cp.Steps[i].New = !r.stored[s.Node]
	}
	if cp.Worker == nil {
		cp.Worker, cp.Leaves = r.worker, r.leaves
	}
	var f postgres.Fence
	var err error
	if again {
		f.Kept, err = r.of.e.DB.CheckpointKept(ctx, cp)
	}
	if err == nil && !f.Kept {
		f, err = r.of.e.DB.FinishStep(ctx, cp)
	}
	if err != nil || !f.Kept {
		return f, err
	}
	for _, id := range cp.Forget {
		delete(r.stored, id)
	}
	for _, s := range cp.Steps {
		r.stored[s.Node] = true
	}
	r.steps, r.worker, r.leaves = nil, nil, ""
	if r.timer != nil {
		r.timer.Stop()
	}
	return f, nil
}

// end is told that the run has left these hands.
func (r *ride) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	if r.timer != nil {
		r.timer.Stop()
	}
}
