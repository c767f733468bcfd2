package bench

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
)

// stored fills the database of the Joinery row with runs that ended, a second
// apart and each of its own joiner, every fiftieth of them failed.
const stored = `WITH n AS (SELECT n, now() - n * interval '1 second' AS t, lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint - n * 1000), 12, '0') AS h FROM generate_series($1::bigint, $2::bigint) n),
	u AS (SELECT n, t, substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-7' || lpad(to_hex(n % 4096), 3, '0') || '-8000-' || lpad(to_hex(n), 12, '0') AS id FROM n),
	j AS (INSERT INTO joiners (id, connection, worker, label, attributes, created_at) SELECT 'j_' || id, 'bench-hris', 's-' || n, 'Ada Lovelace' || n % 9973, '{"department": "Engineering", "status": "active"}', t FROM u)
	INSERT INTO runs (id, flow, release_id, revision, mode, state, reason, joiner_id, started_by, epoch, created_at, started_at, ended_at, changed_at)
	SELECT 'rn_' || id, 'bench', (SELECT id FROM live_releases WHERE kind = 'flow' AND key = 'bench'), 1, 'live', CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'succeeded' END,
		CASE WHEN n % 50 = 0 THEN 'The directory refused the account.' ELSE '' END, 'j_' || id, 'hook:bench-hris', 1, t, t, t + interval '1 second', t FROM u ORDER BY n DESC`

// fill stores runs from one number to another. Indexes are made again afterwards,
// which takes a tenth of the time that keeping them would.
func fill(ctx context.Context, c *pgx.Conn, from, to int) error {
	rows, err := c.Query(ctx, `SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i
		WHERE i.indrelid IN ('runs'::regclass, 'joiners'::regclass) AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid)`)
	if err != nil {
		return fmt.Errorf("read indexes: %w", err)
	}
	indexes := map[string]string{}
	var name, make string
	if _, err := pgx.ForEachRow(rows, []any{&name, &make}, func() error { indexes[name] = make; return nil }); err != nil {
		return fmt.Errorf("read indexes: %w", err)
	}
	do := func(sql string, args ...any) {
		if err == nil {
			if _, err = c.Exec(ctx, sql, args...); err != nil {
				err = fmt.Errorf("store runs: %s: %w", sql[:min(len(sql), 60)], err)
			}
		}
	}
	do(`SET synchronous_commit = off`)
	do(`SET maintenance_work_mem = '1GB'`)
	for name := range indexes {
		do(`DROP INDEX ` + name)
	}
	for have := from - 1; have < to && err == nil; {
		next := min(to, have+500_000)
		do(stored, have+1, next)
		have = next
	}
	for _, sql := range indexes {
		do(sql)
	}
	do(`VACUUM (ANALYZE) runs, joiners`)
	do(`CHECKPOINT`)
	return err
}

// lists measures the list pages with that many runs stored: how long an answer of
// the whole server takes, signed in, ms.
func (b *Bench) lists(ctx context.Context, r *row) error {
	c, err := pgx.Connect(ctx, r.database)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(ctx) }()
	client, err := r.signIn()
	if err != nil {
		return err
	}
	var have int
	for _, want := range []int{10_000, b.Stored} {
		began := time.Now()
		if have < want {
			r.stop() // without indexes it would read whole tables meanwhile
			if err := fill(ctx, c, have+1, want); err != nil {
				return err
			}
			have = want
			if err := r.start(ctx); err != nil {
				return err
			}
			if client, err = r.signIn(); err != nil {
				return err
			}
		}
		fmt.Fprintf(b.Out, "  %d runs stored, %s\n", have, time.Since(began).Round(time.Second))
		var middle string
		if err := c.QueryRow(ctx, `SELECT id FROM runs WHERE id <= (SELECT 'rn_' || substr(h, 1, 8) || '-' || substr(h, 9) FROM lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint - $1::bigint * 500), 12, '0') h) ORDER BY id DESC LIMIT 1`, have).Scan(&middle); err != nil {
			return fmt.Errorf("find the middle: %w", err)
		}
		for _, page := range []struct{ name, path string }{{"first", "/runs"}, {"middle", "/runs?before=" + middle}, {"failed", "/runs?state=failed"}, {"flow", "/runs?flow=bench"},
			{"worker", fmt.Sprint("/runs?q=s-", have/2)}, {"name", "/runs?q=lovelace77"}, {"whole name", "/runs?q=lovelace7777"}, {"joiners", "/joiners"}, {"joiner", fmt.Sprint("/joiners?q=s-", have/2)}, {"home", "/"}} {
			times, err := look(ctx, client, r.site()+page.path, 60)
			if err != nil {
				return err
			}
			b.keep(Result{Row: fmt.Sprintf("%s of %d", page.name, have), Scenario: "lists", Clients: 1, Answer: percentilesOf(times), Done: int64(len(times))})
		}
	}
	return nil
}

func look(ctx context.Context, client *http.Client, address string, times int) ([]float64, error) {
	var out []float64
	for n := range times {
		took, err := open(ctx, client, address)
		if err != nil {
			return nil, err
		}
		if n >= 5 { // the first ones prepare statements
			out = append(out, took)
		}
	}
	return out, nil
}

// signIn gives a browser of the reviewer.
func (r *row) signIn() (*http.Client, error) { return r.signInAs("reviewer@bench.example") }

func (r *row) signInAs(email string) (*http.Client, error) {
	client := newBrowser()
	res, err := client.PostForm(r.site()+"/sign-in", url.Values{"email": {email}, "password": {Password}})
	if err != nil {
		return nil, err
	}
	return client, res.Body.Close()
}
