package engine

import "context"

// OnKept calls f after each checkpoint that was kept.
func (e *Engine) OnKept(f func()) { e.kept = f }

// RefreshPaused reads the switches of connections now.
func (e *Engine) RefreshPaused(ctx context.Context) { e.refreshPaused(ctx) }
