package postgres

import "context"

// Waiting is how much waits for people: open reviews, and exceptions nobody settled.
type Waiting struct{ Reviews, Exceptions int }

const (
	openReviews    = `(SELECT count(*) FROM reviews WHERE state = 'open')`
	openExceptions = `(SELECT count(*) FROM exceptions WHERE state IN ('open', 'asked'))`
)

// Waiting counts what waits for people.
func (db *DB) Waiting(ctx context.Context) (Waiting, error) {
	var w Waiting
	err := db.pool.QueryRow(ctx, `SELECT `+openReviews+`, `+openExceptions).Scan(&w.Reviews, &w.Exceptions)
	return w, asFault(err)
}
