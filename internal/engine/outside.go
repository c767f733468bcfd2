package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/run"
)

// A run whose call lasts longer than slowAfter does not count against the slots
// any more, so one system that is slow or dead does not keep the others' runs
// waiting. At most as many slow calls as there are slots are made to one
// connection; further steps come back later.
const (
	slowAfter = 2 * time.Second
	comeBack  = 5 * time.Second
)

// outside knows the calls to the outside that last long.
type outside struct {
	mu          sync.Mutex
	connections map[string]int
	runs        map[run.ID]int
}

// begin notes a call and gives the function that ends it.
func (o *outside) begin(connection string, id run.ID, slow func()) func() {
	var began, ended bool
	t := time.AfterFunc(slowAfter, func() {
		o.mu.Lock()
		if ended {
			o.mu.Unlock()
			return
		}
		began = true
		if o.runs == nil {
			o.connections, o.runs = map[string]int{}, map[run.ID]int{}
		}
		o.connections[connection]++
		o.runs[id]++
		o.mu.Unlock()
		slow()
	})
	return func() {
		t.Stop()
		o.mu.Lock()
		defer o.mu.Unlock()
		ended = true
		if !began {
			return
		}
		if o.connections[connection]--; o.connections[connection] == 0 {
			delete(o.connections, connection)
		}
		if o.runs[id]--; o.runs[id] == 0 {
			delete(o.runs, id)
		}
	}
}

// slowRuns is how many runs in hand only wait for a slow answer.
func (o *outside) slowRuns() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.runs)
}

func (o *outside) slowCalls(connection string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.connections[connection]
}

// waitError says that a step has to come back later; the try does not count.
type waitError struct {
	until time.Time
	what  string // "… to be resumed", after "waits for"
}

func (w *waitError) Error() string { return "The step waits for " + w.what + "." }

// mayUse says why a connection cannot be used now; nil when it can.
func (e *Engine) mayUse(connection string) error {
	switch {
	case e.isPaused(connection):
		return &waitError{until: e.Now().Add(30 * time.Second), what: fmt.Sprintf("the connection %s to be resumed", connection)}
	case e.outside.slowCalls(connection) >= max(e.Slots, 1):
		return &waitError{until: e.Now().Add(comeBack + rand.N(comeBack)), what: fmt.Sprintf("the connection %s, which answers slowly", connection)}
	}
	return nil
}

// rests turns a connection's rest into a wait. The waiting come back over ten
// seconds and not all at once.
func (e *Engine) rests(r *connector.RestingError) error {
	if r.Gentle {
		return &waitError{until: e.Now().Add(r.Wait), what: fmt.Sprintf("the connection %s, which failed a moment ago and is used by few at once", r.Connection)}
	}
	return &waitError{until: e.Now().Add(r.Wait + rand.N(10*time.Second)), what: fmt.Sprintf("the connection %s to answer again: %s", r.Connection, r.Why)}
}

// busy turns a call that our own limits left no room for into a wait: the step comes
// back without having used up a try.
func (e *Engine) busy(connection string, err error) error {
	return fault.Wrap(fault.Unavailable, errors.Join(err, &waitError{until: e.Now().Add(comeBack + rand.N(comeBack)), what: fmt.Sprintf("the connection %s, which other calls of ours keep busy", connection)}), "%s", fault.Sentence(err))
}

// settle is how long a system may hide what was just made in it.
func (e *Engine) settle() time.Duration {
	if e.Settle > 0 {
		return e.Settle
	}
	return 30 * time.Second
}

// settled holds back a second creation until what the first one may have made
// must be visible. It gives nil when that time is over.
func (b *boundary) settled(ctx context.Context, key, connection string) error {
	left, err := b.k.e.DB.TryIntentAgain(ctx, key, b.k.e.settle())
	if err != nil {
		return err
	}
	if left > 0 {
		return &waitError{until: b.k.e.Now().Add(left), what: fmt.Sprintf("%s to show what an earlier try may have made", connection)}
	}
	return nil
}
