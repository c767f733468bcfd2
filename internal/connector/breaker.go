package connector

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"joinery/internal/egress"
	"joinery/internal/fault"
)

// When a connection is given rest, and for how long. A system that is down gains
// nothing from more calls, and one that refuses our credential may lock it.
const (
	breakAfter   = 5 // failures in a row
	refusedAfter = 3 // refusals of the credential (401, 403) in a row
	firstRest    = 15 * time.Second
	longestRest  = 5 * time.Minute
	probeFor     = time.Minute // a probe that says nothing in this time is taken for lost
	// After a failure a connection is used by few at once, and by more with each
	// call that it answers; past this many, by all. A system that only just copes
	// would break down again if all that waited came back together.
	gentleUntil = 256
	// As many as used it when it failed were too many. Up to half of them come back with
	// an answer each, more with a round of answers each; otherwise a system that is well
	// and has too much to do would break down after every rest. That mark is never lower
	// than gentleFrom, and each calmFor without a failure doubles it.
	gentleFrom = 8
	calmFor    = time.Minute
)

// ErrBusy is the cause of a failure that is our own limit and says nothing about
// the other side: no free connection, no room in the calls per second, no turn at an
// entry that others of our calls change.
var ErrBusy = egress.ErrBusy

// errOurs is the cause of a failure before anything was sent, such as a credential
// that our database did not give.
var errOurs = errors.New("the call was not sent")

// Health is what is known about calling one connection from this process.
type Health struct {
	Connection string
	// Resting says that calls are held back until Until, when one is let through
	// to look (a probe).
	Resting bool
	Probing bool
	Since   time.Time
	Until   time.Time
	Why     string
	// Failures are the calls in a row that failed.
	Failures int
}

// RestingError says that a connection is given rest; whoever wanted to call waits.
type RestingError struct {
	Connection string
	Until      time.Time
	Wait       time.Duration // until then
	Why        string
	// Gentle says that it answers, and is used by few at once after a failure.
	Gentle bool
}

func (r *RestingError) Error() string {
	return "The connection " + r.Connection + " is given rest: " + r.Why
}

// breakers hold back calls to connections that fail. They belong to the process:
// each learns within a few calls, and none has to ask the others before a call.
type breakers struct {
	mu  sync.Mutex
	all map[string]*circuit
}

type circuit struct {
	failures, refusals int
	open               bool
	asked              bool // the other side named the time
	since, until       time.Time
	rest               time.Duration
	why                string
	probe              time.Time // when the probe under way began; zero: none
	uses               int       // uses under way
	window             int       // how many there may be; 0: any number
	slow               int       // the window from which on it grows by rounds
	answers            int       // since it last grew
	volley             int       // reports to come of calls that were under way at a failure
	calm               time.Time // when slow was last set or doubled
}

// enter lets a use through or says until when it has to wait. At the end of a
// rest one use is let through; the others wait for what it finds. Such a probe is told
// when it began, for leave.
func (b *breakers) enter(connection string, now time.Time) (probe time.Time, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.of(connection)
	switch {
	case !c.open && c.window > 0 && c.uses >= c.window:
		wait := time.Second + rand.N(2*time.Second)
		return time.Time{}, &RestingError{Connection: connection, Until: now.Add(wait), Wait: wait, Why: c.why, Gentle: true}
	case !c.open:
		c.uses++
		return time.Time{}, nil
	case now.Before(c.until):
		return time.Time{}, &RestingError{Connection: connection, Until: c.until, Wait: c.until.Sub(now), Why: c.why}
	case c.asked:
		c.open, c.asked = false, false // the time that was named is over; nothing was broken
		c.uses++
		return time.Time{}, nil
	case !c.probe.IsZero() && now.Sub(c.probe) < probeFor:
		return time.Time{}, &RestingError{Connection: connection, Until: now.Add(2 * time.Second), Wait: 2 * time.Second, Why: c.why}
	}
	c.probe = now
	c.uses++
	return now, nil
}

// may is asked before each call of a use: what was let through before a rest began
// does not go on calling in it.
func (b *breakers) may(connection string, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.of(connection)
	if c.open && now.Before(c.until) {
		return &RestingError{Connection: connection, Until: c.until, Wait: c.until.Sub(now), Why: c.why}
	}
	return nil
}

// leave ends a use. A probe that asked nothing leaves the look to the next one.
func (b *breakers) leave(connection string, probe time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.of(connection)
	c.uses--
	if !probe.IsZero() && c.probe.Equal(probe) {
		c.probe = time.Time{}
	}
}

