package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"joinery/internal/auth"
	"joinery/internal/bulk"
	"joinery/internal/fault"
	"joinery/internal/joiner"
	"joinery/internal/run"
)

// StartList is how a list is started.
type StartList struct {
	// Plan is how many people the first stages start; who is left is the last one.
	Plan []int
	// Onward goes on by itself when nobody of a stage failed or parked.
	Onward bool
	Reason string
	// Release is the flow's release that the person saw.
	Release string
}

// StartList starts the first stage of a list.
func (db *DB) StartList(ctx context.Context, by Actor, id string, s StartList) error {
	if s.Plan == nil {
		s.Plan = []int{}
	}
	if len(s.Plan) > 10 || slices.ContainsFunc(s.Plan, func(n int) bool { return n < 1 || n > bulk.MaxRows }) {
		return problem("plan", "Write up to 10 numbers from 1 to 100,000, such as 5, 50.")
	}
	if n := len([]rune(strings.TrimSpace(s.Reason))); n < 5 || n > 2000 {
		return problem("reason", "Say in 5 to 2,000 characters why these people are brought in together.")
	}
	return db.withList(ctx, by, id, "bulk.start", map[string]any{"plan": s.Plan, "onward": s.Onward}, func(tx pgx.Tx, l *List) error {
		switch l.State {
		case ListMapped, ListChecked:
		case ListDraft:
			return fault.New(fault.Conflict, "Say what the columns are first.")
		case ListChecking:
			return fault.New(fault.Conflict, "The forecast of this list is under way. Wait until it is done.")
		default:
			return fault.New(fault.Conflict, "This list was started already, or discarded.")
		}
		l.Plan, l.Release = s.Plan, s.Release
		_, err := tx.Exec(ctx, `UPDATE bulk_lists SET state = 'started', plan = $2, onward = $3, reason = $4, release_id = $5, started_at = $6, changed_at = now() WHERE id = $1`, id, s.Plan, s.Onward, strings.TrimSpace(s.Reason), s.Release, db.now())
		if err != nil {
			return fmt.Errorf("start list: %w", err)
		}
		return db.nextStage(ctx, tx, by, l)
	})
}

// ContinueList starts the next stage of a list. release is the flow's live release
// as the person saw it.
func (db *DB) ContinueList(ctx context.Context, by Actor, id, release string) error {
	return db.withList(ctx, by, id, "bulk.continue", nil, func(tx pgx.Tx, l *List) error {
		if l.State != ListStarted {
			return fault.New(fault.Conflict, "Only a list that was started and is not done goes on.")
		}
		l.Release = release
		if _, err := tx.Exec(ctx, `UPDATE bulk_lists SET stopped = '', release_id = $2 WHERE id = $1`, id, release); err != nil {
			return err
		}
		return db.nextStage(ctx, tx, by, l)
	})
}

