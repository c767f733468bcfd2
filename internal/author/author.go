package author

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"joinery/internal/egress"
	"joinery/internal/fault"
	"joinery/internal/function"
)

// Parts are what an author needs of the house.
type Parts struct {
	Store    Store
	Settings Settings
	Runtime  Runtime
	World    World
	Filter   Filter
	// Outbound says which addresses may be called.
	Outbound *egress.Guard
	Now      func() time.Time
	Log      *slog.Logger
	// Owner names this process.
	Owner string
}

// Author carries turns: it asks the model and judges what comes back.
type Author struct {
	Parts
	Hub *Hub
	// looks bounds how many functions are run at a time, so that runs never wait for all workers.
	looks  chan struct{}
	quirks sync.Map // address and model → quirks
	ours   fixedTexts
	mu     sync.Mutex
	stops  map[TurnID]context.CancelCauseFunc
	kick   chan struct{}
}

// atOnce is how many functions are tried at the same time.
const atOnce = 2

// New makes an author. Nothing runs before Run or Carry.
func New(p Parts) *Author {
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	return &Author{Parts: p, Hub: newHub(), looks: make(chan struct{}, atOnce), stops: map[TurnID]context.CancelCauseFunc{}, kick: make(chan struct{}, 1), ours: ourTexts(p.World)}
}

// errStopped is the cause when a person stopped it.
var errStopped = troubled(Stopped, "Try again whenever you like: what is done is kept.", "This was stopped.")

// Carry brings a turn as far as it goes by itself: to its end, to trouble, or to where a
// person is needed. An error means that it did not end here: another process has it.
func (a *Author) Carry(ctx context.Context, t Turn) error {
	defer a.Hub.end(t.ID)
	for s := t.Next(); s != nil; s = t.Next() {
		if err := a.Store.BeginStage(ctx, t.ID, a.Owner, s.Stage); err != nil {
			return err
		}
		a.Hub.begin(t.ID, s.Stage)
		done := a.stage(ctx, t, s.Stage)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := a.Store.EndStage(ctx, t.ID, a.Owner, done); err != nil {
			return err
		}
		if done.Trouble != nil {
			a.Log.Info("a stage of the function author did not end well", "turn", t.ID, "stage", s.Stage, "kind", done.Trouble.Kind, "err", done.Trouble.cause)
		}
		a.Hub.tell(Event{Turn: t.ID, Stage: s.Stage, State: done.State})
		if *s = done; done.State != Done {
			return nil
		}
	}
	return nil
}

// stage does one stage, and gives how it ended.
func (a *Author) stage(ctx context.Context, t Turn, s Stage) StageState {
	out := StageState{Stage: s, State: Done}
	j, err := a.job(ctx, t, s)
	if err == nil {
		out.Result, err = j.do(ctx)
		out.Said, out.Rounds = j.said(), j.rounds
	}
	switch {
	case err != nil:
		out.State, out.Trouble = Failed, asTrouble(err)
	case s == IntentStage:
		out.State = NeedsYou
	}
	return out
}

// Look reads and runs a function, few at a time.
func (a *Author) Look(ctx context.Context, c function.Content, deep bool) (function.Examination, error) {
	select {
	case a.looks <- struct{}{}:
		defer func() { <-a.looks }()
	case <-ctx.Done():
		return function.Examination{}, context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, mostLook)
	defer cancel()
	return a.Runtime.Look(ctx, c, deep)
}

// mostLook bounds one look at a function, its small changes included.
const mostLook = 2 * time.Minute

// setting gives what holds now; trouble when nobody may be asked.
func (a *Author) setting(ctx context.Context) (Setting, error) {
	s, err := a.Settings.AuthorSetting(ctx)
	switch {
	case err != nil:
		return s, err
	case s.Policy == Off:
		return s, troubled(PolicyOff, "An administrator can switch it on under Settings. Writing by hand always works.", "The function author is switched off here.")
	case !s.Ready():
		return s, troubled(NotSetUp, "An administrator sets one up under Settings. Writing by hand always works.", "No language model is set up.")
	}
	return s, nil
}

// problemOf gives what a fault says about one field; "" for another fault.
func problemOf(list []fault.Problem) string {
	out := ""
	for _, p := range list[:min(len(list), 20)] {
		out += "\n- " + p.Path + ": " + p.Detail
	}
	return out
}
