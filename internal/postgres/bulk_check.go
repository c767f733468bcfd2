package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/bulk"
	"joinery/internal/fault"
	"joinery/internal/joiner"
	"joinery/internal/review"
)

// ListPerson is a row of a list that can be started.
type ListPerson struct {
	N, Line int
	Worker  joiner.Worker
	// Known says that Joinery knows this joiner from before, Accounts how many
	// accounts it has for them.
	Known    bool
	Accounts int
}

// Foreseen is what a forecast says of one row.
type Foreseen struct {
	N   int
	As  string // a state of a run
	Why string
}

// BeginCheck takes a list to be foreseen; it gives the flow's live release.
func (db *DB) BeginCheck(ctx context.Context, by Actor, id string, live bool) (release string, err error) {
	return release, db.withList(ctx, by, id, "bulk.check", map[string]any{"live_lookups": live}, func(tx pgx.Tx, l *List) error {
		if l.State == ListDraft {
			return fault.New(fault.Conflict, "Say what the columns are first.")
		}
		if err := l.before("it can be foreseen", db.now()); err != nil {
			return err
		}
		a, err := db.Artifact(ctx, review.Flow, l.Flow)
		if err != nil {
			return err
		}
		if a.Live == nil {
			return fault.New(fault.Conflict, "The flow %s is not live, so there is nothing to foresee.", l.Flow)
		}
		release = a.Live.ID
		_, err = tx.Exec(ctx, `UPDATE bulk_lists SET state = 'checking', looked = 0, live = $2, beat_at = now(), report = NULL, report_of = $3, changed_at = now() WHERE id = $1`, id, live, release)
		return err
	})
}

// ListPeople gives up to limit rows that can be started, after row n.
func (db *DB) ListPeople(ctx context.Context, id string, after, limit int) ([]ListPerson, error) {
	rows, err := db.pool.Query(ctx, `SELECT r.n, r.line, r.worker, r.attributes, j.id IS NOT NULL, (SELECT count(*) FROM joiner_accounts x WHERE x.joiner_id = j.id)
		FROM bulk_rows r JOIN bulk_lists l ON l.id = r.list_id LEFT JOIN joiners j ON j.connection = l.connection AND j.worker = r.worker
		WHERE r.list_id = $1 AND r.n > $2 AND r.problem = '' AND r.run_id = '' ORDER BY r.n LIMIT $3`, id, after, limit)
	if err != nil {
		return nil, asFault(fmt.Errorf("read people of a list: %w", err))
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p ListPerson, err error) {
		return p, row.Scan(&p.N, &p.Line, &p.Worker.ID, &p.Worker.Attributes, &p.Known, &p.Accounts)
	})
	return out, asFault(err)
}

// ListKnows tells which of these workers are in the list or known as joiners of
// its connection.
func (db *DB) ListKnows(ctx context.Context, id string, workers []string) (map[string]bool, error) {
	rows, err := db.pool.Query(ctx, `SELECT w FROM unnest($2::text[]) w WHERE EXISTS (SELECT 1 FROM bulk_rows r WHERE r.list_id = $1 AND r.worker = w AND r.problem = '')
		OR EXISTS (SELECT 1 FROM joiners j JOIN bulk_lists l ON l.id = $1 AND l.connection = j.connection WHERE j.worker = w)`, id, workers)
	if err != nil {
		return nil, asFault(fmt.Errorf("look for managers: %w", err))
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	out := map[string]bool{}
	for _, w := range found {
		out[w] = true
	}
	return out, asFault(err)
}

// ListColleague finds another worker of the list's HRIS: one of the list, or one
// that Joinery has read before.
func (db *DB) ListColleague(ctx context.Context, id, connection, worker string) (joiner.Worker, bool, error) {
	w := joiner.Worker{ID: worker}
	err := db.pool.QueryRow(ctx, `SELECT attributes FROM (SELECT 1 AS o, r.attributes FROM bulk_rows r JOIN bulk_lists l ON l.id = r.list_id AND l.connection = $2 WHERE r.list_id = $1 AND r.worker = $3 AND r.problem = ''
		UNION ALL SELECT 2, j.attributes FROM joiners j WHERE j.connection = $2 AND j.worker = $3) x ORDER BY o LIMIT 1`, id, connection, worker).Scan(&w.Attributes)
	if errors.Is(err, pgx.ErrNoRows) {
		return w, false, nil
	}
	return w, err == nil, asFault(err)
}

// KeepForeseen writes what a forecast says of some rows and how far it is. It
// gives false when the list is not being foreseen for that release any more.
func (db *DB) KeepForeseen(ctx context.Context, id, release string, part []Foreseen) (bool, error) {
	var ns []int32
	var as, why []string
	for _, f := range part {
		ns, as, why = append(ns, int32(f.N)), append(as, f.As), append(why, clipText(f.Why, 500))
	}
	kept := false
	return kept, db.ptx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE bulk_lists SET looked = looked + $3, beat_at = now() WHERE id = $1 AND state = 'checking' AND report_of = $2`, id, release, len(part))
		if kept = err == nil && tag.RowsAffected() == 1; !kept {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE bulk_rows r SET foreseen = u.a, foreseen_why = u.w FROM unnest($2::int[], $3::text[], $4::text[]) u (n, a, w) WHERE r.list_id = $1 AND r.n = u.n`, id, ns, as, why)
		return err
	})
}

// EndCheck keeps the report of a forecast; a nil report gives the list back as it
// was before.
func (db *DB) EndCheck(ctx context.Context, id, release string, r *bulk.Report) error {
	state, raw := ListMapped, []byte(nil)
	if r != nil {
		var err error
		if raw, err = json.Marshal(r); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
		state = ListChecked
	}
	_, err := db.pool.Exec(ctx, `UPDATE bulk_lists SET state = $3, report = $4, checked_at = $5, beat_at = NULL, changed_at = now() WHERE id = $1 AND state = 'checking' AND report_of = $2`, id, release, state, raw, db.now())
	return asFault(err)
}

// Silent reports whether a forecast under way has shown no progress for too long:
// its process is gone.
func (l List) Silent(now time.Time) bool {
	return l.State == ListChecking && l.BeatAt != nil && now.Sub(*l.BeatAt) > checkSilent
}
