package chaos

import (
	"context"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/postgres"
	"joinery/internal/run"
)

// check holds the world against what is promised whatever broke. It is called
// when everything rests.
func (w *world) check() {
	w.t.Helper()
	w.checkEvents()
	w.checkAccounts()
	w.checkRuns()
	w.checkHands()
	w.checkAudit()
	w.mu.Lock()
	defer w.mu.Unlock()
	require.Empty(w.t, w.wrong, "promises broken on the way")
}

// checkEvents: every event that was answered 2xx is kept exactly once, with
// exactly the runs it started, and no run came from nothing.
func (w *world) checkEvents() {
	w.t.Helper()
	w.mu.Lock()
	keys := make([]string, 0, len(w.acked))
	for k := range w.acked {
		keys = append(keys, k)
	}
	w.mu.Unlock()
	require.Zero(w.t, w.count(`SELECT count(*) FROM unnest($1::text[]) k WHERE (SELECT count(*) FROM events WHERE connection = 'hr' AND key = k AND state = 'accepted') <> 1`, keys), "answered events that are not kept exactly once")
	require.Zero(w.t, w.count(`SELECT count(*) FROM events e, unnest(e.runs) r WHERE NOT EXISTS (SELECT 1 FROM runs WHERE id = r AND event_id = e.id)`), "runs that an event names and that are not there")
	require.Zero(w.t, w.count(`SELECT count(*) FROM runs r WHERE event_id <> '' AND NOT EXISTS (SELECT 1 FROM events e WHERE e.id = r.event_id AND r.id = ANY (e.runs))`), "runs of no event")
	require.Zero(w.t, w.count(`SELECT count(*) FROM (SELECT event_id, flow FROM runs WHERE event_id <> '' GROUP BY 1, 2 HAVING count(*) > 1) x`), "events with two runs of a flow")
}

// checkAccounts: one account a joiner; each intended before it was made, right
// where its newest run succeeded, and known to Joinery.
func (w *world) checkAccounts() {
	w.t.Helper()
	all := w.accounts()
	byStamp := map[string][]account{}
	for _, a := range all {
		if a.Stamp != "" {
			byStamp[a.Stamp] = append(byStamp[a.Stamp], a)
		}
	}
	// The directory tells seconds; to the moment it is seen at its door (world.intended).
	for stamp, of := range byStamp {
		require.Len(w.t, of, 1, "accounts of %s", stamp)
		if w.forgot {
			continue
		}
		require.Equal(w.t, 1, w.count(`SELECT count(*) FROM intents WHERE operation = 'account.ensure' AND target = $1 AND at < $2 AND connection = 'dir'`, stamp, of[0].Created.Add(time.Second)),
			"intents before the account of %s was made", stamp)
	}
	rows, _, err := w.db.Runs(w.t.Context(), postgres.RunFilter{Limit: 200, Mode: string(run.Live), States: []run.State{run.Succeeded}})
	require.NoError(w.t, err)
	for _, r := range rows {
		if r.Flow != "join" {
			continue
		}
		of := byStamp["hr:"+r.Worker]
		require.Len(w.t, of, 1, "the account of worker %s, whose run succeeded", r.Worker)
		require.Equal(w.t, []string{"all-staff", "engineering"}, of[0].Groups, "groups of worker %s", r.Worker)
		require.True(w.t, of[0].Active, "worker %s can sign in", r.Worker)
		j, err := w.db.Joiner(w.t.Context(), r.JoinerID)
		require.NoError(w.t, err)
		require.Len(w.t, j.Accounts, 1)
		require.Equal(w.t, of[0].ID, j.Accounts[0].AccountID)
		require.Equal(w.t, of[0].Groups, j.Accounts[0].Groups)
		require.True(w.t, j.Accounts[0].Enabled)
	}
}

// succeeded requires that this many runs succeeded, and tells why the others did not.
func (w *world) succeeded(n int) {
	w.t.Helper()
	var others []string
	require.NoError(w.t, w.db.RawScan(w.t.Context(), &others, `SELECT coalesce(array_agg(id || ' ' || state || ': ' || reason ORDER BY seq), '{}') FROM runs WHERE state <> 'succeeded'`))
	require.Equal(w.t, n, w.count(`SELECT count(*) FROM runs WHERE state = 'succeeded'`), "runs that succeeded; the others:\n%s", strings.Join(others, "\n"))
}

