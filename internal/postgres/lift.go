package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/bulk"
	"joinery/internal/fault"
	"joinery/internal/run"
)

// Lift is what a second person lets past a limit, or is asked to.
type Lift struct {
	ID, Kind, Flow, List, Release string
	// Hash names what was seen; whoever decides sends it back.
	Hash   string
	People int
	Runs   []string
	// Why is what makes it more than one person may do, Reason what whoever asked says.
	Why     []string
	Reason  string
	Authors []string
	AskedBy string
	AskedAt time.Time
	// State is open, approved or refused.
	State     string
	DecidedBy string
	Comment   string
	DecidedAt *time.Time
}

// Kinds and states of a lift.
const (
	LiftList     = "list"
	LiftParked   = "parked"
	LiftOpen     = "open"
	LiftApproved = "approved"
	LiftRefused  = "refused"
)

const liftSQL = `SELECT id, kind, flow, list_id, release_id, hash, people, runs, why, reason, authors, asked_name, asked_at, state, decided_name, comment, decided_at FROM lifts`

func scanLift(row pgx.CollectableRow) (l Lift, err error) {
	return l, row.Scan(&l.ID, &l.Kind, &l.Flow, &l.List, &l.Release, &l.Hash, &l.People, &l.Runs, &l.Why, &l.Reason, &l.Authors, &l.AskedBy, &l.AskedAt, &l.State, &l.DecidedBy, &l.Comment, &l.DecidedAt)
}

// Lifts lists what second persons decided or are asked, newest first; state "" is any.
func (db *DB) Lifts(ctx context.Context, state, before string, limit int) (page []Lift, next string, err error) {
	limit = pageSize(limit)
	rows, err := db.pool.Query(ctx, liftSQL+` WHERE ($1 = '' OR state = $1) AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3`, state, before, limit+1)
	if err != nil {
		return nil, "", asFault(fmt.Errorf("list lifts: %w", err))
	}
	page, err = pgx.CollectRows(rows, scanLift)
	if err == nil && len(page) > limit {
		page = page[:limit]
		next = page[limit-1].ID
	}
	return page, next, asFault(err)
}

// Lift finds one.
func (db *DB) Lift(ctx context.Context, id string) (Lift, error) {
	return findLift(ctx, db.pool, id, "")
}

func findLift(ctx context.Context, q querier, id, lock string) (Lift, error) {
	rows, err := q.Query(ctx, liftSQL+` WHERE id = $1 `+lock, id)
	if err != nil {
		return Lift{}, asFault(fmt.Errorf("find lift: %w", err))
	}
	l, err := pgx.CollectExactlyOneRow(rows, scanLift)
	if errors.Is(err, pgx.ErrNoRows) {
		return Lift{}, fault.New(fault.NotFound, "There is no such request.")
	}
	return l, asFault(err)
}

func (db *DB) insertLift(ctx context.Context, tx pgx.Tx, l Lift, decidedID string) error {
	var decided *time.Time
	if l.State != LiftOpen {
		now := db.now()
		decided = &now
	}
	_, err := tx.Exec(ctx, `INSERT INTO lifts (id, kind, flow, list_id, release_id, hash, people, runs, why, reason, authors, asked_name, asked_at, state, decided_by, decided_name, comment, decided_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`,
		l.ID, l.Kind, l.Flow, l.List, l.Release, l.Hash, l.People, append([]string{}, l.Runs...), append([]string{}, l.Why...), l.Reason, l.Authors, l.AskedBy, l.AskedAt, l.State, decidedID, l.DecidedBy, l.Comment, decided)
	if err != nil {
		return fmt.Errorf("keep lift: %w", err)
	}
	return nil
}

// ParkedFlow is a flow with runs that a limit stopped.
type ParkedFlow struct {
	Flow   string
	Runs   int
	Reason string // the newest one's
	// Alone is how many more one person may let go today; Open the request that waits.
	Alone int
	Open  string
}

const pausedReason = "The flow is paused."

