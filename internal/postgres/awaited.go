package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/flow"
	"joinery/internal/run"
)

// AwaitedRow is an account that a step waits for.
type AwaitedRow struct {
	Node                           flow.NodeID
	HRIS, Worker, Directory, Other string
	Since, Deadline                time.Time
}

// awaits is the type of step that waits for accounts.
const awaits = "manager.resolve"

// writeAwaited keeps which accounts steps wait for, and forgets those of steps
// that wait no more.
func writeAwaited(q *pgx.Batch, items []Checkpoint) error {
	for _, c := range items {
		if a := c.Awaited; a != nil {
			q.Queue(`INSERT INTO awaited_accounts (run_id, node, hris, worker, directory, other, since, deadline) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
				ON CONFLICT (run_id, node) DO UPDATE SET hris = excluded.hris, worker = excluded.worker, directory = excluded.directory, other = excluded.other, since = excluded.since, deadline = excluded.deadline`,
				c.Run, a.Node, a.HRIS, a.Worker, a.Directory, a.Other, a.Since, a.Deadline)
			continue
		}
		for _, s := range c.Steps {
			if s.Type == awaits && (run.Step{State: s.State}).Settled() {
				q.Queue(`DELETE FROM awaited_accounts WHERE run_id = $1 AND node = $2`, c.Run, s.Node)
			}
		}
	}
	return nil
}

// WakeAwaiting lets steps look again whose awaited account is there now. It gives
// how many.
func (db *DB) WakeAwaiting(ctx context.Context) (int, error) {
	var n int
	err := db.pool.QueryRow(ctx, `WITH there AS (
			SELECT w.run_id, w.node FROM awaited_accounts w JOIN joiners j ON j.connection = w.hris AND j.worker = w.worker
			JOIN joiner_accounts a ON a.joiner_id = j.id AND a.connection IN (w.directory, w.other)),
		steps_due AS (UPDATE steps s SET wake_at = $1 FROM there t WHERE s.run_id = t.run_id AND s.node = t.node AND s.state = 'waiting' AND s.wake_at > $1 RETURNING s.run_id),
		due AS (UPDATE runs r SET wake_at = $1 WHERE r.id IN (SELECT run_id FROM steps_due) AND r.state = 'waiting' RETURNING r.id)
		SELECT count(*) FROM due`, db.now()).Scan(&n)
	if err != nil {
		return 0, asFault(fmt.Errorf("wake steps that await accounts: %w", err))
	}
	return n, nil
}

// AwaitedLine is a reference to a manager that is not filled in yet.
type AwaitedLine struct {
	AwaitedRow
	Run, Flow, JoinerID, Label, JoinerWorker string
	ManagerLabel                             string
}

// AwaitedAccounts lists the references that wait for a manager's account, those
// that end first before the others.
func (db *DB) AwaitedAccounts(ctx context.Context, limit int) ([]AwaitedLine, error) {
	rows, err := db.pool.Query(ctx, `SELECT w.node, w.hris, w.worker, w.directory, w.other, w.since, w.deadline, r.id, r.flow, j.id, j.label, j.worker, coalesce(m.label, '')
		FROM awaited_accounts w JOIN runs r ON r.id = w.run_id AND r.state IN ('waiting', 'running', 'queued', 'parked') JOIN joiners j ON j.id = r.joiner_id
		LEFT JOIN joiners m ON m.connection = w.hris AND m.worker = w.worker ORDER BY w.deadline, w.run_id LIMIT $1`, limit)
	if err != nil {
		return nil, asFault(fmt.Errorf("list awaited accounts: %w", err))
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l AwaitedLine, err error) {
		return l, row.Scan(&l.Node, &l.HRIS, &l.Worker, &l.Directory, &l.Other, &l.Since, &l.Deadline, &l.Run, &l.Flow, &l.JoinerID, &l.Label, &l.JoinerWorker, &l.ManagerLabel)
	})
	return out, asFault(err)
}
