package egress

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// When those who want to call come, and how many may at once.
const (
	slowest     = 1.0 / 60 // requests a second
	quickest    = 10_000   // requests a second; above it there is no pace
	holdFor     = 1500 * time.Millisecond
	awayLearn   = 5 * time.Second
	awayMost    = 2 * time.Minute
	awayCrowd   = 1.5 // times the pace, at which those sent away come back
	forgetAfter = 15 * time.Minute
	mostKinds   = 4096
	startWith   = 16
	openAfter   = 256             // answers, or as many turns without one
	startFor    = 2 * time.Second // after which so many more may go, answered or not
	startAgain  = 20 * time.Millisecond
	steadyFrom  = 4 * startWith // answers; fewer within a second may be one volley
)

// Kind is what has a pace of its own: a kind of request to a host. Hosts count
// reads and writes apart, or together, which comes to less for each.
type Kind struct{ Method, Host string }

// Paces learns how fast each host may be called, from the refusals (429) it gives and
// from what it says of its limits. Until a host does either, asking costs a fifth of a
// microsecond. The zero value is ready.
type Paces struct {
	kinds sync.Map // Kind → *pace
	count atomic.Int64
}

// pace is what is known of one kind of request.
type pace struct {
	paced atomic.Bool
	// The first requests to a host go in growing numbers, so that one which takes
	// few refuses few: asked may be at most startWith and 1.5 times what was taken.
	open       atomic.Bool
	given, fit atomic.Int64
	since      time.Time

	mu            sync.Mutex
	answered      time.Time // the first time
	second        int64     // of now; what was taken in it and in the one before
	taken, before int
	guess
	told              told
	deaf              time.Time // it refused what it had said it would take: not believed until then
	next, far, paused time.Time
	door              time.Time // when the next one goes that is late
	cut, used         time.Time
	was               judged
}

// judged is what was thought before the last refusal.
type judged struct {
	guess
	sent time.Time     // when the refused one went
	grow time.Duration // how far the pace had grown for it
	late bool          // answers came since, of requests that went before it
	next time.Time     // not looked at again before, as they come many at once
}

// Turn is when a request may go: At, which is then its own; or it has to ask again
// at that time, which is soon, or (Away) so late that nobody should sit and wait.
type Turn struct {
	At    time.Time
	Again bool
	Away  bool
}

// Ask gives a request its turn.
func (p *Paces) Ask(k Kind, now time.Time) Turn {
	x := p.of(k, now)
	switch {
	case x.paced.Load():
		return x.ask(now)
	case x.open.Load():
		return Turn{At: now}
	case x.fit.Load() >= openAfter || now.Sub(x.since) > startFor*openAfter/startWith:
		x.open.Store(true)
	case x.given.Load() >= startWith*int64(1+now.Sub(x.since)/startFor)+x.fit.Load()*3/2:
		return Turn{At: now.Add(startAgain), Again: true}
	}
	x.given.Add(1)
	return Turn{At: now}
}

