package postgres

import (
	"context"
	"time"
)

// counted is a flush that tells how many writes shared its commit, and how long it took.
func counted[T, R any](db *DB, batch string, flush func(ctx context.Context, items []T) ([]R, error)) func(context.Context, []T) ([]R, error) {
	return func(ctx context.Context, items []T) ([]R, error) {
		start := time.Now()
		out, err := flush(ctx, items)
		db.metrics.Batch(batch, len(items), time.Since(start))
		return out, err
	}
}