// checkRuns: nothing runs without hands, everything ended or is parked with a
// reason that the runs page shows, and every open effect belongs to such a run.
func (w *world) checkRuns() {
	w.t.Helper()
	require.Zero(w.t, w.count(`SELECT count(*) FROM runs WHERE state IN ('queued', 'running')`), "runs that do not rest")
	require.Zero(w.t, w.count(`SELECT count(*) FROM runs WHERE state IN ('failed', 'parked', 'canceled') AND reason = ''`), "runs that stopped without a reason")
	require.Zero(w.t, w.count(`SELECT count(*) FROM steps s JOIN runs r ON r.id = s.run_id WHERE r.state = 'succeeded' AND s.state NOT IN ('succeeded', 'skipped', 'failed', 'canceled')`), "open steps of runs that succeeded")
	require.Zero(w.t, w.count(`SELECT count(*) FROM intents i JOIN runs r ON r.id = i.run_id WHERE i.receipt IS NULL AND r.state NOT IN ('failed', 'parked', 'canceled', 'compensated', 'waiting')`), "effects of unknown outcome")
	stopped, _, err := w.db.Runs(w.t.Context(), postgres.RunFilter{Limit: 200, States: []run.State{run.Failed, run.Parked, run.Canceled}})
	require.NoError(w.t, err)
	for _, r := range stopped {
		require.NotEmpty(w.t, strings.TrimSpace(r.Reason), "what the runs page says of %s", r.ID)
	}
	// Runs of one joiner in one flow follow one another: no step of the later one
	// began before the earlier one had ended.
	require.Zero(w.t, w.count(`SELECT count(*) FROM runs a JOIN runs b ON a.flow = b.flow AND a.joiner_id = b.joiner_id AND a.seq < b.seq AND a.mode = 'live' AND b.mode = 'live'
		WHERE a.state = 'succeeded' AND (SELECT min(at) FROM (SELECT started_at AS at FROM attempts WHERE run_id = b.id UNION ALL SELECT started_at FROM steps WHERE run_id = b.id) x) < a.ended_at`), "runs of one joiner that overlapped")
}

// checkAudit: the chain is whole, nothing waits to be sealed, and each change of
// state and each effect is on record once.
func (w *world) checkAudit() {
	w.t.Helper()
	ctx := context.WithoutCancel(w.t.Context())
	for range 100 {
		n, err := w.db.SealAudit(ctx)
		require.NoError(w.t, err)
		if n == 0 && w.count(`SELECT count(*) FROM audit_unsealed`) == 0 {
			break
		}
	}
	report, err := w.db.VerifyAudit(ctx, nil)
	require.NoError(w.t, err)
	require.Nil(w.t, report.Broken, "the audit chain")
	require.Zero(w.t, report.Unsealed)
	require.Zero(w.t, w.count(`SELECT count(*) FROM runs r LEFT JOIN (SELECT object_id, count(*) AS n FROM audit_events WHERE action = 'run.succeeded' GROUP BY 1) a ON a.object_id = r.id WHERE r.state = 'succeeded' AND coalesce(n, 0) <> 1`), "runs that succeeded without one record of it")
	require.Zero(w.t, w.count(`SELECT count(*) FROM (SELECT run_id, operation, key FROM intents WHERE receipt IS NOT NULL EXCEPT SELECT object_id, action, detail::jsonb->>'intent' FROM audit_events WHERE object_kind = 'run') x`), "effects that are not on record")
	require.Zero(w.t, w.count(`SELECT count(*) FROM (SELECT object_id, detail::jsonb->>'intent' FROM audit_events WHERE action = 'account.ensure' GROUP BY 1, 2 HAVING count(*) > 1) x`), "accounts that were recorded twice")
	require.Zero(w.t, w.count(`SELECT count(*) FROM events e LEFT JOIN (SELECT object_id, count(*) AS n FROM audit_events WHERE action = 'event.accept' GROUP BY 1) a ON a.object_id = e.id WHERE e.state = 'accepted' AND coalesce(n, 0) <> 1`), "events without one record")
}
