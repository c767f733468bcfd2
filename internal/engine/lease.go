package engine

import (
	"context"
	"time"

	"joinery/internal/run"
)

// leaseMargin is how long before the end of a lease that cannot be renewed its run
// is given up: what is under way then must not meet another process that takes
// over. It is longer than the time between two renewals.
const leaseMargin = renewEvery + time.Second

// hand is a run in hand. until is counted from before the database was asked, by
// this machine's steady clock, so it is never later than the lease in the
// database.
type hand struct {
	drop  context.CancelFunc
	until time.Time
}

// holds reports whether a run is surely in no other hands. A process that was
// stopped and woken up finds out here before it calls anybody.
func (e *Engine) holds(id run.ID) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	h, ok := e.inHand[id]
	return ok && time.Now().Before(h.until)
}

// kept notes that leases were renewed; runs whose leases are about to end are
// dropped, so that what they still wait for ends too.
func (e *Engine) kept(ids []string, lost []string, asked time.Time, lease time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, id := range ids {
		if h, ok := e.inHand[run.ID(id)]; ok && h.until.Before(asked.Add(lease)) {
			h.until = asked.Add(lease)
		}
	}
	for _, id := range lost {
		if h, ok := e.inHand[run.ID(id)]; ok {
			h.until = time.Time{}
			h.drop()
		}
	}
	for _, h := range e.inHand {
		if time.Until(h.until) < leaseMargin {
			h.drop()
		}
	}
}
