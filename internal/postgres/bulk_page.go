package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/bulk"
	"joinery/internal/fault"
	"joinery/internal/joiner"
	"joinery/internal/run"
)

// Lists lists uploaded lists, newest first; flow "" gives those of all flows.
func (db *DB) Lists(ctx context.Context, flow, before string, limit int) (page []List, next string, err error) {
	limit = pageSize(limit)
	rows, err := db.pool.Query(ctx, listSQL+` WHERE ($1 = '' OR flow = $1) AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3`, flow, before, limit+1)
	if err != nil {
		return nil, "", asFault(fmt.Errorf("list uploads: %w", err))
	}
	page, err = pgx.CollectRows(rows, scanList)
	if err == nil && len(page) > limit {
		page = page[:limit]
		next = page[limit-1].ID
	}
	return page, next, asFault(err)
}

// ListRow is a row of a list as pages show it.
type ListRow struct {
	N, Line    int
	Worker     string
	Label      string
	Problem    string
	Foreseen   string
	Why        string
	Stage      int
	Run        string
	State      run.State
	Reason     string
	WaitingFor string
}

// ListRows gives rows of a list after row n. only is "" for all, "problem" for
// rows that cannot be taken, "foreseen" for those that would not come through, or a
// state of a run.
func (db *DB) ListRows(ctx context.Context, id, only string, after, limit int) ([]ListRow, bool, error) {
	limit = pageSize(limit)
	rows, err := db.pool.Query(ctx, `SELECT r.n, r.line, r.worker, coalesce(nullif(j.label, ''), r.attributes->>'display_name', trim(coalesce(r.attributes->>'first_name', '') || ' ' || coalesce(r.attributes->>'last_name', ''))),
			r.problem, r.foreseen, r.foreseen_why, r.stage, r.run_id, coalesce(u.state, ''), coalesce(u.reason, ''), coalesce(u.waiting_for, '')
		FROM bulk_rows r LEFT JOIN runs u ON u.id = r.run_id LEFT JOIN joiners j ON j.id = u.joiner_id
		WHERE r.list_id = $1 AND r.n > $2 AND ($3 = '' OR $3 = 'problem' AND r.problem <> '' OR $3 = 'foreseen' AND r.foreseen NOT IN ('', 'succeeded') OR u.state = $3)
		ORDER BY r.n LIMIT $4`, id, after, only, limit+1)
	if err != nil {
		return nil, false, asFault(fmt.Errorf("read rows of a list: %w", err))
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r ListRow, err error) {
		return r, row.Scan(&r.N, &r.Line, &r.Worker, &r.Label, &r.Problem, &r.Foreseen, &r.Why, &r.Stage, &r.Run, &r.State, &r.Reason, &r.WaitingFor)
	})
	if err != nil {
		return nil, false, asFault(err)
	}
	more := len(out) > limit
	return out[:min(len(out), limit)], more, nil
}

// StageCount is how the runs of one stage stand.
type StageCount struct {
	Stage  int
	States map[run.State]int
	People int
}

// ListStages counts the runs of a list by stage and state; what is not started is
// stage 0.
func (db *DB) ListStages(ctx context.Context, id string) ([]StageCount, error) {
	rows, err := db.pool.Query(ctx, `SELECT r.stage, coalesce(u.state, ''), count(*) FROM bulk_rows r LEFT JOIN runs u ON u.id = r.run_id WHERE r.list_id = $1 AND r.problem = '' GROUP BY 1, 2 ORDER BY 1, 2`, id)
	if err != nil {
		return nil, asFault(fmt.Errorf("count stages: %w", err))
	}
	defer rows.Close()
	var out []StageCount
	for rows.Next() {
		var stage, n int
		var state run.State
		if err := rows.Scan(&stage, &state, &n); err != nil {
			return nil, asFault(err)
		}
		if len(out) == 0 || out[len(out)-1].Stage != stage {
			out = append(out, StageCount{Stage: stage, States: map[run.State]int{}})
		}
		c := &out[len(out)-1]
		c.States[state] += n
		c.People += n
	}
	return out, asFault(rows.Err())
}

