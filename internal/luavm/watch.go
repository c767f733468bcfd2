package luavm

import (
	"sync"
	"time"
)

// watch ends a worker whose time is over. The time of the host's answers is the
// host's, so the end moves with every question: the timer is left as it is then, and
// looks again when it goes off too early.
type watch struct {
	stop func()

	mu    sync.Mutex
	timer *time.Timer
	left  time.Duration // for the worker, from since on
	since time.Time     // zero while the host answers
	late  bool          // the worker's time was over
	over  bool          // nobody waits for the worker any more
}

// begin gives a worker its time.
func (w *watch) begin(left time.Duration, stop func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stop, w.left, w.since = stop, left, time.Now()
	w.timer = time.AfterFunc(left, w.look)
}

// pause is when a question has come, and resume when its answer goes out.
func (w *watch) pause() {
	w.mu.Lock()
	w.left -= time.Since(w.since)
	w.since = time.Time{}
	w.mu.Unlock()
}

func (w *watch) resume() {
	w.mu.Lock()
	w.since = time.Now()
	w.mu.Unlock()
}

func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return
	}
	left := max(w.left, time.Millisecond) // at the earliest, while the host answers
	if !w.since.IsZero() {
		left = w.left - time.Since(w.since)
	}
	if left > 0 {
		w.timer.Reset(left)
		return
	}
	w.late, w.over = true, true
	w.stop()
}

// end is when nobody waits for the worker any more.
func (w *watch) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	w.timer.Stop()
}

func (w *watch) isLate() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.late
}
