package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/fault"
	"joinery/internal/flow"
)

// FunctionCall is one call of a function in a step, kept so that it can be replayed.
type FunctionCall struct {
	Node flow.NodeID
	// Number is the try of the step that made it, from 1.
	Number   int
	Function string
	Revision int
	Hash     string // of the content that ran
	At       time.Time
	Tape     string // JSON
}

func writeCalls(q *pgx.Batch, items []Checkpoint) error {
	var runs, nodes, functions, hashes, tapes []string
	var numbers, revisions []int32
	var at []time.Time
	for _, c := range items {
		for _, f := range c.Calls {
			runs, nodes, functions, hashes, tapes = append(runs, string(c.Run)), append(nodes, string(f.Node)), append(functions, f.Function), append(hashes, f.Hash), append(tapes, f.Tape)
			numbers, revisions, at = append(numbers, int32(f.Number)), append(revisions, int32(f.Revision)), append(at, f.At)
		}
	}
	if len(runs) == 0 {
		return nil
	}
	q.Queue(`INSERT INTO function_calls (run_id, node, number, function, revision, hash, at, tape)
		SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::int[], $6::text[], $7::timestamptz[], $8::text[])
		ON CONFLICT (run_id, node, number) DO UPDATE SET function = excluded.function, revision = excluded.revision, hash = excluded.hash, at = excluded.at, tape = excluded.tape`,
		runs, nodes, numbers, functions, revisions, hashes, at, tapes)
	return nil
}

// FunctionCalls lists the calls of a run, without their tapes, in the order of the tries.
func (db *DB) FunctionCalls(ctx context.Context, run string) ([]FunctionCall, error) {
	rows, err := db.pool.Query(ctx, `SELECT node, number, function, revision, hash, at FROM function_calls WHERE run_id = $1 ORDER BY node, number`, run)
	if err != nil {
		return nil, asFault(fmt.Errorf("list function calls: %w", err))
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c FunctionCall, err error) {
		return c, row.Scan(&c.Node, &c.Number, &c.Function, &c.Revision, &c.Hash, &c.At)
	})
	return out, asFault(err)
}

// FunctionCall finds one call with its tape. fault.NotFound when none was kept.
func (db *DB) FunctionCall(ctx context.Context, run string, node flow.NodeID, number int) (FunctionCall, error) {
	c := FunctionCall{Node: node, Number: number}
	err := db.pool.QueryRow(ctx, `SELECT function, revision, hash, at, tape FROM function_calls WHERE run_id = $1 AND node = $2 AND number = $3`, run, node, number).Scan(&c.Function, &c.Revision, &c.Hash, &c.At, &c.Tape)
	if err == pgx.ErrNoRows {
		return c, fault.New(fault.NotFound, "No call of a function is on record for this try of the step.")
	}
	return c, asFault(err)
}
