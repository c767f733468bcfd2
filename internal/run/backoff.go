package run

import (
	"math/rand/v2"
	"time"

	"joinery/internal/flow"
)

// Defaults of a step's tries.
const (
	DefaultAttempts = 8
	DefaultFirst    = 2 * time.Second
	DefaultMax      = 15 * time.Minute
	DefaultTimeout  = 30 * time.Second
)

// Backoff gives the wait before the next try, after a number of tries that
// failed: it doubles from first to most, and a random part of it is taken off so
// that many runs do not come back at the same moment. ok is false when there is
// no further try. asked is what the other side asked for (Retry-After).
func Backoff(r *flow.Retry, tries int, asked time.Duration, random *rand.Rand) (wait time.Duration, ok bool) {
	attempts, first, most := DefaultAttempts, DefaultFirst, DefaultMax
	if r != nil {
		if r.Attempts > 0 {
			attempts = r.Attempts
		}
		first = duration(r.First, first)
		most = max(duration(r.Max, most), first)
	}
	if tries >= attempts {
		return 0, false
	}
	wait = first
	for range tries - 1 {
		if wait *= 2; wait >= most {
			wait = most
			break
		}
	}
	f := rand.Float64()
	if random != nil {
		f = random.Float64()
	}
	wait -= time.Duration(f * 0.4 * float64(wait))
	return max(wait, min(asked, time.Hour)), true
}

// Timeout gives how long one attempt may take.
func Timeout(n flow.Node) time.Duration { return duration(n.Timeout, DefaultTimeout) }

func duration(text string, otherwise time.Duration) time.Duration {
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return d
	}
	return otherwise
}
