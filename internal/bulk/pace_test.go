package bulk

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A list that is drained at the limit of the other side: it was found within fifteen
// seconds, and after a minute the forecast is right to a twentieth.
func TestPace_Forecast(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	rate := func(second float64) float64 { // as measured against 100 a second
		switch {
		case second < 1 || second > 1.8 && second < 2.8 || second > 9 && second < 10 || second > 15 && second < 16:
			return 5
		case second < 1.8:
			return 70
		}
		return 98 + 4*math.Sin(second) // runs end in clumps
	}
	const people = 20_000
	var ended []time.Time
	sum := 0.0
	for s := 0.0; len(ended) < people; s += 0.001 {
		for sum += rate(s) * 0.001; float64(len(ended)) < sum && len(ended) < people; {
			ended = append(ended, start.Add(time.Duration(s*float64(time.Second))))
		}
	}
	at := func(now time.Time) (p Pace) {
		p = Pace{Began: start, Ended: make([]int, PaceSteps)}
		for _, e := range ended {
			if ago := now.Sub(e); ago < 0 {
				p.Left++
			} else if n := int(ago / PaceStep); n < PaceSteps {
				p.Ended[n]++
			}
		}
		return p
	}
	end := ended[people-1]
	for _, after := range []time.Duration{time.Minute, 90 * time.Second, 3 * time.Minute} {
		now := start.Add(after)
		f, ok := at(now).Forecast(now)
		require.True(t, ok)
		require.InEpsilon(t, end.Sub(start), now.Add(f.In).Sub(start), 0.05, "after %s", after)
	}
	for name, p := range map[string]Pace{
		"just begun":     at(start.Add(10 * time.Second)),
		"nothing ends":   {Left: 5, Began: start.Add(-time.Hour), Ended: []int{0, 1}},
		"nobody is left": {Began: start.Add(-time.Hour), Ended: []int{50, 50}},
		"never begun":    {Left: 5},
	} {
		_, ok := p.Forecast(start.Add(10 * time.Second))
		require.False(t, ok, name)
	}
}
