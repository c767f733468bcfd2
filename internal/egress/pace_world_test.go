package egress

import (
	"container/heap"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// limiter is a host with a token bucket, which answers Retry-After in whole seconds.
type limiter struct {
	rate, burst, tokens float64
	at                  time.Time
}

func (l *limiter) take(now time.Time) (bool, time.Duration) {
	l.tokens = min(l.burst, l.tokens+now.Sub(l.at).Seconds()*l.rate)
	l.at = now
	if l.tokens >= 1 {
		l.tokens--
		return true, 0
	}
	return false, time.Duration(math.Ceil((1-l.tokens)/l.rate)) * time.Second
}

// moment is something due in a simulated world.
type moment struct {
	at time.Time
	do func(now time.Time)
}
type agenda []moment

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].at.Before(a[j].at) }
func (a agenda) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)        { *a = append(*a, x.(moment)) }
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// bulk drains a number of requests through a pace as an engine would: they come
// in at most as fast as it can, each takes some milliseconds, those sent away come
// back at the next half second. It gives how long it took and how many were refused.
//
// stall is how long a busy machine holds everything up, twice in three seconds.
func bulk(t *testing.T, p *Paces, host *limiter, start time.Time, requests int, latency, stall time.Duration) (took time.Duration, refused, sentAway int) {
	t.Helper()
	return drain(t, p, host, start, requests, latency, func(at time.Time) time.Duration {
		return stall - at.Sub(start)%(1500*time.Millisecond)
	})
}

// drain is bulk on a machine that is held up now and then: held is how long it still is.
func drain(t *testing.T, p *Paces, host *limiter, start time.Time, requests int, latency time.Duration, held func(at time.Time) time.Duration) (took time.Duration, refused, sentAway int) {
	t.Helper()
	k := Kind{"POST", "host"}
	var due agenda
	at := func(when time.Time, do func(time.Time)) { heap.Push(&due, moment{when, do}) }
	done, end := 0, start
	var try func(now time.Time)
	try = func(now time.Time) {
		turn := p.Ask(k, now)
		slot := turn.At
		if turn.Again {
			at(slot, try)
			return
		}
		if turn.Away {
			sentAway++
			at(slot.Truncate(500*time.Millisecond).Add(500*time.Millisecond), try)
			return
		}
		var send func(time.Time)
		send = func(sent time.Time) {
			if !p.Stands(k, now) && slot.After(now) {
				try(sent)
				return
			}
			if wait := p.Gate(k, sent); wait > 0 {
				at(sent.Add(wait), send)
				return
			}
			at(sent.Add(latency/2), func(there time.Time) {
				ok, after := host.take(there)
				at(there.Add(latency/2), func(now time.Time) {
					p.Tell(k, sent, now, Said{Refused: !ok, After: after})
					if ok {
						if done++; done == requests {
							end = now
						}
						return
					}
					refused++
					at(now.Add(max(after, 2*time.Second)), try)
				})
			})
		}
		at(slot, send)
	}
	var come func(time.Time)
	waiting := requests
	come = func(now time.Time) {
		if waiting--; waiting > 0 {
			at(now.Add(time.Millisecond), come) // an engine that starts 1,000 a second
		}
		try(now)
	}
	at(start, come)
	for due.Len() > 0 {
		m := heap.Pop(&due).(moment)
		if wait := held(m.at); wait > 0 {
			at(m.at.Add(wait), m.do)
			continue
		}
		if m.at.Sub(start) > 24*time.Hour {
			t.Fatal("the bulk does not end")
		}
		m.do(m.at)
	}
	require.Equal(t, requests, done)
	return end.Sub(start), refused, sentAway
}