// ListPace counts how the runs of a list come to an end.
func (db *DB) ListPace(ctx context.Context, id string) (bulk.Pace, error) {
	now := db.now()
	p := bulk.Pace{Ended: make([]int, bulk.PaceSteps)}
	rows, err := db.pool.Query(ctx, `SELECT CASE WHEN u.state IN ('queued', 'running') OR u.state = 'waiting' AND u.wake_at < $2::timestamptz + interval '10 minutes' THEN -1
			WHEN u.ended_at > $2::timestamptz - $3 * interval '1 second' THEN greatest(0, floor(extract(epoch FROM $2 - u.ended_at) / $4))::integer END AS step,
			count(*), min(u.created_at) FILTER (WHERE r.stage = (SELECT stage FROM bulk_lists WHERE id = $1))
		FROM bulk_rows r JOIN runs u ON u.id = r.run_id WHERE r.list_id = $1 GROUP BY 1`,
		id, now, int((bulk.PaceSteps * bulk.PaceStep).Seconds()), int(bulk.PaceStep.Seconds()))
	if err != nil {
		return p, asFault(fmt.Errorf("count the ends of a list: %w", err))
	}
	defer rows.Close()
	for rows.Next() {
		var step *int
		var n int
		var began *time.Time
		if err := rows.Scan(&step, &n, &began); err != nil {
			return p, asFault(err)
		}
		if began != nil && (p.Began.IsZero() || began.Before(p.Began)) {
			p.Began = *began
		}
		switch {
		case step == nil:
		case *step < 0:
			p.Left = n
		case *step < len(p.Ended):
			p.Ended[*step] = n
		}
	}
	return p, asFault(rows.Err())
}

// ListRuns gives up to most runs of a list in a state, in the order of the file.
func (db *DB) ListRuns(ctx context.Context, id string, state run.State, most int) ([]string, error) {
	rows, err := db.pool.Query(ctx, `SELECT u.id FROM bulk_rows r JOIN runs u ON u.id = r.run_id WHERE r.list_id = $1 AND u.state = $2 ORDER BY r.n LIMIT $3`, id, state, most)
	if err != nil {
		return nil, asFault(err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return out, asFault(err)
}

// FileWorker finds a person of a connection whose people come from lists.
func (db *DB) FileWorker(ctx context.Context, connection, worker string) (joiner.Worker, error) {
	w := joiner.Worker{ID: worker}
	err := db.pool.QueryRow(ctx, `SELECT attributes, version::text, changed_at FROM file_workers WHERE connection = $1 AND worker = $2`, connection, worker).Scan(&w.Attributes, &w.Version, &w.ChangedAt)
	if err == pgx.ErrNoRows {
		return joiner.Worker{}, fault.New(fault.NotFound, "No list of %s has a worker %s.", connection, worker)
	}
	return w, asFault(err)
}

// FileWorkersChanged lists people of a connection that changed since a moment, the
// oldest first, after the worker in cursor.
func (db *DB) FileWorkersChanged(ctx context.Context, connection string, since time.Time, after string, limit int) ([]joiner.Worker, error) {
	rows, err := db.pool.Query(ctx, `SELECT worker, attributes, version::text, changed_at FROM file_workers f WHERE connection = $1 AND changed_at >= $2
		AND ($3 = '' OR (changed_at, worker) > (SELECT changed_at, worker FROM file_workers WHERE connection = $1 AND worker = $3)) ORDER BY changed_at, worker LIMIT $4`, connection, since, after, limit)
	if err != nil {
		return nil, asFault(fmt.Errorf("list people of files: %w", err))
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (w joiner.Worker, err error) {
		return w, row.Scan(&w.ID, &w.Attributes, &w.Version, &w.ChangedAt)
	})
	return out, asFault(err)
}
