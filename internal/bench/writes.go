package bench

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// writes is what PostgreSQL has written for a row so far. Its counters lag behind
// by up to a second, so short measurements tell little.
type writes struct{ rows, walBytes float64 }

// written reads the counters; zero where they cannot be read.
func (r *row) written(ctx context.Context) (w writes) {
	c, err := pgx.Connect(ctx, r.database)
	if err != nil {
		return w
	}
	defer func() { _ = c.Close(ctx) }()
	_ = c.QueryRow(ctx, `SELECT (SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::float8 FROM pg_stat_user_tables), wal_bytes::float8 FROM pg_stat_wal`).Scan(&w.rows, &w.walBytes)
	return w
}

func (w writes) since(before writes, runs int64) writes {
	n := float64(max(runs, 1))
	return writes{(w.rows - before.rows) / n, (w.walBytes - before.walBytes) / n}
}
