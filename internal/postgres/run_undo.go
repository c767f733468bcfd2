package postgres

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/run"
)

// Effect is something a run did outside, with its receipt.
type Effect struct {
	Key, Connection, Operation, Target string
	Node                               flow.NodeID
	Receipt                            json.RawMessage
}

// Undoable lists a run's effects that are not undone, newest first. An intent
// without a receipt may have had an effect; then its target tells what to look at.
func (db *DB) Undoable(ctx context.Context, id run.ID) ([]Effect, error) {
	return db.effects(ctx, `run_id = $1`, id)
}

// UndoableOf lists the effects of all live runs of a flow for a joiner, newest first.
func (db *DB) UndoableOf(ctx context.Context, flowKey, joinerID string) ([]Effect, error) {
	return db.effects(ctx, `run_id IN (SELECT id FROM runs WHERE flow = $1 AND joiner_id = $2 AND mode = 'live')`, flowKey, joinerID)
}

func (db *DB) effects(ctx context.Context, which string, args ...any) ([]Effect, error) {
	rows, err := db.pool.Query(ctx, `SELECT key, connection, operation, target, node, coalesce(receipt, '{}') FROM intents WHERE `+which+` AND undone_at IS NULL ORDER BY at DESC, key`, args...)
	if err != nil {
		return nil, asFault(err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Effect, error) {
		var e Effect
		var raw []byte
		err := row.Scan(&e.Key, &e.Connection, &e.Operation, &e.Target, &e.Node, &raw)
		e.Receipt = raw
		return e, err
	})
	return out, asFault(err)
}

// MarkUndone records that an effect was taken back, with what the joiner's account
// has now, if the run is still in these hands. takenBack says that a newer plan of a
// run that goes on did it.
func (db *DB) MarkUndone(ctx context.Context, id run.ID, owner string, epoch int64, key string, takenBack bool) error {
	return db.ptx(ctx, func(tx pgx.Tx) error {
		var marked int
		err := tx.QueryRow(ctx, `WITH u AS (UPDATE intents i SET undone_at = now() FROM runs r WHERE i.key = $1 AND r.id = $2 AND r.lease_owner = $3 AND r.epoch = $4 AND r.state = 'running'
				RETURNING r.joiner_id, i.connection, i.operation, i.target, i.receipt),
			gone AS (UPDATE joiner_accounts a SET groups = array_remove(a.groups, u.receipt->>'group'), granted = array_remove(a.granted, u.receipt->>'group'), changed_at = now() FROM u
				WHERE u.operation = 'group.add' AND u.receipt->>'changed' = 'true' AND a.joiner_id = u.joiner_id AND a.connection = u.connection AND a.account_id = u.receipt->>'account'),
			back AS (UPDATE joiner_accounts a SET groups = array_append(a.groups, u.receipt->>'group'), changed_at = now(),
					granted = CASE WHEN u.receipt->>'granted' = 'true' THEN array_append(a.granted, u.receipt->>'group') ELSE a.granted END FROM u
				WHERE u.operation = 'group.remove' AND u.receipt->>'changed' = 'true' AND a.joiner_id = u.joiner_id AND a.connection = u.connection AND a.account_id = u.receipt->>'account'),
			given AS (DELETE FROM joiner_accounts a USING u WHERE u.operation = 'account.adopt' AND a.joiner_id = u.joiner_id AND a.connection = u.connection AND a.account_id = coalesce(u.receipt->>'account', u.target)),
			freed AS (UPDATE reservations n SET state = 'released', until = NULL, reason = 'The account was given back.', changed_at = now() FROM u
				WHERE u.operation = 'account.adopt' AND n.joiner_id = u.joiner_id AND n.state <> 'released' AND coalesce(u.receipt->'names', '[]') ? n.name),
			shut AS (UPDATE joiner_accounts a SET enabled = u.operation = 'account.disable', changed_at = now() FROM u
				WHERE u.operation IN ('account.ensure', 'account.enable', 'account.disable') AND u.receipt->>'changed' = 'true' AND a.joiner_id = u.joiner_id AND a.connection = u.connection AND a.account_id = u.receipt->>'account'),
			called AS (UPDATE joiner_accounts a SET name = u.receipt->>'name', changed_at = now() FROM u
				WHERE u.operation = 'account.rename' AND u.receipt->>'changed' = 'true' AND a.joiner_id = u.joiner_id AND a.connection = u.connection AND a.account_id = u.receipt->>'account')
			SELECT count(*) FROM u`, key, id, owner, epoch).Scan(&marked)
		if err == nil && marked == 0 {
			return fault.New(fault.Conflict, "The run is in other hands.")
		}
		if err != nil || !takenBack {
			return err
		}
		return appendAuditTx(ctx, tx, Act{Actor: auth.Engine(), Action: "group.take_back", Kind: "run", ID: string(id), Detail: map[string]any{"intent": key}})
	})
}
