package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/auth"
	"joinery/internal/backtest"
	"joinery/internal/flow"
	"joinery/internal/joiner"
	"joinery/internal/run"
)

// How long a carrier of a backtest may be silent before another one takes it, how
// often it is begun anew, and how long the joiners of a report are kept.
const (
	backtestSilent = 30 * time.Second
	backtestTries  = 3
	backtestKept   = 90 * 24 * time.Hour
)

// TakeBacktest takes one that waits, or whose carrier is gone; "" when there is none.
// One that was begun several times and never ended is given up.
func (db *DB) TakeBacktest(ctx context.Context, owner string) (id string, err error) {
	_, err = db.pool.Exec(ctx, `UPDATE backtests SET state = 'failed', error = 'It was begun several times, and the process ended each time.', ended_at = $1 WHERE state = 'running' AND tries >= $2 AND beat_at < clock_timestamp() - $3::interval`, db.now(), backtestTries, backtestSilent)
	if err != nil {
		return "", asFault(fmt.Errorf("give up backtests: %w", err))
	}
	err = db.pool.QueryRow(ctx, `UPDATE backtests SET state = 'running', owner = $1, beat_at = clock_timestamp(), looked = 0, tries = tries + 1
		WHERE id = (SELECT id FROM backtests WHERE state = 'queued' OR state = 'running' AND beat_at < clock_timestamp() - $2::interval ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id`, owner, backtestSilent).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return id, asFault(err)
}

// BacktestLooked keeps how far one is; false when it is in other hands or canceled.
func (db *DB) BacktestLooked(ctx context.Context, id, owner string, looked int) (bool, error) {
	tag, err := db.pool.Exec(ctx, `UPDATE backtests SET looked = $3, beat_at = clock_timestamp() WHERE id = $1 AND owner = $2 AND state = 'running'`, id, owner, looked)
	return err == nil && tag.RowsAffected() == 1, asFault(err)
}

// GiveBackBacktest lets another process begin it at once.
func (db *DB) GiveBackBacktest(ctx context.Context, id, owner string) error {
	_, err := db.pool.Exec(ctx, `UPDATE backtests SET state = 'queued', owner = '', tries = tries - 1 WHERE id = $1 AND owner = $2 AND state = 'running'`, id, owner)
	return asFault(err)
}

// FailBacktest ends one that cannot be carried out.
func (db *DB) FailBacktest(ctx context.Context, id, owner, why string) error {
	_, err := db.pool.Exec(ctx, `UPDATE backtests SET state = 'failed', error = $3, ended_at = $4 WHERE id = $1 AND owner = $2 AND state = 'running'`, id, owner, clipText(why, 1000), db.now())
	return asFault(err)
}

// BacktestPerson is one joiner of a report.
type BacktestPerson struct {
	backtest.Line
	JoinerID                  string
	Label, Worker, Connection string
	RunAt                     time.Time
}

// EndBacktest keeps a report. false when it is in other hands or canceled.
func (db *DB) EndBacktest(ctx context.Context, id, owner string, report backtest.Report, people []BacktestPerson, took time.Duration) (kept bool, err error) {
	lines := make([]backtest.Line, len(people))
	for i, p := range people {
		lines[i] = p.Line
	}
	hash, err := backtest.Hash(report, lines)
	if err != nil {
		return false, err
	}
	text, err := json.Marshal(report)
	if err != nil {
		return false, fmt.Errorf("write report: %w", err)
	}
	return kept, db.ptx(ctx, func(tx pgx.Tx) error {
		var key string
		err := tx.QueryRow(ctx, `UPDATE backtests SET state = 'done', looked = $3, report = $4, report_hash = $5, milliseconds = $6, ended_at = $7 WHERE id = $1 AND owner = $2 AND state = 'running' RETURNING flow`,
			id, owner, len(people), string(text), hash, took.Milliseconds(), db.now()).Scan(&key)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		rows := make([][]any, len(people))
		for i, p := range people {
			line, err := json.Marshal(p.Line)
			if err != nil {
				return fmt.Errorf("write report: %w", err)
			}
			rows[i] = []any{id, p.N, p.JoinerID, p.Run, len(p.Differences) > 0, p.Kinds(), string(line)}
		}
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{"backtest_people"}, []string{"backtest_id", "n", "joiner_id", "run_id", "differs", "kinds", "line"}, pgx.CopyFromRows(rows)); err != nil {
			return err
		}
		kept = true
		return appendAuditTx(ctx, tx, Act{Actor: auth.Engine(), Action: "backtest.done", Kind: "flow", ID: key, Detail: map[string]any{"backtest": id, "report": hash, "people": report.People, "differing": report.Differing, "failing": report.Failing}})
	})
}

// ForgetBacktests deletes the joiners of reports whose time is over.
func (db *DB) ForgetBacktests(ctx context.Context) (int64, error) {
	tag, err := db.pool.Exec(ctx, `DELETE FROM backtest_people p USING backtests b WHERE b.id = p.backtest_id AND b.ended_at < $1`, db.now().Add(-backtestKept))
	return tag.RowsAffected(), asFault(err)
}

