package engine

import (
	"context"
	"time"

	"joinery/internal/fault"
	"joinery/internal/function"
)

// Bounds of an examination: how long it may take, and how often its carrier says that
// it goes on.
const (
	examineFor  = 10 * time.Minute
	examineBeat = 5 * time.Second
)

// nextExamination takes an examination that waits, if this process carries none.
func (e *Engine) nextExamination(ctx context.Context) {
	if e.Functions == nil || !e.examines.CompareAndSwap(false, true) {
		return
	}
	hash, content, err := e.DB.TakeExamination(ctx, e.Owner)
	if err != nil || hash == "" {
		if err != nil && ctx.Err() == nil {
			e.Log.Warn("taking an examination failed", "err", err)
		}
		e.examines.Store(false)
		return
	}
	e.checks.Go(func() {
		defer e.examines.Store(false)
		hands, cancel := context.WithTimeout(context.WithoutCancel(ctx), examineFor)
		defer cancel()
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			beat := time.NewTicker(examineBeat)
			defer beat.Stop()
			for {
				select {
				case <-stop:
					return
				case <-e.ending:
					cancel()
					return
				case <-beat.C:
					if ours, err := e.DB.BeatExamination(hands, hash, e.Owner); err == nil && !ours {
						cancel()
						return
					}
				}
			}
		}()
		e.Examine(hands, hash, content)
	})
}

// Examine carries out an examination that TakeExamination took. When the process ends,
// it is given back; another one begins it anew.
func (e *Engine) Examine(ctx context.Context, hash string, content []byte) {
	begun := time.Now()
	c, err := function.Decode(content)
	var report function.Examination
	if err == nil {
		report, err = e.Functions.Examine(ctx, c)
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimFor)
	defer cancel()
	switch {
	case err == nil:
		err = e.DB.EndExamination(end, hash, e.Owner, report, time.Since(begun))
	case e.stopping():
		err = e.DB.GiveBackExamination(end, hash, e.Owner)
	case ctx.Err() != nil:
		err = e.DB.FailExamination(end, hash, e.Owner, "It was not done within "+examineFor.String()+".")
	default:
		err = e.DB.FailExamination(end, hash, e.Owner, fault.Sentence(err))
	}
	if err != nil {
		e.Log.Warn("ending an examination failed", "err", err)
	}
}
