package bench

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const baselineTables = `CREATE TABLE IF NOT EXISTS runs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, employee_id text NOT NULL, payload jsonb NOT NULL,
	status text NOT NULL DEFAULT 'queued', created_at timestamptz NOT NULL DEFAULT now(), finished_at timestamptz, leased_until timestamptz) WITH (fillfactor = 80);
	CREATE INDEX IF NOT EXISTS runs_ready ON runs (id) WHERE status = 'queued';
	CREATE TABLE IF NOT EXISTS steps (run_id bigint, n int, name text NOT NULL, output jsonb, at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (run_id, n))`

// batch is the bound of a durable engine that shares commits: a run is committed
// before its 202 and a checkpoint before the next step, and the rows of all runs
// that are ready together go in one statement. It is no product: it retries
// nothing, times nothing, and ends no lease.
type batch struct {
	pool   *pgxpool.Pool
	dir    *directory
	k      int
	accept *share[intake]
	save   *share[mark]
	kick   chan struct{}

	mu   sync.Mutex
	free int
}

type intake struct {
	id           int64
	employee, in string
}

type mark struct {
	run  int64
	n    int
	name string
	out  string
	last bool
}

func newBatch(ctx context.Context, pool *pgxpool.Pool, dir *directory, k int) (*batch, error) {
	if _, err := pool.Exec(ctx, baselineTables); err != nil {
		return nil, err
	}
	b := &batch{pool: pool, dir: dir, k: k, kick: make(chan struct{}, 1), free: 100}
	b.accept = newShare(2, 500, func(all []*intake) error { return b.acceptAll(ctx, all) })
	b.save = newShare(2, 500, func(all []*mark) error { return saveMarks(ctx, pool, all) })
	go b.loop(ctx)
	return b, nil
}

// take accepts one webhook.
func (b *batch) take(_ context.Context, p person, raw string) error {
	return b.accept.do(&intake{employee: p.EmployeeID, in: raw})
}

func (b *batch) acceptAll(ctx context.Context, all []*intake) error {
	employees, bodies := make([]string, len(all)), make([]string, len(all))
	for i, a := range all {
		employees[i], bodies[i] = a.employee, a.in
	}
	_, err := b.pool.Exec(ctx, `INSERT INTO runs (employee_id, payload) SELECT * FROM unnest($1::text[], $2::jsonb[])`, employees, bodies)
	b.wake()
	return err
}

func saveMarks(ctx context.Context, pool *pgxpool.Pool, all []*mark) error {
	runs, ns, names, outs := make([]int64, len(all)), make([]int32, len(all)), make([]string, len(all)), make([]string, len(all))
	ended := []int64{}
	for i, m := range all {
		runs[i], ns[i], names[i], outs[i] = m.run, int32(m.n), m.name, m.out
		if m.last {
			ended = append(ended, m.run)
		}
	}
	_, err := pool.Exec(ctx, `WITH s AS (INSERT INTO steps (run_id, n, name, output) SELECT * FROM unnest($1::bigint[], $2::int[], $3::text[], $4::jsonb[]) ON CONFLICT DO NOTHING)
		UPDATE runs SET status = 'done', finished_at = now() WHERE id = ANY ($5::bigint[])`, runs, ns, names, outs, ended)
	return err
}

func (b *batch) wake() {
	select {
	case b.kick <- struct{}{}:
	default:
	}
}

func (b *batch) loop(ctx context.Context) {
	for ctx.Err() == nil {
		b.mu.Lock()
		want := b.free
		b.mu.Unlock()
		got := 0
		if want > 0 {
			got = b.claim(ctx, want)
		}
		if got > 0 {
			time.Sleep(time.Millisecond)
			continue
		}
		select {
		case <-ctx.Done():
		case <-b.kick:
		case <-time.After(time.Second):
		}
	}
}

func (b *batch) claim(ctx context.Context, want int) int {
	rows, err := b.pool.Query(ctx, `UPDATE runs SET status = 'running', leased_until = now() + interval '60s' WHERE id IN
		(SELECT id FROM runs WHERE status = 'queued' ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING id, payload`, want)
	if err != nil {
		return 0
	}
	type claimed struct {
		ID  int64
		Raw []byte
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[claimed])
	if err != nil {
		return 0
	}
	b.mu.Lock()
	b.free -= len(all)
	b.mu.Unlock()
	for _, c := range all {
		go func() {
			b.run(ctx, c.ID, c.Raw)
			b.mu.Lock()
			b.free++
			b.mu.Unlock()
			b.wake()
		}()
	}
	return len(all)
}

func (b *batch) run(ctx context.Context, id int64, raw []byte) {
	var p person
	if json.Unmarshal(raw, &p) != nil {
		return
	}
	_ = b.dir.work(ctx, p, b.k, func(n int, name string, v any) error { // a failed run is seen as a joiner without an account
		out, err := json.Marshal(v)
		if err != nil {
			return err
		}
		return b.save.do(&mark{id, n, name, string(out), n == b.k})
	})
}
