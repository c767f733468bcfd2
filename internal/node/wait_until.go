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
			{Key: "working_days", Label: "Count working days only", Kind: form.Bool, Help: "Monday to Friday."},
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
	at, err := waitMoment(call.Params, zone)
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

func waitMoment(p Params, zone *time.Location) (time.Time, error) {
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
	year, month, dom := moveDays(day, offset, p.Bool("working_days"))
	hour, minute := 8, 0
	if text := strings.TrimSpace(p.Text("time")); text != "" {
		if _, err := fmt.Sscanf(text, "%d:%d", &hour, &minute); err != nil || hour < 0 || hour > 23 || minute < 0 || minute > 59 {
			return time.Time{}, fault.New(fault.Invalid, "%q is not a time of day. Write it as 08:00.", text)
		}
	}
	return localTime(year, month, dom, hour, minute, zone), nil
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

// moveDays counts calendar or working days from a day.
func moveDays(day time.Time, n int, working bool) (int, time.Month, int) {
	d := time.Date(day.Year(), day.Month(), day.Day(), 12, 0, 0, 0, time.UTC)
	if !working {
		return d.AddDate(0, 0, n).Date()
	}
	step := 1
	if n < 0 {
		step, n = -1, -n
	}
	for n = min(n, 2000); n > 0; {
		d = d.AddDate(0, 0, step)
		if wd := d.Weekday(); wd != time.Saturday && wd != time.Sunday {
			n--
		}
	}
	return d.Date()
}

// localTime gives a wall-clock time in a zone. A time that daylight saving skips
// gives one after the gap, on the same day: time.Date may give one before it, and
// for a skipped midnight even the day before.
func localTime(y int, m time.Month, d, hour, minute int, zone *time.Location) time.Time {
	t := time.Date(y, m, d, hour, minute, 0, 0, zone)
	for i := 0; i < 180 && (t.Day() != d || t.Hour()*60+t.Minute() < hour*60+minute); i++ {
		t = t.Add(time.Minute)
	}
	return t
}
