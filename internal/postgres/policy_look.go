package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"joinery/internal/auth"
)

// PolicyLook is one look at live systems by somebody who tried a policy.
type PolicyLook struct {
	Policy string // its key; "" for one that is not saved yet
	Type   string
	// Joiner is the id of the joiner that was picked; "" for typed attributes.
	Joiner      string
	Connections []string
}

// RecordLook keeps who looked at which systems, and for whom.
func (db *DB) RecordLook(ctx context.Context, who auth.Actor, l PolicyLook) error {
	return db.ptx(ctx, func(tx pgx.Tx) error {
		return appendAuditTx(ctx, tx, Act{Actor: who, Action: "policy.look", Kind: "policy", ID: l.Policy,
			Detail: map[string]any{"type": l.Type, "joiner": l.Joiner, "connections": l.Connections}})
	})
}

// MarksOf lists the marks that accounts of a worker may carry: their own, and those
// of earlier records of the same person.
func (db *DB) MarksOf(ctx context.Context, connection, worker string) ([]string, error) {
	rows, err := db.pool.Query(ctx, `SELECT DISTINCT m FROM (SELECT $1 || ':' || $2 AS m
		UNION SELECT stamp FROM joiners WHERE connection = $1 AND worker = $2
		UNION SELECT r.stamp FROM joiners j JOIN reservations r ON r.joiner_id = j.id AND r.state <> 'released' WHERE j.connection = $1 AND j.worker = $2) x WHERE m <> '' ORDER BY m`, connection, worker)
	if err != nil {
		return nil, asFault(err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return out, asFault(err)
}
