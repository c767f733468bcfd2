package engine

import (
	"context"
	"time"

	"joinery/internal/auth"
	"joinery/internal/exception"
)

// awaitedEvery is how often it is looked whether awaited accounts have appeared.
const awaitedEvery = 2 * time.Second

// wakeAwaiting wakes steps whose awaited account has appeared, until ctx ends.
func (e *Engine) wakeAwaiting(ctx context.Context) {
	tick := time.NewTicker(awaitedEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		n, err := e.DB.WakeAwaiting(ctx)
		if err != nil && ctx.Err() == nil {
			e.Log.Warn("waking steps that await accounts failed", "err", err)
		}
		if n > 0 {
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
