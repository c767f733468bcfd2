package engine_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/metric"
	"joinery/internal/node"
	"joinery/internal/pgtest"
	"joinery/internal/review"
	"joinery/internal/run"
)

// counted gives what a set has counted, as Prometheus reads it.
func counted(t *testing.T, s *metric.Set) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, s.Write(&b, nil))
	return b.String()
}

func reading(t *testing.T, h *house, name, key string) float64 {
	t.Helper()
	all, err := h.db.Metrics(t.Context())
	require.NoError(t, err)
	for _, r := range all {
		if r.Name == name && r.Key == key {
			return r.Value
		}
	}
	t.Fatalf("there is no %s %s", name, key)
	return 0
}

// Tries and calls are counted by what came of them, never by a port of the flow's making.
func TestMetrics_CountWhatCame(t *testing.T) {
	t.Parallel()
	h := open(t, "EnsureAccount#1:fail")
	h.e.Metrics = metric.New("v1", "r1")
	h.live(review.Flow, "join", joinerFlow)
	h.start()
	h.hire("1", nil)
	pgtest.Eventually(t, 20*time.Second, "it is done at the second try", func() bool {
		h.clock.Forward(5 * time.Second)
		h.e.Kick()
		runs := h.runs()
		return len(runs) == 1 && runs[0].State == run.Succeeded
	})
	numbers := counted(t, h.e.Metrics)
	for _, line := range []string{
		`joinery_step_seconds_count{outcome="retries",type="account.ensure"} 1`,
		`joinery_step_seconds_count{outcome="passed",type="account.ensure"} 1`,
		`joinery_step_seconds_count{outcome="passed",type="switch"} 1`,
		`joinery_connector_call_seconds_count{connection="dir",operation="account.ensure",outcome="unavailable"} 1`,
		`joinery_connector_call_seconds_count{connection="dir",operation="account.ensure",outcome="ok"} 1`,
		`joinery_connector_call_seconds_count{connection="hr",operation="worker.read",outcome="ok"} 1`,
		`joinery_runs_ended_total{state="succeeded"} 1`,
		`joinery_lease_takeovers_total 0`,
	} {
		require.Contains(t, numbers, line+"\n")
	}
	require.NotContains(t, numbers, `"eng"`)
}

// The age of the queue is that of the oldest run that could be carried: one that
// waits behind an earlier run of its joiner does not count, however old it is.
func TestMetrics_QueueAge(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "wait", strings.Replace(waitFlow, "name: =joiner.last_name}", `name: =joiner.last_name, attributes: {note: =event.key}}`, 1)) // so that each event has a run
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); h.e.Run(ctx) }()
	h.hire("1", map[string]any{"start_date": h.clock.Now().AddDate(0, 0, 30).Format(time.DateOnly)})
	h.until(run.Waiting)
	stop()
	<-ended
	h.event("again", "worker.hired", "1")
	_, err := h.db.SealAudit(t.Context())
	require.NoError(t, err)
	// The earlier run was nudged by the event and is due for a moment; let it rest again.
	require.NoError(t, h.db.RawExec(t.Context(), `UPDATE runs SET wake_at = $1 WHERE state = 'waiting'`, h.clock.Now().AddDate(0, 0, 30)))
	h.clock.Forward(90 * time.Second)
	require.Zero(t, reading(t, h, "joinery_due_runs_age_seconds", ""))
	require.EqualValues(t, 1, reading(t, h, "joinery_runs", "waiting"))
	require.EqualValues(t, 1, reading(t, h, "joinery_runs", "queued"))
	require.Zero(t, reading(t, h, "joinery_runs", "parked"))
	require.Zero(t, reading(t, h, "joinery_audit_records", "unsealed"))
	h.hire("2", map[string]any{"start_date": h.clock.Now().AddDate(0, 0, 30).Format(time.DateOnly)})
	h.clock.Forward(90 * time.Second)
	require.InDelta(t, 90, reading(t, h, "joinery_due_runs_age_seconds", ""), 1)
	require.Positive(t, reading(t, h, "joinery_audit_records", "unsealed"))
	require.Less(t, reading(t, h, "joinery_audit_unsealed_age_seconds", ""), 60.0)
}

// what takes longer than an end in order may take is cut off, the run is
// given back, and another process does the step again with the same message id.
func TestStop_R33_CutsOffWhatTakesTooLong(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "join", joinerFlow)
	hangs := make(chan struct{}, 1)
	h.e.Mail = func(ctx context.Context, _ node.Mail, _ string) error {
		hangs <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); h.e.Run(ctx) }()
	h.hire("1", nil)
	<-hangs
	stop()
	began := time.Now()
	<-ended
	require.Greater(t, time.Since(began), 10*time.Second, "it had time to end")
	require.Less(t, time.Since(began), pgtest.Hang)
	runs := h.runs()
	require.Equal(t, run.Queued, runs[0].State)
	var owner string
	require.NoError(t, h.db.RawScan(t.Context(), &owner, `SELECT lease_owner FROM runs`))
	require.Empty(t, owner)

	_, with := types()
	other := newEngine("another", h.db, with(h.dir), h.clock.Now, h.mails)
	run1(t, other)
	h.until(run.Succeeded)
	require.Equal(t, 1, h.mails.count())
}
