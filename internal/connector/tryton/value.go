package tryton

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Tryton's JSON marks values that JSON lacks by a member __class__.
const class = "__class__"

// plain turns a value of the protocol into one of JSON: a day, a moment in RFC
// 3339, a decimal number as text. Bytes and what is not known are left out.
func plain(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	switch m[class] {
	case "date":
		return fmt.Sprintf("%04d-%02d-%02d", whole(m, "year"), whole(m, "month"), whole(m, "day"))
	case "datetime":
		if t, ok := moment(v); ok {
			return t.Format(time.RFC3339Nano)
		}
	case "time":
		return fmt.Sprintf("%02d:%02d:%02d", whole(m, "hour"), whole(m, "minute"), whole(m, "second"))
	case "Decimal":
		return m["decimal"]
	}
	return nil
}

// moment reads a datetime, which Tryton keeps in UTC.
func moment(v any) (time.Time, bool) {
	m, ok := v.(map[string]any)
	if !ok || m[class] != "datetime" {
		return time.Time{}, false
	}
	return time.Date(whole(m, "year"), time.Month(whole(m, "month")), whole(m, "day"), whole(m, "hour"), whole(m, "minute"), whole(m, "second"), 1000*whole(m, "microsecond"), time.UTC), true
}

func whole(m map[string]any, name string) int {
	n, ok := m[name].(json.Number)
	if !ok {
		return 0
	}
	i, err := n.Int64()
	if err != nil {
		return 0
	}
	return int(i)
}

// datetime and date write values of the protocol.
func datetime(t time.Time) map[string]any {
	t = t.UTC()
	return map[string]any{class: "datetime", "year": t.Year(), "month": int(t.Month()), "day": t.Day(), "hour": t.Hour(), "minute": t.Minute(), "second": t.Second(), "microsecond": t.Nanosecond() / 1000}
}

func date(t time.Time) map[string]any {
	return map[string]any{class: "date", "year": t.Year(), "month": int(t.Month()), "day": t.Day()}
}

// at follows a dotted field into what search_read answers: the fields of what
// "party" points to stand under "party.".
func at(m map[string]any, path string) any {
	for {
		name, rest, more := strings.Cut(path, ".")
		if !more {
			return m[name]
		}
		next, ok := m[name+"."].(map[string]any)
		if !ok {
			return nil
		}
		m, path = next, rest
	}
}

// latest gives the later of a moment and those of a record's dates.
func latest(t time.Time, m map[string]any, paths ...string) time.Time {
	for _, p := range paths {
		if u, ok := moment(at(m, p)); ok && u.After(t) {
			t = u
		}
	}
	return t
}

// number gives an id; 0 when it is none.
func number(v any) int64 {
	n, ok := v.(json.Number)
	if !ok {
		return 0
	}
	i, err := n.Int64()
	if err != nil {
		return 0
	}
	return i
}

func rows(v any) []map[string]any {
	list, _ := v.([]any)
	var out []map[string]any
	for _, x := range list {
		if m, ok := x.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}
