package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/flow"
)

// liveFlow is a flow that may start runs.
type liveFlow struct {
	release  string
	key      string
	revision int
	paused   bool
	content  flow.Content
	asks     bool // it asks which event it was
	// parked says why new runs park; "" when they do not.
	parked string
	// room is how many more runs may start within the flow's limit; -1 without one.
	room int
}

// parkedAfter says why a run parks that starts in one go after n others; "" when
// it does not.
func (f liveFlow) parkedAfter(n int) string {
	if f.parked == "" && f.room >= 0 && n >= f.room {
		return overLimit(f.content.Limits.RunsPerHour, f.content.Limits.RunsPerHour)
	}
	return f.parked
}

// liveFlows reads which flows are live; their contents are kept by release,
// because a release never changes.
func (db *DB) liveFlows(ctx context.Context, tx querier) ([]liveFlow, error) {
	rows, err := tx.Query(ctx, liveFlowsSQL)
	if err != nil {
		return nil, fmt.Errorf("read live flows: %w", err)
	}
	out, err := scanLiveFlows(rows)
	if err != nil {
		return nil, err
	}
	return out, db.judgeFlows(ctx, tx, out)
}

const liveFlowsSQL = `SELECT l.id, l.key, l.revision, a.paused FROM live_releases l JOIN artifacts a ON a.kind = l.kind AND a.key = l.key WHERE l.kind = 'flow' ORDER BY l.key`

func scanLiveFlows(rows pgx.Rows) ([]liveFlow, error) {
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (liveFlow, error) {
		var f liveFlow
		err := row.Scan(&f.release, &f.key, &f.revision, &f.paused)
		return f, err
	})
}

// judgeFlows adds to each flow its content and whether its new runs park.
func (db *DB) judgeFlows(ctx context.Context, tx querier, all []liveFlow) error {
	for i := range all {
		kept, err := db.flowContent(ctx, tx, all[i])
		if err != nil {
			return err
		}
		all[i].content, all[i].asks = kept.content, kept.asks
		if all[i].parked, all[i].room, err = parkedWhy(ctx, tx, all[i]); err != nil {
			return err
		}
	}
	return nil
}

// flowContents are what releases of flows hold; they never change.
type flowContents struct {
	content flow.Content
	asks    bool
}

func (db *DB) flowContent(ctx context.Context, tx querier, f liveFlow) (flowContents, error) {
	if c, ok := db.batchers.contents.Load(f.release); ok {
		return c.(flowContents), nil
	}
	var raw string
	if err := tx.QueryRow(ctx, `SELECT content FROM revisions WHERE kind = 'flow' AND key = $1 AND revision = $2`, f.key, f.revision).Scan(&raw); err != nil {
		return flowContents{}, fmt.Errorf("read flow: %w", err)
	}
	c, err := flow.Decode([]byte(raw))
	if err != nil {
		return flowContents{}, fmt.Errorf("read flow %s: %w", f.key, err)
	}
	kept := flowContents{c, flow.AsksEvent(c)}
	db.batchers.contents.Store(f.release, kept)
	return kept, nil
}

// parkedWhy tells whether new live runs of a flow must wait for a person, and
// after how many more they must.
func parkedWhy(ctx context.Context, tx querier, f liveFlow) (why string, room int, err error) {
	if f.paused {
		return "The flow is paused.", 0, nil
	}
	most := f.content.Limits.RunsPerHour
	if most <= 0 {
		return "", -1, nil
	}
	var n int
	// Ids begin with their time; counting stops at the limit.
	err = tx.QueryRow(ctx, `SELECT count(*) FROM (SELECT 1 FROM runs WHERE flow = $1 AND id >= $2 AND mode = 'live' AND created_at > now() - interval '1 hour' AND state <> 'parked' LIMIT $3) r`,
		f.key, idAt("rn_", time.Now().Add(-time.Hour-time.Minute)), most).Scan(&n)
	if err != nil {
		return "", 0, fmt.Errorf("count runs: %w", err)
	}
	if n >= most {
		return overLimit(n, most), 0, nil
	}
	return "", most - n, nil
}

func overLimit(n, most int) string {
	return fmt.Sprintf("The flow has started %d runs within an hour, and its limit is %d. Resume this run when that is right.", n, most)
}
