package policy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/joiner"
)

func at(country, site string) joiner.Worker {
	return joiner.Worker{ID: "1", Attributes: map[string]any{joiner.Country: country, joiner.Location: site}}
}

func TestCalendar_Days(t *testing.T) {
	t.Parallel()
	c := &Calendar{
		Weekends: []Weekend{{Country: "AE", Days: []string{"fri", "Saturday"}}, {Days: []string{"sunday"}}},
		Rows: []DayOff{
			{Name: "Unity Day", Date: "2020-10-03", Yearly: true, Country: "DE"},
			{Name: "Assumption", Date: "2026-08-15", Country: "DE", Site: "Munich"},
			{Name: "Between the years", Date: "2025-12-27", Until: "2026-01-02", Yearly: true},
			{Name: "Leap", Date: "2024-02-29", Yearly: true},
		},
	}
	require.Empty(t, c.Check(Known{}))
	for _, k := range []struct{ country, site, day, name string }{
		{"de", "Berlin", "2026-10-03", "Unity Day"}, {"DE", "Berlin", "2019-10-03", "-"}, {"SE", "", "2026-10-03", "-"},
		{"DE", "munich ", "2026-08-15", "Assumption"}, {"DE", "Berlin", "2026-08-15", "-"},
		{"AE", "", "2026-12-04", ""}, {"AE", "", "2026-12-06", "-"}, {"SE", "", "2026-12-06", ""}, {"SE", "", "2026-12-05", "-"},
		{"SE", "", "2031-01-01", "Between the years"}, {"SE", "", "2030-12-28", "Between the years"}, {"SE", "", "2025-12-26", "-"},
		{"SE", "", "2028-02-29", "Leap"}, {"SE", "", "2027-03-01", "-"},
	} {
		day, err := time.Parse(time.DateOnly, k.day)
		require.NoError(t, err)
		name, off := c.DaysOf(at(k.country, k.site)).Off(day)
		if k.name == "-" {
			require.False(t, off, "%v", k)
			continue
		}
		require.True(t, off, "%v", k)
		require.Equal(t, k.name, name, "%v", k)
	}
}

func TestCalendar_WrongOnesAreRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"name: x\ntype: calendar\ncalendar: {}":                                                                   "at least one day off",
		"name: x\ntype: calendar\ncalendar: {rows: [{name: a, date: 25.12.2026}]}":                                "is not a date",
		"name: x\ntype: calendar\ncalendar: {rows: [{name: a, date: 2026-12-25, until: 2026-12-24}]}":             "before the first",
		"name: x\ntype: calendar\ncalendar: {rows: [{name: a, date: 2026-01-01, until: 2026-12-24}]}":             "up to 62 days",
		"name: x\ntype: calendar\ncalendar: {rows: [{date: 2026-01-01}]}":                                         "Name the day off",
		"name: x\ntype: calendar\ncalendar: {weekends: [{days: [caturday]}]}":                                     "not a day of the week",
		"name: x\ntype: calendar\ncalendar: {weekends: [{days: [mon, tue, wed, thu, fri, sat, sun]}]}":            "must be worked",
		"name: x\ntype: calendar\ncalendar: {weekends: [{country: DE, days: [mon]}, {country: de, days: [mon]}]}": "Two rows",
	} {
		var all string
		for _, p := range Check(parse(t, text), Known{}) {
			all += p.Path + ": " + p.Detail + "\n"
		}
		require.Contains(t, all, want, text)
	}
}

// A calendar without a worked day in sight says so instead of looking for ever.
func TestCalendar_NoWorkedDay(t *testing.T) {
	t.Parallel()
	d := Days{rest: map[time.Weekday]bool{0: true, 1: true, 2: true, 3: true, 4: true, 5: true, 6: true}}
	_, err := d.Move(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 3)
	require.ErrorContains(t, err, "no working day")
}
