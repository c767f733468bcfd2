package engine

import (
	"context"
	"time"

	"joinery/internal/first"
)

// A shared commit lets a hundred runs go on at once, and each computes for a while.
// Deliveries and pages would stand behind all of them. So a run computes in a seat,
// of which there are a few for each processor, and leaves it for whatever it waits
// for. A seat is a courtesy and no lock: who waited for seatFor sits down beside. While
// a page is being answered, who has sat down waits a little before it computes.
const (
	seatsEach = 2
	seatFor   = first.Most + 10*time.Millisecond
)

// seat is the place of one goroutine that carries a run; nil where it needs none.
type seat struct {
	all   chan struct{}
	has   bool
	pages *first.First
}

type seatKey struct{}

// seated tells a run's step where it sits; nil for steps that run beside others.
func seated(ctx context.Context, s *seat) context.Context {
	return context.WithValue(ctx, seatKey{}, s)
}

func seatOf(ctx context.Context) *seat {
	s, _ := ctx.Value(seatKey{}).(*seat)
	return s
}

func (s *seat) take() {
	if s == nil || s.all == nil || s.has {
		return
	}
	defer s.pages.Wait()
	select {
	case s.all <- struct{}{}:
		s.has = true
		return
	default:
	}
	wait := time.NewTimer(seatFor)
	defer wait.Stop()
	select {
	case s.all <- struct{}{}:
		s.has = true
	case <-wait.C:
	}
}

func (s *seat) leave() {
	if s != nil && s.has {
		<-s.all
		s.has = false
	}
}

// away leaves a seat for something that takes a while; the function that it gives
// takes one again.
func (s *seat) away() func() {
	s.leave()
	return s.take
}
