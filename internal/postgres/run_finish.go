package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/flow"
	"joinery/internal/joiner"
	"joinery/internal/run"
)

// Checkpoint is what one step of progress writes: it is kept whole or not at all,
// and only if the run is still in the same hands (owner and epoch).
type Checkpoint struct {
	Run   run.ID
	Owner string
	Epoch int64
	Steps []StepRow
	// Forget removes steps, so that they are pending again.
	Forget   []flow.NodeID
	Attempts []AttemptRow
	// Calls are the calls of functions that these tries made.
	Calls []FunctionCall
	// Moments are those of functions whose steps begin, or are over.
	Moments  []FunctionMoment
	Receipts []Receipt
	Signoff  *SignoffRow
	Awaited  *AwaitedRow
	// Worker is a new reading of the joiner.
	Worker *joiner.Worker
	// Leaves says that the joiner is on the way out by that reading: "terminated" or
	// "rescinded"; the names are kept then.
	Leaves string
	// Names are what accounts of the joiner are called by now: names that are held
	// for the joiner and among them are confirmed.
	Names []string
	// Absorbs is when that reading began, if it stands for the runs behind this one
	// that an earlier event queued: they have nothing to add.
	Absorbs  *time.Time
	JoinerID string
	// Round and Tidied move the run's rounds on; 0 leaves them.
	Round, Tidied int
	// Undo makes the run undo what was done, once it is taken in hand again.
	Undo bool
	// Again has the run look at its joiner again at its next wake-up, as if a newer
	// event had come.
	Again bool
	// State moves the run on; "" keeps it running in these hands.
	State      run.State
	Reason     string
	WaitingFor string
	WakeAt     *time.Time
	Acts       []Act
	// Writes are fields of an HRIS that were written back, and how far they are.
	Writes []WriteMark
	// Intent is an effect without limits that is about to be made: it is kept
	// together with what led to it.
	Intent *Intent
}

// AttemptRow is one try at a step.
type AttemptRow struct {
	Node      flow.NodeID
	Number    int
	StartedAt time.Time
	EndedAt   time.Time
	Outcome   string // the port, "waits", "retries" or "failed"
	Error     string
	Log       []string
}

// Receipt tells what an intent came to.
type Receipt struct {
	Key    string
	Result json.RawMessage
	// Account is what the joiner has in a directory now, when that changed.
	Account *AccountRow
}

// AccountRow is a joiner's account.
type AccountRow struct {
	JoinerID   string
	Connection string
	AccountID  string
	Was        string // the account's id until now; "" when it stays
	Name       string
	Enabled    *bool
	Created    bool
	Add        []string // groups
	// Grant says that the groups of Add are of our making: it was in none of them before.
	Grant  bool
	Remove []string
	Run    run.ID
}

// SignoffRow is a question put to people.
type SignoffRow struct {
	Node     flow.NodeID
	Title    string
	Question string
	Role     string
	Person   string
	Deadline *time.Time
	Fields   json.RawMessage
	// Compare is what is shown side by side; nil when nothing is.
	Compare json.RawMessage
	// Since is when the step began to ask: what was answered later, to the same
	// words, it has not seen, and is not asked again.
	Since time.Time
}

// Fence is the answer to a checkpoint.
type Fence struct {
	// Kept is false when the run is in other hands: nothing was written.
	Kept bool
	// CancelAsked is the reason somebody asked to cancel the run; "" when nobody did.
	CancelAsked string
	// Intended answers the checkpoint's intent.
	Intended Intended
}

