package postgres

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"joinery/internal/fault"
	"joinery/internal/run"
)

// Effect is something a run did outside, with its receipt.
type Effect struct {
	Key, Connection, Operation, Target string
	Receipt                            json.RawMessage
}

// Undoable lists a run's effects that are not undone, newest first. An intent
// without a receipt may have had an effect; then its target tells what to look at.
func (db *DB) Undoable(ctx context.Context, id run.ID) ([]Effect, error) {
	rows, err := db.pool.Query(ctx, `SELECT key, connection, operation, target, coalesce(receipt, '{}') FROM intents WHERE run_id = $1 AND undone_at IS NULL ORDER BY at DESC`, id)
	if err != nil {
		return nil, asFault(err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Effect, error) {
		var e Effect
		var raw []byte
		err := row.Scan(&e.Key, &e.Connection, &e.Operation, &e.Target, &raw)
		e.Receipt = raw
		return e, err
	})
	return out, asFault(err)
}

// MarkUndone records that an effect was taken back, if the run is still in these hands.
func (db *DB) MarkUndone(ctx context.Context, id run.ID, owner string, epoch int64, key string) error {
	tag, err := db.pool.Exec(ctx, `UPDATE intents SET undone_at = now() WHERE key = $1 AND EXISTS (SELECT 1 FROM runs WHERE id = $2 AND lease_owner = $3 AND epoch = $4 AND state = 'running')`, key, id, owner, epoch)
	if err == nil && tag.RowsAffected() == 0 {
		return fault.New(fault.Conflict, "The run is in other hands.")
	}
	return asFault(err)
}
