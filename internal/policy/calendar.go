package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"joinery/internal/fault"
	"joinery/internal/form"
	"joinery/internal/joiner"
)

// Calendar tells which days are worked, by country and site. wait.until counts and
// moves days by it.
type Calendar struct {
	// Weekends are the days of rest of each week; Saturday and Sunday where no row says otherwise.
	Weekends []Weekend `json:"weekends,omitempty" yaml:"weekends,omitempty"`
	// Rows are the days off.
	Rows []DayOff `json:"rows,omitempty" yaml:"rows,omitempty"`
}

// Weekend is the days of rest of one country.
type Weekend struct {
	// Country is as the HRIS writes it; empty means every country without a row of its own.
	Country string   `json:"country,omitempty" yaml:"country,omitempty"`
	Days    []string `json:"days" yaml:"days"`
}

// DayOff is one holiday, or several days in a row.
type DayOff struct {
	Name string `json:"name" yaml:"name"`
	// Date and Until are the first and the last day (2026-12-25); Until may be empty.
	Date  string `json:"date" yaml:"date"`
	Until string `json:"until,omitempty" yaml:"until,omitempty"`
	// Yearly repeats the days on the same dates of every year from then on.
	Yearly bool `json:"yearly,omitempty" yaml:"yearly,omitempty"`
	// Country and Site (the joiner's location) say where; empty means everywhere.
	Country string `json:"country,omitempty" yaml:"country,omitempty"`
	Site    string `json:"site,omitempty" yaml:"site,omitempty"`
}

var _ Rules = (*Calendar)(nil)

// longestOff is the most days one row may span: a plant's summer closing, not a year.
const longestOff = 62

// mostLooked bounds the search for a day that is worked.
const mostLooked = 400

func calendarKind() kind {
	return kind{
		spec: Spec{
			Type: "calendar", Title: "Holiday calendar", Icon: "calendar",
			Help: "Which days are worked, by country and site. Wait until counts working days and moves dates by it.",
			Fields: []form.Field{
				{Key: "weekends", Label: "Weekends", Kind: form.Table, Help: "Saturday and Sunday where nothing is said.", Columns: []form.Field{
					{Key: "country", Label: "Country", Kind: form.Text, Placeholder: "AE", Help: "As the HRIS writes it. Empty: all other countries."},
					{Key: "days", Label: "Days of rest", Kind: form.List, Required: true, Placeholder: "saturday, sunday"},
				}},
				{Key: "rows", Label: "Days off", Kind: form.Table, Columns: []form.Field{
					{Key: "name", Label: "Name", Kind: form.Text, Required: true, Placeholder: "Christmas Day"},
					{Key: "date", Label: "Date", Kind: form.Text, Required: true, Placeholder: "2026-12-25"},
					{Key: "until", Label: "Last day", Kind: form.Text, Placeholder: "2026-12-26", Help: "Empty: one day."},
					{Key: "yearly", Label: "Every year", Kind: form.Bool, Help: "On the same date of each year from then on."},
					{Key: "country", Label: "Country", Kind: form.Text, Placeholder: "DE", Help: "Empty: everywhere."},
					{Key: "site", Label: "Site", Kind: form.Text, Placeholder: "Munich", Help: "The joiner's location. Empty: every site."},
				}},
			},
			Starter: "key: holidays\nname: Company holidays\ntype: calendar\ncalendar:\n  rows:\n    - name: New Year's Day\n      date: 2026-01-01\n      yearly: true\n    - name: Christmas\n      date: 2026-12-25\n      until: 2026-12-26\n      yearly: true\n      country: DE\ncases:\n  - name: Christmas is no working day in Germany\n    joiner: {start_date: \"2026-12-25\", country: DE}\n    expect: {working: false, holiday: Christmas, earlier: \"2026-12-24\", later: \"2026-12-28\"}\n  - name: Elsewhere it is\n    joiner: {start_date: \"2026-12-25\", country: SE}\n    expect: {working: true}\n",
		},
		rules: func(c Content) (Rules, bool) { return c.Calendar, c.Calendar != nil },
	}
}

