// Package first lets people go before what nobody watches: while a page is being
// answered, runs and deliveries begin no new piece of work, for a few milliseconds.
// Goroutines have no priorities, and a page would stand behind hundreds of them at each
// answer of the database.
package first

import (
	"sync"
	"time"
)

// How long others stand back for a page, and in how much of the time at most: pages in
// great number slow runs down a little, and never stop them. It is the machine's time,
// whatever clock flows go by.
const (
	Most   = 20 * time.Millisecond
	share  = 4                      // a quarter of the time
	saved  = 100 * time.Millisecond // of what was not used
	enough = time.Millisecond       // less is not worth a change
)

// First knows whether a page is being answered. The zero value is ready, and nil makes
// nobody wait.
type First struct {
	mu    sync.Mutex
	pages int
	// gate is open while others stand back: from began until the last page is answered,
	// and not longer than until. nil: they do not.
	gate         chan struct{}
	began, until time.Time
	// credit is how long others may stand back, as of counted.
	credit  time.Duration
	counted time.Time
}

// Page says that a page is being answered until the function that it gives is called.
func (f *First) Page() (answered func()) {
	if f == nil {
		return func() {}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	f.pages++
	if f.gate != nil && !now.Before(f.until) {
		f.close(f.until)
	}
	if f.gate == nil {
		f.earn(now)
		if f.credit < enough {
			return f.answered
		}
		f.gate, f.began = make(chan struct{}), now
	}
	if until := now.Add(Most); until.After(f.until) {
		f.until = until
	}
	if most := f.began.Add(f.credit); f.until.After(most) {
		f.until = most
	}
	return f.answered
}

func (f *First) answered() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pages--; f.pages > 0 || f.gate == nil {
		return
	}
	end := time.Now()
	if end.After(f.until) {
		end = f.until
	}
	f.close(end)
}

// close lets the others go on. The caller holds mu.
func (f *First) close(end time.Time) {
	f.credit -= end.Sub(f.began)
	close(f.gate)
	f.gate = nil
}

// earn adds what the time since gave. The caller holds mu.
func (f *First) earn(now time.Time) {
	if f.counted.IsZero() {
		f.credit = saved
	} else {
		f.credit = min(f.credit+now.Sub(f.counted)/share, saved)
	}
	f.counted = now
}

// Wait stands back while a page is being answered, Most at the most.
func (f *First) Wait() {
	if f == nil {
		return
	}
	f.mu.Lock()
	gate, left := f.gate, time.Duration(0)
	if gate != nil {
		left = f.until.Sub(time.Now())
	}
	f.mu.Unlock()
	if gate == nil || left <= 0 {
		return
	}
	t := time.NewTimer(left)
	defer t.Stop()
	select {
	case <-gate:
	case <-t.C:
	}
}
