package chaos

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // SQL by hand as the tables' owner
	"github.com/stretchr/testify/require"

	"joinery/internal/engine"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
)

// The database itself notes whose hands each run was in, and each node that it is
// there, so that hands are judged by what was and not by how quick the machine is.
const journal = `
CREATE TABLE hands (n bigserial PRIMARY KEY, at timestamptz NOT NULL, run text NOT NULL, owner text NOT NULL, until timestamptz, epoch bigint NOT NULL,
	taken boolean NOT NULL, had_state text, had_owner text, had_until timestamptz, due timestamptz, waited_for text);
CREATE TABLE beats (owner text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
GRANT SELECT ON hands, beats TO joinery_app;
GRANT INSERT ON beats TO joinery_app;
CREATE FUNCTION note_hands() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE had runs;
BEGIN
	IF TG_OP = 'UPDATE' THEN had := OLD; END IF;
	INSERT INTO hands (at, run, owner, until, epoch, taken, had_state, had_owner, had_until, due, waited_for)
	VALUES (clock_timestamp(), NEW.id, NEW.lease_owner, NEW.lease_until, NEW.epoch, NEW.epoch IS DISTINCT FROM had.epoch, had.state, had.lease_owner, had.lease_until, had.wake_at, had.waiting_for);
	RETURN NULL;
END $$;
CREATE TRIGGER note_new_hands AFTER INSERT ON runs FOR EACH ROW WHEN (NEW.state = 'running') EXECUTE FUNCTION note_hands();
CREATE TRIGGER note_hands AFTER UPDATE ON runs FOR EACH ROW
	WHEN (NEW.state = 'running' AND (NEW.epoch <> OLD.epoch OR NEW.lease_until IS DISTINCT FROM OLD.lease_until)) EXECUTE FUNCTION note_hands();
`

// keepJournal begins it; owner is how the tables' owner reaches the database.
func (w *world) keepJournal(owner string) {
	w.t.Helper()
	db, err := sql.Open("pgx", owner)
	require.NoError(w.t, err)
	defer db.Close()
	_, err = db.ExecContext(w.t.Context(), journal)
	require.NoError(w.t, err)
	w.journal = true
}

// beat notes that a node is there until ctx ends.
func beat(ctx context.Context, db *postgres.DB, owner string) {
	for ctx.Err() == nil {
		_ = db.RawExec(ctx, `INSERT INTO beats (owner) VALUES ($1)`, owner)
		select {
		case <-ctx.Done():
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// stoodStillFor is a pause in a node's beats after which a lease may have ended: a renewal
// is given up after five seconds.
const stoodStillFor = "4 seconds"

// checkHands: a run was in the hands of one at any time. It was taken when it was
// due, or when its lease had ended; leases last as long as they should by the database's
// clock; and none ended of a node that was there all the time.
func (w *world) checkHands() {
	w.t.Helper()
	if !w.journal {
		return
	}
	require.Zero(w.t, w.count(`SELECT count(*) FROM hands WHERE taken AND had_state = 'running' AND had_until >= at`), "runs that were taken out of somebody's hands")
	require.Zero(w.t, w.count(`SELECT count(*) FROM hands WHERE NOT taken AND had_owner <> owner`), "leases of others that were renewed")
	require.True(w.t, w.fast || w.count(`SELECT count(*) FROM hands WHERE taken AND had_state IN ('queued', 'waiting') AND due > at + interval '10 seconds'`) == 0, "runs that were taken before they were due")
	require.Zero(w.t, w.count(`SELECT count(*) FROM hands WHERE taken AND had_state NOT IN ('queued', 'waiting', 'running')`), "runs that were taken although they had ended")
}

// keptLeases: a lease is as long as it should be by the database's clock, and none
// ended while its node was there all the time. It is for worlds where nobody is killed.
func (w *world) keptLeases() {
	w.t.Helper()
	require.Zero(w.t, w.count(`SELECT count(*) FROM hands WHERE until > at + interval '20 seconds' OR until < at - interval '10 minutes'`), "leases of another length")
	require.Zero(w.t, w.count(`SELECT count(*) FROM hands h WHERE taken AND had_state = 'running' AND NOT EXISTS (
		SELECT 1 FROM (SELECT at, lag(at) OVER (ORDER BY at) AS before FROM (SELECT at FROM beats WHERE owner = h.had_owner UNION ALL SELECT clock_timestamp()) b) b
		WHERE b.at > h.had_until - interval '20 seconds' AND b.before < h.at AND b.at - b.before > $1::interval)`, stoodStillFor), "leases that ended although their node was there all the time")
	require.Zero(w.t, w.count(`SELECT count(*) FROM hands WHERE taken AND had_state = 'waiting' AND waited_for NOT LIKE 'another try: %' AND waited_for NOT LIKE 'the connection %' AND waited_for NOT LIKE '% to show what %'`),
		"runs that were taken again and had waited neither for another try nor for a connection")
	require.Zero(w.t, w.count(`SELECT count(*) FROM hands WHERE taken AND had_state = 'queued' AND epoch > 1`), "runs that were given back")
}

// createdOnce: an account was asked for once, and once more only by a try after one
// that was not answered, or by who took the run over.
func (w *world) createdOnce(people int) {
	w.t.Helper()
	w.lookedTwice()
	again := w.count(`SELECT (SELECT count(*) FROM attempts WHERE node = 'create' AND outcome = 'retries') + (SELECT count(*) FROM hands WHERE taken AND had_state = 'running')`)
	calls := w.dir.count(call.creates)
	require.GreaterOrEqual(w.t, calls, people)
	require.LessOrEqual(w.t, calls, people+again, "calls that make an account")
}

// A node stands still in the middle of many runs, longer than its leases, as it does on
// a machine that has no time for it. The other one takes its runs over; nothing is
// lost or made twice, and the first is of use again.
func TestFault_F28_F29_R29_R39_StandsStillAmongMany(t *testing.T) {
	need(t)
	t.Parallel()
	w := newWorld(t)
	w.dir.Plan(func(call) answer { return answer{wait: 100 * time.Millisecond} })
	one, two := w.node("one", engine.AfterIntent+"#7:stop").start(t), w.node("two").start(t)
	people := either(16, 80)
	var n atomic.Int64
	w.many(0, people, func() string { return []*process{one, two}[n.Add(1)%2].url })
	pgtest.Eventually(t, 20*time.Second, "the first stands still", one.stopped)
	w.rested(60*time.Second, people)
	require.Positive(t, w.count(`SELECT count(*) FROM hands WHERE taken AND had_state = 'running' AND had_owner = 'one' AND owner = 'two'`), "runs that were taken over")
	one.signal(syscall.SIGCONT)
	w.hire(fmt.Sprint(people), one.at)
	w.rested(60*time.Second, people+1)
	w.check()
	w.succeeded(people + 1)
	w.keptLeases()
	w.createdOnce(people + 1)
}