// ParkedFlows lists flows with runs that a limit stopped.
func (db *DB) ParkedFlows(ctx context.Context) ([]ParkedFlow, error) {
	limits, err := db.Alone(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := db.pool.Query(ctx, `SELECT flow, count(*), (array_agg(reason ORDER BY id DESC))[1], greatest(0, $2 - (SELECT count(*) FROM let_go g WHERE g.flow = r.flow AND g.at > $3)), coalesce((SELECT id FROM lifts l WHERE l.flow = r.flow AND l.state = 'open'), '')
		FROM runs r WHERE state = 'parked' AND mode = 'live' AND reason <> $1 GROUP BY flow ORDER BY flow`, pausedReason, limits.Alone.Parked, db.now().Add(-24*time.Hour))
	if err != nil {
		return nil, asFault(fmt.Errorf("count parked runs: %w", err))
	}
	out, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ParkedFlow])
	return out, asFault(err)
}

// ParkedRuns gives up to most runs of a flow that a limit stopped, the oldest first.
func (db *DB) ParkedRuns(ctx context.Context, flow string, most int) ([]string, error) {
	rows, err := db.pool.Query(ctx, `SELECT id FROM runs WHERE flow = $1 AND state = 'parked' AND mode = 'live' AND reason <> $2 ORDER BY id LIMIT $3`, flow, pausedReason, most)
	if err != nil {
		return nil, asFault(fmt.Errorf("list parked runs: %w", err))
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return out, asFault(err)
}

// LetGo lets parked runs of a flow go on: at once while one person may, else once
// a second person agrees to these very runs. It gives how many went, or what waits.
func (db *DB) LetGo(ctx context.Context, by Actor, flow string, ids []string, reason string) (went int, lift string, err error) {
	if n := len([]rune(strings.TrimSpace(reason))); n < 5 || n > 2000 {
		return 0, "", problem("reason", "Say in 5 to 2,000 characters why these runs may go on.")
	}
	err = db.ptx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT id FROM runs WHERE id = ANY ($1) AND flow = $2 AND state = 'parked' AND mode = 'live' ORDER BY id FOR UPDATE`, ids, flow)
		if err != nil {
			return fmt.Errorf("lock runs: %w", err)
		}
		parked, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil || len(parked) == 0 {
			return fault.Wrap(fault.Conflict, err, "None of these runs is parked any more.")
		}
		over, err := db.countAlone(ctx, tx, by, flow, parked)
		if err != nil {
			return err
		}
		if over == "" {
			went = len(parked)
			return db.resume(ctx, tx, by, flow, parked)
		}
		lift, err = db.askLift(ctx, tx, by, flow, parked, over, strings.TrimSpace(reason))
		return err
	})
	return went, lift, err
}

// countAlone counts runs that one person lets go past a limit; over says why it
// needs a second person, and then nothing is counted.
func (db *DB) countAlone(ctx context.Context, tx pgx.Tx, by Actor, flow string, ids []string) (over string, err error) {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('let_go|' || $1, 1))`, flow); err != nil {
		return "", fmt.Errorf("lock flow: %w", err)
	}
	limits, err := alone(ctx, tx, "")
	if err != nil {
		return "", err
	}
	var before, stopped int
	err = tx.QueryRow(ctx, `SELECT (SELECT count(*) FROM let_go WHERE flow = $1 AND at > $2), (SELECT count(*) FROM runs WHERE id = ANY ($3) AND NOT (state = 'parked' AND reason = $4))`, flow, db.now().Add(-24*time.Hour), ids, pausedReason).Scan(&before, &stopped)
	if err != nil || stopped == 0 {
		return "", err
	}
	if most := limits.Alone.Parked; before+stopped > most {
		return fmt.Sprintf("%d runs of the flow %s that a limit stopped would be let go within a day, and one person may let %d go.", before+stopped, flow, most), nil
	}
	_, err = tx.Exec(ctx, `INSERT INTO let_go (flow, run_id, by_id, at) SELECT $1, r.id, $3, $4 FROM runs r WHERE r.id = ANY ($2) AND NOT (r.state = 'parked' AND r.reason = $5)`, flow, ids, by.UserID, db.now(), pausedReason)
	return "", err
}

