package egress

import (
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// How a pace is found. After a refusal it drops a little below what the host just
// took, comes back to that within settleFor, rests there, and then tries more, ever
// faster (the curve of TCP Cubic). A host that refuses at the same rate again is
// taken at its word, and tried half as often each time.
const (
	dropTo      = 0.93 // of what the host took
	certain     = 0.98 // of what is taken for the host's rate: buckets hold a little more at first
	settleFirst = 2 * time.Second
	settleFor   = 5 * time.Second
	settleLong  = time.Minute
	settleCalls = 50     // calls that settling lasts at least
	learnStep   = 3      // times a second, while nothing is known of the host
	slowest     = 0.2    // requests a second
	moreThan    = 1.1    // times what the host took: it is another host now
	quickest    = 10_000 // requests a second; above it there is no pace
	holdFor     = 1500 * time.Millisecond
	awayLearn   = 5 * time.Second
	awayMost    = 2 * time.Minute
	awayCrowd   = 1.5 // times the pace, at which those sent away come back
	forgetAfter = 15 * time.Minute
	mostKinds   = 4096
	startWith   = 16
	openAfter   = 256 // answers; or startFor after the first request
	startFor    = 2 * time.Second
	startAgain  = 20 * time.Millisecond
)

// Kind is what has a pace of its own: a kind of request to a host. Hosts count
// reads and writes apart, or together, which comes to less for each.
type Kind struct{ Method, Host string }

// Paces learns how fast each host may be called from the refusals (429) it gives.
// Until a host refuses, asking costs a fifth of a microsecond. The zero value is ready.
type Paces struct {
	kinds sync.Map // Kind → *pace
	count atomic.Int64
}

// pace is what is known of one kind of request.
type pace struct {
	paced atomic.Bool
	// The first requests to a host go in doubling numbers, so that one which takes
	// few refuses few: asked may be at most startWith and twice what was taken.
	open       atomic.Bool
	given, fit atomic.Int64
	since      time.Time

	mu                sync.Mutex
	second            int64 // of now; what was taken in it and in the one before
	taken, before     int
	begin, ceiling    float64       // requests a second: where learning began; what the host took at the last refusal (0: still learning)
	grow              time.Duration // how long the host was used to the full since then
	settle            time.Duration
	next, far, paused time.Time
	cut, used         time.Time
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
	case x.fit.Load() >= openAfter || now.Sub(x.since) > startFor:
		x.open.Store(true)
	case x.given.Load() >= startWith+2*x.fit.Load():
		return Turn{At: now.Add(startAgain), Again: true}
	}
	x.given.Add(1)
	return Turn{At: now}
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

// Tell takes what became of a request that had its turn at given: refused says that
// the host asked for less, and after how long it wants the next (0: it did not say).
func (p *Paces) Tell(k Kind, given, now time.Time, refused bool, after time.Duration) {
	x := p.of(k, now)
	x.mu.Lock()
	defer x.mu.Unlock()
	if !refused {
		x.fit.Add(1)
		x.took(now)
		return
	}
	if after > 0 && now.Add(after).After(x.paused) {
		x.paused = now.Add(min(after, time.Hour))
	}
	if x.paced.Load() && !given.After(x.cut) {
		return // it was let go before the pace was lowered
	}
	x.lower(given, now)
}

// took counts an answer that was no refusal.
func (x *pace) took(now time.Time) {
	x.turn(now)
	x.taken++
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
	took := x.recent(now)
	if !x.paced.Load() {
		x.ceiling, x.begin, x.settle, x.used = 0, max(slowest, dropTo*took), settleFirst, now
		if x.before > 0 { // a whole second was seen, so it is the host's rate and no beginning
			x.ceiling = took
		}
	} else {
		// Times are given out ahead, and the pace rises with them: what counts is
		// the pace at which the refused one went.
		tried := x.rate(max(0, x.grow-max(0, x.next.Sub(sent))))
		least := 0.9 // it was tried a little more than the host takes
		if x.ceiling == 0 {
			least = 0.5 // what was taken in a second is behind a pace that grows so fast
		}
		ceiling := max(slowest, certain*min(max(took, least*tried), tried))
		switch {
		case x.ceiling == 0:
			x.settle = settleFirst
		case math.Abs(ceiling-x.ceiling) < 0.1*x.ceiling:
			x.settle = max(2*x.settle, settleFor)
		default:
			x.settle = settleFor
		}
		x.ceiling = ceiling
	}
	few := time.Duration(settleCalls / max(slowest, x.ceiling) * float64(time.Second))
	x.settle = min(max(x.settle, few), max(settleLong, few))
	x.grow, x.cut = 0, now
	x.next = now // what was given out does not stand any more
	x.paced.Store(true)
}

// rate is the pace after a time in which the host was used to the full.
func (x *pace) rate(grow time.Duration) float64 {
	if x.ceiling == 0 {
		return x.begin * math.Pow(learnStep, grow.Seconds())
	}
	from := grow.Seconds()/x.settle.Seconds() - 1
	return max(slowest, x.ceiling*(1+(1-dropTo)*from*from*from))
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
	rate := x.rate(x.grow)
	switch {
	case rate > quickest:
		x.paced.Store(false)
		return Turn{At: now}
	case x.ceiling > 0 && rate > moreThan*x.ceiling: // it takes much more than it did
		x.ceiling, x.settle, x.grow = rate, settleFor, settleFor
	}
	if slot.Sub(now) <= holdFor {
		step := time.Duration(float64(time.Second) / rate)
		x.next = slot.Add(step)
		if slot.After(now) {
			x.grow += step // someone has to wait, so more is wanted
		}
		return Turn{At: slot}
	}
	x.far = latest(x.far, slot).Add(time.Duration(float64(time.Second) / (awayCrowd * rate)))
	most := awayMost
	if x.ceiling == 0 {
		most = awayLearn
	}
	// So many wait that they would come back too late to use a pace that rises.
	if end := latest(now, x.paused).Add(most); x.far.After(end) {
		x.far = end
		return Turn{At: end.Add(-rand.N(most / 2)), Away: true}
	}
	return Turn{At: x.far, Away: true}
}

// RetryAfter reads how long a host wants to be left alone: seconds or a date, an
// hour at most; 0 when it does not say.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if n, err := strconv.ParseFloat(text, 64); err == nil && n > 0 {
		return time.Duration(min(n, 3600) * float64(time.Second))
	}
	if t, err := http.ParseTime(text); err == nil {
		return max(0, min(t.Sub(now), time.Hour))
	}
	return 0
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
