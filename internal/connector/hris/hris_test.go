package hris

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/fault"
	"joinery/internal/joiner"
)

func TestWords(t *testing.T) {
	t.Parallel()
	w := Words{States: map[string]string{"Active": Active, "Left": Terminated}, Kinds: map[string]string{"Temp": "contractor"}, Zone: "Pacific/Auckland",
		Now: func() time.Time { return time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC) }} // the 27th in Auckland
	for name, c := range map[string]struct {
		status, start, end string
		state              any
	}{
		"whatever its case":       {"ACTIVE", "2026-11-27", "", Active},
		"an unknown word stays":   {"Sabbatical", "2026-11-28", "", "Sabbatical"},
		"none":                    {"", "2026-11-28", "", nil},
		"tomorrow":                {"Active", "2026-11-28", "", Planned},
		"left before the start":   {"Left", "2026-11-28", "", Rescinded},
		"left on the future day":  {"Left", "2026-11-28", "2026-11-28", Rescinded},
		"ended before it began":   {"Left", "2026-11-02", "2026-11-01", Rescinded},
		"left":                    {"Left", "2026-11-02", "2026-11-20", Terminated},
		"left, nobody knows when": {"Left", "", "", Terminated},
	} {
		a := map[string]any{joiner.WorkerType: "temp"}
		for k, v := range map[string]string{joiner.Status: c.status, joiner.StartDate: c.start, joiner.EndDate: c.end} {
			if v != "" {
				a[k] = v
			}
		}
		w.Apply(a)
		require.Equal(t, c.state, a[joiner.Status], name)
		require.Equal(t, "contractor", a[joiner.WorkerType])
		require.Equal(t, "Pacific/Auckland", a[joiner.TimeZone])
	}
}

func TestValue(t *testing.T) {
	t.Parallel()
	for name, cases := range map[string][][2]any{
		joiner.StartDate: {{"2026-12-01", "2026-12-01"}, {"2026-12-01T23:30:00-05:00", "2026-12-01"}, {"2026-12-01 00:00:00", "2026-12-01"}, {"0000-00-00", nil}, {"", nil}},
		joiner.Phone:     {{json.Number("49301234567890123"), "49301234567890123"}, {" +49 30 ", "+49 30"}},
		"shoe_size":      {{json.Number("39.5"), 39.5}, {true, true}, {[]any{"a"}, []any{"a"}}, {nil, nil}},
	} {
		for _, c := range cases {
			got, err := Value(name, c[0])
			require.NoError(t, err, "%v", c[0])
			require.Equal(t, c[1], got, "%v", c[0])
		}
	}
	for _, c := range [][2]any{{joiner.EndDate, "2026-02-30"}, {joiner.EndDate, "1.12.2026"}, {joiner.Title, strings.Repeat("x", 2001)}, {joiner.Title, "a\x00"}, {"blob", strings.Split(strings.Repeat("xxxx ", 9000), " ")}} {
		_, err := Value(c[0].(string), c[1])
		require.True(t, fault.Is(err, fault.Invalid), "%v", c[0])
	}
}

func TestMoment(t *testing.T) {
	t.Parallel()
	want := time.Date(2026, 1, 31, 18, 42, 0, 0, time.UTC)
	for _, s := range []string{"2026-01-31T18:42:00Z", "2026-01-31T19:42:00+01:00", "2026-01-31T18:42:00+0000", "2026-01-31T18:42:00", "2026-01-31 18:42:00", "2026-01-31T18:42:00.000000"} {
		got, ok := Moment(s)
		require.True(t, ok, s)
		require.Equal(t, want, got, s)
	}
	_, ok := Moment("yesterday")
	require.False(t, ok)
}

func TestKey(t *testing.T) {
	t.Parallel()
	require.Equal(t, Key("a", "b"), Key("a", "b"))
	require.NotEqual(t, Key("ab", ""), Key("a", "b"))
}
