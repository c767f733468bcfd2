package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector/fake"
	"joinery/internal/run"
)

// R-22, on a shipped flow: of thirty contractors whom an HRIS tells of within an hour
// twenty-five get an account and not one more; the rest is parked, and one person who
// lets it go does not get past the limit.
func TestR22_ShippedFlowStopsAtTwentySix(t *testing.T) {
	t.Parallel()
	h := newCaseHouse(t, "contractor", flowCase{Now: time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC),
		Strangers: map[string][]wantAccount{"corp-ad": {{Name: "ada", Enabled: true, Attributes: map[string]any{"mail": "ada@example.com"}}}}})
	for i := range 30 {
		h.happens(i, happened{ID: fmt.Sprint(i + 1), Event: "worker.hired", HR: map[string]any{"first_name": "Mary", "last_name": lastName(i), "worker_type": "contractor", "project": "Apollo",
			"start_date": "2026-12-01", "end_date": "2027-03-31", "sponsor_email": "ada@example.com"}})
	}
	stopped := func(i int) {
		t.Helper()
		h.expects(i, expect{Runs: map[run.State]int{run.Waiting: 25, run.Parked: 5}})
		made := 0
		require.NoError(t, fake.Change(h.files["corp-ad"], func(s *fake.State) {
			for _, a := range s.Accounts {
				made += map[bool]int{true: 1}[a.Stamp != ""]
			}
		}))
		require.Equal(t, 25, made, "not one too many")
	}
	stopped(30)
	parked, err := h.db.ParkedRuns(t.Context(), "contractor", 10)
	require.NoError(t, err)
	went, _, err := h.db.LetGo(t.Context(), olga, "contractor", parked, "they are all known")
	require.NoError(t, err)
	require.Equal(t, 5, went)
	h.e.Kick()
	stopped(31)
}
