package connector

import (
	"context"
	"errors"
	"sync"

	"joinery/internal/fault"
)

// KeyLocks lets one caller at a time work on one key. Connectors use it to
// ensure one stamp at a time: outside systems rarely keep stamps unique. It is
// per process; across processes the engine's rule holds that runs of one joiner
// never overlap.
type KeyLocks struct {
	mu   sync.Mutex
	held map[string]*keyLock
}

type keyLock struct {
	turn  chan struct{}
	users int
}

// Lock waits for the key and gives the function that frees it.
func (l *KeyLocks) Lock(ctx context.Context, key string) (func(), error) {
	l.mu.Lock()
	k, ok := l.held[key]
	if !ok {
		k = &keyLock{turn: make(chan struct{}, 1)}
		if l.held == nil {
			l.held = map[string]*keyLock{}
		}
		l.held[key] = k
	}
	k.users++
	l.mu.Unlock()

	leave := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if k.users--; k.users == 0 {
			delete(l.held, key)
		}
	}
	select {
	case k.turn <- struct{}{}:
		return func() { <-k.turn; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, fault.Wrap(fault.Unavailable, errors.Join(ErrBusy, ctx.Err()), "Other calls of ours for the same entry were still under way.")
	}
}
