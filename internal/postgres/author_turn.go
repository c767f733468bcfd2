package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/author"
	"joinery/internal/fault"
)

// How long who carries a turn may be silent before another process goes on with it,
// how often it is begun, and how often it waits for the provider.
const (
	turnSilent = 20 * time.Second
	turnTries  = 3
	turnWaits  = 5
)

var _ author.Store = (*DB)(nil)

// TakeTurn takes a turn that is due, or whose carrier is gone; false when there is none.
func (db *DB) TakeTurn(ctx context.Context, owner string) (t author.Turn, found bool, err error) {
	if err := db.giveUpTurns(ctx); err != nil {
		return t, false, err
	}
	var id author.TurnID
	err = db.pool.QueryRow(ctx, `UPDATE author_turns SET state = 'running', owner = $1, beat_at = clock_timestamp(), tries = tries + 1
		WHERE id = (SELECT id FROM author_turns WHERE state = 'waiting' AND due_at <= $2 OR state = 'running' AND beat_at < clock_timestamp() - $3::interval
			ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id`, owner, db.now(), turnSilent).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return t, false, nil
	}
	if err != nil {
		return t, false, asFault(fmt.Errorf("take turn: %w", err))
	}
	t, err = db.AuthorTurn(ctx, id)
	return t, err == nil, err
}

// giveUpTurns ends turns whose process ended too often in the middle.
func (db *DB) giveUpTurns(ctx context.Context) error {
	trouble := writeTrouble(&author.Trouble{Kind: author.Interrupted, Says: "The server ended several times while this was under way.", Do: "Try again: what is done is kept."})
	_, err := db.pool.Exec(ctx, `WITH gone AS (
			UPDATE author_turns SET state = 'failed', owner = '', ended_at = $1 WHERE state = 'running' AND tries >= $2 AND beat_at < clock_timestamp() - $3::interval RETURNING id)
		UPDATE author_stages SET state = 'failed', trouble = $4, ended_at = $1 WHERE state = 'running' AND turn_id IN (SELECT id FROM gone)`, db.now(), turnTries, turnSilent, trouble)
	return asFault(err)
}

// BeatTurn says that it is still under way; false when it is in other hands, or was
// stopped.
func (db *DB) BeatTurn(ctx context.Context, id author.TurnID, owner string) (bool, error) {
	tag, err := db.pool.Exec(ctx, `UPDATE author_turns SET beat_at = clock_timestamp() WHERE id = $1 AND owner = $2 AND state = 'running'`, id, owner)
	return err == nil && tag.RowsAffected() == 1, asFault(err)
}

// GiveBackTurn lets another process go on with it at once.
func (db *DB) GiveBackTurn(ctx context.Context, id author.TurnID, owner string) error {
	_, err := db.pool.Exec(ctx, `UPDATE author_turns SET state = 'waiting', owner = '', tries = tries - 1, due_at = $3 WHERE id = $1 AND owner = $2 AND state = 'running'`, id, owner, db.now())
	return asFault(err)
}

// errNotOurs is given to who does not carry a turn any more.
func errNotOurs() error {
	return fault.New(fault.Conflict, "This is carried by another process now, or was stopped.")
}

// ours locks a turn that a process carries.
func ours(ctx context.Context, tx pgx.Tx, id author.TurnID, owner string) error {
	var one int
	err := tx.QueryRow(ctx, `SELECT 1 FROM author_turns WHERE id = $1 AND owner = $2 AND state = 'running' FOR UPDATE`, id, owner).Scan(&one)
	if errors.Is(err, pgx.ErrNoRows) {
		return errNotOurs()
	}
	return err
}

