package bench

import (
	"math"
	"time"

	"joinery/internal/bulk"
)

// forecastAfter gives how wrong the forecast of the end was that the page of a list
// would have shown at that moment, as a share of the whole time; 0 when it was over
// before.
func forecastAfter(all []*joiner, began time.Time, after time.Duration) float64 {
	now := began.Add(after)
	p := bulk.Pace{Began: began, Ended: make([]int, bulk.PaceSteps)}
	var end time.Time
	for _, j := range all {
		made := time.Unix(0, j.created.Load())
		if made.After(end) {
			end = made
		}
		if ago := now.Sub(made); ago < 0 {
			p.Left++
		} else if n := int(ago / bulk.PaceStep); n < bulk.PaceSteps {
			p.Ended[n]++
		}
	}
	f, ok := p.Forecast(now)
	if !ok {
		return 0
	}
	return math.Abs(float64(now.Add(f.In).Sub(end))) / float64(end.Sub(began))
}
