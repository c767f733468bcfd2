package policy

import (
	"fmt"
	"time"

	"joinery/internal/fault"
)

// soon is how long before its end a row is warned about.
const soon = 30 * 24 * time.Hour

// Warner is a set of rules that tells what does not keep it from going live and
// somebody should look at: rows that have run out, or will soon.
type Warner interface {
	Warnings(now time.Time, k Known) []fault.Problem
}

// Warnings lists what somebody should look at. Paths are those of Check.
func Warnings(c Content, now time.Time, k Known) []fault.Problem {
	rules, ok := c.Rules()
	if !ok {
		return nil
	}
	w, ok := rules.(Warner)
	if !ok {
		return nil
	}
	out := w.Warnings(now, k)
	for i := range out {
		out[i].Path = field(c.Type) + "." + out[i].Path
	}
	return out
}

// ended reports whether a row with an end has run out for a joiner: it counts
// through that day, where the joiner works.
func (s Subject) ended(until string) bool {
	if until == "" {
		return false
	}
	zone := s.Worker.Zone()
	if zone == nil {
		zone = time.UTC
	}
	return s.Now.In(zone).Format(time.DateOnly) > until
}

func checkUntil(path, until string) []fault.Problem {
	if until == "" {
		return nil
	}
	if _, err := time.Parse(time.DateOnly, until); err != nil {
		return []fault.Problem{{Path: path, Detail: "Write a date such as 2026-12-31: the last day on which this counts."}}
	}
	return nil
}

// ending warns of an end that is over or near.
func ending(path, what, until string, now time.Time) []fault.Problem {
	day, err := time.Parse(time.DateOnly, until)
	if err != nil {
		return nil
	}
	end := day.AddDate(0, 0, 1)
	switch {
	case !now.Before(end):
		return []fault.Problem{{Path: path, Detail: fmt.Sprintf("%s ran out on %s and has no effect any more. Take it out, or move its end.", what, until)}}
	case end.Sub(now) <= soon:
		return []fault.Problem{{Path: path, Detail: fmt.Sprintf("%s runs out on %s. Groups that it gave stay until the flow brings them in line.", what, until)}}
	}
	return nil
}
