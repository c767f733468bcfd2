package postgres

import (
	"context"
	"encoding/json"
	"fmt"
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
	Receipts []Receipt
	Signoff  *SignoffRow
	// Worker is a new reading of the joiner.
	Worker   *joiner.Worker
	JoinerID string
	// State moves the run on; "" keeps it running in these hands.
	State      run.State
	Reason     string
	WaitingFor string
	WakeAt     *time.Time
	Acts       []Act
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
	Name       string
	Enabled    *bool
	Created    bool
	Add        []string // groups
	Remove     []string
	Run        run.ID
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
}

// Fence is the answer to a checkpoint.
type Fence struct {
	// Kept is false when the run is in other hands: nothing was written.
	Kept bool
	// CancelAsked is the reason somebody asked to cancel the run; "" when nobody did.
	CancelAsked string
}

// FinishStep writes a checkpoint in a transaction that concurrent runs share.
func (db *DB) FinishStep(ctx context.Context, c Checkpoint) (Fence, error) {
	db.batchers.finish.Do(func() {
		db.batchers.finisher = NewBatcher(256, counted(db, "checkpoint", db.finishAll))
		db.batches.add(db.batchers.finisher.Close)
	})
	return db.batchers.finisher.Do(ctx, c)
}

func (db *DB) finishAll(ctx context.Context, items []Checkpoint) ([]Fence, error) {
	out := make([]Fence, len(items))
	err := db.ptx(ctx, func(tx pgx.Tx) error {
		clear(out)
		kept, err := db.fence(ctx, tx, items, out)
		if err != nil || len(kept) == 0 {
			return err
		}
		var acts []Act
		for _, c := range kept {
			acts = append(acts, c.Acts...)
		}
		for _, write := range []func(context.Context, pgx.Tx, []Checkpoint) error{forgetSteps, writeSteps, writeAttempts, writeReceipts, writeAccounts, writeSignoffs, db.writeWorkers} {
			if err := write(ctx, tx, kept); err != nil {
				return err
			}
		}
		if err := appendAuditTx(ctx, tx, acts...); err != nil {
			return err
		}
		db.reached(BeforeCommit)
		return nil
	})
	return out, err
}

// fence moves the runs on and finds which checkpoints count. A batch may hold
// several of one run (branches that end together): they count alike, and the
// last state wins.
func (db *DB) fence(ctx context.Context, tx pgx.Tx, items []Checkpoint, out []Fence) ([]Checkpoint, error) {
	order := make([]int, len(items))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(string(items[a].Run), string(items[b].Run)) })
	var ids, owners, states, reasons, waits []string
	var workers []*string
	var epochs []int64
	var wakes []*time.Time
	for n, i := range order {
		c := items[i]
		if n > 0 && items[order[n-1]].Run == c.Run && items[order[n-1]].Epoch == c.Epoch && items[order[n-1]].Owner == c.Owner {
			k := len(ids) - 1
			if c.State != "" {
				states[k], reasons[k], waits[k], wakes[k] = string(c.State), c.Reason, c.WaitingFor, c.WakeAt
			}
			if w := workerText(c.Worker); w != nil {
				workers[k] = w
			}
			continue
		}
		ids, owners, epochs = append(ids, string(c.Run)), append(owners, c.Owner), append(epochs, c.Epoch)
		states, reasons, waits, wakes, workers = append(states, string(c.State)), append(reasons, c.Reason), append(waits, c.WaitingFor), append(wakes, c.WakeAt), append(workers, workerText(c.Worker))
	}
	rows, err := tx.Query(ctx, `UPDATE runs r SET changed_at = now(), lease_until = CASE WHEN u.state = '' THEN clock_timestamp() + interval '20 seconds' END,
		lease_owner = CASE WHEN u.state = '' THEN r.lease_owner ELSE '' END,
		worker = coalesce(u.worker::jsonb, r.worker),
		state = CASE WHEN u.state = '' THEN r.state ELSE u.state END,
		reason = CASE WHEN u.state = '' THEN r.reason ELSE u.reason END,
		waiting_for = CASE WHEN u.state = '' THEN '' ELSE u.waits END,
		wake_reason = CASE WHEN r.nudged THEN 'event' WHEN r.cancel_asked <> '' THEN 'cancel' ELSE '' END,
		wake_at = CASE WHEN u.state = 'waiting' AND (r.nudged OR r.cancel_asked <> '') THEN $9 ELSE u.wake END,
		ended_at = CASE WHEN u.state IN ('succeeded', 'failed', 'canceled', 'compensated') THEN $9 END
		FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::text[]) AS u (id, owner, epoch, state, reason, waits, wake, worker)
		WHERE r.id = u.id AND r.lease_owner = u.owner AND r.epoch = u.epoch AND r.state = 'running' RETURNING r.id, r.epoch, r.cancel_asked`,
		ids, owners, epochs, states, reasons, waits, wakes, workers, db.now())
	if err != nil {
		return nil, fmt.Errorf("checkpoint runs: %w", err)
	}
	type held struct {
		epoch  int64
		cancel string
	}
	ok := map[string]held{}
	for rows.Next() {
		var id string
		var h held
		if err := rows.Scan(&id, &h.epoch, &h.cancel); err != nil {
			rows.Close()
			return nil, err
		}
		ok[id] = h
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("checkpoint runs: %w", err)
	}
	var kept []Checkpoint
	for _, i := range order {
		if h, found := ok[string(items[i].Run)]; found && h.epoch == items[i].Epoch {
			out[i] = Fence{Kept: true, CancelAsked: h.cancel}
			kept = append(kept, items[i])
		}
	}
	return kept, nil
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

func writeSignoffs(ctx context.Context, tx pgx.Tx, items []Checkpoint) error {
	for _, c := range items {
		if s := c.Signoff; s != nil {
			fields := s.Fields
			if fields == nil {
				fields = json.RawMessage("[]")
			}
			_, err := tx.Exec(ctx, `INSERT INTO signoffs (id, run_id, node, title, question, role, person, deadline, fields, state) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'open')
				ON CONFLICT (run_id, node) WHERE state = 'open' DO UPDATE SET title = excluded.title, question = excluded.question, role = excluded.role, person = excluded.person, deadline = excluded.deadline`,
				newID("so_"), c.Run, s.Node, s.Title, s.Question, s.Role, s.Person, s.Deadline, string(fields))
			if err != nil {
				return fmt.Errorf("write sign-off: %w", err)
			}
		}
		if c.State.Terminal() {
			if _, err := tx.Exec(ctx, `UPDATE signoffs SET state = 'canceled', decided_at = now() WHERE run_id = $1 AND state = 'open'`, c.Run); err != nil {
				return fmt.Errorf("close sign-offs: %w", err)
			}
		}
	}
	return nil
}

// writeWorkers keeps the newest reading of each joiner.
func (db *DB) writeWorkers(ctx context.Context, tx pgx.Tx, items []Checkpoint) error {
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
	_, err := tx.Exec(ctx, `UPDATE joiners j SET label = u.l, attributes = u.a::jsonb, version = u.v, read_at = $5
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS u (id, l, a, v) WHERE j.id = u.id`, ids, labels, attributes, versions, db.now())
	if err != nil {
		return fmt.Errorf("write joiners: %w", err)
	}
	return nil
}
