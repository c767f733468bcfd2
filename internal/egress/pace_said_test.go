package egress

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestListen(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		status int
		header http.Header
		want   Said
	}{
		"nothing":                 {200, http.Header{}, Said{}},
		"refused, silent":         {429, http.Header{}, Said{Refused: true}},
		"refused, seconds":        {429, http.Header{"Retry-After": {"7"}}, Said{Refused: true, After: 7 * time.Second}},
		"refused, date":           {429, http.Header{"Retry-After": {"Thu, 26 Nov 2026 12:00:09 GMT"}}, Said{Refused: true, After: 9 * time.Second}},
		"down":                    {503, http.Header{}, Said{}},
		"down, and says how long": {503, http.Header{"Retry-After": {"2"}}, Said{Refused: true, After: 2 * time.Second}},
		"three headers":           {200, http.Header{"Ratelimit-Limit": {"100"}, "Ratelimit-Remaining": {"40"}, "Ratelimit-Reset": {"20"}}, Said{Left: 40, Reset: 20 * time.Second}},
		"X-, an epoch":            {200, http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {fmt.Sprint(now.Add(30 * time.Second).Unix())}}, Said{Reset: 30 * time.Second}},
		"X-Rate-Limit, epoch":     {200, http.Header{"X-Rate-Limit-Remaining": {"12"}, "X-Rate-Limit-Reset": {fmt.Sprint(now.Add(6 * time.Second).Unix())}}, Said{Left: 12, Reset: 6 * time.Second}},
		"milliseconds":            {200, http.Header{"X-Ratelimit-Remaining": {"12"}, "X-Ratelimit-Reset": {fmt.Sprint(now.Add(6 * time.Second).UnixMilli())}}, Said{Left: 12, Reset: 6 * time.Second}},
		"structured, two":         {200, http.Header{"Ratelimit": {`"burst";r=50;t=1, "day";r=900;t=3600`}}, Said{Left: 900, Reset: time.Hour}},
		"earlier draft":           {200, http.Header{"Ratelimit": {"limit=100, remaining=30, reset=15"}}, Said{Left: 30, Reset: 15 * time.Second}},
		"nonsense":                {200, http.Header{"Ratelimit": {"soon"}, "X-Ratelimit-Remaining": {"few"}, "X-Ratelimit-Reset": {"NaN"}, "Ratelimit-Remaining": {"-4"}, "Ratelimit-Reset": {"1e300"}}, Said{}},
		"reset in the past":       {200, http.Header{"X-Ratelimit-Remaining": {"5"}, "X-Ratelimit-Reset": {fmt.Sprint(now.Add(-time.Minute).Unix())}}, Said{}},
	} {
		require.Equal(t, c.want, Listen(c.status, c.header, now), name)
	}
}

// A host that says what it still takes is never refused by: the pace uses up what is
// left just when there is more. One that says it and refuses all the same is not believed.
func TestPaces_HostThatSaysItsLimit(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	const limit, window = 300, 10 * time.Second
	var p Paces
	k, now, done := Kind{"POST", "h"}, start, 0
	used, began := 0, start
	for done < 3000 {
		turn := p.Ask(k, now)
		if turn.Away || turn.Again {
			now = now.Add(10 * time.Millisecond)
			continue
		}
		now = turn.At.Add(time.Millisecond)
		if now.Sub(began) >= window {
			began, used = now.Truncate(window), 0
		}
		require.Less(t, used, limit, "refused after %d", done)
		used++
		done++
		left := began.Add(window).Sub(now).Seconds()
		p.Tell(k, turn.At, now, Said{Left: float64(limit - used), Reset: time.Duration(left+0.999) * time.Second})
	}
	took := now.Sub(start)
	t.Logf("3000 in %s at 300 each 10 seconds", took)
	require.Less(t, took, 112*time.Second)

	p.Tell(k, now, now, Said{Left: 250, Reset: 8 * time.Second})
	p.Tell(k, now, now.Add(time.Millisecond), Said{Refused: true, After: time.Second, Left: 250, Reset: 8 * time.Second})
	x := p.of(k, now)
	require.Zero(t, x.told)
	p.Tell(k, now, now.Add(2*time.Millisecond), Said{Left: 250, Reset: 8 * time.Second})
	require.Zero(t, x.told, "it refused what it said it would take")
}