// nextStage starts the people of the next stage. The caller holds the list.
func (db *DB) nextStage(ctx context.Context, tx pgx.Tx, by Actor, l *List) error {
	f, err := db.startable(ctx, tx, l.Flow)
	if err != nil {
		return err
	}
	if f.release != l.Release {
		return fault.New(fault.Conflict, "The flow %s has another live release than the one you saw. Look at the list again, and start it with that one.", l.Flow)
	}
	lift, err := db.mayStart(ctx, tx, l)
	if err != nil {
		return err
	}
	if lift != "" {
		// The approval is past the limit of runs too; a pause still holds.
		if f.room = -1; f.parked != pausedReason {
			f.parked = ""
		}
	}
	most := 1 << 30
	if l.Stage < len(l.Plan) {
		most = l.Plan[l.Stage]
	}
	rows, err := tx.Query(ctx, `SELECT n, worker, attributes FROM bulk_rows WHERE list_id = $1 AND problem = '' AND run_id = '' ORDER BY n LIMIT $2`, l.ID, most)
	if err != nil {
		return fmt.Errorf("read people: %w", err)
	}
	type person struct {
		n          int32
		worker     string
		attributes json.RawMessage
	}
	people, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p person, err error) {
		return p, row.Scan(&p.n, &p.worker, &p.attributes)
	})
	if err != nil {
		return fmt.Errorf("read people: %w", err)
	}
	if len(people) == 0 {
		return fault.New(fault.Conflict, "Nobody of this list is left to start.")
	}
	ids, refs := make([]run.ID, len(people)), make([]joiner.Ref, len(people))
	ns, workers, attributes := make([]int32, len(people)), make([]string, len(people)), make([]string, len(people))
	for i, p := range people {
		ids[i], refs[i] = run.ID(newID("rn_")), joiner.Ref{Connection: l.Connection, Worker: p.worker}
		ns[i], workers[i], attributes[i] = p.n, p.worker, string(p.attributes)
	}
	if file, err := db.FromFile(ctx, l.Connection); err != nil {
		return err
	} else if file {
		_, err := tx.Exec(ctx, `INSERT INTO file_workers AS f (connection, worker, attributes, list_id) SELECT $1, w, a::jsonb, $2 FROM unnest($3::text[], $4::text[]) u (w, a)
			ON CONFLICT (connection, worker) DO UPDATE SET attributes = excluded.attributes, version = f.version + 1, changed_at = now(), list_id = excluded.list_id WHERE f.attributes <> excluded.attributes`,
			l.Connection, l.ID, workers, attributes)
		if err != nil {
			return fmt.Errorf("keep workers: %w", err)
		}
	}
	joiners, err := lockJoiners(ctx, tx, slices.Clone(refs))
	if err != nil {
		return err
	}
	if err := db.insertStarted(ctx, tx, by, f, run.Live, ids, refs, joiners); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE bulk_rows r SET run_id = u.i, stage = $2, cells = NULL FROM unnest($3::int[], $4::text[]) u (n, i) WHERE r.list_id = $1 AND r.n = u.n`, l.ID, l.Stage+1, ns, ids)
	if err != nil {
		return fmt.Errorf("note runs: %w", err)
	}
	if lift != "" {
		if _, err := tx.Exec(ctx, `UPDATE runs SET lifted = $2 WHERE id = ANY ($1)`, ids, lift); err != nil {
			return fmt.Errorf("lift runs: %w", err)
		}
	}
	_, err = tx.Exec(ctx, `UPDATE bulk_lists l SET stage = stage + 1, changed_at = now(), stopped = '',
		state = CASE WHEN EXISTS (SELECT 1 FROM bulk_rows WHERE list_id = l.id AND problem = '' AND run_id = '') THEN 'started' ELSE 'done' END WHERE id = $1`, l.ID)
	if err != nil {
		return fmt.Errorf("note stage: %w", err)
	}
	// What the file said of those who are started is in the joiner now.
	_, err = tx.Exec(ctx, `UPDATE bulk_rows r SET cells = NULL, attributes = '{}' FROM bulk_lists l WHERE l.id = $1 AND l.state = 'done' AND r.list_id = l.id`, l.ID)
	return err
}

// GoOnward starts the next stage of each list that goes on by itself and whose
// last stage is settled; it says at the list why one does not go on. It gives how
// many it started.
func (db *DB) GoOnward(ctx context.Context) (int, error) {
	rows, err := db.pool.Query(ctx, `SELECT id FROM bulk_lists WHERE state = 'started' AND onward AND stopped = ''`)
	if err != nil {
		return 0, asFault(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return 0, asFault(err)
	}
	started := 0
	for _, id := range ids {
		on, err := db.goOnward(ctx, id)
		if err != nil {
			return started, err
		}
		if on {
			started++
		}
	}
	return started, nil
}

func (db *DB) goOnward(ctx context.Context, id string) (started bool, err error) {
	err = db.ptx(ctx, func(tx pgx.Tx) error {
		l, err := findList(ctx, tx, id, "FOR UPDATE SKIP LOCKED")
		if fault.Is(err, fault.NotFound) || err == nil && (l.State != ListStarted || !l.Onward || l.Stopped != "") {
			return nil // somebody else has it
		}
		if err != nil {
			return err
		}
		var moving, trouble int
		err = tx.QueryRow(ctx, `SELECT count(*) FILTER (WHERE u.state IN ('queued', 'running')), count(*) FILTER (WHERE u.state IN ('failed', 'parked', 'canceled', 'compensated'))
			FROM bulk_rows r JOIN runs u ON u.id = r.run_id WHERE r.list_id = $1 AND r.stage = $2`, id, l.Stage).Scan(&moving, &trouble)
		if err != nil || moving > 0 {
			return err
		}
		why := ""
		if trouble > 0 {
			why = fmt.Sprintf("%d of the last stage did not come through. Look at them, then go on by hand.", trouble)
		} else if err := db.nextStage(ctx, tx, auth.Engine(), &l); err != nil {
			if fault.Is(err, fault.Unavailable) || fault.KindOf(err) == fault.Internal {
				return err
			}
			why = fault.Sentence(err)
		} else {
			started = true
			return appendAuditTx(ctx, tx, Act{Actor: auth.Engine(), Action: "bulk.continue", Kind: "list", ID: id, Detail: map[string]any{"flow": l.Flow, "stage": l.Stage + 1}})
		}
		_, err = tx.Exec(ctx, `UPDATE bulk_lists SET stopped = $2, changed_at = now() WHERE id = $1`, id, why)
		return err
	})
	return started, err
}
