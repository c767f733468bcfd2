package engine

// OnKept calls f after each checkpoint that was kept.
func (e *Engine) OnKept(f func()) { e.kept = f }
