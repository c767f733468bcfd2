package hris

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"joinery/internal/fault"
	"joinery/internal/joiner"
)

// Bounds of one worker.
const (
	maxText   = 2000
	maxFields = 200
	maxJSON   = 16 << 10
)

var attributeName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// Value gives an attribute in Joinery's form: nil instead of empty, days instead
// of dates with a time, text for what only looks like a number.
func Value(name string, v any) (any, error) {
	switch x := v.(type) {
	case nil:
		return nil, nil
	case string:
		x = strings.TrimSpace(x)
		if len(x) > maxText {
			return nil, fault.New(fault.Invalid, "The HRIS's value of %s is longer than %d bytes, which no such value is.", name, maxText)
		}
		if strings.ContainsRune(x, 0) {
			return nil, fault.New(fault.Invalid, "The HRIS's value of %s holds a null character.", name)
		}
		if x == "" {
			return nil, nil
		}
		if name == joiner.StartDate || name == joiner.EndDate {
			return day(name, x)
		}
		return x, nil
	case json.Number:
		if slices.Contains([]string{joiner.EmployeeNo, joiner.ManagerID, joiner.Phone, joiner.Department, joiner.Title, joiner.Location, joiner.Status, joiner.WorkerType}, name) {
			return x.String(), nil
		}
		return x.Float64()
	case bool:
		return x, nil
	}
	raw, err := json.Marshal(v)
	if err != nil || len(raw) > maxJSON {
		return nil, fault.New(fault.Invalid, "The HRIS's value of %s is too large.", name)
	}
	var out any
	err = json.Unmarshal(raw, &out)
	return out, err
}

// day reads a date. Vendors write "0000-00-00" for none, and a moment where they
// mean a day; the day is the one that is written, whatever the zone.
func day(name, text string) (any, error) {
	if text == "0000-00-00" {
		return nil, nil
	}
	date, _, _ := strings.Cut(text, "T")
	date, _, _ = strings.Cut(date, " ")
	if _, err := time.Parse(time.DateOnly, date); err != nil {
		return nil, fault.New(fault.Invalid, "The HRIS's value of %s, %q, is not a date like 2026-12-01.", name, Short(text))
	}
	return date, nil
}

// Plain writes an id as text; "" when it is none.
func Plain(v any) string {
	switch x := v.(type) {
	case string:
		return strings.TrimSpace(x)
	case json.Number:
		return x.String()
	}
	return ""
}

// Moment reads a time that a vendor wrote: RFC 3339, the same without a colon in
// the zone, or without a zone at all, which is UTC.
func Moment(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999-0700", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// CheckFields judges a mapping of attributes to a vendor's fields.
func CheckFields(fields map[string]string, field *regexp.Regexp, example string) []fault.Problem {
	var out []fault.Problem
	add := func(detail string) { out = append(out, fault.Problem{Path: "fields", Detail: detail}) }
	if len(fields) > maxFields {
		add("At most 200 fields can be mapped.")
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !attributeName.MatchString(name) {
			add(`"` + Short(name) + `" is not a name of an attribute: use lower-case letters, digits and underscores.`)
		}
		if name == joiner.TimeZone {
			add("time_zone is not read from a field: it comes from Time zones of locations and Time zone.")
		}
		if !field.MatchString(fields[name]) {
			add("The field of " + Short(name) + ` is not one: write a name such as ` + example + ".")
		}
	}
	return out
}

// Unmapped says which attributes of a write-back have no field.
func Unmapped(vendor string, fields map[string]string, set map[string]any) error {
	var problems []fault.Problem
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if fields[name] == "" {
			problems = append(problems, fault.Problem{Path: name, Detail: "The connection's settings name no field of " + vendor + " for " + name + "."})
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return &fault.Error{Kind: fault.Invalid, Sentence: problems[0].Detail + " Nothing was written.", Problems: problems}
}
