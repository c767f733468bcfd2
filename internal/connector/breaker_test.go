package connector

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/fault"
)

func TestBreaker_R18_OpensHalfOpensCloses(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	p := &Pool{Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}
	down := fault.New(fault.Unavailable, "The directory has a problem of its own just now (503).")
	enter := func() error {
		_, err := p.breakers.enter("dir", now)
		if err == nil {
			p.breakers.leave("dir", time.Time{}) // what it asks is under way
		}
		return err
	}
	resting := func(err error) *RestingError {
		t.Helper()
		var r *RestingError
		require.ErrorAs(t, err, &r)
		return r
	}
	for n := 1; n < breakAfter; n++ {
		p.Report("dir", down)
		require.NoError(t, enter())
	}
	p.Report("dir", nil)
	for range breakAfter - 1 {
		p.Report("dir", down)
	}
	require.NoError(t, enter(), "failures in a row count, not failures")
	p.Report("dir", fault.Wrap(fault.Unavailable, errors.Join(ErrBusy, context.DeadlineExceeded), "All 8 connections are busy."))
	p.Report("dir", context.Canceled)
	require.NoError(t, enter(), "a call that we gave up says nothing")
	p.Report("dir", down)
	r := resting(enter())
	require.Equal(t, down.Sentence, r.Why)
	require.GreaterOrEqual(t, r.Until.Sub(now), firstRest)
	require.LessOrEqual(t, r.Until.Sub(now), firstRest*6/5)
	require.True(t, p.Health("dir").Resting)
	p.Report("dir", nil)
	require.True(t, p.Health("dir").Resting, "a call that was under way does not end the rest")
	require.NoError(t, let(p.breakers.enter("other", now)), "other connections go on")

	// One probe; it fails, and the rest is longer.
	now = r.Until
	require.NoError(t, enter())
	resting(enter())
	p.Report("dir", down)
	longer := resting(enter())
	require.Greater(t, longer.Until.Sub(now), r.Until.Sub(now)-firstRest/5+firstRest/2)
	// A probe that never says anything does not block for ever.
	now = longer.Until
	require.NoError(t, enter())
	now = now.Add(probeFor)
	require.NoError(t, enter())
	p.Report("dir", nil)
	require.NoError(t, enter())
	require.False(t, p.Health("dir").Resting)
	require.Zero(t, p.Health("dir").Failures)

	// What was let through before the rest does not go on calling in it.
	for range breakAfter {
		p.Report("dir", down)
	}
	resting(p.breakers.may("dir", now))
	now = p.Health("dir").Until
	require.NoError(t, enter())
	require.NoError(t, p.breakers.may("dir", now), "the probe calls")
	p.Report("dir", nil)

	// The credential is refused three times.
	for range refusedAfter {
		require.NoError(t, enter())
		p.Report("dir", fault.New(fault.Forbidden, "The token is not accepted."))
	}
	require.Equal(t, "The token is not accepted.", resting(enter()).Why)
	for range 20 {
		now = p.Health("dir").Until
		require.NoError(t, enter())
		p.Report("dir", down)
	}
	require.LessOrEqual(t, p.Health("dir").Until.Sub(now), longestRest*6/5)
	// What a system refuses for good reason is an answer.
	now = p.Health("dir").Until
	require.NoError(t, enter())
	p.Report("dir", fault.New(fault.Conflict, "taken"))
	require.NoError(t, enter())
	require.Equal(t, []string{"dir"}, []string{p.Healths()[0].Connection})
}

func TestBreaker_R17_ATimeThatIsNamedIsKeptByAll(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	p := &Pool{Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}
	p.Report("dir", &fault.Error{Kind: fault.Unavailable, Sentence: "It asks us to call less often.", RetryAfter: 7 * time.Second})
	now = now.Add(7*time.Second - time.Nanosecond)
	var r *RestingError
	require.True(t, errors.As(let(p.breakers.enter("dir", now)), &r))
	now = now.Add(time.Nanosecond)
	require.NoError(t, let(p.breakers.enter("dir", now)))
	require.NoError(t, let(p.breakers.enter("dir", now)), "nothing is broken, so nobody has to probe")
	require.False(t, p.Health("dir").Resting)
}

// A probe that asks nothing, because the database was away or its run parked, leaves
// the look to the next one.
func TestBreaker_F11_AProbeThatAsksNothing(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	p := &Pool{Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}
	down := fault.New(fault.Unavailable, "It did not answer in time.")
	for range breakAfter {
		p.Report("dir", down)
	}
	now = p.Health("dir").Until
	first, err := p.breakers.enter("dir", now)
	require.NoError(t, err)
	require.Error(t, let(p.breakers.enter("dir", now)), "one looks")
	p.breakers.leave("dir", first)
	second, err := p.breakers.enter("dir", now)
	require.NoError(t, err)
	p.Report("dir", down)
	require.True(t, p.Health("dir").Resting)
	p.breakers.leave("dir", second)
	require.Error(t, let(p.breakers.enter("dir", now)), "what the second found counts")
}

// What comes back after a failure comes back few at a time, and more with each
// answer.
func TestBreaker_F16_ComesBackGently(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	p := &Pool{Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}
	down := fault.New(fault.Unavailable, "It did not answer in time.")
	for range 100 {
		require.NoError(t, let(p.breakers.enter("dir", now)))
	}
	for range 3 {
		p.Report("dir", down) // 100, then 50, 25, 12 at once
	}
	for range 89 {
		p.breakers.leave("dir", time.Time{})
	}
	require.NoError(t, let(p.breakers.enter("dir", now)))
	var r *RestingError
	require.ErrorAs(t, let(p.breakers.enter("dir", now)), &r)
	require.True(t, r.Gentle)
	require.GreaterOrEqual(t, r.Wait, time.Second)
	p.Report("dir", nil)
	require.NoError(t, let(p.breakers.enter("dir", now)), "one more with each answer")
	window := func() int { return p.breakers.all["dir"].window }
	for range 50 - 13 {
		p.Report("dir", nil)
	}
	require.Equal(t, 50, window(), "so until half of what was too much")
	for range 49 {
		p.Report("dir", nil)
	}
	require.Equal(t, 50, window())
	p.Report("dir", nil)
	require.Equal(t, 51, window(), "then one more with each round")
	now = now.Add(3 * calmFor)
	for range gentleUntil {
		p.Report("dir", nil)
	}
	for range 1000 {
		require.NoError(t, let(p.breakers.enter("dir", now)))
	}
}

// let gives only whether a use was let through.
func let(_ time.Time, err error) error { return err }
