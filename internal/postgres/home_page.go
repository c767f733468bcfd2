package postgres

import (
	"context"
	"time"

	"joinery/internal/run"
)

// Home is what the first page shows.
type Home struct {
	Failed     []RunRow
	Parked     []RunRow
	Signoffs   []SignoffLine
	Reviews    []ReviewRow
	Unratified []Artifact
	// Exceptions are the newest that wait for a person; ExceptionCount is how many do.
	Exceptions     []ExceptionRow
	ExceptionCount int
	DeadLetters    int
	Expiring       []Credential
	Joiners        []JoinerRow
	Running        int
	Waiting        int
	SucceededDay   int
	FailedDay      int
}

// Home reads what needs a person, and how today goes.
func (db *DB) Home(ctx context.Context) (Home, error) {
	var h Home
	var err error
	if h.Failed, _, err = db.Runs(ctx, RunFilter{States: []run.State{run.Failed}, Mode: "live", Limit: 8}); err != nil {
		return h, err
	}
	if h.Parked, _, err = db.Runs(ctx, RunFilter{States: []run.State{run.Parked}, Limit: 8}); err != nil {
		return h, err
	}
	if h.Signoffs, err = db.OpenSignoffs(ctx); err != nil {
		return h, err
	}
	if h.ExceptionCount, err = db.OpenExceptions(ctx); err != nil {
		return h, err
	}
	if h.ExceptionCount > 0 {
		if h.Exceptions, _, err = db.Exceptions(ctx, ExceptionFilter{State: "waiting", Limit: 8}); err != nil {
			return h, err
		}
	}
	if h.Reviews, _, err = db.Reviews(ctx, "open", "", 8); err != nil {
		return h, err
	}
	if h.Joiners, _, err = db.Joiners(ctx, "", "", 8); err != nil {
		return h, err
	}
	all, err := db.Credentials(ctx, "")
	if err != nil {
		return h, err
	}
	for _, c := range all {
		if !c.Superseded && c.RevokedAt == nil && (c.ExpiresAt.Before(db.now().Add(30*24*time.Hour)) || !c.OwnerActive) {
			h.Expiring = append(h.Expiring, c)
		}
	}
	var rows []artifactRow
	err = db.gorm.WithContext(ctx).Raw(artifactSQL + ` WHERE l.how = 'breakglass' AND NOT EXISTS (SELECT 1 FROM ratifications f WHERE f.release_id = l.id) LIMIT 20`).Scan(&rows).Error
	if err != nil {
		return h, asFault(err)
	}
	for _, r := range rows {
		h.Unratified = append(h.Unratified, r.artifact())
	}
	err = db.pool.QueryRow(ctx, `SELECT (SELECT count(*) FROM events WHERE state = 'dead'),
		(SELECT count(*) FROM runs WHERE mode = 'live' AND state IN ('queued', 'running')), (SELECT count(*) FROM runs WHERE mode = 'live' AND state = 'waiting')`).
		Scan(&h.DeadLetters, &h.Running, &h.Waiting)
	if err != nil {
		return h, asFault(err)
	}
	h.SucceededDay, h.FailedDay, err = db.endedDay(ctx)
	return h, err
}

// day is what ended within the last 24 hours. Counting takes as long as there is to
// count, so a count serves for a hundred times as long as it took.
type day struct {
	succeeded, failed int
	until             time.Time
}

func (db *DB) endedDay(ctx context.Context) (succeeded, failed int, err error) {
	if d := db.day.Load(); d != nil && time.Now().Before(d.until) {
		return d.succeeded, d.failed, nil
	}
	began := time.Now()
	var d day
	err = db.pool.QueryRow(ctx, `SELECT count(*) FILTER (WHERE state = 'succeeded'), count(*) FILTER (WHERE state = 'failed') FROM runs WHERE mode = 'live' AND ended_at > $1`, db.now().Add(-24*time.Hour)).
		Scan(&d.succeeded, &d.failed)
	if err != nil {
		return 0, 0, asFault(err)
	}
	if took := time.Since(began); took > dayQuick {
		d.until = time.Now().Add(min(100*took, time.Minute))
		db.day.Store(&d)
	}
	return d.succeeded, d.failed, nil
}

// dayQuick is how long counting may take without its answer being kept.
const dayQuick = 3 * time.Millisecond
