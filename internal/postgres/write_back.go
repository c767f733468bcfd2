package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/flow"
	"joinery/internal/policy"
	"joinery/internal/run"
)

// States of one field that was written back.
const (
	WriteIntended    = "intended"     // about to be written; it may have been
	WriteWritten     = "written"      // the HRIS said yes
	WriteVerified    = "verified"     // it was read back
	WriteNotVerified = "not_verified" // it was read back, and is not there
	WriteDrifted     = "drifted"      // it was there, and is not any more
	WriteReplaced    = "replaced"     // we wrote another value later
	WriteReleased    = "released"     // a person accepted HR's value
	WriteUndone      = "undone"       // it was taken back
)

// FieldWrite is one field of one write into an HRIS.
type FieldWrite struct {
	// Intent is the key of the write's intent; with Field it names the row.
	Intent     string
	JoinerID   string
	Connection string
	Worker     string
	Field      string
	Flow       string
	Run        run.ID
	Node       flow.NodeID
	Policy     string
	Value      any
	Before     any
	// Echo is for how long an event of it is our own echo.
	Echo time.Duration
}

// IntendWrites records fields that are about to be written, before the call, so
// that an echo which is faster than our own record is known for what it is.
func (db *DB) IntendWrites(ctx context.Context, rows []FieldWrite, state string) error {
	if len(rows) == 0 {
		return nil
	}
	now := db.now()
	return db.htx(ctx, func(tx pgx.Tx) error {
		q := &pgx.Batch{}
		for _, r := range rows {
			value, err := valueText(r.Value)
			if err != nil {
				return err
			}
			before, err := valueText(r.Before)
			if err != nil {
				return err
			}
			q.Queue(`UPDATE joiners SET echo_until = greatest(coalesce(echo_until, $2), $2) WHERE id = $1`, r.JoinerID, now.Add(r.Echo))
			q.Queue(`INSERT INTO write_backs AS w (id, intent, joiner_id, connection, worker, field, flow, run_id, node, policy, value, hash, before, state, echo_until, at)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::jsonb, $12, $13::jsonb, $14, $15, $16)
				ON CONFLICT (intent, field) DO UPDATE SET state = excluded.state, echo_until = excluded.echo_until, echo_key = '',
					before = CASE WHEN w.state IN ('written', 'verified') THEN w.before ELSE excluded.before END`,
				newID("wb_"), r.Intent, r.JoinerID, r.Connection, r.Worker, r.Field, r.Flow, string(r.Run), string(r.Node), r.Policy, value, policy.ValueHash(r.Field, r.Value), before, state, now.Add(r.Echo), now)
		}
		return tx.SendBatch(ctx, q).Close()
	})
}

func valueText(v any) (*string, error) {
	if v == nil {
		return nil, nil
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write value: %w", err)
	}
	return jsonText(raw), nil
}

// WriteMark moves a field that was written back to a state, with a checkpoint.
type WriteMark struct {
	Intent, Field, State string
	// CheckAt is when it is looked at again; nil never.
	CheckAt *time.Time
}

// markWrites keeps what became of fields that were written back. A newer write of
// a field replaces the older ones of the same joiner.
func (db *DB) markWrites(q *pgx.Batch, items []Checkpoint) error {
	for _, c := range items {
		for _, m := range c.Writes {
			db.markWrite(q, m)
		}
	}
	return nil
}

func (db *DB) markWrite(q *pgx.Batch, m WriteMark) {
	q.Queue(`UPDATE write_backs SET state = $3, check_at = $4, written_at = CASE WHEN $3 IN ('written', 'verified') THEN coalesce(written_at, $5) ELSE written_at END,
		verified_at = CASE WHEN $3 = 'verified' THEN $5 ELSE verified_at END WHERE intent = $1 AND field = $2`, m.Intent, m.Field, m.State, m.CheckAt, db.now())
	if m.State != WriteWritten && m.State != WriteVerified {
		return
	}
	q.Queue(`UPDATE write_backs o SET state = 'replaced', check_at = NULL FROM write_backs n WHERE n.intent = $1 AND n.field = $2
		AND o.joiner_id = n.joiner_id AND o.connection = n.connection AND o.field = n.field AND o.id <> n.id AND o.at <= n.at AND o.state IN ('intended', 'written', 'verified', 'not_verified', 'drifted')`, m.Intent, m.Field)
}

// MarkWrites is markWrites outside of a run's checkpoint.
func (db *DB) MarkWrites(ctx context.Context, marks ...WriteMark) error {
	return db.ptx(ctx, func(tx pgx.Tx) error {
		q := &pgx.Batch{}
		for _, m := range marks {
			db.markWrite(q, m)
		}
		return tx.SendBatch(ctx, q).Close()
	})
}

// FieldPast is what is known of a joiner's field from before.
type FieldPast struct {
	// Own is what we wrote last and nobody took back; Intent names that write.
	Own    any
	Intent string
	State  string
	// Before is what was there before our first write that still counts.
	Before any
	// Accepted is the value of HR's that a person accepted last.
	Accepted any
}

