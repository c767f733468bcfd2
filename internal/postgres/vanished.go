package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/auth"
	"joinery/internal/joiner"
)

// Vanished is a worker whose record the HRIS does not have any more.
type Vanished struct {
	Since time.Time
	// Looks is how often it was not there, at least a day apart.
	Looks int
}

// ToVerify lists workers of a connection with a live run that waits, whose record
// was not looked at since a moment, those longest ago first.
func (db *DB) ToVerify(ctx context.Context, connection string, before time.Time, most int) ([]string, error) {
	rows, err := db.pool.Query(ctx, `SELECT j.worker FROM joiners j LEFT JOIN readings r ON r.connection = j.connection AND r.worker = j.worker
		WHERE j.connection = $1 AND coalesce(r.verified_at, j.read_at, j.created_at) <= $2 AND EXISTS (SELECT 1 FROM runs x WHERE x.joiner_id = j.id AND x.mode = 'live' AND x.state = 'waiting')
		ORDER BY coalesce(r.verified_at, j.read_at, j.created_at), j.worker LIMIT $3`, connection, before, most)
	if err != nil {
		return nil, asFault(fmt.Errorf("list workers to look at: %w", err))
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return out, asFault(err)
}

// Missing records a look at which the HRIS had no record of a worker.
func (db *DB) Missing(ctx context.Context, connection, worker string) (Vanished, error) {
	var v Vanished
	err := db.pool.QueryRow(ctx, `INSERT INTO readings AS r (connection, worker, read_at, verified_at, missing, missing_since) VALUES ($1, $2, $3, $3, 1, $3)
		ON CONFLICT (connection, worker) DO UPDATE SET verified_at = $3, missing = r.missing + 1, missing_since = coalesce(r.missing_since, $3) RETURNING missing_since, missing`,
		connection, worker, db.now()).Scan(&v.Since, &v.Looks)
	return v, asFault(err)
}

// VanishedNode is the node of a question about the run itself.
const VanishedNode = ""

// AskVanished asks people whether a joiner whose record has vanished still comes:
// on each run that waits, once.
func (db *DB) AskVanished(ctx context.Context, ref joiner.Ref, v Vanished) error {
	return db.ptx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT r.id, j.label FROM runs r JOIN joiners j ON j.id = r.joiner_id WHERE j.connection = $1 AND j.worker = $2 AND r.mode = 'live' AND r.state = 'waiting' ORDER BY r.id`, ref.Connection, ref.Worker)
		if err != nil {
			return err
		}
		type asked struct{ ID, Label string }
		all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[asked])
		if err != nil {
			return err
		}
		for _, r := range all {
			name := r.Label
			if name == "" {
				name = "Worker " + ref.Worker
			}
			question := fmt.Sprintf("%s has had no record of worker %s at %d looks since %s. Approve: the hire is off, and the flow goes the way of a rescinded hire. Reject: the joiner still comes; the record is looked for again.",
				ref.Connection, ref.Worker, v.Looks, v.Since.UTC().Format("2 Jan 2006 15:04 MST"))
			tag, err := tx.Exec(ctx, `INSERT INTO signoffs (id, run_id, node, title, question, role, state) VALUES ($1, $2, $3, $4, $5, 'operator', 'open') ON CONFLICT (run_id, node) WHERE state = 'open' DO NOTHING`,
				newID("so_"), r.ID, VanishedNode, "The HRIS has no record of "+name+" any more", question)
			if err != nil {
				return fmt.Errorf("ask about a vanished worker: %w", err)
			}
			if tag.RowsAffected() > 0 {
				if err := appendAuditTx(ctx, tx, Act{Actor: auth.Engine(), Action: "joiner.vanished", Kind: "run", ID: r.ID, Detail: map[string]any{"connection": ref.Connection, "looks": v.Looks}}); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// vanishedDecided keeps a person's answer about a vanished record.
func (db *DB) vanishedDecided(ctx context.Context, tx pgx.Tx, runID string, gone bool) error {
	_, err := tx.Exec(ctx, `UPDATE readings d SET gone = $2, missing = CASE WHEN $2 THEN missing ELSE 0 END, missing_since = CASE WHEN $2 THEN missing_since END, verified_at = $3
		FROM runs r JOIN joiners j ON j.id = r.joiner_id WHERE r.id = $1 AND d.connection = j.connection AND d.worker = j.worker`, runID, gone, db.now())
	return err
}

// Gone reports whether a person has said that a worker's record is gone for good.
func (db *DB) Gone(ctx context.Context, ref joiner.Ref) (bool, error) {
	var gone bool
	err := db.pool.QueryRow(ctx, `SELECT coalesce((SELECT gone FROM readings WHERE connection = $1 AND worker = $2), false)`, ref.Connection, ref.Worker).Scan(&gone)
	return gone, asFault(err)
}

// Before gives status and start date of a joiner's last reading, and the start
// date with which the HRIS says "rescinded" and means "moved".
func (db *DB) Before(ctx context.Context, joinerID string) (status, start, movedTo string, err error) {
	err = db.pool.QueryRow(ctx, `SELECT coalesce(attributes->>'status', ''), coalesce(attributes->>'start_date', ''), moved_to FROM joiners WHERE id = $1`, joinerID).Scan(&status, &start, &movedTo)
	return status, start, movedTo, asFault(err)
}

// MovedTo remembers such a start date.
func (db *DB) MovedTo(ctx context.Context, joinerID, start string) error {
	_, err := db.pool.Exec(ctx, `UPDATE joiners SET moved_to = $2 WHERE id = $1`, joinerID, start)
	return asFault(err)
}
