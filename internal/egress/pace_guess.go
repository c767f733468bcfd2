package egress

import (
	"math"
	"slices"
	"time"
)

// How the rate of a host is found. Its first refusal shows how much it takes at once.
// The pace then climbs fast until the second, which shows its rate roughly; from a
// little below that it rises gently until the third, which shows it to the percent.
// There it stays, and asks seldom whether more is allowed: each refusal costs the time
// that the host then wants to be left alone.
const (
	climbFrom   = 3  // times what it took at once, a second
	climbBy     = 10 // times a second
	quickly     = 5 * time.Second
	climbTurn   = 176 * time.Millisecond // log10 1.5 of a second
	gentleFrom  = 0.97
	doubtMost   = 0.25
	climbsMost  = 3     // more, which showed next to nothing
	gentleBy    = 0.01  // of the rate, each second
	gentleMore  = 0.002 // and this, for each second squared
	grown       = 1.1   // times the known rate without a refusal: the host allows more now
	same        = 0.05  // of a rate: closer ones are the same
	marginFirst = 0.005
	marginMost  = 0.2
	settleFirst = 2 * time.Minute
	settleMost  = 16 * time.Minute
	mostNotes   = 4096
)

// phase is what the pace does at the moment.
type phase int

const (
	climbing phase = iota
	gentle
	holding
)

// guess is what is thought of a host: that it has a bucket of tokens which is filled
// at a rate, and takes one for each request.
type guess struct {
	phase  phase
	known  float64       // the rate, requests a second; in climbing, where that began
	from   float64       // of the rate, where rising gently began
	margin float64       // of the rate, that is left unused when holding
	grow   time.Duration // how long the host was used to the full in this phase
	settle time.Duration // how long to hold
	again  int           // climbs in a row that showed next to nothing
	quick  int           // refusals in a row within seconds of each other
	asked  bool          // after holding, whether more is allowed

	burst  float64       // size of the bucket
	volley float64       // what it took before the first refusal, or at once
	first  time.Duration // how long it took to do that; 0: that is not known
	last   time.Time     // when the last answer of the volley came; zero: all are in
	empty  time.Time     // when a refusal showed that it was empty
	full   bool          // notes were dropped since: it was full at empty instead
	notes  []time.Time   // when the requests went that were taken since
}

// begin takes the first refusal, of a request that went at sent, after so many requests
// within a second, or (steady) at the end of a longer time in which it took that many
// each second. First is how long the first answer is ago.
func (g *guess) begin(sent, now time.Time, took float64, first time.Duration, steady bool) {
	took = max(1, took)
	from := took
	if took <= startWith { // not even the first volley fitted
		from *= climbFrom
	}
	*g = guess{known: max(slowest, from), burst: took, volley: took, first: first, margin: marginFirst, settle: settleFirst, empty: sent, last: now}
	if steady {
		g.phase, g.known, g.from = gentle, max(slowest, took), gentleFrom
		g.burst = max(1, took/10)
		g.volley, g.first, g.last = g.burst, 0, time.Time{}
	}
}

// note keeps when a request went that was taken. One that went before the last refused
// one was taken before it too, whenever its answer comes.
func (g *guess) note(sent, now time.Time, before bool) {
	switch {
	case before && !g.last.IsZero():
		g.volley++
		g.burst++
		g.first += now.Sub(g.last)
		g.last = now
		return
	case !sent.After(g.empty):
		return
	}
	if len(g.notes) >= mostNotes {
		half := len(g.notes) / 2
		g.empty, g.full = g.notes[half], true
		g.notes = g.notes[:copy(g.notes, g.notes[half:])]
	}
	g.notes = append(g.notes, sent)
}

