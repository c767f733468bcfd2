package egress

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A bulk run meets few refusals and reaches nearly the rate that the host allows,
// whatever that is.
func TestPaces_Bulk(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rate, burst    float64
		requests       int
		latency, stall time.Duration
		reached        float64 // of what the host allows, at least
		refused        float64 // of the requests, at most
	}{
		{100, 10, 10_000, 5 * time.Millisecond, 0, 0.95, 0.01},
		{20, 10, 4_000, 5 * time.Millisecond, 0, 0.95, 0.01},
		{100, 100, 10_000, 80 * time.Millisecond, 0, 0.95, 0.015}, // those of the first tenth of a second
		{400, 10, 20_000, 20 * time.Millisecond, 0, 0.88, 0.01},
		{2, 5, 600, 50 * time.Millisecond, 0, 0.95, 0.05},
		// While all is held up the host's bucket runs over: 97 % is the most.
		{100, 10, 3_000, 5 * time.Millisecond, 150 * time.Millisecond, 0.65, 0.02},
		{20, 10, 4_000, 5 * time.Millisecond, 300 * time.Millisecond, 0.92, 0.01},
	} {
		t.Run(fmt.Sprintf("%g a second, %s", c.rate, c.stall), func(t *testing.T) {
			t.Parallel()
			start := time.Date(2026, 11, 26, 12, 0, 0, 420_000_000, time.UTC)
			p, host := &Paces{}, &limiter{rate: c.rate, burst: c.burst, tokens: c.burst, at: start}
			took, refused, away := bulk(t, p, host, start, c.requests, c.latency, c.stall)
			ideal := time.Duration(float64(c.requests) / c.rate * float64(time.Second))
			reached, share := ideal.Seconds()/took.Seconds(), float64(refused)/float64(c.requests)
			t.Logf("reached %.1f %% of the allowed rate; %d of %d refused (%.2f %%); sent away %d times", 100*reached, refused, c.requests, 100*share, away)
			require.Greater(t, reached, c.reached)
			require.Less(t, share, c.refused)
			require.Less(t, float64(away), 3*float64(c.requests), "those sent away come back seldom")
		})
	}
}

// A pace is only for those who were refused, and only for that kind of request.
func TestPaces_NeverRefused(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	var p Paces
	p.Tell(Kind{"POST", "b"}, now, now, Said{Refused: true})
	for range 1000 {
		for _, k := range []Kind{{"POST", "a"}, {"GET", "b"}} {
			require.Equal(t, Turn{At: now}, p.Ask(k, now))
			p.Tell(k, now, now, Said{Refused: false})
		}
	}
	var turn Turn
	for range 100 {
		turn = p.Ask(Kind{"POST", "b"}, now)
	}
	require.True(t, turn.Away)
}

func TestPaces_RetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	var p Paces
	k := Kind{"POST", "h"}
	given := p.Ask(k, now).At
	require.True(t, p.Stands(k, given))
	p.Tell(k, now, now.Add(time.Millisecond), Said{Refused: true, After: 40 * time.Second})
	require.False(t, p.Stands(k, given), "what was given before the refusal does not stand")
	for _, wait := range []time.Duration{time.Millisecond, 10 * time.Second, 38 * time.Second} {
		turn := p.Ask(k, now.Add(wait))
		require.True(t, turn.Away)
		require.False(t, turn.At.Before(now.Add(40*time.Second)), "nobody goes before the host wants it")
	}
	require.Equal(t, Turn{At: now.Add(40*time.Second + time.Millisecond)}, p.Ask(k, now.Add(39*time.Second)), "who comes a second before waits")
	p.Tell(k, now, now.Add(2*time.Second), Said{Refused: true, After: 48 * time.Hour})
	require.Less(t, p.Ask(k, now.Add(50*time.Minute)).At.Sub(now), 70*time.Minute, "a day is not believed")
}

// Others that were under way when the first was refused say nothing new.
func TestPaces_OneRefusalOfMany(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	k := Kind{"POST", "h"}
	rate := func(refusals int) time.Duration {
		var p Paces
		for i := range 300 { // three seconds at 100 a second
			at := start.Add(time.Duration(i) * 10 * time.Millisecond)
			p.Tell(k, at, at, Said{Refused: false})
		}
		end := start.Add(3 * time.Second)
		for range refusals {
			p.Tell(k, end.Add(-time.Millisecond), end, Said{Refused: true})
		}
		first := p.Ask(k, end)
		return p.Ask(k, end).At.Sub(first.At)
	}
	require.InDelta(t, 10.3, float64(rate(1).Microseconds())/1000, 0.2, "a little below what the host took")
	require.Equal(t, rate(1), rate(50))
}

func TestPaces_LimitsThatChange(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	p, host := &Paces{}, &limiter{rate: 20, burst: 10, tokens: 10, at: start}
	took, _, _ := bulk(t, p, host, start, 1000, 5*time.Millisecond, 0)
	now := start.Add(took)
	host.rate = 100
	took, refused, _ := bulk(t, p, host, now, 10_000, 5*time.Millisecond, 0)
	t.Logf("100 a second where 20 were: %s instead of 100s", took)
	require.Less(t, took, 300*time.Second, "it finds that more is allowed")
	require.Less(t, refused, 100)
	now = now.Add(took)
	host.rate = 20
	took, refused, _ = bulk(t, p, host, now, 2000, 5*time.Millisecond, 0)
	require.Less(t, took, 130*time.Second)
	require.Less(t, refused, 100)
	later := now.Add(took).Add(16 * time.Minute)
	require.Equal(t, Turn{At: later}, p.Ask(Kind{"POST", "host"}, later), "forgotten after a quarter of an hour")
}

func TestPaces_ManyAtOnce(t *testing.T) {
	t.Parallel()
	var p Paces
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
			for j := range 2000 {
				k := Kind{"POST", fmt.Sprint("h", j%3)}
				now = now.Add(time.Millisecond)
				p.Stands(k, p.Ask(k, now).At)
				p.Tell(k, now, now, Said{Refused: (i+j)%97 == 0})
			}
		})
	}
	wg.Wait()
}

// A host that nobody knows is asked in growing numbers, and then freely.
func TestPaces_SoftStart(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	var p Paces
	k := Kind{"POST", "h"}
	round := func() (n int) {
		for !p.Ask(k, now).Again && n < 1000 {
			n++
		}
		now = now.Add(startAgain)
		for range n {
			p.Tell(k, now, now, Said{Refused: false})
		}
		return n
	}
	require.Equal(t, 16, round())
	require.Equal(t, 24, round())
	require.Equal(t, 36, round())
	for range 4 { // 54, 81, 121: now it is known
		round()
	}
	require.Equal(t, 1000, round())
	silent := Kind{"POST", "silent"}
	for range 16 {
		p.Ask(silent, now)
	}
	require.True(t, p.Ask(silent, now).Again)
	require.False(t, p.Ask(silent, now.Add(3*time.Second)).Again, "a host that answers slowly holds nobody back for ever")
}

// What a request to a host that never refused pays.
func BenchmarkPaces(b *testing.B) {
	var p Paces
	k, now := Kind{"POST", "h"}, time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	b.ReportAllocs()
	for b.Loop() {
		p.Ask(k, now)
		p.Tell(k, now, now, Said{Refused: false})
	}
}
