package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"

	"joinery/internal/auth"
)

// Act is one audit record to be: who did what to which object. Detail holds ids
// and facts, never personal data and never secrets: the chain is for ever.
type Act struct {
	Actor  auth.Actor
	Action string // "review.approve"
	Kind   string // "flow"
	ID     string
	Detail map[string]any
}

const appendSQL = `SELECT audit_append($1, $2, $3, $4, $5, $6, $7, $8)`

// appendAudit adds records inside a GORM transaction.
func appendAudit(tx *gorm.DB, acts ...Act) error {
	cols, err := actColumns(acts)
	if err != nil {
		return err
	}
	for i, c := range cols {
		cols[i] = textArray(c.([]string))
	}
	if err := tx.Exec(`SELECT audit_append(?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[])`, cols...).Error; err != nil {
		return fmt.Errorf("append audit: %w", err)
	}
	return nil
}

// appendAuditTx adds records inside a pgx transaction.
func appendAuditTx(ctx context.Context, tx pgx.Tx, acts ...Act) error {
	if len(acts) == 0 {
		return nil
	}
	cols, err := actColumns(acts)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, appendSQL, cols...); err != nil {
		return fmt.Errorf("append audit: %w", err)
	}
	return nil
}

// queueAudit adds records in one trip with other writes of a pgx transaction.
func queueAudit(q *pgx.Batch, acts ...Act) error {
	if len(acts) == 0 {
		return nil
	}
	cols, err := actColumns(acts)
	if err != nil {
		return err
	}
	q.Queue(appendSQL, cols...)
	return nil
}

// actColumns gives the records as columns of texts, each a []string: pgx sends
// those as they are, database/sql needs them as a textArray.
func actColumns(acts []Act) ([]any, error) {
	cols := make([][]string, 8)
	for i := range cols {
		cols[i] = make([]string, 0, len(acts))
	}
	for _, a := range acts {
		detail := []byte("{}")
		if len(a.Detail) > 0 {
			var err error
			if detail, err = json.Marshal(a.Detail); err != nil {
				return nil, fmt.Errorf("write audit detail: %w", err)
			}
		}
		for i, v := range [...]string{string(a.Actor.Kind), a.Actor.ID, a.Actor.Name, a.Actor.Address, a.Action, a.Kind, a.ID, string(detail)} {
			cols[i] = append(cols[i], storable(v))
		}
	}
	out := make([]any, len(cols))
	for i := range cols {
		out[i] = cols[i]
	}
	return out, nil
}
