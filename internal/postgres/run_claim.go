package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/flow"
	"joinery/internal/joiner"
	"joinery/internal/run"
)

// Lease is how long a process may carry a run without renewing.
const Lease = 20 * time.Second

// batchers are the shared commits of the hot path, started at first use.
type batchers struct {
	accept, finish, intend sync.Once
	acceptor               *Batcher[Incoming, Accepted]
	finisher               *Batcher[Checkpoint, Fence]
	intender               *Batcher[Intent, Intended]
	contents               sync.Map // release id → flowContents
}

// Claimed is a run in the hands of one process.
type Claimed struct {
	ID          run.ID
	Epoch       int64
	Flow        string
	Release     string
	Revision    int
	Mode        run.Mode
	JoinerID    string
	Ref         joiner.Ref
	Worker      *joiner.Worker
	Event       *joiner.Event
	WakeReason  string
	CancelAsked string
	Undoing     bool
	// Round is how often newer events have made the run go over its steps again;
	// Tidied is the round whose leftovers are taken back.
	Round, Tidied int
	// Lifted is a second person's approval by which the run goes past limits.
	Lifted    string
	StartedAt time.Time
	Steps     map[flow.NodeID]StepRow
	// Moments are what steps that are not over told their functions of the time.
	Moments map[flow.NodeID]time.Time
	// Trace is the traceparent of what the run came from.
	Trace string
	// StartedBy is the person or token that started it by hand; of others it is not read.
	StartedBy string
}

// StepRow is one node's part in a run, as stored.
type StepRow struct {
	Node      flow.NodeID
	Type      string
	State     run.StepState
	Port      string
	Input     json.RawMessage
	Output    json.RawMessage
	Changes   json.RawMessage
	Error     string
	ErrorKind string
	Attempts  int
	WakeAt    *time.Time
	WaitFor   string
	Note      string
	StartedAt *time.Time
	EndedAt   *time.Time
	// Log is that of the only try; nil when the tries are kept apart.
	Log []string
	// New says that the step has no row yet.
	New bool
}

// ClaimRuns takes up to n runs that are due, oldest first, for one process. Two
// runs of one joiner in one flow are never in hand at once: a run waits for the
// ones before it. Those are looked for among the joiner's runs, and by no other
// index, also where the plan was made on an empty table.
func (db *DB) ClaimRuns(ctx context.Context, owner string, n int) ([]Claimed, error) {
	return db.claim(ctx, `SELECT r.id FROM runs r WHERE r.state IN ('queued', 'waiting') AND r.wake_at <= $3
		AND (r.mode = 'simulate' OR NOT EXISTS (SELECT 1 FROM runs o WHERE o.joiner_id = r.joiner_id AND o.flow || '' = r.flow AND o.seq < r.seq
			AND o.state || '' IN ('queued', 'running', 'waiting', 'parked') AND o.mode = 'live'))
		ORDER BY r.wake_at LIMIT $2 FOR UPDATE OF r SKIP LOCKED`, owner, n)
}

// TakeOver takes runs whose lease ran out: whoever carried them died or lost the
// database. A run whose late checkpoint is just being committed is left for the
// next time.
func (db *DB) TakeOver(ctx context.Context, owner string, n int) ([]Claimed, error) {
	return db.claim(ctx, `SELECT l.id FROM (SELECT r.id FROM runs r WHERE r.state = 'running' AND r.lease_until < clock_timestamp() AND $3::timestamptz IS NOT NULL
		ORDER BY r.lease_until LIMIT $2 FOR UPDATE OF r SKIP LOCKED) l WHERE pg_try_advisory_xact_lock(hashtextextended(l.id, `+runLocks+`))`, owner, n)
}

func (db *DB) claim(ctx context.Context, which, owner string, n int) ([]Claimed, error) {
	if n <= 0 {
		return nil, nil
	}
	rows, err := db.hot.Query(ctx, `WITH due AS (`+which+`), taken AS (
		UPDATE runs r SET state = 'running', lease_owner = $1, lease_until = clock_timestamp() + interval '20 seconds', epoch = epoch + 1,
			nudged = false, waiting_for = '', started_at = coalesce(started_at, $3), changed_at = now()
		FROM due WHERE r.id = due.id
		RETURNING r.id, r.epoch, r.flow, r.release_id, r.revision, r.mode, r.joiner_id, r.worker, r.event_id, r.wake_reason, r.cancel_asked, r.undoing, r.round, r.tidied, r.lifted, r.started_at, r.traceparent, r.started_by)
		SELECT t.id, t.epoch, t.flow, t.release_id, t.revision, t.mode, t.joiner_id, j.connection, j.worker, j.stamp, t.worker, t.wake_reason, t.cancel_asked, t.undoing, t.round, t.tidied, t.lifted, t.started_at, t.traceparent, t.started_by,
			coalesce(e.key, ''), coalesce(e.type, ''), coalesce(e.worker, ''), e.at, coalesce(e.changed, '{}'), t.event_id
		FROM taken t JOIN joiners j ON j.id = t.joiner_id LEFT JOIN events e ON e.id = t.event_id`, owner, n, db.now())
	if err != nil {
		return nil, asFault(fmt.Errorf("claim runs: %w", err))
	}
	var out []Claimed
	for rows.Next() {
		c, err := scanClaimed(rows)
		if err != nil {
			rows.Close()
			return nil, err
		}
		out = append(out, c)
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return nil, asFault(fmt.Errorf("claim runs: %w", err))
	}
	return out, db.loadSteps(ctx, out)
}

