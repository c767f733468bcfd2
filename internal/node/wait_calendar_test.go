package node_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/node"
	"joinery/internal/policy"
)

// midnight and the start of the working day on the joiner's first day are
// exact instants in every zone, also where daylight saving skips or repeats them.
func TestR27_StartOfDay(t *testing.T) {
	t.Parallel()
	typ, _ := node.All().Find("wait.until")
	for _, k := range []struct{ zone, day, clock, utc string }{
		{"Europe/Berlin", "2027-03-28", "00:00", "2027-03-27T23:00:00Z"},
		{"Europe/Berlin", "2027-03-28", "08:00", "2027-03-28T06:00:00Z"},
		{"Europe/Berlin", "2027-10-31", "08:00", "2027-10-31T07:00:00Z"},
		{"America/Havana", "2027-03-14", "00:00", "2027-03-14T05:00:00Z"}, // midnight is skipped: 01:00
		{"America/Havana", "2027-11-07", "08:00", "2027-11-07T13:00:00Z"},
		{"America/Santiago", "2027-09-05", "00:00", "2027-09-05T04:00:00Z"}, // midnight is skipped
		{"America/Santiago", "2027-04-04", "08:00", "2027-04-04T12:00:00Z"},
		{"Africa/Cairo", "2027-04-30", "00:00", "2027-04-29T22:00:00Z"}, // midnight is skipped
		{"Africa/Cairo", "2027-10-29", "00:00", "2027-10-28T22:00:00Z"}, // the hour before it comes twice
		{"Asia/Beirut", "2027-03-28", "00:00", "2027-03-27T22:00:00Z"},  // midnight is skipped
		{"Pacific/Kiritimati", "2027-01-01", "00:00", "2026-12-31T10:00:00Z"},
		{"Pacific/Apia", "2027-01-01", "08:00", "2026-12-31T19:00:00Z"},
		{"Pacific/Pago_Pago", "2027-01-01", "08:00", "2027-01-01T19:00:00Z"},
		{"Asia/Kathmandu", "2027-06-01", "08:00", "2027-06-01T02:15:00Z"},
		{"Australia/Lord_Howe", "2027-04-04", "08:00", "2027-04-03T21:30:00Z"},
		{"Australia/Lord_Howe", "2027-10-03", "08:00", "2027-10-02T21:00:00Z"},
		{"America/New_York", "2027-03-14", "02:30", "2027-03-14T07:30:00Z"}, // the hour is skipped: 03:30
		{"America/St_Johns", "2027-07-01", "08:00", "2027-07-01T10:30:00Z"},
		{"Asia/Tokyo", "2027-02-28", "08:00", "2027-02-27T23:00:00Z"},
		{"UTC", "2027-02-28", "08:00", "2027-02-28T08:00:00Z"},
	} {
		c := call(fresh(), node.Params{"date": k.day, "time": k.clock, "zone": k.zone})
		r, err := typ.Run(t.Context(), c)
		require.NoError(t, err)
		require.NotNil(t, r.Wait, "%v", k)
		require.Equal(t, k.utc, r.Wait.Until.UTC().Format(time.RFC3339), "%v", k)
	}
}

func TestWaitUntil_HolidayCalendar(t *testing.T) {
	t.Parallel()
	typ, _ := node.All().Find("wait.until")
	days := policy.Content{Key: "days", Type: "calendar", Calendar: &policy.Calendar{Rows: []policy.DayOff{{Name: "Christmas", Date: "2026-12-25", Until: "2026-12-26", Country: "DE"}, {Name: "New Year", Date: "2027-01-01"}}}}
	for name, k := range map[string]struct {
		params  node.Params
		country string
		day     string
		says    string
	}{
		"five working days before, over the holidays": {params: node.Params{"date": "2027-01-04", "offset_days": -5.0, "working_days": true}, country: "DE", day: "2026-12-24"},
		"where it is no holiday":                      {params: node.Params{"date": "2027-01-04", "offset_days": -5.0, "working_days": true}, country: "SE", day: "2026-12-25"},
		"no country known":                            {params: node.Params{"date": "2027-01-04", "offset_days": -1.0, "working_days": true}, day: "2026-12-31"},
		"a start on a holiday, earlier":               {params: node.Params{"date": "2026-12-26", "on_day_off": "earlier"}, country: "DE", day: "2026-12-24"},
		"a start on a holiday, later":                 {params: node.Params{"date": "2026-12-26", "on_day_off": "later"}, country: "DE", day: "2026-12-28"},
		"a start on a holiday, kept":                  {params: node.Params{"date": "2026-12-26"}, country: "DE", day: "2026-12-26"},
		"a worked day stays":                          {params: node.Params{"date": "2026-12-28", "on_day_off": "earlier"}, country: "DE", day: "2026-12-28"},
		"another kind of policy":                      {params: node.Params{"date": "2026-12-28", "calendar": "groups"}, says: "no holiday calendar"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if k.params["calendar"] == nil {
				k.params["calendar"] = "days"
			}
			c := call(fresh(), k.params)
			c.Joiner.Attributes = map[string]any{"country": k.country, "time_zone": "UTC"}
			c.Policy = func(key string) (policy.Content, error) {
				if key == "days" {
					return days, nil
				}
				return policy.Content{Key: key, Type: key}, nil
			}
			r, err := typ.Run(t.Context(), c)
			if k.says != "" {
				require.ErrorContains(t, err, k.says)
				return
			}
			require.NoError(t, err)
			require.NotNil(t, r.Wait)
			require.Equal(t, k.day+"T08:00:00Z", r.Wait.Until.Format(time.RFC3339))
		})
	}
}
