package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"joinery/internal/auth"
	"joinery/internal/author"
	"joinery/internal/fault"
)

// ownTurn locks a turn for its owner.
func ownTurn(ctx context.Context, tx pgx.Tx, by Actor, id author.TurnID) (state author.State, err error) {
	if !by.Can(auth.ArtifactWrite) {
		return "", fault.New(fault.Forbidden, "Only people who may write functions can do this. Ask an administrator for the role builder.")
	}
	var owner string
	err = tx.QueryRow(ctx, `SELECT t.state, c.owner_id FROM author_turns t JOIN author_conversations c ON c.id = t.conversation_id WHERE t.id = $1 FOR UPDATE OF t`, id).Scan(&state, &owner)
	switch {
	case err == pgx.ErrNoRows:
		return "", fault.New(fault.NotFound, "There is no such turn of a conversation.")
	case err != nil:
		return "", err
	case owner != by.UserID:
		return "", fault.New(fault.Forbidden, "This is another person's conversation. Begin one of your own.")
	}
	return state, nil
}

// ConfirmIntent takes the intent as its owner corrected it, and lets the turn go on.
func (db *DB) ConfirmIntent(ctx context.Context, by Actor, id author.TurnID, want author.Intent) error {
	if err := db.authorMayBeAsked(ctx); err != nil {
		return err
	}
	if err := fault.Refuse("The intent cannot be confirmed before its problems are solved.", want.Check()); err != nil {
		return err
	}
	raw, err := json.Marshal(want)
	if err != nil {
		return fmt.Errorf("write intent: %w", err)
	}
	return db.ptx(ctx, func(tx pgx.Tx) error {
		if _, err := ownTurn(ctx, tx, by, id); err != nil {
			return err
		}
		if err := freeKey(ctx, tx, id, want.Key); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `UPDATE author_stages SET state = 'done', result = $2, ended_at = $3 WHERE turn_id = $1 AND stage = 'intent' AND state = 'needs_you'`, id, string(raw), db.now())
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return fault.New(fault.Conflict, "This intent does not wait for you any more. Look at the conversation again.")
		}
		if _, err := tx.Exec(ctx, `UPDATE author_turns SET state = 'waiting', owner = '', tries = 0, waits = 0, due_at = $2 WHERE id = $1`, id, db.now()); err != nil {
			return err
		}
		return appendAuditTx(ctx, tx, Act{Actor: by, Action: "author.confirm", Kind: "turn", ID: string(id)})
	})
}

// freeKey refuses a key that a new function cannot have, and a changed one for the
// function there is.
func freeKey(ctx context.Context, tx pgx.Tx, id author.TurnID, key string) error {
	var base int
	var function string
	var taken bool
	err := tx.QueryRow(ctx, `SELECT t.base_revision, c.function_key, EXISTS (SELECT 1 FROM artifacts WHERE kind = 'function' AND key = $2 AND head > 0)
		FROM author_turns t JOIN author_conversations c ON c.id = t.conversation_id WHERE t.id = $1`, id, key).Scan(&base, &function, &taken)
	switch {
	case err != nil:
		return err
	case base > 0 && key != function:
		return problem("key", fmt.Sprintf("This conversation is about the function %s. For another one, begin another conversation.", function))
	case base == 0 && taken:
		return problem("key", "There is already a function with this key. Choose another key.")
	}
	return nil
}

// CancelTurn stops what was asked. What is done stays.
func (db *DB) CancelTurn(ctx context.Context, by Actor, id author.TurnID) error {
	return db.ptx(ctx, func(tx pgx.Tx) error {
		state, err := ownTurn(ctx, tx, by, id)
		if err != nil {
			return err
		}
		if state.Ended() {
			return fault.New(fault.Conflict, "This has ended already.")
		}
		if _, err := tx.Exec(ctx, `UPDATE author_stages SET state = 'cancelled', ended_at = $2 WHERE turn_id = $1 AND state IN ('waiting', 'running', 'needs_you')`, id, db.now()); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE author_turns SET state = 'cancelled', owner = '', ended_at = $2 WHERE id = $1`, id, db.now()); err != nil {
			return err
		}
		return appendAuditTx(ctx, tx, Act{Actor: by, Action: "author.cancel", Kind: "turn", ID: string(id)})
	})
}

// RetryTurn lets what failed or was stopped go on at the first stage that is not done.
// from takes it back to an earlier one; "" does not.
func (db *DB) RetryTurn(ctx context.Context, by Actor, id author.TurnID, from author.Stage) error {
	if err := db.authorMayBeAsked(ctx); err != nil {
		return err
	}
	return db.ptx(ctx, func(tx pgx.Tx) error {
		state, err := ownTurn(ctx, tx, by, id)
		if err != nil {
			return err
		}
		if state != author.Failed && state != author.Cancelled {
			return fault.New(fault.Conflict, "Only what failed or was stopped can be tried again.")
		}
		_, err = tx.Exec(ctx, `UPDATE author_stages SET state = 'waiting', result = '', said = '', rounds = 0, trouble = '', started_at = NULL, ended_at = NULL
			WHERE turn_id = $1 AND position >= (SELECT min(position) FROM author_stages WHERE turn_id = $1 AND (state <> 'done' OR stage = $2))`, id, from)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE author_turns SET state = 'waiting', owner = '', tries = 0, waits = 0, due_at = $2, ended_at = NULL WHERE id = $1`, id, db.now())
		if fault.Is(asFault(err), fault.Conflict) {
			return fault.New(fault.Conflict, "Something else that you asked here is under way. Wait for it, answer it, or cancel it.")
		}
		if err != nil {
			return err
		}
		return appendAuditTx(ctx, tx, Act{Actor: by, Action: "author.retry", Kind: "turn", ID: string(id), Detail: map[string]any{"from": from}})
	})
}
