package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/flow"
	"joinery/internal/run"
)

// FunctionMoment is what a step tells its function of the time, at every try.
type FunctionMoment struct {
	Node flow.NodeID
	At   time.Time // zero when the step is over
}

// writeMoments keeps the moments of steps that begin, and forgets those of steps that
// are over.
func writeMoments(q *pgx.Batch, items []Checkpoint) error {
	var runs, nodes, overRuns, overNodes []string
	var at []time.Time
	for _, c := range items {
		for _, m := range c.Moments {
			if m.At.IsZero() {
				overRuns, overNodes = append(overRuns, string(c.Run)), append(overNodes, string(m.Node))
				continue
			}
			runs, nodes, at = append(runs, string(c.Run)), append(nodes, string(m.Node)), append(at, m.At)
		}
	}
	if len(runs) > 0 {
		q.Queue(`INSERT INTO function_moments (run_id, node, at) SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[]) ON CONFLICT (run_id, node) DO NOTHING`, runs, nodes, at)
	}
	if len(overRuns) > 0 {
		q.Queue(`DELETE FROM function_moments m USING unnest($1::text[], $2::text[]) u (r, n) WHERE m.run_id = u.r AND m.node = u.n`, overRuns, overNodes)
	}
	return nil
}

// loadMoments reads the moments of runs that were in hand before.
func (db *DB) loadMoments(ctx context.Context, ids []string, byID map[string]Claimed) error {
	rows, err := db.hot.Query(ctx, `SELECT run_id, node, at FROM function_moments WHERE run_id = ANY ($1)`, ids)
	if err != nil {
		return asFault(fmt.Errorf("read moments of functions: %w", err))
	}
	defer rows.Close()
	for rows.Next() {
		var id run.ID
		var node flow.NodeID
		var at time.Time
		if err := rows.Scan(&id, &node, &at); err != nil {
			return asFault(fmt.Errorf("read moment of a function: %w", err))
		}
		byID[string(id)].Moments[node] = at.UTC()
	}
	return asFault(rows.Err())
}
