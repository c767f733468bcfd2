package bulk

import "time"

// PaceStep is the time that one count of a Pace is of; PaceSteps are so many.
const (
	PaceStep  = 5 * time.Second
	PaceSteps = 120
)

// Pace is how quickly runs under way come to an end.
type Pace struct {
	Left  int       // have not ended, and go on by themselves
	Began time.Time // when the first of the newest stage was started
	Ended []int     // ended in each PaceStep, the newest first
}

// Forecast is when the last one will have ended, if all goes on as it did lately.
type Forecast struct {
	Left      int
	PerSecond float64
	In        time.Duration
}

// Forecast reckons with the newer half of the time since the beginning, because a
// limit of the other side is found in the first seconds; half a minute at least, ten
// minutes at most. There is none before twenty seconds, and while nearly nothing ends.
func (p Pace) Forecast(now time.Time) (Forecast, bool) {
	since := now.Sub(p.Began)
	if p.Left == 0 || p.Began.IsZero() || since < 20*time.Second {
		return Forecast{}, false
	}
	steps := int(min(since, max(since/2, 30*time.Second)) / PaceStep)
	steps = min(steps, PaceSteps, len(p.Ended))
	ended := 0
	for _, n := range p.Ended[:steps] {
		ended += n
	}
	if ended < 5 {
		return Forecast{}, false
	}
	rate := float64(ended) / (time.Duration(steps) * PaceStep).Seconds()
	return Forecast{Left: p.Left, PerSecond: rate, In: time.Duration(float64(p.Left) / rate * float64(time.Second))}, true
}