func scanClaimed(rows pgx.Rows) (Claimed, error) {
	var c Claimed
	var worker []byte
	var e joiner.Event
	var at *time.Time
	var eventID string
	err := rows.Scan(&c.ID, &c.Epoch, &c.Flow, &c.Release, &c.Revision, &c.Mode, &c.JoinerID, &c.Ref.Connection, &c.Ref.Worker, &c.Ref.As, &worker, &c.WakeReason, &c.CancelAsked,
		&c.Undoing, &c.Round, &c.Tidied, &c.Lifted, &c.StartedAt, &c.Trace, &c.StartedBy, &e.Key, &e.Type, &e.Worker, &at, &e.Changed, &eventID)
	if err != nil {
		return Claimed{}, fmt.Errorf("claim runs: %w", err)
	}
	if worker != nil {
		c.Worker = &joiner.Worker{}
		if err := json.Unmarshal(worker, c.Worker); err != nil {
			return Claimed{}, fmt.Errorf("read worker of run %s: %w", c.ID, err)
		}
	}
	if eventID != "" {
		if at != nil {
			e.At = *at
		}
		c.Event = &e
	}
	c.Steps, c.Moments = map[flow.NodeID]StepRow{}, map[flow.NodeID]time.Time{}
	return c, nil
}

const stepColumns = `node, type, state, port, input, output, changes, error, error_kind, attempts, wake_at, wait_for, note, started_at, ended_at, log`

func (db *DB) loadSteps(ctx context.Context, runs []Claimed) error {
	var ids []string
	byID := map[string]Claimed{}
	for _, c := range runs {
		if c.Epoch > 1 { // a run that was never in hand has no steps
			ids = append(ids, string(c.ID))
			byID[string(c.ID)] = c
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := db.hot.Query(ctx, `SELECT run_id, `+stepColumns+` FROM steps WHERE run_id = ANY ($1)`, ids)
	if err != nil {
		return asFault(fmt.Errorf("read steps: %w", err))
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		s, err := scanStep(rows, &id)
		if err != nil {
			return err
		}
		byID[id].Steps[s.Node] = s
	}
	if err := rows.Err(); err != nil {
		return asFault(err)
	}
	rows.Close()
	return db.loadMoments(ctx, ids, byID)
}

func scanStep(rows pgx.Rows, first ...any) (StepRow, error) {
	var s StepRow
	err := rows.Scan(append(first, &s.Node, &s.Type, &s.State, &s.Port, &s.Input, &s.Output, &s.Changes, &s.Error, &s.ErrorKind, &s.Attempts, &s.WakeAt, &s.WaitFor, &s.Note,
		&s.StartedAt, &s.EndedAt, &s.Log)...)
	if err != nil {
		return StepRow{}, asFault(fmt.Errorf("read step: %w", err))
	}
	return s, nil
}

// RenewLeases keeps the runs in one process's hands. It gives the ones that are
// not in its hands any more. A run whose checkpoint is just being written is left
// for the next time, so that the two never wait for each other.
func (db *DB) RenewLeases(ctx context.Context, owner string, ids []string) (lost []string, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := db.hot.Query(ctx, `WITH mine AS (SELECT id FROM runs WHERE id = ANY ($2) AND lease_owner = $1 AND state = 'running' ORDER BY id FOR NO KEY UPDATE SKIP LOCKED),
		kept AS (UPDATE runs r SET lease_until = clock_timestamp() + interval '20 seconds' FROM mine WHERE r.id = mine.id)
		SELECT i FROM unnest($2::text[]) i WHERE NOT EXISTS (SELECT 1 FROM runs r WHERE r.id = i AND r.lease_owner = $1 AND r.state = 'running')`, owner, ids)
	if err != nil {
		return nil, asFault(fmt.Errorf("renew leases: %w", err))
	}
	lost, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return lost, asFault(err)
}

// ReleaseRuns gives runs back at once when a process ends in order.
func (db *DB) ReleaseRuns(ctx context.Context, owner string) error {
	_, err := db.hot.Exec(ctx, `UPDATE runs SET state = 'queued', lease_owner = '', lease_until = NULL, wake_at = $2 WHERE lease_owner = $1 AND state = 'running'`, owner, db.now())
	return asFault(err)
}
