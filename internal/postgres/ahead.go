package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// Ahead is what a page reads, sent to the database together with the question who asks:
// on a busy machine each turn of the database costs a page more than what it reads. What
// came is used only when the session holds and the page may be seen.
type Ahead interface {
	queue(q *pgx.Batch)
	// settle says that what was queued has been read whole.
	settle()
}

// oneRow reads a row, and ahead in the same turn where there is anything. What is read
// ahead keeps nobody out: when it fails, the row is read alone, and whoever wanted the
// rest meets its trouble.
func (db *DB) oneRow(ctx context.Context, ahead Ahead, scan func(pgx.Row) error, sql string, args ...any) error {
	if ahead == nil {
		return scan(db.pool.QueryRow(ctx, sql, args...))
	}
	q := &pgx.Batch{}
	none := false
	q.Queue(sql, args...).QueryRow(func(row pgx.Row) error {
		err := scan(row)
		if none = errors.Is(err, pgx.ErrNoRows); none {
			return nil // the rest has to be read off all the same
		}
		return err
	})
	ahead.queue(q)
	switch err := db.pool.SendBatch(ctx, q).Close(); {
	case err != nil:
		return scan(db.pool.QueryRow(ctx, sql, args...))
	case none:
		return pgx.ErrNoRows
	}
	ahead.settle()
	return nil
}
