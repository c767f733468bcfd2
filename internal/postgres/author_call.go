package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/author"
	"joinery/internal/fault"
)

// BeginCall keeps what is going out, and counts it. Nothing is kept and nothing may go
// out when a budget of the day is used up.
func (db *DB) BeginCall(ctx context.Context, owner string, c author.Call, l author.Limits) (string, error) {
	id := newID("al_")
	sum := sha256.Sum256([]byte(c.Body))
	day := db.now().UTC().Format(time.DateOnly)
	err := db.ptx(ctx, func(tx pgx.Tx) error {
		if err := ours(ctx, tx, c.Turn, owner); err != nil {
			return err
		}
		var calls int
		var tokens, all int64
		err := tx.QueryRow(ctx, `INSERT INTO author_usage (user_id, day, calls, tokens_in) VALUES ($1, $2::date, 1, $3)
			ON CONFLICT (user_id, day) DO UPDATE SET calls = author_usage.calls + 1, tokens_in = author_usage.tokens_in + excluded.tokens_in
			RETURNING calls, tokens_in + tokens_out`, c.User, day, c.TokensIn).Scan(&calls, &tokens)
		if err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, `SELECT coalesce(sum(tokens_in + tokens_out), 0) FROM author_usage WHERE day = $1::date`, day).Scan(&all); err != nil {
			return err
		}
		if err := author.Afford(l, calls, tokens, all); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO author_calls (id, turn_id, stage, user_id, model, parameters, body, body_hash, tokens_in, estimated, asked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, true, $10)`,
			id, c.Turn, c.Stage, c.User, c.Model, c.Parameters, c.Body, hex.EncodeToString(sum[:]), c.TokensIn, c.AskedAt)
		return err
	})
	var t *author.Trouble
	if errors.As(err, &t) {
		return "", t
	}
	return id, err
}

// EndCall keeps what came back, once, and sets the count right.
func (db *DB) EndCall(ctx context.Context, c author.Call) error {
	return db.ptx(ctx, func(tx pgx.Tx) error {
		var user string
		var guessed int
		err := tx.QueryRow(ctx, `SELECT user_id, tokens_in FROM author_calls WHERE id = $1 FOR UPDATE`, c.ID).Scan(&user, &guessed)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE author_calls SET answer = $2, outcome = $3, trouble = $4, tokens_in = $5, tokens_out = $6, estimated = $7, milliseconds = $8 WHERE id = $1`,
			c.ID, storable(c.Answer), c.Outcome, storable(c.Trouble), c.TokensIn, c.TokensOut, c.Estimated, c.Took.Milliseconds())
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE author_usage SET tokens_in = tokens_in + $3, tokens_out = tokens_out + $4 WHERE user_id = $1 AND day = $2::date`,
			user, c.AskedAt.UTC().Format(time.DateOnly), c.TokensIn-guessed, c.TokensOut)
		return err
	})
}

const callSQL = `SELECT id, turn_id, stage, user_id, model, parameters, body, answer, outcome, trouble, tokens_in, tokens_out, estimated, asked_at, milliseconds FROM author_calls`

func scanCall(row pgx.CollectableRow) (c author.Call, err error) {
	var took int64
	err = row.Scan(&c.ID, &c.Turn, &c.Stage, &c.User, &c.Model, &c.Parameters, &c.Body, &c.Answer, &c.Outcome, &c.Trouble, &c.TokensIn, &c.TokensOut, &c.Estimated, &c.AskedAt, &took)
	c.Took = time.Duration(took) * time.Millisecond
	return c, err
}

// AuthorCalls lists the calls of a turn, oldest first, with the exact text of each.
func (db *DB) AuthorCalls(ctx context.Context, turn author.TurnID) ([]author.Call, error) {
	rows, err := db.pool.Query(ctx, callSQL+` WHERE turn_id = $1 ORDER BY id`, turn)
	if err != nil {
		return nil, asFault(fmt.Errorf("list calls: %w", err))
	}
	out, err := pgx.CollectRows(rows, scanCall)
	return out, asFault(err)
}

// AuthorCallCount is how many calls of the model a conversation made.
func (db *DB) AuthorCallCount(ctx context.Context, id author.ConversationID) (n int, err error) {
	err = db.pool.QueryRow(ctx, `SELECT count(*) FROM author_calls c JOIN author_turns t ON t.id = c.turn_id WHERE t.conversation_id = $1`, id).Scan(&n)
	return n, asFault(err)
}

// AuthorCall finds one call.
func (db *DB) AuthorCall(ctx context.Context, id string) (author.Call, error) {
	rows, err := db.pool.Query(ctx, callSQL+` WHERE id = $1`, id)
	if err != nil {
		return author.Call{}, asFault(fmt.Errorf("read call: %w", err))
	}
	c, err := pgx.CollectExactlyOneRow(rows, scanCall)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, fault.New(fault.NotFound, "There is no such call of the model.")
	}
	return c, asFault(err)
}

// AuthorUsage gives what a person used today, and what everybody did ("" is everybody).
func (db *DB) AuthorUsage(ctx context.Context, user string) (u author.Usage, err error) {
	err = db.pool.QueryRow(ctx, `SELECT coalesce(sum(calls), 0)::int, coalesce(sum(tokens_in), 0)::bigint, coalesce(sum(tokens_out), 0)::bigint FROM author_usage WHERE ($1 = '' OR user_id = $1) AND day = $2::date`,
		user, db.now().UTC().Format(time.DateOnly)).Scan(&u.Calls, &u.TokensIn, &u.TokensOut)
	return u, asFault(err)
}
