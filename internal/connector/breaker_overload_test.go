package connector

import (
	"container/heap"
	"errors"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/fault"
)

// event is something that happens at a time of the overloaded world.
type event struct {
	at time.Time
	do func()
}

type events []event

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].at.Before(e[j].at) }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)        { *e = append(*e, x.(event)) }
func (e *events) Pop() any          { old := *e; x := old[len(old)-1]; *e = old[:len(old)-1]; return x }

// overloaded is a system that is well and carries out one call after another, each in
// took, also those that nobody waits for any more, and the runs that want something of it.
type overloaded struct {
	pool    *Pool
	now     time.Time
	next    events
	free    time.Time // when it comes to the next call
	took    time.Duration
	random  *rand.Rand
	out     int // calls under way
	left    int // runs that are not done
	mostTry int
	lost    int // calls that were not answered in time
}

const (
	patient   = 5 * time.Second // how long a call waits for its answer
	mostCalls = 192             // calls at once; the engine makes no more
)

func (o *overloaded) after(d time.Duration, do func()) { heap.Push(&o.next, event{o.now.Add(d), do}) }

func (o *overloaded) within(d time.Duration) time.Duration {
	return time.Duration(o.random.Int64N(int64(d)))
}

// run makes the calls of one run, one after the other.
func (o *overloaded) run(calls, tries int) {
	if calls == 0 {
		o.left--
		return
	}
	var resting *RestingError
	probe, err := o.pool.breakers.enter("dir", o.now)
	switch {
	case errors.As(err, &resting) && resting.Gentle:
		o.after(resting.Wait, func() { o.run(calls, tries) })
		return
	case errors.As(err, &resting):
		o.after(resting.Wait+o.within(10*time.Second), func() { o.run(calls, tries) })
		return
	case o.out >= mostCalls:
		o.pool.breakers.leave("dir", probe)
		o.after(patient+o.within(patient), func() { o.run(calls, tries) })
		return
	}
	o.out++
	if o.free.Before(o.now) {
		o.free = o.now
	}
	o.free = o.free.Add(o.took)
	wait := o.free.Sub(o.now)
	done := func(err error) {
		o.out--
		o.pool.Report("dir", err)
		o.pool.breakers.leave("dir", probe)
	}
	if wait <= patient {
		o.after(wait, func() { done(nil); o.run(calls-1, 0) })
		return
	}
	o.after(patient, func() {
		o.lost++
		o.mostTry = max(o.mostTry, tries+1)
		done(fault.New(fault.Unavailable, "It did not answer in time."))
		o.after(2*time.Second+o.within(time.Second), func() { o.run(calls, tries+1) })
	})
}

// A system that is well, and of which more is wanted than it can do at once, is kept
// busy: what it could not answer in time tells how much it can do, and this is
// remembered instead of being tried out again after each rest.
func TestBreaker_F11_KeepsAnOverloadedSystemBusy(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	o := &overloaded{now: began, took: 100 * time.Millisecond, left: 500, random: rand.New(rand.NewPCG(1, 2))}
	o.pool = &Pool{Now: func() time.Time { return o.now }, Log: slog.New(slog.DiscardHandler)}
	const calls = 6
	work := time.Duration(o.left*calls) * o.took
	for range o.left {
		o.after(o.within(30*time.Second), func() { o.run(calls, 0) })
	}
	for len(o.next) > 0 {
		e := heap.Pop(&o.next).(event)
		o.now = e.at
		e.do()
	}
	require.Zero(t, o.left)
	took := o.now.Sub(began)
	t.Logf("%s of work took %s; %d calls were not answered in time, one up to %d times", work, took, o.lost, o.mostTry)
	require.Less(t, took, work*3/2)
	require.Less(t, o.lost, 500*calls/5)
	require.Less(t, o.mostTry, 8, "a step has eight tries unless its flow says otherwise")
}
