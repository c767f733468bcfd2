package egress

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Said is what an answer tells of how often its host may be called.
type Said struct {
	Refused bool          // it asked for less
	After   time.Duration // how long it wants to be left alone; 0: it did not say
	Left    float64       // requests that it still takes
	Reset   time.Duration // within this time; 0: it did not say
}

// Listen reads an answer: its status, Retry-After and the headers in which services
// tell their limits (RateLimit, RateLimit-Remaining, X-RateLimit-Remaining,
// X-Rate-Limit-Remaining, each with its reset).
func Listen(status int, h http.Header, now time.Time) Said {
	var s Said
	s.After = RetryAfter(h, now)
	s.Refused = status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable && s.After > 0
	s.Left, s.Reset = allowance(h, now)
	return s
}

// RetryAfter reads how long a host wants to be left alone: seconds or a date, an
// hour at most; 0 when it does not say.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text == "" {
		return 0
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil && n > 0 {
		return time.Duration(min(n, 3600) * float64(time.Second))
	}
	if t, err := http.ParseTime(text); err == nil {
		return max(0, min(t.Sub(now), time.Hour))
	}
	return 0
}

// allowance is how many requests the host still takes, and within which time. Where
// it counts in several ways the tightest holds.
func allowance(h http.Header, now time.Time) (left float64, reset time.Duration) {
	keep := func(l, seconds float64) {
		if l < 0 || seconds <= 0 || seconds > 366*24*3600 {
			return
		}
		r := time.Duration(seconds * float64(time.Second))
		if reset == 0 || l/seconds < left/reset.Seconds() {
			left, reset = l, r
		}
	}
	for _, name := range []string{"RateLimit", "X-RateLimit", "X-Rate-Limit"} {
		says := h.Get(name + "-Remaining")
		if says == "" {
			continue
		}
		l, err1 := strconv.ParseFloat(strings.TrimSpace(says), 64)
		r, err2 := strconv.ParseFloat(strings.TrimSpace(h.Get(name+"-Reset")), 64)
		if err1 != nil || err2 != nil || math.IsNaN(l) || math.IsNaN(r) {
			continue
		}
		if r > 1e12 { // milliseconds of an epoch
			r /= 1000
		}
		if r > 1e9 {
			r -= float64(now.UnixMilli()) / 1000
		}
		keep(l, r)
	}
	for _, line := range h.Values("RateLimit") {
		// "burst";r=50;t=1, "day";r=900;t=3600   or, in an earlier draft,   limit=100, remaining=50, reset=5
		if strings.Contains(line, "remaining=") {
			keep(parameter(line, "remaining"), parameter(line, "reset"))
			continue
		}
		for item := range strings.SplitSeq(line, ",") {
			keep(parameter(item, "r"), parameter(item, "t"))
		}
	}
	return left, reset
}

// parameter reads name=number among parts that ; or , divide; -1 when it is not there.
func parameter(text, name string) float64 {
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ';' || r == ',' }) {
		if k, v, ok := strings.Cut(strings.TrimSpace(part), "="); ok && k == name {
			if n, err := strconv.ParseFloat(v, 64); err == nil && !math.IsNaN(n) {
				return n
			}
		}
	}
	return -1
}

const (
	coarse    = 3 * time.Second // resets come in whole seconds: nearer ones say too little
	soonOut   = 2 * time.Second // what is left would be used up by then
	saidShare = 0.99
)

// told is what the host said last of what it still takes.
type told struct {
	perSecond float64
	until     time.Time
}

// rate is the pace that uses up what is left just when there is more.
func (t told) rate(at time.Time) (float64, bool) {
	return t.perSecond, !t.until.IsZero() && at.Before(t.until)
}

// hear takes what an answer says of the host's limit. A host that was never refused
// gets a pace only when what is left would soon be used up.
func (x *pace) hear(now time.Time, s Said) {
	if s.Left < 1 && now.Add(s.Reset).After(x.paused) {
		x.paused = now.Add(min(s.Reset, time.Hour))
	}
	if s.Reset < coarse {
		return
	}
	x.told = told{perSecond: max(slowest, saidShare*s.Left/s.Reset.Seconds()), until: now.Add(s.Reset)}
	if x.paced.Load() || s.Left > x.recent(now)*soonOut.Seconds()+startWith {
		return
	}
	x.begin(now, now, max(1, s.Left/s.Reset.Seconds()), 0, true)
	x.used, x.next = now, now
	x.paced.Store(true)
}
