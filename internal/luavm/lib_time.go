package luavm

import (
	"fmt"
	"time"
	_ "time/tzdata" // a worker cannot open the zone files of the system
)

// timeLib works on dates ("2026-12-01") and moments (RFC 3339) as text.
func timeLib() []entry {
	day := func(c *call, i int) time.Time { return c.date(i) }
	return []entry{
		compute("time.add", "Moves a date by days, months and years. A month later than 31 January is the last of February.", `time.add("2026-01-31", {months = 1})  -- "2026-02-28"`,
			[]Param{p("date", "text"), p("by", "table")}, []Param{p("date", "text")}, func(c *call) {
				t, by := day(c, 1), c.table(2)
				part := func(k string) int {
					v := by.RawGetString(k)
					n, ok := text(v)
					if !ok {
						return 0
					}
					var i int
					if _, err := fmt.Sscanf(n, "%d", &i); err != nil || i > 1e5 || i < -1e5 {
						c.fail("time.add wants whole numbers up to 100,000")
					}
					return i
				}
				c.giveText(addMonths(t, part("years")*12+part("months")).AddDate(0, 0, part("days")+7*part("weeks")).Format(time.DateOnly))
			}),
		compute("time.days_between", "The days from one date to another.", `time.days_between("2026-12-01", "2026-12-24")  -- 23`, []Param{p("from", "text"), p("to", "text")}, []Param{p("days", "number")}, func(c *call) {
			c.giveInt(int(day(c, 2).Sub(day(c, 1)).Hours() / 24))
		}),
		compute("time.weekday", "The day of the week, 1 for Monday to 7 for Sunday (ISO 8601).", `time.weekday("2026-12-01")  -- 2`, []Param{p("date", "text")}, []Param{p("day", "number")}, func(c *call) {
			c.giveInt((int(day(c, 1).Weekday())+6)%7 + 1)
		}),
		compute("time.work_days", "Moves a date by working days, Monday to Friday.", `time.work_days("2026-12-04", 1)  -- "2026-12-07"`, []Param{p("date", "text"), p("days", "number")}, []Param{p("date", "text")}, func(c *call) {
			n, t := c.int(2), day(c, 1)
			if n > 2600 || n < -2600 {
				c.fail("time.work_days moves by up to 2600 days")
			}
			step := 1
			if n < 0 {
				step, n = -1, -n
			}
			for n > 0 {
				t = t.AddDate(0, 0, step)
				if w := t.Weekday(); w != time.Saturday && w != time.Sunday {
					n--
				}
			}
			c.giveText(t.Format(time.DateOnly))
		}),
		compute("time.at", "The moment of a time of day in a time zone. A time that daylight saving skips is the next there is.", `time.at("2026-12-01", "08:00", "Europe/Berlin")  -- "2026-12-01T07:00:00Z"`,
			[]Param{p("date", "text"), p("clock", "text"), p("zone", "text")}, []Param{p("moment", "text")}, func(c *call) {
				zone := c.zone(3)
				clock, err := time.Parse("15:04", c.text(2))
				if err != nil {
					c.fail(`time.at wants a time of day like "08:00" as argument 2`)
				}
				d := day(c, 1)
				t := time.Date(d.Year(), d.Month(), d.Day(), clock.Hour(), clock.Minute(), 0, 0, zone)
				for t.Day() != d.Day() || t.Hour()*60+t.Minute() < clock.Hour()*60+clock.Minute() {
					t = t.Add(time.Minute)
				}
				c.giveText(t.UTC().Format(time.RFC3339))
			}),
		compute("time.date_in", "The date of a moment in a time zone.", `time.date_in(run.now(), "Pacific/Auckland")`, []Param{p("moment", "text"), p("zone", "text")}, []Param{p("date", "text")}, func(c *call) {
			t, err := time.Parse(time.RFC3339, c.text(1))
			if err != nil {
				c.fail(`time.date_in wants a moment like "2026-12-01T07:00:00Z" as argument 1`)
			}
			c.giveText(t.In(c.zone(2)).Format(time.DateOnly))
		}),
		compute("time.valid", "Whether a text is a date.", `time.valid("2026-02-30")  -- false`, []Param{p("s", "text")}, []Param{p("yes", "boolean")}, func(c *call) {
			_, err := time.Parse(time.DateOnly, c.text(1))
			c.giveBool(err == nil)
		}),
	}
}

func (c *call) date(i int) time.Time {
	s := c.text(i)
	if len(s) > 10 {
		if t, err := time.Parse(time.RFC3339, s); err == nil {
			return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
		}
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		c.fail(fmt.Sprintf("%s wants a date like \"2026-12-01\" as argument %d", c.name, i))
	}
	return t
}

func (c *call) zone(i int) *time.Location {
	name := c.text(i)
	z, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		c.fail(fmt.Sprintf("%s knows no time zone %q; one is called Europe/Berlin, for example", c.name, clip(name, 60)))
	}
	return z
}

// addMonths keeps to the last day of a shorter month.
func addMonths(t time.Time, n int) time.Time {
	first := time.Date(t.Year(), t.Month()+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1)
}
