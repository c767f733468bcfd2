package author

import (
	"context"
	"errors"
	"sync"
	"time"

	"joinery/internal/fault"
)

// Queue hands out turns under a lease.
type Queue interface {
	TakeTurn(ctx context.Context, owner string) (t Turn, found bool, err error)
	BeatTurn(ctx context.Context, t TurnID, owner string) (ours bool, err error)
	GiveBackTurn(ctx context.Context, t TurnID, owner string) error
}

// How many turns a process carries, how often it looks for one, and how often it says
// that one goes on.
const (
	mostTurns = 32
	lookEvery = time.Second
	beatEvery = 4 * time.Second
)

// Run carries turns until ctx ends. Those under way then are given back: another process
// goes on with them at the stage they were in.
func (a *Author) Run(ctx context.Context, q Queue) {
	var working sync.WaitGroup
	defer working.Wait()
	free := make(chan struct{}, mostTurns)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		for a.take(ctx, q, free, &working) {
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-a.kick:
		}
	}
}

// Kick has a turn that was just asked taken at once.
func (a *Author) Kick() {
	select {
	case a.kick <- struct{}{}:
	default:
	}
}

// Stop ends the work on a turn in this process; the store knows already.
func (a *Author) Stop(t TurnID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if stop := a.stops[t]; stop != nil {
		stop(errStopped)
	}
}

// take begins the next turn; false when there is none, or no room.
func (a *Author) take(ctx context.Context, q Queue, free chan struct{}, working *sync.WaitGroup) bool {
	select {
	case free <- struct{}{}:
	default:
		return false
	}
	t, found, err := q.TakeTurn(ctx, a.Owner)
	if err != nil && ctx.Err() == nil {
		a.Log.Warn("taking a turn of a conversation failed", "err", err)
	}
	if err != nil || !found {
		<-free
		return false
	}
	working.Go(func() {
		defer func() { <-free }()
		a.hold(ctx, q, t)
	})
	return true
}

// hold carries one turn and keeps its lease.
func (a *Author) hold(ctx context.Context, q Queue, t Turn) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	a.mu.Lock()
	a.stops[t.ID] = cancel
	a.mu.Unlock()
	beating := make(chan struct{})
	go func() {
		defer close(beating)
		a.beat(ctx, q, t.ID, cancel)
	}()
	err := a.Carry(ctx, t)
	a.mu.Lock()
	delete(a.stops, t.ID)
	a.mu.Unlock()
	cancel(nil)
	<-beating
	if err == nil || errors.Is(err, errStopped) || fault.Is(err, fault.Conflict) {
		return
	}
	end, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer stop()
	if errors.Is(err, context.Canceled) {
		err = q.GiveBackTurn(end, t.ID, a.Owner)
	}
	if err != nil {
		// Its lease ends by itself, and it is taken again.
		a.Log.Warn("a turn of a conversation was left", "turn", t.ID, "err", err)
	}
}

func (a *Author) beat(ctx context.Context, q Queue, t TurnID, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if ours, err := q.BeatTurn(ctx, t, a.Owner); err == nil && !ours {
				cancel(errStopped)
				return
			}
		}
	}
}
