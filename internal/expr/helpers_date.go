package expr

import (
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// dateHelpers take a date as text ("2026-12-01") or a moment. A date given as
// text without a time stays one; anything else becomes a moment.
func dateHelpers() []cel.EnvOption {
	text, number, dyn := cel.StringType, cel.IntType, cel.DynType
	return []cel.EnvOption{
		cel.Function("FormatDateTime",
			overload("FormatDateTime", []*cel.Type{dyn, text}, text, func(a []ref.Val) ref.Val {
				return formatDate(a[0], "", txt(a[1]))
			}),
			overload("FormatDateTime", []*cel.Type{dyn, text, text, text}, text, func(a []ref.Val) ref.Val {
				return formatDate(a[0], txt(a[2]), txt(a[3]))
			})),
		fn("CDate", []*cel.Type{dyn}, cel.TimestampType, func(a []ref.Val) ref.Val {
			return withDate(a[0], func(t time.Time, _ bool) ref.Val { return types.Timestamp{Time: t} })
		}),
		fn("DateAdd", []*cel.Type{text, number, dyn}, dyn, func(a []ref.Val) ref.Val {
			return withDate(a[2], func(t time.Time, day bool) ref.Val { return dateAdd(txt(a[0]), num(a[1]), t, day) })
		}),
		fn("DateDiff", []*cel.Type{text, dyn, dyn}, number, func(a []ref.Val) ref.Val {
			return withDate(a[1], func(from time.Time, _ bool) ref.Val {
				return withDate(a[2], func(to time.Time, _ bool) ref.Val { return dateDiff(txt(a[0]), from, to) })
			})
		}),
		fn("WorkDaysBefore", []*cel.Type{dyn, number}, text, func(a []ref.Val) ref.Val { return workDaysFrom(a[0], -num(a[1])) }),
		fn("WorkDaysAfter", []*cel.Type{dyn, number}, text, func(a []ref.Val) ref.Val { return workDaysFrom(a[0], num(a[1])) }),
	}
}

func workDaysFrom(v ref.Val, n int) ref.Val {
	return withDate(v, func(t time.Time, _ bool) ref.Val {
		if n < -2600 || n > 2600 {
			return types.NewErr("that many working days are more than ten years")
		}
		return types.String(WorkDays(t, n).Format(time.DateOnly))
	})
}

// WorkDays moves a date by working days, Monday to Friday. Moving by none from a
// weekend stays there.
func WorkDays(day time.Time, n int) time.Time {
	step := 1
	if n < 0 {
		step, n = -1, -n
	}
	for n > 0 {
		day = day.AddDate(0, 0, step)
		if w := day.Weekday(); w != time.Saturday && w != time.Sunday {
			n--
		}
	}
	return day
}

// ParseDate reads a date or a moment. day tells that it had no time of day.
func ParseDate(s string) (t time.Time, day, ok bool) {
	s = strings.TrimSpace(s)
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, true, true
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04:05Z0700", "20060102150405Z", "20060102150405.0Z"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, false, true
		}
	}
	return time.Time{}, false, false
}

func withDate(v ref.Val, f func(t time.Time, day bool) ref.Val) ref.Val {
	switch x := v.(type) {
	case types.Timestamp:
		return f(x.Time, false)
	case types.String:
		if t, day, ok := ParseDate(string(x)); ok {
			return f(t, day)
		}
		if strings.TrimSpace(string(x)) == "" {
			return types.NewErr("the date is empty")
		}
		return types.NewErr("%q is not a date such as 2026-12-01", string(x))
	}
	return types.NewErr("the date is missing")
}

func formatDate(v ref.Val, from, to string) ref.Val {
	if from != "" {
		t, err := time.Parse(layout(from), txt(v))
		if err != nil {
			return types.NewErr("%q is not a date of the form %s", txt(v), from)
		}
		return types.String(t.Format(layout(to)))
	}
	if s, ok := v.(types.String); ok && strings.TrimSpace(string(s)) == "" {
		return types.String("")
	}
	return withDate(v, func(t time.Time, _ bool) ref.Val { return types.String(t.Format(layout(to))) })
}

// layout turns a format of the yyyy-MM-dd kind into Go's.
func layout(format string) string {
	pairs := [][2]string{
		{"yyyy", "2006"}, {"yy", "06"}, {"MMMM", "January"}, {"MMM", "Jan"}, {"MM", "01"}, {"M", "1"},
		{"dddd", "Monday"}, {"ddd", "Mon"}, {"dd", "02"}, {"d", "2"}, {"HH", "15"}, {"hh", "03"}, {"h", "3"},
		{"mm", "04"}, {"ss", "05"}, {"tt", "PM"}, {"fff", "000"}, {".f", ".0"}, {"zzz", "-07:00"}, {"K", "Z07:00"}, {"Z", "Z"},
	}
	var b strings.Builder
next:
	for i := 0; i < len(format); {
		for _, p := range pairs {
			if strings.HasPrefix(format[i:], p[0]) {
				b.WriteString(p[1])
				i += len(p[0])
				continue next
			}
		}
		b.WriteByte(format[i])
		i++
	}
	return b.String()
}

func dateAdd(unit string, n int, t time.Time, day bool) ref.Val {
	if n < -1_000_000 || n > 1_000_000 {
		return types.NewErr("%d is too much to add to a date", n)
	}
	switch unit {
	case "yyyy", "y":
		t = t.AddDate(n, 0, 0)
	case "q":
		t = t.AddDate(0, 3*n, 0)
	case "m":
		t = t.AddDate(0, n, 0)
	case "ww":
		t = t.AddDate(0, 0, 7*n)
	case "d":
		t = t.AddDate(0, 0, n)
	case "h":
		t, day = t.Add(time.Duration(n)*time.Hour), false
	case "n":
		t, day = t.Add(time.Duration(n)*time.Minute), false
	case "s":
		t, day = t.Add(time.Duration(n)*time.Second), false
	default:
		return types.NewErr("%q is no unit. Use yyyy, q, m, ww, d, h, n (minutes) or s", unit)
	}
	if t.Year() < 1 || t.Year() > 9999 {
		return types.NewErr("the date is out of range")
	}
	if day {
		return types.String(t.Format(time.DateOnly))
	}
	return types.Timestamp{Time: t}
}

func dateDiff(unit string, from, to time.Time) ref.Val {
	d := to.Sub(from)
	switch unit {
	case "d":
		return types.Int(d / (24 * time.Hour))
	case "h":
		return types.Int(d / time.Hour)
	case "n":
		return types.Int(d / time.Minute)
	case "s":
		return types.Int(d / time.Second)
	}
	return types.NewErr("%q is no unit. Use d, h, n (minutes) or s", unit)
}