// FieldPasts reads what is known of a joiner's fields in an HRIS.
func (db *DB) FieldPasts(ctx context.Context, joinerID, connection, worker string) (map[string]FieldPast, error) {
	out := map[string]FieldPast{}
	rows, err := db.pool.Query(ctx, `SELECT DISTINCT ON (field) field, intent, state, value, before FROM write_backs
		WHERE joiner_id = $1 AND connection = $2 AND state IN ('intended', 'written', 'verified', 'drifted') ORDER BY field, at DESC, id DESC`, joinerID, connection)
	if err != nil {
		return nil, asFault(fmt.Errorf("read own writes: %w", err))
	}
	defer rows.Close()
	for rows.Next() {
		var field string
		var p FieldPast
		if err := rows.Scan(&field, &p.Intent, &p.State, &p.Own, &p.Before); err != nil {
			return nil, asFault(err)
		}
		out[field] = p
	}
	if err := rows.Err(); err != nil {
		return nil, asFault(err)
	}
	accepted, err := db.pool.Query(ctx, `SELECT DISTINCT ON (subject) field, theirs FROM exceptions WHERE joiner_id = $1 AND connection = $2 AND worker = $3 AND resolution = 'accept_hr' ORDER BY subject, resolved_at DESC`, joinerID, connection, worker)
	if err != nil {
		return nil, asFault(fmt.Errorf("read accepted values: %w", err))
	}
	defer accepted.Close()
	for accepted.Next() {
		var field string
		var v any
		if err := accepted.Scan(&field, &v); err != nil {
			return nil, asFault(err)
		}
		p := out[field]
		p.Accepted = v
		out[field] = p
	}
	return out, asFault(accepted.Err())
}

// WritesOf lists the fields of one write.
func (db *DB) WritesOf(ctx context.Context, intent string) ([]FieldWrite, error) {
	rows, err := db.pool.Query(ctx, `SELECT intent, joiner_id, connection, worker, field, flow, run_id, node, policy, value, before FROM write_backs WHERE intent = $1 ORDER BY field`, intent)
	if err != nil {
		return nil, asFault(err)
	}
	out, err := pgx.CollectRows(rows, scanWrite)
	return out, asFault(err)
}

func scanWrite(row pgx.CollectableRow) (FieldWrite, error) {
	var w FieldWrite
	err := row.Scan(&w.Intent, &w.JoinerID, &w.Connection, &w.Worker, &w.Field, &w.Flow, &w.Run, &w.Node, &w.Policy, &w.Value, &w.Before)
	return w, err
}

// DueDrift takes fields whose turn it is to be looked at again, of few workers at a
// time, and puts them off so that a process which dies loses no turn for long.
func (db *DB) DueDrift(ctx context.Context, most int) ([]FieldWrite, error) {
	now := db.now()
	var out []FieldWrite
	err := db.ptx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `UPDATE write_backs SET check_at = $2 WHERE id IN (SELECT id FROM write_backs WHERE check_at <= $1 AND state IN ('verified', 'drifted') ORDER BY check_at LIMIT $3 FOR UPDATE SKIP LOCKED)
			RETURNING intent, joiner_id, connection, worker, field, flow, run_id, node, policy, value, before`, now, now.Add(15*time.Minute), most)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, scanWrite)
		return err
	})
	return out, err
}

// TakeDuty says whether this process has a duty for the time given, by the
// database's clock. Who has it keeps it by asking again.
func (db *DB) TakeDuty(ctx context.Context, name, owner string, within time.Duration) (bool, error) {
	var got bool
	err := db.pool.QueryRow(ctx, `WITH taken AS (INSERT INTO duties AS d (name, owner, until) VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
		ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until WHERE d.owner = excluded.owner OR d.until < clock_timestamp() RETURNING 1)
		SELECT EXISTS (SELECT 1 FROM taken)`, name, owner, within.Seconds()).Scan(&got)
	return got, asFault(err)
}

// Looked keeps what looking again at a field came to, unless it was taken back,
// replaced or released meanwhile.
func (db *DB) Looked(ctx context.Context, w FieldWrite, state string, next time.Time) error {
	_, err := db.pool.Exec(ctx, `UPDATE write_backs SET state = $3, check_at = $4, checked_at = $5 WHERE intent = $1 AND field = $2 AND state IN ('verified', 'drifted')`, w.Intent, w.Field, state, next, db.now())
	return asFault(err)
}

// IntendPush records that an exception's value is about to be written again. It
// counts as a write-back of the hour, and is not held back by the limit: a person
// has just decided it.
func (db *DB) IntendPush(ctx context.Context, exceptionID string, w FieldWrite) error {
	if err := db.IntendWrites(ctx, []FieldWrite{w}, WriteIntended); err != nil {
		return err
	}
	return db.ptx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO intents (key, run_id, node, flow, connection, operation, target, at) VALUES ($1, $2, '', $3, $4, 'hris.write_back', $5, clock_timestamp()) ON CONFLICT (key) DO NOTHING`,
			w.Intent, exceptionID, w.Flow, w.Connection, w.Worker); err != nil {
			return fmt.Errorf("write intent: %w", err)
		}
		_, err := tx.Exec(ctx, `UPDATE exceptions SET push_phase = 'sending' WHERE id = $1 AND state = 'pushing'`, exceptionID)
		return err
	})
}
