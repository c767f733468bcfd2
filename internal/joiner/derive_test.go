package joiner

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDerive(t *testing.T) {
	t.Parallel()
	today := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	see := func(status, start, dept string) Seen {
		return See(Worker{ID: "1", Attributes: map[string]any{Status: status, StartDate: start, Department: dept, "n": 5}}, []byte("k"))
	}
	planned := see("planned", "2026-12-01", "Sales")
	for name, c := range map[string]struct {
		before  *Seen
		now     Seen
		event   string
		changed []string
	}{
		"new":                             {nil, planned, Hired, nil},
		"there before we looked":          {nil, see("active", "2019-01-01", "Sales"), Updated, nil},
		"new, and rescinded already":      {nil, see("rescinded", "2026-12-01", "Sales"), Rescinded, nil},
		"same":                            {&planned, see("planned", "2026-12-01", "Sales"), "", nil},
		"department":                      {&planned, see("planned", "2026-12-01", "IT"), Updated, []string{Department}},
		"start":                           {&planned, see("planned", "2027-01-11", "IT"), StartMoved, []string{Department, StartDate}},
		"rescinded":                       {&planned, see("rescinded", "2026-12-01", "Sales"), Rescinded, []string{Status}},
		"terminated":                      {&planned, see("terminated", "2026-12-01", "Sales"), Terminated, []string{Status}},
		"rescinded with a new date moves": {&planned, see("rescinded", "2027-01-11", "Sales"), StartMoved, []string{StartDate}},
		"rescinded with a past date":      {&planned, see("rescinded", "2026-01-11", "Sales"), Rescinded, []string{StartDate, Status}},
	} {
		event, changed, _ := Derive(c.before, c.now, today, today, true)
		require.Equal(t, c.event, event, name)
		require.Equal(t, c.changed, changed, name)
	}
	gone := see("rescinded", "2026-12-01", "Sales")
	event, _, _ := Derive(&gone, planned, today, today, true)
	require.Equal(t, Hired, event, "comes after all")
	require.NotContains(t, planned.Marks[Department], "Sales")
	require.NotEqual(t, Mark([]byte("k"), "a", "x"), Mark([]byte("k"), "b", "x"))

	// What once meant "moved" goes on to mean it, until the date changes again.
	_, _, seen := Derive(&planned, see("rescinded", "2027-01-11", "Sales"), today, today, true)
	event, _, seen = Derive(&seen, see("rescinded", "2027-01-11", "Sales"), today, today, true)
	require.Empty(t, event)
	event, _, _ = Derive(&seen, see("rescinded", "2020-01-11", "Sales"), today, today, true)
	require.Equal(t, Rescinded, event)

	// Only an HRIS that is said to mean it so does.
	event, _, _ = Derive(&planned, see("rescinded", "2027-01-11", "Sales"), today, today, false)
	require.Equal(t, Rescinded, event)
}