// CheckpointKept reports whether a checkpoint was kept, by the try that it tells
// of: in the table of tries, or in the step's own row when it was the only one.
func (db *DB) CheckpointKept(ctx context.Context, c Checkpoint) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, flushFor)
	defer cancel()
	var kept bool
	if len(c.Attempts) > 0 {
		a := c.Attempts[0]
		err := db.pool.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM attempts WHERE run_id = $1 AND node = $2 AND number = $3 AND outcome = $4 AND ended_at = $5)`, c.Run, a.Node, a.Number, a.Outcome, a.EndedAt).Scan(&kept)
		return kept, asFault(err)
	}
	if c.State != "" {
		err := db.pool.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM runs WHERE id = $1 AND epoch = $2 AND state = $3 AND lease_owner = '')`, c.Run, c.Epoch, c.State).Scan(&kept)
		return kept, asFault(err)
	}
	// The last one is the step that ended just now; those before it may have been kept earlier.
	for _, s := range slices.Backward(c.Steps) {
		if s.StartedAt == nil || s.EndedAt == nil {
			continue
		}
		err := db.pool.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM steps WHERE run_id = $1 AND node = $2 AND state = $3 AND port = $4 AND ended_at = $5)`, c.Run, s.Node, s.State, s.Port, s.EndedAt).Scan(&kept)
		return kept, asFault(err)
	}
	return false, nil
}

// FinishStep writes a checkpoint in a transaction that concurrent runs share.
func (db *DB) FinishStep(ctx context.Context, c Checkpoint) (Fence, error) {
	db.batchers.finish.Do(func() {
		db.batchers.finisher = NewBatcher(256, counted(db, "checkpoint", db.finishAll))
		db.batches.add(db.batchers.finisher.Close)
	})
	return db.batchers.finisher.Do(ctx, c)
}

// finishAll writes a batch in one trip, taking for granted that all runs are still
// in the same hands, and that what counts as new is new. Where one is not, nothing
// is written, and all is written anew with care.
func (db *DB) finishAll(ctx context.Context, items []Checkpoint) ([]Fence, error) {
	out := make([]Fence, len(items))
	err := db.trip(ctx, BeforeCommit, func(t *trips) error {
		clear(out)
		fence(t, items, out, true)
		return db.writeCheckpoints(t, items, pointers(out))
	})
	if isCode(err, divisionByZero, uniqueViolation) {
		return db.finishHeld(ctx, careful(items))
	}
	return out, err
}

// finishHeld is finishAll for a batch with a run that is in other hands.
func (db *DB) finishHeld(ctx context.Context, items []Checkpoint) ([]Fence, error) {
	out := make([]Fence, len(items))
	err := db.trip(ctx, BeforeCommit, func(t *trips) error {
		clear(out)
		fence(t, items, out, false)
		if err := t.send(ctx); err != nil {
			return fmt.Errorf("fence checkpoints: %w", err)
		}
		var kept []Checkpoint
		var of []*Fence
		for i := range out {
			if out[i].Kept {
				kept, of = append(kept, items[i]), append(of, &out[i])
			}
		}
		return db.writeCheckpoints(t, kept, of)
	})
	return out, err
}

// careful gives checkpoints in which nothing counts as new.
func careful(items []Checkpoint) []Checkpoint {
	out := slices.Clone(items)
	for i := range out {
		out[i].Steps = slices.Clone(out[i].Steps)
		for n := range out[i].Steps {
			out[i].Steps[n].New = false
		}
		if out[i].Intent != nil {
			again := *out[i].Intent
			again.Again = true
			out[i].Intent = &again
		}
	}
	return out
}

func pointers[T any](all []T) []*T {
	out := make([]*T, len(all))
	for i := range all {
		out[i] = &all[i]
	}
	return out
}

func (db *DB) writeCheckpoints(t *trips, items []Checkpoint, out []*Fence) error {
	writeIntents(t.q, items, out)
	for _, write := range []func(*pgx.Batch, []Checkpoint) error{db.moveRuns, forgetSteps, writeSteps, writeAttempts, writeCalls, writeMoments, writeReceipts, db.markWrites, writeAccounts, writeNames, writeSignoffs, writeAwaited, db.writeWorkers, writeActs} {
		if err := write(t.q, items); err != nil {
			return err
		}
	}
	return nil
}

// runLocks tells the advisory locks of runs from others.
const runLocks = "2"

// divisionByZero is how a statement ends its transaction when something that was
// taken for granted is not so.
const divisionByZero = "22012"

// fence finds which checkpoints count: those whose run is still in the same hands,
// and will be until the commit. A row lock would write each run's row at each
// step, so the runs are held by shared advisory locks that a take-over must not
// meet (see TakeOver); they are taken before the snapshot that looks. Joiners are
// locked before runs are changed, and in the order that intake has. With all the
// transaction ends when one does not count.
func fence(t *trips, items []Checkpoint, out []Fence, all bool) {
	var ids, owners, joiners []string
	var epochs []int64
	for _, c := range items {
		ids, owners, epochs = append(ids, string(c.Run)), append(owners, c.Owner), append(epochs, c.Epoch)
		if c.Worker != nil {
			joiners = append(joiners, c.JoinerID)
		}
	}
	t.Queue(`SELECT count(pg_advisory_xact_lock_shared(hashtextextended(id, `+runLocks+`))) FROM unnest($1::text[]) AS u (id)`, ids)
	if len(joiners) > 0 {
		t.Queue(`SELECT id FROM joiners WHERE id = ANY ($1) ORDER BY (connection || ':' || worker) COLLATE "C" FOR NO KEY UPDATE`, joiners)
	}
	t.Queue(`SELECT u.n, coalesce(r.cancel_asked, ''), r.id IS NOT NULL, CASE WHEN r.id IS NULL AND $4 THEN 1 / (u.n - u.n) END FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS u (id, owner, epoch, n)
		LEFT JOIN runs r ON r.id = u.id AND r.lease_owner = u.owner AND r.epoch = u.epoch AND r.state = 'running'`, ids, owners, epochs, all).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var n int64
			var f Fence // what is known of it by now; an intent's answer comes after this one
			if err := rows.Scan(&n, &f.CancelAsked, &f.Kept, nil); err != nil {
				return err
			}
			f.Intended.Kept = f.Kept
			out[n-1] = f
		}
		return rows.Err()
	})
}

// moveRuns changes the rows of runs that leave these hands or have a new reading
// of their joiner. A batch may hold several checkpoints of one run (branches that
// end together): the last state and reading win.
func (db *DB) moveRuns(q *pgx.Batch, items []Checkpoint) error {
	moved, read := map[run.ID]Checkpoint{}, map[run.ID]*string{}
	for _, c := range items {
		if c.Round > 0 || c.Tidied > 0 {
			q.Queue(`UPDATE runs SET round = greatest(round, $2), tidied = greatest(tidied, $3) WHERE id = $1`, c.Run, c.Round, c.Tidied)
		}
		if c.Absorbs != nil && c.Worker != nil { // the joiner is locked, so no event comes between
			q.Queue(`UPDATE runs r SET state = 'canceled', reason = 'Merged into the run before it, which has read the worker since.', wake_at = NULL, ended_at = $3, changed_at = now() FROM runs m
				WHERE m.id = $1 AND r.joiner_id = m.joiner_id AND r.flow = m.flow AND r.seq > m.seq AND r.mode = 'live' AND r.state = 'queued' AND r.started_at IS NULL AND r.created_at <= $2`, c.Run, *c.Absorbs, db.now())
		}
		if c.State != "" {
			moved[c.Run] = c
		}
		if w := workerText(c.Worker); w != nil {
			read[c.Run] = w
		}
	}
	var ids, states, reasons, waits []string
	var wakes []*time.Time
	var undo, again []bool
	for _, id := range slices.Sorted(maps.Keys(moved)) {
		c := moved[id]
		ids, states, reasons, waits, wakes = append(ids, string(id)), append(states, string(c.State)), append(reasons, c.Reason), append(waits, c.WaitingFor), append(wakes, c.WakeAt)
		undo, again = append(undo, c.Undo), append(again, c.Again)
	}
	if len(read) > 0 {
		var of []string
		var workers []*string
		for _, id := range slices.Sorted(maps.Keys(read)) {
			of, workers = append(of, string(id)), append(workers, read[id])
		}
		q.Queue(`UPDATE runs r SET worker = u.worker::jsonb FROM unnest($1::text[], $2::text[]) AS u (id, worker) WHERE r.id = u.id`, of, workers)
	}
	if len(ids) > 0 {
		q.Queue(`UPDATE runs r SET changed_at = now(), lease_until = NULL, lease_owner = '', state = u.state, reason = u.reason, waiting_for = u.waits, undoing = r.undoing OR u.undo,
			wake_reason = CASE WHEN r.nudged OR u.again THEN 'event' WHEN r.cancel_asked <> '' THEN 'cancel' ELSE '' END,
			wake_at = CASE WHEN u.state = 'waiting' AND (r.nudged OR r.cancel_asked <> '') THEN $6 ELSE u.wake END,
			ended_at = CASE WHEN u.state IN ('succeeded', 'failed', 'canceled', 'compensated') THEN $6 END
			FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $7::bool[], $8::bool[]) AS u (id, state, reason, waits, wake, undo, again) WHERE r.id = u.id`, ids, states, reasons, waits, wakes, db.now(), undo, again)
	}
	return nil
}

func writeActs(q *pgx.Batch, items []Checkpoint) error {
	var acts []Act
	for _, c := range items {
		acts = append(acts, c.Acts...)
	}
	return queueAudit(q, acts...)
}

func workerText(w *joiner.Worker) *string {
	if w == nil {
		return nil
	}
	raw, err := json.Marshal(w)
	if err != nil {
		return nil
	}
	s := string(raw)
	return &s
}

func writeSignoffs(q *pgx.Batch, items []Checkpoint) error {
	var ended []string
	for _, c := range items {
		if s := c.Signoff; s != nil {
			fields := s.Fields
			if fields == nil {
				fields = json.RawMessage("[]")
			}
			q.Queue(`INSERT INTO signoffs (id, run_id, node, title, question, role, person, deadline, fields, compare, state)
				SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, coalesce($10::jsonb, '{}'), 'open'
				WHERE NOT EXISTS (SELECT 1 FROM signoffs a WHERE a.run_id = $2 AND a.node = $3 AND a.state IN ('approved', 'rejected') AND a.decided_at >= $11 AND a.title = $4 AND a.question = $5)
				ON CONFLICT (run_id, node) WHERE state = 'open' DO UPDATE SET title = excluded.title, question = excluded.question, role = excluded.role, person = excluded.person, deadline = excluded.deadline, compare = excluded.compare`,
				newID("so_"), c.Run, s.Node, s.Title, s.Question, s.Role, s.Person, s.Deadline, string(fields), jsonText(s.Compare), s.Since)
		}
		if c.State.Terminal() {
			ended = append(ended, string(c.Run))
		}
	}
	if len(ended) > 0 {
		q.Queue(`UPDATE signoffs SET state = 'canceled', decided_at = now() WHERE run_id = ANY ($1) AND state = 'open'`, ended)
	}
	return nil
}

// writeWorkers keeps the newest reading of each joiner.
func (db *DB) writeWorkers(q *pgx.Batch, items []Checkpoint) error {
	newest := map[string]*joiner.Worker{}
	for _, c := range items {
		if c.Worker != nil {
			newest[c.JoinerID] = c.Worker
		}
	}
	ids := make([]string, 0, len(newest))
	for id := range newest {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var labels, attributes, versions []string
	for _, id := range ids {
		raw, err := json.Marshal(newest[id].Attributes)
		if err != nil {
			return err
		}
		labels, attributes, versions = append(labels, newest[id].Label()), append(attributes, strings.ReplaceAll(string(raw), `\u0000`, "")), append(versions, newest[id].Version)
	}
	if len(ids) == 0 {
		return nil
	}
	q.Queue(`UPDATE joiners j SET label = u.l, attributes = u.a::jsonb, version = u.v, read_at = $5
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS u (id, l, a, v) WHERE j.id = u.id`, ids, labels, attributes, versions, db.now())
	return nil
}
