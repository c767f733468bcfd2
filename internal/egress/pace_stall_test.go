package egress

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// stalls is when a busy machine stands still.
type stalls []stall
type stall struct{ from, to time.Time }

// stallsOf makes the stalls of a machine with a lot of other work: some longer than a
// second while the pace is found, one of up to a second each 5 s later, and one of up to
// 60 ms each 200 ms, all the time.
func stallsOf(seed uint64, start time.Time) (out stalls) {
	r := rand.New(rand.NewPCG(seed, 1))
	seconds := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	add := func(from time.Time, s float64) { out = append(out, stall{from, from.Add(seconds(s))}) }
	for range 1 + r.IntN(4) {
		add(start.Add(seconds(3*r.Float64())), 0.2+1.8*r.Float64()*r.Float64())
	}
	for at := start.Add(3 * time.Second); at.Sub(start) < 5*time.Minute; at = out[len(out)-1].to {
		add(at.Add(seconds(5*r.ExpFloat64())), 0.2+r.Float64()*r.Float64())
	}
	for at := start; at.Sub(start) < 5*time.Minute; at = out[len(out)-1].to {
		add(at.Add(seconds(0.2*r.ExpFloat64())), 0.06*r.Float64())
	}
	slices.SortFunc(out, func(a, b stall) int { return a.from.Compare(b.from) })
	joined := out[:0]
	for _, s := range out {
		if last := len(joined) - 1; last >= 0 && !s.from.After(joined[last].to) {
			joined[last].to = latest(joined[last].to, s.to)
			continue
		}
		joined = append(joined, s)
	}
	return joined
}

// held is how long the machine still stands still.
func (s stalls) held(at time.Time) time.Duration {
	i, _ := slices.BinarySearchFunc(s, at, func(one stall, at time.Time) int { return one.to.Compare(at) })
	if i < len(s) && !s[i].from.After(at) {
		return s[i].to.Sub(at)
	}
	return 0
}

// A machine that stands still while the pace is found, so that requests go and answers
// come in bunches, is not taken for a host that allows little. The machines here stand
// still a quarter of the time.
func TestPaces_Stalls(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 26, 12, 0, 0, 420_000_000, time.UTC)
	for _, c := range []struct {
		rate            float64
		requests, seeds int
		most, half      float64 // of what the host allows: 9 of 10 machines reach it, half of them
	}{
		{100, 1000, 12, 0.52, 0.62},
		{20, 300, 6, 0.6, 0.72},
		{400, 1500, 10, 0.2, 0.35},
	} {
		var all []float64
		for seed := range uint64(c.seeds) {
			machine := stallsOf(seed, start)
			p, host := &Paces{}, &limiter{rate: c.rate, burst: 10, tokens: 10, at: start}
			took, refused, away := drain(t, p, host, start, c.requests, 5*time.Millisecond, machine.held)
			all = append(all, float64(c.requests)/c.rate/took.Seconds())
			require.Less(t, refused, 25+c.requests/100, "%g a second, machine %d", c.rate, seed)
			require.Less(t, away, 4*c.requests, "%g a second, machine %d", c.rate, seed)
		}
		slices.Sort(all)
		t.Logf("%g a second: %.0f %% of it reached by 9 of 10 machines, %.0f %% by half of them", c.rate, 100*all[len(all)/10], 100*all[len(all)/2])
		require.Greater(t, all[len(all)/10], c.most)
		require.Greater(t, all[len(all)/2], c.half)
	}
}