// BacktestFilter narrows the joiners of a report.
type BacktestFilter struct {
	Kind  string // of a difference
	Only  string // differs, same, fails, strange, asked; "" for all
	Query string
	Where string
	What  string
	After int
	Limit int
}

// BacktestPeople lists joiners of a report in its order.
func (db *DB) BacktestPeople(ctx context.Context, id string, f BacktestFilter) ([]BacktestPerson, error) {
	rows, err := db.pool.Query(ctx, `SELECT p.n, p.joiner_id, p.line, coalesce(j.label, ''), coalesce(j.worker, ''), coalesce(j.connection, ''), coalesce(r.started_at, r.created_at, to_timestamp(0))
		FROM backtest_people p LEFT JOIN joiners j ON j.id = p.joiner_id LEFT JOIN runs r ON r.id = p.run_id
		WHERE p.backtest_id = $1 AND p.n > $2 AND ($3 = '' OR $3 = ANY (p.kinds))
			AND CASE $4 WHEN 'differs' THEN p.differs WHEN 'same' THEN NOT p.differs WHEN 'fails' THEN p.line::jsonb ? 'fails' WHEN 'strange' THEN p.line::jsonb ? 'strange' WHEN 'asked' THEN p.line::jsonb ?| ARRAY['asked', 'unasked'] ELSE true END
			AND ($5 = '' OR strpos(lower(coalesce(j.label, '') || ' ' || coalesce(j.worker, '') || ' ' || p.line), lower($5)) > 0)
			AND ($6 = '' OR EXISTS (SELECT 1 FROM jsonb_array_elements(CASE jsonb_typeof(p.line::jsonb->'differences') WHEN 'array' THEN p.line::jsonb->'differences' ELSE '[]' END) d WHERE d->>'kind' = $3 AND d->>'what' = $6 AND coalesce(d->>'where', '') = $7))
		ORDER BY p.n LIMIT $8`, id, f.After, f.Kind, f.Only, f.Query, f.What, f.Where, pageSize(f.Limit))
	if err != nil {
		return nil, asFault(fmt.Errorf("list joiners of a backtest: %w", err))
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p BacktestPerson, err error) {
		var line string
		if err := row.Scan(&p.N, &p.JoinerID, &line, &p.Label, &p.Worker, &p.Connection, &p.RunAt); err != nil {
			return p, err
		}
		return p, json.Unmarshal([]byte(line), &p.Line)
	})
	return out, asFault(err)
}

// PastRun is a run as it is on record.
type PastRun struct {
	ID       run.ID
	Flow     string
	JoinerID string
	Ref      joiner.Ref
	Worker   joiner.Worker
	Event    *joiner.Event
	At       time.Time
	State    run.State
	Steps    map[flow.NodeID]StepRow
}

// PastRuns reads runs with their steps, in the given order; those that are gone are
// left out.
func (db *DB) PastRuns(ctx context.Context, ids []string) ([]PastRun, error) {
	rows, err := db.pool.Query(ctx, `SELECT r.id, r.flow, r.joiner_id, j.connection, j.worker, j.stamp, r.worker, r.started_at, r.state, r.event_id, coalesce(e.key, ''), coalesce(e.type, ''), coalesce(e.worker, ''), e.at, coalesce(e.changed, '{}')
		FROM unnest($1::text[]) WITH ORDINALITY AS u (id, n) JOIN runs r ON r.id = u.id JOIN joiners j ON j.id = r.joiner_id LEFT JOIN events e ON e.id = r.event_id WHERE r.worker IS NOT NULL AND r.started_at IS NOT NULL ORDER BY u.n`, ids)
	if err != nil {
		return nil, asFault(fmt.Errorf("read past runs: %w", err))
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p PastRun, err error) {
		var worker []byte
		var e joiner.Event
		var at *time.Time
		var eventID string
		err = row.Scan(&p.ID, &p.Flow, &p.JoinerID, &p.Ref.Connection, &p.Ref.Worker, &p.Ref.As, &worker, &p.At, &p.State, &eventID, &e.Key, &e.Type, &e.Worker, &at, &e.Changed)
		if err != nil {
			return p, err
		}
		if eventID != "" {
			if at != nil {
				e.At = *at
			}
			p.Event = &e
		}
		p.Steps = map[flow.NodeID]StepRow{}
		return p, json.Unmarshal(worker, &p.Worker)
	})
	if err != nil {
		return nil, asFault(fmt.Errorf("read past runs: %w", err))
	}
	at := map[string]int{}
	for i, p := range out {
		at[string(p.ID)] = i
	}
	steps, err := db.pool.Query(ctx, `SELECT run_id, `+stepColumns+` FROM steps WHERE run_id = ANY ($1)`, ids)
	if err != nil {
		return nil, asFault(fmt.Errorf("read past steps: %w", err))
	}
	defer steps.Close()
	for steps.Next() {
		var id string
		s, err := scanStep(steps, &id)
		if err != nil {
			return nil, err
		}
		if i, ok := at[id]; ok {
			out[i].Steps[s.Node] = s
		}
	}
	return out, asFault(steps.Err())
}
