package hris

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"joinery/internal/fault"
	"joinery/internal/joiner"
)

// The states of a worker in Joinery's words.
const (
	Planned    = "planned"
	Active     = "active"
	Rescinded  = "rescinded"
	Terminated = "terminated"
)

var states = []string{Planned, Active, Rescinded, Terminated}

// Words turns a vendor's words into Joinery's. Vendors know "active" and
// "inactive"; planned and rescinded follow from the dates.
type Words struct {
	States map[string]string // the vendor's word of a state, and ours
	Kinds  map[string]string // the vendor's word for worker_type, and ours
	Zone   string            // IANA zone of those whose location has none; "" = unknown
	Zones  map[string]string // location, and its IANA zone
	Now    func() time.Time
}

// Check judges the words of a connection's settings.
func (w Words) Check() []fault.Problem {
	var out []fault.Problem
	for _, word := range slices.Sorted(maps.Keys(w.States)) {
		if !slices.Contains(states, w.States[word]) {
			out = append(out, fault.Problem{Path: "statuses", Detail: fmt.Sprintf("%q is not one of Joinery's states: %s.", Short(w.States[word]), strings.Join(states, ", "))})
		}
	}
	if w.Zone != "" && !zone(w.Zone) {
		out = append(out, fault.Problem{Path: "zone", Detail: fmt.Sprintf("%q is not a time zone. Write one like Europe/Berlin.", Short(w.Zone))})
	}
	for _, place := range slices.Sorted(maps.Keys(w.Zones)) {
		if !zone(w.Zones[place]) {
			out = append(out, fault.Problem{Path: "zones", Detail: fmt.Sprintf("%q of %s is not a time zone. Write one like Europe/Berlin.", Short(w.Zones[place]), Short(place))})
		}
	}
	return out
}

func zone(name string) bool {
	_, err := time.LoadLocation(name)
	return err == nil && name != "" && name != "Local"
}

// Apply puts Joinery's words into a worker's attributes.
func (w Words) Apply(attributes map[string]any) {
	if ours := w.Zones[text(attributes, joiner.Location)]; ours != "" {
		attributes[joiner.TimeZone] = ours
	} else if w.Zone != "" {
		attributes[joiner.TimeZone] = w.Zone
	}
	if ours := fold(w.Kinds, text(attributes, joiner.WorkerType)); ours != "" {
		attributes[joiner.WorkerType] = ours
	}
	if state := w.state(attributes); state != "" {
		attributes[joiner.Status] = state
	}
}

// state reads the vendor's state beside the dates: who is active and has not
// begun is planned; who left before the first day was never here.
func (w Words) state(attributes map[string]any) string {
	state := fold(w.States, text(attributes, joiner.Status))
	start, end := text(attributes, joiner.StartDate), text(attributes, joiner.EndDate)
	today := w.today(text(attributes, joiner.TimeZone))
	switch {
	case state == Active && start > today:
		return Planned
	case state == Terminated && start != "" && (end != "" && end < start || start > today):
		return Rescinded
	}
	return state
}

// today is the day in a zone; UTC when the zone is unknown.
func (w Words) today(zone string) string {
	at := w.Now()
	if l, err := time.LoadLocation(zone); err == nil && zone != "" {
		return at.In(l).Format(time.DateOnly)
	}
	return at.UTC().Format(time.DateOnly)
}

// fold finds a word whatever its case.
func fold(words map[string]string, word string) string {
	if ours, ok := words[word]; ok {
		return ours
	}
	for theirs, ours := range words {
		if strings.EqualFold(theirs, word) {
			return ours
		}
	}
	return ""
}

func text(m map[string]any, name string) string {
	s, _ := m[name].(string)
	return s
}
