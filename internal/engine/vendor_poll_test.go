package engine_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/connector/bamboohr"
	"joinery/internal/connector/hibob"
	"joinery/internal/connectortest"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
)

// What a vendor's webhook never told is found by asking: BambooHR says who changed,
// Bob is read as a whole.
func TestPoll_R38_Vendors(t *testing.T) {
	t.Parallel()
	const day = time.DateOnly
	for name, start := range map[string]func(t *testing.T, at *clock) (h *vendorHouse, hire func(first string) string, move func(id, first string), leave func(id string)){
		"BambooHR": func(t *testing.T, at *clock) (*vendorHouse, func(string) string, func(string, string), func(string)) {
			b := connectortest.StartBambooHR(t, at.Now)
			h := openVendor(t, at, bamboohr.Type{}, b.Settings("hr"), map[string]string{"api_key": b.Key, connector.WebhookSecret: "k"}, b.Deliveries, "write: overwrite_own")
			return h, func(first string) string {
				return b.Hire(map[string]string{"firstName": "Ada", "lastName": "Okafor", "hireDate": first, "status": "Active"})
			}, func(id, first string) { b.Change(id, map[string]string{"hireDate": first}) }, b.Delete
		},
		"HiBob": func(t *testing.T, at *clock) (*vendorHouse, func(string) string, func(string, string), func(string)) {
			b := connectortest.StartBob(t, at.Now)
			h := openVendor(t, at, hibob.Type{}, b.Settings("hr"), map[string]string{"token": b.Token, connector.WebhookSecret: b.Secret}, b.Deliveries, "write: overwrite_own")
			return h, func(first string) string {
				return b.Hire(map[string]any{"root.firstName": "Ada", "root.surname": "Okafor", "work.startDate": first, "internal.lifecycleStatus": "hired"})
			}, func(id, first string) { b.Change(id, map[string]any{"work.startDate": first}) }, func(id string) { b.Change(id, map[string]any{"internal.lifecycleStatus": "terminated"}) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := &clock{now: time.Now().UTC().Truncate(time.Second)}
			h, hire, move, leave := start(t, at)
			hire(at.Now().AddDate(-3, 0, 0).Format(day))
			at.Forward(time.Hour)
			h.release(review.Flow, fmt.Sprintf(`{key: watch, name: Watch, trigger: seen, nodes: [{id: seen, type: schedule.poll, params: {connection: %s, events: [worker.hired, worker.updated, worker.start_moved, worker.rescinded], every: 10m}}]}`, h.settings.Key))
			look := func() {
				before, _, err := h.db.PollOf(t.Context(), "hr")
				require.NoError(t, err)
				at.Forward(11 * time.Minute)
				pgtest.Eventually(t, 20*time.Second, "a look ends", func() bool {
					require.NoError(t, h.e.PollDue(t.Context()))
					now, _, err := h.db.PollOf(t.Context(), "hr")
					require.NoError(t, err)
					return now.EndedAt != nil && (before.EndedAt == nil || now.EndedAt.After(*before.EndedAt))
				})
			}
			newest := func() (string, string) {
				look()
				pgtest.Eventually(t, 20*time.Second, "no run is still to read the worker", func() bool {
					h.e.Kick()
					return !slices.ContainsFunc(h.runs(), func(r postgres.RunRow) bool { return r.State == run.Queued || r.State == run.Running })
				})
				events, _, err := h.db.Events(t.Context(), postgres.EventFilter{})
				require.NoError(t, err)
				if len(events) == 0 {
					return "", ""
				}
				return events[0].Type, events[0].Worker
			}
			kind, _ := newest()
			require.Empty(t, kind, "who is there already is no news")
			id := hire(at.Now().AddDate(0, 0, 30).Format(day))
			kind, worker := newest()
			require.Equal(t, []string{"worker.hired", id}, []string{kind, worker})
			move(id, at.Now().AddDate(0, 0, 60).Format(day))
			kind, worker = newest()
			require.Equal(t, []string{"worker.start_moved", id}, []string{kind, worker})
			leave(id)
			kind, worker = newest()
			require.Equal(t, []string{"worker.rescinded", id}, []string{kind, worker})
		})
	}
}
