package postgres

import "context"

// OpenReviews counts the reviews that wait for a decision.
func (db *DB) OpenReviews(ctx context.Context) (int, error) {
	var n int
	err := db.pool.QueryRow(ctx, `SELECT count(*) FROM reviews WHERE state = 'open'`).Scan(&n)
	return n, asFault(err)
}
