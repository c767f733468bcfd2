package engine

import "context"

// OnKept calls f after each checkpoint that was kept.
func (e *Engine) OnKept(f func()) {
	e.Reached = func(place string) {
		if place == AfterCheckpoint {
			f()
		}
	}
}

// RefreshPaused reads the switches of connections now.
func (e *Engine) RefreshPaused(ctx context.Context) { e.refreshPaused(ctx) }
