// Package look asks live systems what is there now, for somebody who tries a policy.
// It holds only the reading side of a connection, so nothing it does can change
// anything; each connection has its own time, and one that cannot be asked is named
// and keeps the others from nothing.
package look

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"joinery/internal/connector"
	"joinery/internal/fault"
)

// Systems asks the connections of one look. Close it when the look is over.
type Systems struct {
	// Open gives the reading side of a connection with its approved settings, and the
	// function that gives it back.
	Open func(ctx context.Context, key string) (connector.Reading, func(), error)
	// Wait is how long one connection may take for everything it is asked.
	Wait time.Duration

	mu    sync.Mutex
	known map[string]*system
	order []string
}

// system is one connection in a look. Its fields are set once ready is closed.
type system struct {
	ready   chan struct{}
	until   time.Time
	reading connector.Reading
	back    func()

	mu   sync.Mutex
	miss string
}

// Answer tells how it went with one connection.
type Answer struct {
	Connection string
	// Miss says why it could not be asked; "" when it answered.
	Miss string
}

// errMissed says that a connection cannot be asked; why is kept with the connection.
var errMissed = errors.New("the connection cannot be asked")

// Answers lists the connections that were asked, in that order.
func (s *Systems) Answers() []Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Answer
	for _, key := range s.order {
		x := s.known[key]
		x.mu.Lock()
		out = append(out, Answer{key, x.miss})
		x.mu.Unlock()
	}
	return out
}

// Close gives the connections back.
func (s *Systems) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.known {
		if x.back != nil {
			x.back()
			x.back = nil
		}
	}
}

func (s *Systems) system(ctx context.Context, key string) *system {
	s.mu.Lock()
	x, found := s.known[key]
	if !found {
		x = &system{ready: make(chan struct{}), until: time.Now().Add(s.Wait)}
		if s.known == nil {
			s.known = map[string]*system{}
		}
		s.known[key] = x
		s.order = append(s.order, key)
	}
	s.mu.Unlock()
	if found {
		<-x.ready
		return x
	}
	defer close(x.ready)
	ctx, cancel := context.WithDeadline(ctx, x.until)
	defer cancel()
	var err error
	if x.reading, x.back, err = s.Open(ctx, key); err != nil {
		x.missed(ctx, key, s.Wait, err)
	}
	return x
}

// ask asks one connection something. What it answers with an error counts as no
// answer, and is not asked for again in this look.
func (s *Systems) ask(ctx context.Context, key string, question func(ctx context.Context, r connector.Reading) error) error {
	x := s.system(ctx, key)
	x.mu.Lock()
	miss := x.miss
	x.mu.Unlock()
	if miss != "" {
		return errMissed
	}
	ctx, cancel := context.WithDeadline(ctx, x.until)
	defer cancel()
	if err := answered(ctx, x.reading, question); err != nil {
		x.missed(ctx, key, s.Wait, err)
		return errMissed
	}
	return nil
}

// answered keeps a fault of a connector's own from ending the process: it is asked
// beside the request.
func answered(ctx context.Context, r connector.Reading, question func(ctx context.Context, r connector.Reading) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("ask a connection: %v", p)
		}
	}()
	return question(ctx, r)
}

func (x *system) missed(ctx context.Context, key string, wait time.Duration, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		x.miss = fmt.Sprintf("%s did not answer within %s.", key, wait)
	case fault.KindOf(err) == fault.Internal:
		x.miss = key + " could not be asked. The log has the details."
	default:
		x.miss = fault.Sentence(err)
	}
}

// Line is one thing that was seen.
type Line struct {
	Connection, Title, Detail string
	// Good says that what the policy wants can be so; Row is the row it is about.
	Good bool
	Row  int
}

// each asks for several things beside each other, as many at once as are connections.
func each[T any](all []T, do func(T)) {
	var wait sync.WaitGroup
	for _, x := range slices.Clone(all) {
		wait.Go(func() { do(x) })
	}
	wait.Wait()
}
