package bench

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// riverRow is plain River: one job per run, each checkpoint a commit of its own.
type riverRow struct {
	pool   *pgxpool.Pool
	client *river.Client[pgx.Tx]
}

type riverArgs struct {
	Run int64 `json:"run"`
}

func (riverArgs) Kind() string { return "joiner" }

type riverWorker struct {
	river.WorkerDefaults[riverArgs]
	pool *pgxpool.Pool
	dir  *directory
	k    int
}

func newRiver(ctx context.Context, pool *pgxpool.Pool, dir *directory, k int) (*riverRow, error) {
	m, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return nil, err
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, err
	}
	if _, err := pool.Exec(ctx, baselineTables); err != nil {
		return nil, err
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &riverWorker{pool: pool, dir: dir, k: k})
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 100}}, Workers: workers,
		FetchCooldown: time.Millisecond, FetchPollInterval: 50 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	return &riverRow{pool: pool, client: client}, client.Start(ctx)
}

// take accepts one webhook: the run's row and its job in one transaction.
func (r *riverRow) take(ctx context.Context, p person, raw string) error {
	return pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		var id int64
		if err := tx.QueryRow(ctx, `INSERT INTO runs (employee_id, payload) VALUES ($1, $2) RETURNING id`, p.EmployeeID, raw).Scan(&id); err != nil {
			return err
		}
		_, err := r.client.InsertTx(ctx, tx, riverArgs{id}, nil)
		return err
	})
}

// Work carries one run.
func (w *riverWorker) Work(ctx context.Context, job *river.Job[riverArgs]) error {
	var raw []byte
	if err := w.pool.QueryRow(ctx, `SELECT payload FROM runs WHERE id = $1`, job.Args.Run).Scan(&raw); err != nil {
		return err
	}
	var p person
	if err := json.Unmarshal(raw, &p); err != nil {
		return err
	}
	return w.dir.work(ctx, p, w.k, func(n int, name string, v any) error {
		out, err := json.Marshal(v)
		if err != nil {
			return err
		}
		q := `INSERT INTO steps (run_id, n, name, output) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`
		if n == w.k {
			q = `WITH s AS (` + q + `) UPDATE runs SET status = 'done', finished_at = now() WHERE id = $1`
		}
		_, err = w.pool.Exec(ctx, q, job.Args.Run, n, name, string(out))
		return err
	})
}
