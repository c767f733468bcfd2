package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/auth"
	"joinery/internal/naming"
	"joinery/internal/run"
)

// A name is held from its claim until an account is made with it (confirmed), or
// until its time is over (released). It is a tombstone when its holder left, never
// came, or got another one instead; then only the holder may have it again.

// writeNames moves names with the checkpoint that makes them what they are: used
// by an account, given up by somebody who left, or undone.
func writeNames(q *pgx.Batch, items []Checkpoint) error {
	var undone []string
	for _, c := range items {
		if len(c.Names) > 0 {
			confirmNames(q, c.JoinerID, c.Names)
		}
		if c.Leaves != "" {
			q.Queue(`UPDATE reservations SET state = 'tombstone', reason = $2, changed_at = now(), until = CASE WHEN $2 = 'rescinded' THEN now() + make_interval(secs => rescind_for) WHEN keep_for > 0 THEN now() + make_interval(secs => keep_for) END
				WHERE joiner_id = $1 AND state IN ('held', 'confirmed')`, c.JoinerID, c.Leaves)
		}
		if c.State == run.Compensated {
			undone = append(undone, string(c.Run))
		}
	}
	if len(undone) > 0 {
		q.Queue(`UPDATE reservations r SET state = 'tombstone', reason = 'undone', changed_at = now(), until = now() + make_interval(secs => rescind_for)
			FROM runs u WHERE u.id = ANY ($1) AND r.run_id = u.id AND r.state IN ('held', 'confirmed') AND (r.confirmed_at IS NULL OR r.confirmed_at >= u.created_at)`, undone)
	}
	return nil
}

// confirmNames confirms each set of which the account uses a name, and keeps what
// the joiner was called before.
func confirmNames(q *pgx.Batch, joinerID string, used []string) {
	var low []string
	for _, u := range used {
		low = append(low, strings.ToLower(strings.TrimPrefix(strings.TrimPrefix(u, "SMTP:"), "smtp:")))
	}
	slices.Sort(low)
	q.Queue(`WITH used AS (SELECT DISTINCT set_id FROM reservations WHERE joiner_id = $1 AND state = 'held' AND lower(name) = ANY ($2)),
		done AS (UPDATE reservations r SET state = 'confirmed', confirmed_at = coalesce(confirmed_at, now()), until = NULL, changed_at = now() FROM used WHERE r.joiner_id = $1 AND r.state = 'held' AND r.set_id = used.set_id RETURNING r.space, r.set_id)
		UPDATE reservations o SET state = 'tombstone', reason = 'replaced', changed_at = now(), until = CASE WHEN o.keep_for > 0 THEN now() + make_interval(secs => o.keep_for) END
		FROM done WHERE o.joiner_id = $1 AND o.state = 'confirmed' AND o.space = done.space AND o.set_id <> done.set_id`, joinerID, slices.Compact(low))
}

// ReviveNames holds again what lapsed while a failed run waited to be retried, as
// far as nobody else has it by now.
func (db *DB) ReviveNames(ctx context.Context, joinerID string, id run.ID) error {
	_, err := db.hot.Exec(ctx, `UPDATE reservations r SET state = 'held', reason = '', until = clock_timestamp() + make_interval(secs => hold_for), changed_at = now()
		WHERE r.joiner_id = $1 AND r.run_id = $2 AND r.state = 'released' AND r.reason = '`+holdOver+`'
		AND NOT EXISTS (SELECT 1 FROM reservations o WHERE o.space = r.space AND o.key = r.key AND o.within = r.within AND o.state <> 'released')`, joinerID, id)
	if isCode(err, "23505") {
		return nil // somebody was quicker; the names are looked at next
	}
	return asFault(err)
}

// Why a name was released by time.
const (
	holdOver = "The hold ended before an account was made."
	keepOver = "The time for which it was kept is over."
)

// lapse releases names whose time is over: those given, or a thousand of all.
func (db *DB) lapse(ctx context.Context, only []naming.Name) (int, error) {
	where, args := `r.until IS NOT NULL`, []any{}
	if only != nil {
		var spaces, keys []string
		for _, n := range only {
			spaces, keys = append(spaces, n.Space), append(keys, n.Key)
		}
		where, args = `(r.space, r.key) IN (SELECT * FROM unnest($1::text[], $2::text[]))`, []any{spaces, keys}
	}
	var released, kept int
	err := db.ptx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `WITH over AS (SELECT r.id FROM reservations r WHERE `+where+` AND r.state <> 'released' AND `+lapsed+` ORDER BY r.id LIMIT 1000 FOR UPDATE OF r SKIP LOCKED),
			done AS (UPDATE reservations r SET state = CASE WHEN r.state = 'held' AND r.confirmed_at IS NOT NULL THEN 'tombstone' ELSE 'released' END,
				until = CASE WHEN r.state = 'held' AND r.confirmed_at IS NOT NULL AND r.keep_for > 0 THEN clock_timestamp() + make_interval(secs => r.keep_for) END,
				reason = CASE WHEN r.state = 'held' THEN '`+holdOver+`' ELSE '`+keepOver+`' END, changed_at = now() FROM over WHERE r.id = over.id RETURNING r.state)
			SELECT count(*) FILTER (WHERE state = 'released'), count(*) FILTER (WHERE state <> 'released') FROM done`, args...).Scan(&released, &kept)
		if err != nil || released+kept == 0 {
			return err
		}
		return appendAuditTx(ctx, tx, Act{Actor: auth.Engine(), Action: "names.lapse", Kind: "names", ID: "all", Detail: map[string]any{"released": released, "kept": kept}})
	})
	return released + kept, err
}

// SweepNames releases names whose time is over and gives how many. Holds of runs
// that are under way are extended, so that their time counts from the run's end.
// The database's clock decides.
func (db *DB) SweepNames(ctx context.Context) (int, error) {
	_, err := db.pool.Exec(ctx, `UPDATE reservations r SET until = clock_timestamp() + make_interval(secs => hold_for)
		WHERE r.state = 'held' AND r.until < clock_timestamp() + make_interval(secs => hold_for * 0.5) AND EXISTS (SELECT 1 FROM runs u WHERE u.id = r.run_id AND u.state IN ('queued', 'running', 'waiting', 'parked'))`)
	if err != nil {
		return 0, asFault(fmt.Errorf("extend holds: %w", err))
	}
	total := 0
	for {
		n, err := db.lapse(ctx, nil)
		total += n
		if err != nil || n < 1000 {
			return total, err
		}
	}
}

// KeepNames sweeps once a minute until ctx ends.
func (db *DB) KeepNames(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		if _, err := db.SweepNames(ctx); err != nil && ctx.Err() == nil {
			db.log.Warn("releasing names whose time is over failed", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
