package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/artifact"
	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/review"
)

// KeptSchema is what a connection last told about the attributes of its accounts.
type KeptSchema struct {
	Attributes []connector.SchemaAttribute
	// ReadAt is when it told; zero when it never did.
	ReadAt time.Time
	// TriedAt is when it was asked last, and Trouble why it did not tell then.
	TriedAt time.Time
	Trouble string
}

// KeepSchema keeps what a connection told.
func (db *DB) KeepSchema(ctx context.Context, connection string, list []connector.SchemaAttribute) error {
	raw, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("write schema: %w", err)
	}
	_, err = db.pool.Exec(ctx, `INSERT INTO connection_schemas (connection, attributes, read_at, tried_at) VALUES ($1, $2, $3, $3)
		ON CONFLICT (connection) DO UPDATE SET attributes = excluded.attributes, read_at = excluded.read_at, tried_at = excluded.tried_at, trouble = ''`, connection, raw, db.now())
	return asFault(err)
}

// MissSchema keeps that a connection was asked in vain; what it told before stays.
func (db *DB) MissSchema(ctx context.Context, connection, trouble string) error {
	if r := []rune(trouble); len(r) > 1000 {
		trouble = string(r[:1000])
	}
	_, err := db.pool.Exec(ctx, `INSERT INTO connection_schemas (connection, tried_at, trouble) VALUES ($1, $2, $3)
		ON CONFLICT (connection) DO UPDATE SET tried_at = excluded.tried_at, trouble = excluded.trouble`, connection, db.now(), trouble)
	return asFault(err)
}

// Schemas gives what connections last told, by their keys.
func (db *DB) Schemas(ctx context.Context, keys []string) (map[string]KeptSchema, error) {
	out := map[string]KeptSchema{}
	if len(keys) == 0 {
		return out, nil
	}
	rows, err := db.pool.Query(ctx, `SELECT connection, attributes, read_at, tried_at, trouble FROM connection_schemas WHERE connection = ANY ($1)`, keys)
	if err != nil {
		return nil, asFault(fmt.Errorf("read schemas: %w", err))
	}
	var connection, trouble string
	var raw []byte
	var readAt *time.Time
	var triedAt time.Time
	_, err = pgx.ForEachRow(rows, []any{&connection, &raw, &readAt, &triedAt, &trouble}, func() error {
		k := KeptSchema{TriedAt: triedAt, Trouble: trouble}
		if readAt != nil {
			k.ReadAt = *readAt
		}
		out[connection] = k
		if err := json.Unmarshal(raw, &k.Attributes); err != nil {
			return fmt.Errorf("read the schema of %s: %w", connection, err)
		}
		out[connection] = k
		return nil
	})
	return out, asFault(err)
}

// SchemaConnections lists the connections whose attributes a content names.
func (db *DB) SchemaConnections(kind review.Kind, content []byte) []string {
	return db.artifacts.SchemaConnections(kind, content)
}

// schemas gives what is known about the attributes that a content names.
func (db *DB) schemas(ctx context.Context, kind review.Kind, content []byte) (map[string]artifact.Schema, error) {
	kept, err := db.Schemas(ctx, db.artifacts.SchemaConnections(kind, content))
	out := map[string]artifact.Schema{}
	for key, k := range kept {
		if !k.ReadAt.IsZero() {
			out[key] = artifact.Schema{Attributes: k.Attributes, ReadAt: k.ReadAt}
		}
	}
	return out, err
}

// Warnings lists what does not keep content from being submitted and somebody should
// look at: rows that ran out or will soon, attributes that could not be checked.
func (db *DB) Warnings(ctx context.Context, kind review.Kind, content []byte) ([]fault.Problem, error) {
	known, err := db.known(ctx)
	if err != nil {
		return nil, err
	}
	k := artifact.Known{Known: known}
	if k.Schemas, err = db.schemas(ctx, kind, content); err != nil {
		return nil, err
	}
	return db.artifacts.Warnings(kind, content, k, db.now()), nil
}
