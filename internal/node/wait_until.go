package node

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/form"
	"joinery/internal/joiner"
	"joinery/internal/policy"
)

// WaitUntil waits for a moment, such as 08:00 on the start date where the joiner works.
type WaitUntil struct{}

var _ Type = WaitUntil{}

// Spec describes the node.
func (WaitUntil) Spec() flow.Spec {
	return flow.Spec{
		Kind: "wait.until", Version: 1, Category: "logic", Title: "Wait until", Icon: "clock",
		Help: "Waits for a day and an hour. The date is computed again whenever the HRIS says something new about the joiner, so a moved start date is followed. A moment that has passed does not wait.",
		Fields: []form.Field{
			{Key: "date", Label: "Date", Kind: form.Expression, Required: true, Result: "timestamp", Placeholder: "joiner.start_date", Help: "An expression that gives a date."},
			{Key: "offset_days", Label: "Days before or after", Kind: form.Number, Help: "-5 is five days before the date."},
			{Key: "working_days", Label: "Count working days only", Kind: form.Bool, Help: "Monday to Friday, or as the calendar says."},
			{Key: "calendar", Label: "Holiday calendar", Kind: form.Policy, Of: "calendar", Help: "A policy of type calendar: its days off in the joiner's country and site are no working days."},
			{Key: "on_day_off", Label: "If that day is not worked", Kind: form.Select, Default: "keep", Options: []form.Option{{Value: "keep", Label: "take it all the same"}, {Value: "earlier", Label: "take the last working day before"}, {Value: "later", Label: "take the next working day"}}},
			{Key: "time", Label: "Time of day", Kind: form.Text, Default: "08:00", Expr: true, Placeholder: "08:00"},
			{Key: "zone", Label: "Time zone", Kind: form.Text, Expr: true, Placeholder: "Europe/Berlin", Help: "Empty: the joiner's own time zone, or UTC when the HRIS has none."},
			{Key: "cancel_when", Label: "Stop waiting when", Kind: form.Expression, Result: "bool", Placeholder: `joiner.status == "rescinded"`, Help: "Looked at when something new about the joiner comes."},
		},
		Ports:   []flow.Port{{Name: "due", Label: "when it is time"}, {Name: "canceled", Label: "stopped waiting"}},
		Outputs: []flow.Output{{Name: "at", Type: "string", Help: "The moment, in UTC."}},
	}
}

// Run waits, or leaves when it is time.
func (WaitUntil) Run(_ context.Context, call Call) (Result, error) {
	if call.Params.Bool("cancel_when") {
		return Result{Port: "canceled"}, nil
	}
	zone, err := waitZone(call)
	if err != nil {
		return Result{}, err
	}
	days, err := waitDays(call)
	if err != nil {
		return Result{}, err
	}
	at, err := waitMoment(call.Params, zone, days)
	if err != nil {
		return Result{}, err
	}
	out := map[string]any{"at": at.UTC().Format(time.RFC3339)}
	if !at.After(call.Now()) {
		return Result{Port: "due", Output: out}, nil
	}
	return Result{Output: out, Wait: &Wait{Until: at, For: "until " + at.Format("2 Jan 2006 15:04") + " (" + zone.String() + ")"}}, nil
}

func waitZone(call Call) (*time.Location, error) {
	name := strings.TrimSpace(call.Params.Text("zone"))
	if name == "" {
		name = call.Joiner.Text(joiner.TimeZone)
	}
	if name == "" {
		name = "UTC"
	}
	zone, err := time.LoadLocation(name)
	if err != nil || strings.EqualFold(name, "local") {
		return nil, fault.New(fault.Invalid, "%q is not a time zone. Write a name such as Europe/Berlin.", name)
	}
	return zone, nil
}

// waitDays gives the days that are worked where the joiner works.
func waitDays(call Call) (policy.Days, error) {
	key := strings.TrimSpace(call.Params.Text("calendar"))
	if key == "" {
		return policy.Weekdays(), nil
	}
	p, err := call.Policy(key)
	if err != nil {
		return policy.Days{}, err
	}
	if p.Calendar == nil {
		return policy.Days{}, fault.New(fault.Invalid, "The policy %s is no holiday calendar.", key)
	}
	if call.Joiner.Text(joiner.Country) == "" {
		call.Log("The HRIS tells no country, so only the days off of every country count.")
	}
	return p.Calendar.DaysOf(call.Joiner), nil
}

func waitMoment(p Params, zone *time.Location, days policy.Days) (time.Time, error) {
	var day time.Time
	switch v := p["date"].(type) {
	case time.Time:
		day = v.In(zone)
	case string:
		d, err := parseDay(v, zone)
		if err != nil {
			return time.Time{}, err
		}
		day = d
	default:
		return time.Time{}, fault.New(fault.Invalid, "There is no date to wait for. The HRIS may not have one yet for this joiner.")
	}
	offset := 0
	switch v := p["offset_days"].(type) {
	case float64:
		offset = int(math.Round(v))
	case int64:
		offset = int(v)
	}
	day, err := moveDays(day, offset, p, days)
	if err != nil {
		return time.Time{}, err
	}
	hour, minute := 8, 0
	if text := strings.TrimSpace(p.Text("time")); text != "" {
		if _, err := fmt.Sscanf(text, "%d:%d", &hour, &minute); err != nil || hour < 0 || hour > 23 || minute < 0 || minute > 59 {
			return time.Time{}, fault.New(fault.Invalid, "%q is not a time of day. Write it as 08:00.", text)
		}
	}
	return localTime(day.Year(), day.Month(), day.Day(), hour, minute, zone), nil
}

func parseDay(text string, zone *time.Location) (time.Time, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return time.Time{}, fault.New(fault.Invalid, "There is no date to wait for. The HRIS may not have one yet for this joiner.")
	}
	if d, err := time.Parse(time.DateOnly, text); err == nil {
		return d, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.In(zone), nil
	}
	return time.Time{}, fault.New(fault.Invalid, "%q is not a date. A date looks like 2026-12-01.", text)
}

// moveDays counts calendar or working days from a day, and leaves a day that is
// not worked the way the node says. It counts in UTC, which skips no midnight.
func moveDays(day time.Time, n int, p Params, days policy.Days) (time.Time, error) {
	day = time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, time.UTC)
	if p.Bool("working_days") {
		var err error
		if day, err = days.Move(day, n); err != nil {
			return day, err
		}
	} else {
		day = day.AddDate(0, 0, n)
	}
	switch p.Text("on_day_off") {
	case "earlier":
		return days.Next(day, -1)
	case "later":
		return days.Next(day, 1)
	}
	return day, nil
}

// localTime gives the instant of a wall-clock time in a zone. Of a time that comes
// twice it is the first; a time that daylight saving skips is as much later as the
// clocks are put forward (RFC 5545 3.3.5), always on the same day. time.Date
// promises neither, and for a skipped midnight may give the day before.
func localTime(y int, m time.Month, d, hour, minute int, zone *time.Location) time.Time {
	wall := time.Date(y, m, d, hour, minute, 0, 0, time.UTC)
	with := func(near time.Time) (time.Time, bool) {
		_, offset := near.In(zone).Zone()
		t := wall.Add(-time.Duration(offset) * time.Second).In(zone)
		return t, t.Day() == d && t.Hour() == hour && t.Minute() == minute
	}
	before, fits := with(wall.Add(-26 * time.Hour))
	if fits {
		return before
	}
	if after, fits := with(wall.Add(26 * time.Hour)); fits {
		return after
	}
	return before
}