// of gives the circuit of a connection. The caller holds mu.
func (b *breakers) of(connection string) *circuit {
	c := b.all[connection]
	if c == nil {
		if b.all == nil {
			b.all = map[string]*circuit{}
		}
		c = &circuit{}
		b.all[connection] = c
	}
	return c
}

// report takes what one call came to. It gives the connection's health when the
// state changed.
func (b *breakers) report(connection string, err error, now time.Time) (Health, bool) {
	if errors.Is(err, context.Canceled) || errors.Is(err, ErrBusy) || errors.Is(err, errOurs) {
		return Health{}, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.of(connection)
	was := c.open
	c.volley = max(0, c.volley-1)
	switch kind := fault.KindOf(err); {
	case err != nil && kind == fault.Unavailable && fault.RetryAfter(err) > 0:
		if until := now.Add(min(fault.RetryAfter(err), time.Hour)); until.After(c.until) {
			c.until = until
		}
		if !c.open {
			c.open, c.asked, c.since = true, true, now
		}
		c.why, c.probe = fault.Sentence(err), time.Time{}
	case err != nil && kind == fault.Unavailable:
		c.failures++
		c.shrink(now)
		c.fail(err, now, c.failures >= breakAfter)
	case err != nil && (kind == fault.Forbidden || kind == fault.Unauthenticated):
		c.refusals++
		c.fail(err, now, c.refusals >= refusedAfter)
	case !c.open || !c.probe.IsZero():
		c.grow(now)
		*c = circuit{uses: c.uses, window: c.window, slow: c.slow, answers: c.answers, volley: c.volley, calm: c.calm, why: c.why} // it answers
	}
	return c.health(connection), was != c.open
}

// shrink lets fewer use the connection after a failure. What was under way together
// fails together and tells only once how many were too many.
func (c *circuit) shrink(now time.Time) {
	if c.window == 0 {
		c.window = c.uses
	}
	if c.volley == 0 {
		c.slow, c.answers, c.volley = max(gentleFrom, c.window/2), 0, c.uses
	}
	c.window, c.calm = max(1, c.window/2), now
}

// grow lets more use it after an answer.
func (c *circuit) grow(now time.Time) {
	if c.window == 0 {
		return
	}
	for c.slow < gentleUntil && now.Sub(c.calm) >= calmFor {
		c.slow, c.calm = 2*c.slow, c.calm.Add(calmFor)
	}
	if c.answers++; c.window >= c.slow && c.answers < c.window {
		return
	}
	c.window, c.answers = (c.window+1)%gentleUntil, 0
}

// fail opens the circuit when that was one failure too many, or a failed probe.
func (c *circuit) fail(err error, now time.Time, tooMany bool) {
	probing := !c.probe.IsZero()
	if c.open && !probing || !c.open && !tooMany {
		return // calls that were under way when it opened say nothing new
	}
	if !c.open {
		c.since = now
	}
	c.rest = min(max(firstRest, 2*c.rest), longestRest)
	// Nodes that saw the same trouble must not come back at the same moment.
	c.open, c.asked, c.probe, c.until = true, false, time.Time{}, now.Add(c.rest+rand.N(c.rest/5))
	c.why = fault.Sentence(err)
}

func (c *circuit) health(connection string) Health {
	return Health{Connection: connection, Resting: c.open, Probing: !c.probe.IsZero(), Since: c.since, Until: c.until, Why: c.why, Failures: max(c.failures, c.refusals)}
}

// Report tells what a call to a connection came to; after too many failures in a
// row Use holds the next ones back.
func (p *Pool) Report(connection string, err error) {
	h, changed := p.breakers.report(connection, err, p.now())
	switch {
	case !changed:
	case h.Resting:
		p.Log.Error("a connection is given rest", "connection", connection, "until", h.Until, "kind", fault.KindOf(err))
	default:
		p.Log.Info("a connection answers again", "connection", connection)
	}
}

// Health tells how calling one connection goes.
func (p *Pool) Health(connection string) Health {
	p.breakers.mu.Lock()
	defer p.breakers.mu.Unlock()
	if c := p.breakers.all[connection]; c != nil {
		return c.health(connection)
	}
	return Health{Connection: connection}
}

// Healths tells it of every connection that was called, by key.
func (p *Pool) Healths() []Health {
	p.breakers.mu.Lock()
	defer p.breakers.mu.Unlock()
	var out []Health
	for _, key := range slices.Sorted(maps.Keys(p.breakers.all)) {
		out = append(out, p.breakers.all[key].health(key))
	}
	return out
}