// BeginStage sets a stage running, anew when it was begun before.
func (db *DB) BeginStage(ctx context.Context, id author.TurnID, owner string, s author.Stage) error {
	return db.ptx(ctx, func(tx pgx.Tx) error {
		if err := ours(ctx, tx, id, owner); err != nil {
			return err
		}
		// What a process that is gone left open came to nothing.
		if _, err := tx.Exec(ctx, `UPDATE author_calls SET outcome = $2, trouble = 'The server ended before the answer was complete.' WHERE turn_id = $1 AND outcome = ''`, id, author.Interrupted); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE author_stages SET state = 'running', said = '', rounds = 0, trouble = '', started_at = $3, ended_at = NULL WHERE turn_id = $1 AND stage = $2`, id, s, db.now())
		return err
	})
}

// SaySoFar keeps what the model said so far.
func (db *DB) SaySoFar(ctx context.Context, id author.TurnID, owner string, s author.Stage, said string, rounds int) error {
	tag, err := db.pool.Exec(ctx, `UPDATE author_stages SET said = $4, rounds = $5 WHERE turn_id = $1 AND stage = $3 AND state = 'running'
		AND EXISTS (SELECT 1 FROM author_turns WHERE id = $1 AND owner = $2 AND state = 'running')`, id, owner, s, storable(said), rounds)
	if err == nil && tag.RowsAffected() == 0 {
		return errNotOurs()
	}
	return asFault(err)
}

// EndStage keeps how a stage ended; the turn follows. Trouble with a time to try again
// puts the turn off until then, a bounded number of times.
func (db *DB) EndStage(ctx context.Context, id author.TurnID, owner string, s author.StageState) error {
	return db.ptx(ctx, func(tx pgx.Tx) error {
		if err := ours(ctx, tx, id, owner); err != nil {
			return err
		}
		putOff, err := db.putOff(ctx, tx, id, s)
		if err != nil {
			return err
		}
		if putOff {
			s.State = author.Waiting
		}
		_, err = tx.Exec(ctx, `UPDATE author_stages SET state = $3, result = $4, said = $5, rounds = $6, trouble = $7, ended_at = $8 WHERE turn_id = $1 AND stage = $2`,
			id, s.Stage, s.State, storable(string(s.Result)), storable(s.Said), s.Rounds, writeTrouble(s.Trouble), db.now())
		if err != nil || putOff {
			return err
		}
		switch s.State {
		case author.NeedsYou:
			_, err = tx.Exec(ctx, `UPDATE author_turns SET state = 'needs_you', owner = '' WHERE id = $1`, id)
		case author.Failed, author.Cancelled:
			_, err = tx.Exec(ctx, `UPDATE author_turns SET state = $2, owner = '', ended_at = $3 WHERE id = $1`, id, s.State, db.now())
		default:
			_, err = tx.Exec(ctx, `UPDATE author_turns SET state = 'done', owner = '', ended_at = $2 WHERE id = $1
				AND NOT EXISTS (SELECT 1 FROM author_stages WHERE turn_id = $1 AND state <> 'done')`, id, db.now())
		}
		return err
	})
}

func (db *DB) putOff(ctx context.Context, tx pgx.Tx, id author.TurnID, s author.StageState) (bool, error) {
	if s.State != author.Failed || s.Trouble == nil || s.Trouble.RetryAt.IsZero() || s.Trouble.RetryAt.Sub(db.now()) > author.LongestWait {
		return false, nil
	}
	tag, err := tx.Exec(ctx, `UPDATE author_turns SET state = 'waiting', owner = '', tries = 0, waits = waits + 1, due_at = $2 WHERE id = $1 AND waits < $3`, id, s.Trouble.RetryAt, turnWaits)
	return err == nil && tag.RowsAffected() == 1, err
}

func writeTrouble(t *author.Trouble) string {
	if t == nil {
		return ""
	}
	raw, err := json.Marshal(t)
	if err != nil {
		return ""
	}
	return storable(string(raw))
}

func readTrouble(text string) (*author.Trouble, error) {
	if text == "" {
		return nil, nil
	}
	var t author.Trouble
	if err := json.Unmarshal([]byte(text), &t); err != nil {
		return nil, fmt.Errorf("read trouble: %w", err)
	}
	return &t, nil
}