// Gate is the last look before a request with a turn goes: how long it has to wait
// because others whose turn is over go late, all at once, or because the host refused
// one meanwhile. At 0 it goes, and the next one waits for it.
func (p *Paces) Gate(k Kind, now time.Time) time.Duration {
	x := p.of(k, now)
	if !x.paced.Load() {
		return 0
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if wait := x.paused.Sub(now); wait > 0 {
		return wait // a refusal came since it had its turn
	}
	rate, says := x.told.rate(now)
	if !says {
		x.judge(now)
		rate = x.at(x.grownAt(now))
	}
	step := time.Duration(float64(time.Second) / rate)
	// Half of what the host takes at once may be caught up with.
	early := time.Duration(x.burst / 2 * float64(step))
	x.door = latest(x.door, now.Add(-early))
	if wait := x.door.Sub(now); wait > 0 {
		return wait
	}
	x.door = x.door.Add(step)
	return 0
}

func (p *Paces) of(k Kind, now time.Time) *pace {
	if v, ok := p.kinds.Load(k); ok {
		return v.(*pace)
	}
	if p.count.Add(1) > mostKinds {
		p.kinds.Clear()
		p.count.Store(1)
	}
	v, _ := p.kinds.LoadOrStore(k, &pace{since: now})
	return v.(*pace)
}

// Stands reports whether a time that was given at asked still holds: the pace was
// not lowered since. If not, the asker asks again.
func (p *Paces) Stands(k Kind, asked time.Time) bool {
	x := p.of(k, asked)
	if !x.paced.Load() {
		return true
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return asked.After(x.cut)
}

// Tell takes what became of a request that went at sent.
func (p *Paces) Tell(k Kind, sent, now time.Time, said Said) {
	x := p.of(k, now)
	x.mu.Lock()
	defer x.mu.Unlock()
	if said.Reset > 0 && now.After(x.deaf) {
		x.hear(now, said)
	}
	if !said.Refused {
		if x.fit.Add(1) == 1 {
			x.answered = now
		}
		x.took(sent, now)
		return
	}
	if said.After > 0 && now.Add(said.After).After(x.paused) {
		x.paused = now.Add(min(said.After, time.Hour))
	}
	if x.paced.Load() && !sent.After(x.cut) {
		return // it was let go before the pace was lowered
	}
	x.lower(sent, now)
}

// took counts an answer that was no refusal.
func (x *pace) took(sent, now time.Time) {
	x.turn(now)
	x.taken++
	if !x.paced.Load() {
		return
	}
	switch {
	case len(x.notes) > openAfter:
		x.was = judged{} // all answers from before are in
	case sent.Before(x.empty) && x.was.known > 0:
		x.was.notes, x.was.late = append(x.was.notes, sent), true
	}
	x.note(sent, now, !sent.After(x.cut))
}

// judge looks at the last refusal again when answers came that it had overtaken.
func (x *pace) judge(now time.Time) {
	if !x.was.late || now.Before(x.was.next) {
		return
	}
	again := x.was.guess
	again.refused(x.was.sent, x.was.grow)
	again.grow, again.notes = x.grow, x.notes
	x.guess, x.was.late, x.was.next = again, false, now.Add(startAgain)
}

// grownAt is how far the pace has grown that counts at a time: times are given out
// ahead, and the pace rises with them.
func (x *pace) grownAt(at time.Time) time.Duration {
	return max(0, x.grow-max(0, x.next.Sub(at)))
}

func (x *pace) turn(now time.Time) {
	switch s := now.Unix(); {
	case s == x.second:
	case s == x.second+1:
		x.second, x.before, x.taken = s, x.taken, 0
	default:
		x.second, x.before, x.taken = s, 0, 0
	}
}

// recent is what the host took a second, just now.
func (x *pace) recent(now time.Time) float64 {
	x.turn(now)
	part := float64(now.Nanosecond()) / 1e9
	return max(float64(x.before), float64(x.taken)+float64(x.before)*(1-part))
}

// lower answers a refusal of a request that went at sent. The caller holds mu.
func (x *pace) lower(sent, now time.Time) {
	if x.told.until.After(now) {
		x.told, x.deaf = told{}, now.Add(settleFirst)
	}
	if x.answered.IsZero() { // the refusal overtook the answers of those before it
		x.answered = now.Add(-time.Millisecond)
	}
	if !x.paced.Load() {
		x.begin(sent, now, x.recent(now), now.Sub(x.answered), x.before > 0 && x.fit.Load() > steadyFrom)
		x.was = judged{}
	} else {
		x.judge(now)
		x.was = judged{guess: x.guess, sent: sent, grow: x.grownAt(sent)}
		x.refused(sent, x.was.grow)
	}
	x.cut, x.used = now, now
	x.next = now // what was given out does not stand any more
	x.paced.Store(true)
}

func (x *pace) ask(now time.Time) Turn {
	x.mu.Lock()
	defer x.mu.Unlock()
	if now.Sub(x.used) > forgetAfter {
		x.paced.Store(false)
		return Turn{At: now}
	}
	x.used = now
	slot := latest(now, x.next, x.paused)
	rate, says := x.told.rate(slot)
	if !says {
		x.judge(now)
		rate = x.rate()
	}
	if rate > quickest {
		x.paced.Store(false)
		return Turn{At: now}
	}
	if slot.Sub(now) <= holdFor {
		step := time.Duration(float64(time.Second) / rate)
		x.next = slot.Add(step)
		if slot.After(now) {
			x.grow += x.most(step) // someone has to wait, so more is wanted
		}
		return Turn{At: slot}
	}
	crowd := awayCrowd * rate
	if x.phase == gentle && !says { // it may rise before they come
		crowd = awayCrowd * max(rate, grown*x.known)
	}
	x.far = latest(x.far, slot).Add(time.Duration(float64(time.Second) / crowd))
	most := awayMost
	if x.phase == climbing {
		most = awayLearn << x.again
	}
	// So many wait that they would come back too late to use a pace that rises.
	if end := latest(now, x.paused).Add(most); x.far.After(end) {
		x.far = end
		return Turn{At: end.Add(-rand.N(most / 2)), Away: true}
	}
	return Turn{At: x.far, Away: true}
}

func latest(times ...time.Time) time.Time {
	out := times[0]
	for _, t := range times[1:] {
		if t.After(out) {
			out = t
		}
	}
	return out
}