// Check finds what is wrong with the calendar.
func (c *Calendar) Check(Known) []fault.Problem {
	var out []fault.Problem
	add := func(path, format string, args ...any) {
		out = append(out, fault.Problem{Path: path, Detail: fmt.Sprintf(format, args...)})
	}
	if len(c.Rows)+len(c.Weekends) == 0 {
		add("rows", "The calendar needs at least one day off.")
	}
	if len(c.Rows) > 5000 || len(c.Weekends) > 300 {
		add("rows", "A calendar may have up to 5,000 days off and 300 weekends.")
		return out
	}
	countries := map[string]bool{}
	for i, w := range c.Weekends {
		at := fmt.Sprintf("weekends.%d", i)
		if key := fold(w.Country); countries[key] {
			add(at+".country", "Two rows tell the weekend of this country.")
		} else {
			countries[key] = true
		}
		seen := map[time.Weekday]bool{}
		for j, d := range w.Days {
			day, ok := weekday(d)
			if !ok {
				add(fmt.Sprintf("%s.days.%d", at, j), "%q is not a day of the week. Write saturday.", d)
			}
			seen[day] = true
		}
		if len(seen) > 6 {
			add(at+".days", "At least one day of the week must be worked.")
		}
	}
	for i, r := range c.Rows {
		for _, p := range r.check() {
			add(fmt.Sprintf("rows.%d.%s", i, p.Path), "%s", p.Detail)
		}
	}
	return out
}

func (r DayOff) check() []fault.Problem {
	if strings.TrimSpace(r.Name) == "" {
		return []fault.Problem{{Path: "name", Detail: "Name the day off."}}
	}
	first, err := time.Parse(time.DateOnly, r.Date)
	if err != nil {
		return []fault.Problem{{Path: "date", Detail: fmt.Sprintf("%q is not a date. A date looks like 2026-12-25.", r.Date)}}
	}
	if r.Until == "" {
		return nil
	}
	last, err := time.Parse(time.DateOnly, r.Until)
	switch {
	case err != nil:
		return []fault.Problem{{Path: "until", Detail: fmt.Sprintf("%q is not a date. A date looks like 2026-12-26.", r.Until)}}
	case last.Before(first):
		return []fault.Problem{{Path: "until", Detail: "The last day is before the first."}}
	case last.Sub(first) > longestOff*24*time.Hour:
		return []fault.Problem{{Path: "until", Detail: fmt.Sprintf("One row may span up to %d days.", longestOff)}}
	}
	return nil
}

// Connections lists none.
func (c *Calendar) Connections() []string { return nil }

// Days are the days off that count for one joiner.
type Days struct {
	rest map[time.Weekday]bool
	rows []DayOff
}

// Weekdays are the days of somebody without a calendar: Saturday and Sunday are off.
func Weekdays() Days {
	return Days{rest: map[time.Weekday]bool{time.Saturday: true, time.Sunday: true}}
}

// DaysOf gives the days off of a joiner, by country and location.
func (c *Calendar) DaysOf(w joiner.Worker) Days {
	country, site := fold(w.Text(joiner.Country)), fold(w.Text(joiner.Location))
	out := Weekdays()
	for _, row := range c.Weekends {
		own := country != "" && fold(row.Country) == country
		if !own && row.Country != "" {
			continue
		}
		rest := map[time.Weekday]bool{}
		for _, d := range row.Days {
			if day, ok := weekday(d); ok {
				rest[day] = true
			}
		}
		if out.rest = rest; own {
			break
		}
	}
	for _, r := range c.Rows {
		if (r.Country == "" || fold(r.Country) == country) && (r.Site == "" || fold(r.Site) == site) {
			out.rows = append(out.rows, r)
		}
	}
	return out
}

