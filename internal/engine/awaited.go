package engine

import (
	"context"
	"time"

	"joinery/internal/auth"
	"joinery/internal/exception"
)

// lookEvery is how often it is looked whether something that others wait for has come.
const lookEvery = 2 * time.Second

// looking starts the next stages of lists that go on by themselves and wakes steps
// whose awaited account has appeared, until ctx ends.
func (e *Engine) looking(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var forget time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		e.nextBacktest(ctx)
		e.nextExamination(ctx)
		if now := time.Now(); now.After(forget) {
			forget = now.Add(forgetEvery)
			if _, err := e.DB.ForgetBacktests(ctx); err != nil && ctx.Err() == nil {
				e.Log.Warn("forgetting old backtests failed", "err", err)
			}
		}
		lists, err := e.DB.GoOnward(ctx)
		if err != nil && ctx.Err() == nil {
			e.Log.Warn("going on with lists failed", "err", err)
		}
		steps, err := e.DB.WakeAwaiting(ctx)
		if err != nil && ctx.Err() == nil {
			e.Log.Warn("waking steps that await accounts failed", "err", err)
		}
		if lists+steps > 0 {
			e.Kick()
		}
	}
}

// settledMatter ends the exception about a subject: what it told is right by itself now.
func (b *boundary) settledMatter(ctx context.Context, subject, text string) error {
	if b.k.sim != nil {
		return nil
	}
	x, found, err := b.k.e.DB.UnresolvedOf(ctx, subject)
	if err != nil || !found {
		return err
	}
	return b.k.e.DB.EndException(ctx, auth.Engine(), x.ID, exception.Agrees, text)
}