// refused takes a refusal of a request that went at now, at the pace that the host had
// been used at for so long.
func (g *guess) refused(now time.Time, grow time.Duration) {
	tried := g.at(grow)
	if g.phase != climbing && tried < g.known {
		g.volley = max(1, g.volley/2) // late ones that caught up were too many at once
	}
	rate := g.fit(now, tried)
	near := math.Abs(rate-g.known) < same*g.known
	// The size of the bucket is not known well, which counts less the longer it was
	// drawn from. In doubt the pace begins lower, so that the next refusal shows more.
	doubt := min(doubtMost, (2+g.burst/10)/max(1, float64(len(g.notes))-g.burst))
	// Refused again and again within seconds it is thought to be more than it is.
	if g.quick++; now.Sub(g.empty) > quickly {
		g.quick = 0
	}
	few := doubt == doubtMost
	doubt = min(doubtMost, doubt*float64(1+g.quick))
	switch {
	case g.phase == climbing && tried > 4*rate+2*g.burst && g.again < climbsMost:
		// A climb that knows its way does not get as far beyond the rate: something held
		// the machine up, and what the host took then says little. It climbs once more.
		if g.again++; g.again > 1 {
			g.volley = max(1, g.volley/2)
		}
		rate = math.Sqrt(rate * min(tried, g.known))
	case g.phase != climbing && few: // so few do not show that it is much slower
		rate = min(tried, max(rate, g.known*(1-doubtMost)))
		g.phase, g.from = gentle, min(gentleFrom, 1-doubt)
	case g.phase == gentle && near && g.quick == 0: // two findings agree
		g.phase = holding
		if g.asked { // more was asked for in vain
			g.settle = min(2*g.settle, settleMost)
		}
	case g.phase == climbing || doubt > same:
		g.phase, g.from = gentle, min(gentleFrom, 1-doubt)
	case g.phase == gentle:
		g.phase, g.settle = holding, settleFirst
	case near && g.quick == 0: // refused at what it took before: it counts otherwise than was thought
		g.margin = min(2*g.margin, marginMost)
	default:
		g.phase, g.from, g.settle = gentle, gentleFrom, settleFirst
	}
	g.asked = false
	g.known, g.grow = rate, 0
	g.empty, g.full, g.notes = now, false, nil
}

// fit finds the rate, and the size of the bucket: some of what the host took at once
// came into it meanwhile.
func (g *guess) fit(now time.Time, tried float64) float64 {
	slices.SortFunc(g.notes, time.Time.Compare)
	g.last = time.Time{}
	g.burst = max(1, g.volley-g.refill(now, tried)*g.first.Seconds())
	return g.refill(now, tried)
}

// most is how much of a turn's time counts as use to the full: a climb rises by half
// with a turn at most, however far apart they are.
func (g *guess) most(step time.Duration) time.Duration {
	if g.phase == climbing {
		return min(step, climbTurn)
	}
	return step
}

// rate is the pace now, and moves on to the next phase when it is time.
func (g *guess) rate() float64 {
	switch rate := g.at(g.grow); {
	case g.phase == holding && g.grow >= g.settle:
		g.phase, g.from, g.grow, g.asked = gentle, 1-g.margin, 0, true
	case g.phase == gentle && rate > grown*g.known && g.over() > 2*(g.burst+2):
		g.phase, g.known, g.grow, g.again = climbing, rate, 0, 0
		g.settle, g.margin = settleFirst, marginFirst
	}
	return g.at(g.grow)
}

// over is how much was asked for beyond the known rate since the pace rose above it.
func (g *guess) over() float64 {
	below := 1 - g.from
	sum := func(s float64) float64 { return gentleBy*s*s/2 + gentleMore*s*s*s/3 - below*s }
	crossed := (math.Sqrt(gentleBy*gentleBy+4*gentleMore*below) - gentleBy) / (2 * gentleMore)
	if s := g.grow.Seconds(); s > crossed {
		return g.known * (sum(s) - sum(crossed))
	}
	return 0
}

func (g *guess) at(grow time.Duration) float64 {
	s := grow.Seconds()
	switch g.phase {
	case climbing:
		return max(slowest, g.known*math.Pow(climbBy, s))
	case gentle:
		return max(slowest, g.known*(g.from+gentleBy*s+gentleMore*s*s))
	}
	return max(slowest, g.known*(1-g.margin))
}

// refill finds the rate at which the bucket must have been filled to be empty now,
// after it gave a token for each note.
func (g *guess) refill(now time.Time, most float64) float64 {
	left := func(rate float64) float64 {
		at, tokens := g.empty, 0.0
		if g.full {
			tokens = g.burst
		}
		for _, n := range g.notes {
			tokens = min(g.burst, tokens+rate*n.Sub(at).Seconds()) - 1
			at = n
		}
		return min(g.burst, tokens+rate*now.Sub(at).Seconds())
	}
	low, high := 0.0, most
	for range 20 {
		if middle := (low + high) / 2; left(middle) > 0.5 {
			high = middle
		} else {
			low = middle
		}
	}
	return max(slowest, high)
}