// Off tells whether a day is not worked, and the holiday's name; "" on a weekend.
func (d Days) Off(day time.Time) (name string, off bool) {
	for _, r := range d.rows {
		if r.covers(day) {
			return r.Name, true
		}
	}
	return "", d.rest[day.Weekday()]
}

func (r DayOff) covers(day time.Time) bool {
	first, err := time.Parse(time.DateOnly, r.Date)
	if err != nil {
		return false
	}
	last, err := time.Parse(time.DateOnly, r.Until)
	if err != nil {
		last = first
	}
	day = plainDay(day)
	if !r.Yearly {
		return !day.Before(first) && !day.After(last)
	}
	if day.Before(first) {
		return false
	}
	// The days may reach over New Year, so the year before counts too.
	for _, year := range []int{day.Year() - 1, day.Year()} {
		from := time.Date(year, first.Month(), first.Day(), 0, 0, 0, 0, time.UTC)
		if from.Day() != first.Day() {
			continue // 29 February in a year without it
		}
		if to := from.AddDate(0, 0, int(last.Sub(first).Hours()/24)); !day.Before(from) && !day.After(to) {
			return true
		}
	}
	return false
}

// Next gives the nearest worked day from a day on, the day itself included; step
// is 1 for later and -1 for earlier.
func (d Days) Next(day time.Time, step int) (time.Time, error) {
	day = plainDay(day)
	for range mostLooked {
		if _, off := d.Off(day); !off {
			return day, nil
		}
		day = day.AddDate(0, 0, step)
	}
	return time.Time{}, fault.New(fault.Invalid, "The holiday calendar has no working day within %d days of %s.", mostLooked, day.Format(time.DateOnly))
}

// Move counts n worked days from a day; the day itself does not count.
func (d Days) Move(day time.Time, n int) (time.Time, error) {
	day = plainDay(day)
	step := 1
	if n < 0 {
		step, n = -1, -n
	}
	for n = min(n, 2000); n > 0; n-- {
		next, err := d.Next(day.AddDate(0, 0, step), step)
		if err != nil {
			return day, err
		}
		day = next
	}
	return day, nil
}

// plainDay is a day without its hour and zone.
func plainDay(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

func fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

func weekday(text string) (time.Weekday, bool) {
	text = fold(text)
	for d := time.Sunday; d <= time.Saturday; d++ {
		if name := fold(d.String()); text == name || len(text) >= 3 && strings.HasPrefix(name, text) {
			return d, true
		}
	}
	return 0, false
}

// Try tells about the joiner's start date, or today when there is none.
func (c *Calendar) Try(_ context.Context, s Subject) (Outcome, error) {
	day, err := time.Parse(time.DateOnly, s.Worker.Text(joiner.StartDate))
	if err != nil {
		day = s.Now
		if zone := s.Worker.Zone(); zone != nil {
			day = day.In(zone)
		}
	}
	day = plainDay(day)
	days := c.DaysOf(s.Worker)
	name, off := days.Off(day)
	earlier, err := days.Next(day, -1)
	if err != nil {
		return Outcome{}, err
	}
	later, err := days.Next(day, 1)
	if err != nil {
		return Outcome{}, err
	}
	why := "A working day."
	switch {
	case name != "":
		why = "A holiday: " + name + "."
	case off:
		why = "A weekend."
	}
	row := slices.IndexFunc(c.Rows, func(r DayOff) bool { return name != "" && r.Name == name && r.covers(day) }) + 1
	return Outcome{
		Output:  map[string]any{"date": day.Format(time.DateOnly), "working": !off, "holiday": name, "earlier": earlier.Format(time.DateOnly), "later": later.Format(time.DateOnly)},
		Reasons: []Reason{{Row: row, Took: off, Title: day.Format("Monday, 2 January 2006"), Detail: why}},
	}, nil
}
