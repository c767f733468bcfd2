package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/bulk"
	"joinery/internal/fault"
)

// ListSecond is whether a list needs a second person, and who that was.
type ListSecond struct {
	// Why says what makes it need one; nothing when one person may start it.
	Why []string
	// Hash names the list as it is: its rows, what was foreseen of them, and the flow's
	// release. It is "" before the list was looked at.
	Hash string
	// Lift is the approval of a list that has one; Stands that it is of this very hash.
	Lift   *Lift
	Stands bool
}

// Second gives whether a list needs a second person to be started or go on by a
// release of its flow.
func (db *DB) Second(ctx context.Context, id, release string) (s ListSecond, err error) {
	l, err := db.List(ctx, id)
	if err != nil {
		return s, err
	}
	return db.second(ctx, db.pool, &l, release)
}

func (db *DB) second(ctx context.Context, q querier, l *List, release string) (s ListSecond, err error) {
	limits, err := alone(ctx, q, "")
	if err != nil {
		return s, err
	}
	before, err := db.broughtIn(ctx, q, l.Flow, l.ID)
	if err != nil {
		return s, err
	}
	s.Why = limits.Alone.Why(l.Rows-l.Bad, before, l.Report)
	if l.Lift != "" {
		lift, err := findLift(ctx, q, l.Lift, "")
		if err != nil {
			return s, err
		}
		s.Lift = &lift
	}
	if l.Report == nil || len(s.Why) == 0 && s.Lift == nil {
		return s, nil
	}
	if s.Hash, err = listHash(ctx, q, l, release); err != nil {
		return s, err
	}
	s.Stands = s.Lift != nil && s.Lift.Hash == s.Hash
	return s, nil
}

// broughtIn counts the people whom lists of a flow, but for one, brought in within a
// day on one person's word: uploaded ones, and those that a program sent.
func (db *DB) broughtIn(ctx context.Context, q querier, flow, but string) (n int, err error) {
	err = q.QueryRow(ctx, `SELECT coalesce((SELECT sum(rows - bad) FROM bulk_lists WHERE flow = $1 AND id <> $2 AND lift_id = '' AND started_at > $3), 0)
		+ coalesce((SELECT sum(people) FROM sent_lists WHERE flow = $1 AND at > $3), 0)`, flow, but, db.now().Add(-24*time.Hour)).Scan(&n)
	return n, asFault(err)
}

// mostAsked is how many runs of a list that a program sent one request may be about.
const mostAsked = 5000

