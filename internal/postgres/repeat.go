package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/fault"
)

// Repeat names a request that may come again, because its sender never saw the
// answer: the second time gives what the first one came to, and does nothing.
type Repeat struct {
	// Key is the sender's; "" when the request is not to be known again.
	Key string
	// Request tells what is asked: the same key with another one is a mistake.
	Request string
}

// repeatsKept is how long a request is known again.
const repeatsKept = 24 * time.Hour

// known reports whether the request was answered before, and then reads that
// answer. Else it takes the key until this transaction ends; whoever sends it at the
// same moment is told to come again, because waiting would hold a connection each.
// What fails gives the key free again, because it did nothing.
func (r Repeat) known(ctx context.Context, db *DB, tx pgx.Tx, by Actor, into any) (bool, error) {
	if r.Key == "" {
		return false, nil
	}
	var free bool
	err := tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock(hashtextextended('repeat|' || $1 || '|' || $2, 1))`, by.ID, r.Key).Scan(&free)
	if err != nil {
		return false, fmt.Errorf("take key: %w", err)
	}
	if !free {
		return false, &fault.Error{Kind: fault.Conflict, Sentence: "This request is being answered at this moment. Send it again in a second to have the answer.", RetryAfter: time.Second}
	}
	old := db.now().Add(-repeatsKept)
	_, err = tx.Exec(ctx, `DELETE FROM api_repeats WHERE actor = $1 AND key = $2 AND at < $3`, by.ID, r.Key, old)
	if err != nil {
		return false, fmt.Errorf("forget request: %w", err)
	}
	_, err = tx.Exec(ctx, `DELETE FROM api_repeats WHERE (actor, key) IN (SELECT actor, key FROM api_repeats WHERE at < $1 LIMIT 100 FOR UPDATE SKIP LOCKED)`, old)
	if err != nil {
		return false, fmt.Errorf("forget requests: %w", err)
	}
	tag, err := tx.Exec(ctx, `INSERT INTO api_repeats (actor, key, request, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, by.ID, r.Key, r.Request, db.now())
	if err != nil {
		return false, fmt.Errorf("keep request: %w", err)
	}
	if tag.RowsAffected() == 1 {
		return false, nil
	}
	var request string
	var answer []byte
	if err := tx.QueryRow(ctx, `SELECT request, answer FROM api_repeats WHERE actor = $1 AND key = $2`, by.ID, r.Key).Scan(&request, &answer); err != nil {
		return false, fmt.Errorf("read request: %w", err)
	}
	if request != r.Request {
		return false, problem("Idempotency-Key", "This key came with another request before. Use a new key for a new request, and the same one only to send the same request again.")
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return false, fmt.Errorf("read answer: %w", err)
	}
	return true, nil
}

// keep notes what the request came to.
func (r Repeat) keep(ctx context.Context, tx pgx.Tx, by Actor, answer any) error {
	if r.Key == "" {
		return nil
	}
	raw, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	_, err = tx.Exec(ctx, `UPDATE api_repeats SET answer = $3 WHERE actor = $1 AND key = $2`, by.ID, r.Key, string(raw))
	return err
}