func (db *DB) resume(ctx context.Context, tx pgx.Tx, by Actor, flow string, ids []string) error {
	if _, err := tx.Exec(ctx, `UPDATE runs SET state = 'queued', reason = '', wake_at = $2, wake_reason = '', changed_at = now(), `+answersFor("$3")+` WHERE id = ANY ($1)`, ids, db.now(), by.ID); err != nil {
		return fmt.Errorf("resume runs: %w", err)
	}
	acts := make([]Act, len(ids))
	for i, id := range ids {
		acts[i] = Act{Actor: by, Action: "run.resume", Kind: "run", ID: id, Detail: map[string]any{"flow": flow, "was": run.Parked, "reason_given": true}}
	}
	return appendAuditTx(ctx, tx, acts...)
}

func (db *DB) askLift(ctx context.Context, tx pgx.Tx, by Actor, flow string, ids []string, why, reason string) (string, error) {
	if by.UserID == "" {
		return "", fault.New(fault.Forbidden, "Only a person can ask for this.")
	}
	var open string
	err := tx.QueryRow(ctx, `SELECT coalesce((SELECT id FROM lifts WHERE flow = $1 AND state = 'open'), '')`, flow).Scan(&open)
	if err != nil {
		return "", err
	}
	if open != "" {
		return "", fault.New(fault.Conflict, "A second person is asked about runs of the flow %s already. Have that decided first (Limits).", flow)
	}
	l := Lift{ID: newID("lf_"), Kind: LiftParked, Flow: flow, Hash: runsHash(flow, ids), People: len(ids), Runs: ids, Why: []string{why}, Reason: reason, Authors: []string{by.UserID}, AskedBy: by.Name, AskedAt: db.now(), State: LiftOpen}
	if err := db.insertLift(ctx, tx, l, ""); err != nil {
		return "", err
	}
	return l.ID, appendAuditTx(ctx, tx, Act{Actor: by, Action: "limit.ask", Kind: "lift", ID: l.ID, Detail: map[string]any{"flow": flow, "runs": len(ids), "hash": l.Hash}})
}

func runsHash(flow string, ids []string) string {
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%q", flow)
	for _, id := range slices.Sorted(slices.Values(ids)) {
		_, _ = fmt.Fprintf(sum, "%q", id)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// DecideLift records a second person's answer about parked runs. A yes lets those
// runs of them go past the limit that are still parked; a no leaves them parked.
func (db *DB) DecideLift(ctx context.Context, by Actor, id string, approve bool, hash, comment string) error {
	if len([]rune(comment)) > 2000 {
		return problem("comment", "A comment may have up to 2,000 characters.")
	}
	return db.ptx(ctx, func(tx pgx.Tx) error {
		l, err := findLift(ctx, tx, id, "FOR UPDATE")
		if err != nil {
			return err
		}
		state, action := LiftRefused, "limit.refuse"
		if approve {
			state, action = LiftApproved, "limit.lift"
			if err := bulk.Second(by, l.Authors); err != nil {
				return err
			}
		}
		switch {
		case l.State != LiftOpen:
			return fault.New(fault.Conflict, "This request was decided already.")
		case l.Hash != hash:
			return fault.New(fault.Conflict, "This is not what is asked now. Look at it again.")
		}
		if _, err := tx.Exec(ctx, `UPDATE lifts SET state = $2, decided_by = $3, decided_name = $4, comment = $5, decided_at = $6 WHERE id = $1`, id, state, by.UserID, by.Name, strings.TrimSpace(comment), db.now()); err != nil {
			return fmt.Errorf("decide lift: %w", err)
		}
		went := int64(0)
		if approve {
			tag, err := tx.Exec(ctx, `UPDATE runs SET lifted = $2, state = 'queued', reason = '', wake_at = $3, wake_reason = '', changed_at = now(), `+answersFor("$4")+` WHERE id = ANY ($1) AND state = 'parked'`, l.Runs, id, db.now(), by.ID)
			if err != nil {
				return fmt.Errorf("lift runs: %w", err)
			}
			went = tag.RowsAffected()
		}
		return appendAuditTx(ctx, tx, Act{Actor: by, Action: action, Kind: "lift", ID: id, Detail: map[string]any{"flow": l.Flow, "hash": hash, "runs": len(l.Runs), "went_on": went}})
	})
}