// tooMany says why a list of workers that a program sent needs a second person; ""
// when one may start it, which then is counted.
func (db *DB) tooMany(ctx context.Context, tx pgx.Tx, by Actor, flow string, people int) (string, error) {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('lists|' || $1, 1))`, flow); err != nil {
		return "", fmt.Errorf("lock lists: %w", err)
	}
	limits, err := alone(ctx, tx, "")
	if err != nil {
		return "", err
	}
	before, err := db.broughtIn(ctx, tx, flow, "")
	if err != nil {
		return "", err
	}
	if why := limits.Alone.Why(people, before, nil); len(why) > 0 {
		if people > mostAsked {
			return "", fault.New(fault.Conflict, "Nothing was started. %s A second person can be asked about %d at once here: upload it as a list (POST /flows/%s/lists), whose forecast can be agreed to whole.", why[0], mostAsked, flow)
		}
		return why[0], nil
	}
	_, err = tx.Exec(ctx, `INSERT INTO sent_lists (flow, people, by_id, at) VALUES ($1, $2, $3, $4)`, flow, people, by.UserID, db.now())
	return "", err
}

// listHash hashes what a second person is shown of a list, and every value of it.
// Rows keep their values until the last stage is started.
func listHash(ctx context.Context, q querier, l *List, release string) (string, error) {
	report, err := json.Marshal(l.Report)
	if err != nil {
		return "", fmt.Errorf("write report: %w", err)
	}
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%q%q%q%q%q%v%s", l.ID, l.Flow, l.Connection, release, l.ReportOf, l.Live, report)
	rows, err := q.Query(ctx, `SELECT n, worker, problem, foreseen, encode(sha256(convert_to(attributes::text, 'UTF8')), 'hex') FROM bulk_rows WHERE list_id = $1 ORDER BY n`, l.ID)
	if err != nil {
		return "", asFault(fmt.Errorf("read rows: %w", err))
	}
	var n int
	var worker, problem, foreseen, values string
	_, err = pgx.ForEachRow(rows, []any{&n, &worker, &problem, &foreseen, &values}, func() error {
		_, err := fmt.Fprintf(sum, "%d%q%q%q%s", n, worker, problem, foreseen, values)
		return err
	})
	return hex.EncodeToString(sum.Sum(nil)), asFault(err)
}

// ApproveList records that a second person agrees to a list as it is, to be brought
// in by the flow's live release past the limits that its forecast names.
func (db *DB) ApproveList(ctx context.Context, by Actor, id, hash, comment string) error {
	if len([]rune(comment)) > 2000 {
		return problem("comment", "A comment may have up to 2,000 characters.")
	}
	return db.withList(ctx, by, id, "bulk.approve", map[string]any{"hash": hash}, func(tx pgx.Tx, l *List) error {
		if l.State != ListChecked && l.State != ListStarted {
			return fault.New(fault.Conflict, "A second person decides once the list was looked at, and before all of it is started.")
		}
		if err := bulk.Second(by, l.Authors); err != nil {
			return err
		}
		f, err := db.startable(ctx, tx, l.Flow)
		if err != nil {
			return err
		}
		if l.State == ListChecked && f.release != l.ReportOf {
			return fault.New(fault.Conflict, "The flow %s has another live release than the one the forecast is of. Look ahead again.", l.Flow)
		}
		s, err := db.second(ctx, tx, l, f.release)
		switch {
		case err != nil:
			return err
		case len(s.Why) == 0 && s.Lift == nil:
			return fault.New(fault.Conflict, "This list needs no second person.")
		case s.Hash != hash:
			return fault.New(fault.Conflict, "The list or its forecast is not what you saw. Look at it again.")
		case s.Stands:
			return fault.New(fault.Conflict, "A second person has agreed to this list already.")
		}
		lift := Lift{ID: newID("lf_"), Kind: LiftList, Flow: l.Flow, List: l.ID, Release: f.release, Hash: hash, People: l.Rows - l.Bad, Why: s.Why, Authors: l.Authors, AskedBy: l.ByName, AskedAt: l.CreatedAt,
			State: LiftApproved, DecidedBy: by.Name, Comment: strings.TrimSpace(comment)}
		if err := db.insertLift(ctx, tx, lift, by.UserID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE bulk_lists SET lift_id = $2, changed_at = now() WHERE id = $1`, id, lift.ID); err != nil {
			return fmt.Errorf("keep approval: %w", err)
		}
		// What a limit parked of this list goes on with its approval.
		_, err = tx.Exec(ctx, `UPDATE runs SET lifted = $2, state = 'queued', reason = '', wake_at = $3, wake_reason = '', changed_at = now(), `+answersFor("$5")+`
			WHERE id IN (SELECT run_id FROM bulk_rows WHERE list_id = $1 AND run_id <> '') AND state = 'parked' AND reason <> $4`, id, lift.ID, db.now(), pausedReason, by.ID)
		return err
	})
}

// mayStart refuses a list that needs a second person and has none; it gives the
// approval under which it goes past limits.
func (db *DB) mayStart(ctx context.Context, tx pgx.Tx, l *List) (lift string, err error) {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('lists|' || $1, 1))`, l.Flow); err != nil {
		return "", fmt.Errorf("lock lists: %w", err)
	}
	s, err := db.second(ctx, tx, l, l.Release)
	switch {
	case err != nil:
		return "", err
	case s.Stands:
		return l.Lift, nil
	case len(s.Why) == 0:
		return "", nil
	case l.Report == nil:
		return "", fault.New(fault.Conflict, "This list needs a second person: %s Look ahead first, so that there is something to agree to.", s.Why[0])
	case s.Lift != nil:
		return "", fault.New(fault.Conflict, "A second person agreed to this list with another forecast or release. It has to be agreed to again.")
	}
	return "", fault.New(fault.Conflict, "This list needs a second person: %s", s.Why[0])
}

// addAuthor notes who had a part in what a list is.
func addAuthor(ctx context.Context, tx pgx.Tx, by Actor, l *List) error {
	if slices.Contains(l.Authors, by.UserID) {
		return nil
	}
	l.Authors = append(l.Authors, by.UserID)
	_, err := tx.Exec(ctx, `UPDATE bulk_lists SET authors = $2 WHERE id = $1`, l.ID, l.Authors)
	return err
}
