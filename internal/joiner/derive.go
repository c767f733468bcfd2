package joiner

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// The types of event (stored in flows for ever).
const (
	Hired      = "worker.hired"
	Updated    = "worker.updated"
	StartMoved = "worker.start_moved"
	Rescinded  = "worker.rescinded"
	Terminated = "worker.terminated"
)

// The states of a worker that end a plan.
const (
	StatusRescinded  = "rescinded"
	StatusTerminated = "terminated"
	StatusPlanned    = "planned"
)

// Seen is what is remembered of a worker between two looks at an HRIS: status and
// start date, and of every other attribute only a keyed mark, from which nobody
// learns the value.
type Seen struct {
	Status string            `json:"status"`
	Start  string            `json:"start"`
	Marks  map[string]string `json:"marks"`
	// MovedTo is a start date with which the HRIS says "rescinded" and means "moved".
	MovedTo string `json:"moved_to,omitempty"`
}

// See remembers a worker. The key makes the marks worthless to others.
func See(w Worker, key []byte) Seen {
	s := Seen{Status: w.Text(Status), Start: w.Text(StartDate), Marks: map[string]string{}}
	for name, v := range w.Attributes {
		if raw, err := json.Marshal(v); err == nil {
			s.Marks[name] = Mark(key, name, string(raw))
		}
	}
	return s
}

// Mark is a keyed hash of a value: equal values of one field have equal marks.
func Mark(key []byte, field, value string) string {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(field + "\x00" + value))
	return hex.EncodeToString(m.Sum(nil)[:12])
}

// Digest names the whole of what was seen.
func (s Seen) Digest() string {
	raw, err := json.Marshal(s)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8])
}

func (s Seen) ended() bool { return s.Status == StatusRescinded || s.Status == StatusTerminated }

// Derive tells which event an HRIS would have sent between two looks at a worker,
// and which attributes changed; "" when there is nothing to tell. Somebody never
// seen is hired when the start is not long ago: people who were there before
// Joinery looked are only changed. moves says how
// "rescinded" with a new date is meant (see Moved). It gives what to remember.
func Derive(before *Seen, now Seen, today, begun time.Time, moves bool) (event string, changed []string, seen Seen) {
	if moves && before != nil && Moved(before.Status, before.Start, before.MovedTo, now.Status, now.Start, today) {
		now.Status, now.MovedTo = StatusPlanned, now.Start
		now.Marks[Status] = before.Marks[Status]
	}
	if before == nil {
		switch start, err := time.Parse(time.DateOnly, now.Start); {
		case now.Status == StatusRescinded:
			return Rescinded, nil, now
		case now.Status == StatusTerminated:
			return Terminated, nil, now
		case err == nil && start.Before(begun.Add(-settledIn)) && !begun.IsZero() && now.Status != StatusPlanned:
			return Updated, nil, now
		}
		return Hired, nil, now
	}
	for _, name := range slices.Sorted(maps.Keys(union(before.Marks, now.Marks))) {
		if before.Marks[name] != now.Marks[name] {
			changed = append(changed, name)
		}
	}
	switch {
	case len(changed) == 0:
		return "", nil, now
	case before.ended() && !now.ended():
		return Hired, changed, now
	case now.Status == StatusRescinded && before.Status != StatusRescinded:
		return Rescinded, changed, now
	case now.Status == StatusTerminated && before.Status != StatusTerminated:
		return Terminated, changed, now
	case now.Start != before.Start:
		return StartMoved, changed, now
	}
	return Updated, changed, now
}

// settledIn is how long before the first look a start must be for the worker to
// count as somebody who was there already.
const settledIn = 7 * 24 * time.Hour

// Moved reports whether "rescinded" together with a new start date in the future
// means that the start was moved, in an HRIS that says it so. movedTo is a date for which
// that was found before; it stays so until the date changes.
func Moved(wasStatus, wasStart, movedTo, status, start string, today time.Time) bool {
	day, err := time.Parse(time.DateOnly, start)
	if status != StatusRescinded || err != nil || !day.After(today) {
		return false
	}
	if movedTo != "" && movedTo == start {
		return true
	}
	return wasStatus != StatusRescinded && wasStatus != StatusTerminated && wasStart != "" && wasStart != start
}

func union(a, b map[string]string) map[string]string {
	out := maps.Clone(a)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, b)
	return out
}
