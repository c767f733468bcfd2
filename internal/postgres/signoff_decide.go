package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/run"
)

// Decided is a person's answer to a sign-off.
type Decided struct {
	Approved bool
	By       string
	Comment  string
	Form     map[string]any
	// Title and Question are what was asked.
	Title, Question string
	At              time.Time
}

// SignoffDecisions gives the answered sign-offs of a run, the newest of each node.
func (db *DB) SignoffDecisions(ctx context.Context, id run.ID) (map[flow.NodeID]Decided, error) {
	rows, err := db.pool.Query(ctx, `SELECT DISTINCT ON (node) node, state, decided_name, comment, form, title, question, coalesce(decided_at, created_at) FROM signoffs WHERE run_id = $1 ORDER BY node, id DESC`, id)
	if err != nil {
		return nil, asFault(err)
	}
	defer rows.Close()
	out := map[flow.NodeID]Decided{}
	for rows.Next() {
		var n flow.NodeID
		var state string
		var d Decided
		var form []byte
		if err := rows.Scan(&n, &state, &d.By, &d.Comment, &form, &d.Title, &d.Question, &d.At); err != nil {
			return nil, asFault(err)
		}
		if err := json.Unmarshal(form, &d.Form); err != nil {
			return nil, fmt.Errorf("read sign-off: %w", err)
		}
		if state == "approved" || state == "rejected" {
			d.Approved = state == "approved"
			out[n] = d
		}
	}
	return out, asFault(rows.Err())
}

// DecideSignoff records a person's answer and wakes the run, in one transaction.
func (db *DB) DecideSignoff(ctx context.Context, by Actor, id string, approved bool, comment string, form map[string]any) (run.ID, error) {
	if len(comment) > 5000 {
		return "", problem("comment", "A comment may have up to 5,000 characters.")
	}
	raw, err := json.Marshal(form)
	if err != nil || len(raw) > 1<<16 {
		return "", problem("form", "The answers are too large.")
	}
	if form == nil {
		raw = []byte("{}")
	}
	var runID, node string
	err = db.ptx(ctx, func(tx pgx.Tx) error {
		// Checkpoints lock the run first, too.
		if _, err := tx.Exec(ctx, `SELECT FROM runs WHERE id = (SELECT run_id FROM signoffs WHERE id = $1) FOR NO KEY UPDATE`, id); err != nil {
			return err
		}
		var state, role, person string
		err := tx.QueryRow(ctx, `SELECT run_id, node, state, role, person FROM signoffs WHERE id = $1 FOR UPDATE`, id).Scan(&runID, &node, &state, &role, &person)
		if err == pgx.ErrNoRows {
			return fault.New(fault.NotFound, "There is no such sign-off.")
		}
		if err != nil {
			return err
		}
		if state != "open" {
			return fault.New(fault.Conflict, "This sign-off is %s already.", state)
		}
		if !MayDecide(by, role, person) {
			return fault.New(fault.Forbidden, "This sign-off is addressed to %s.", addressee(role, person))
		}
		state = "rejected"
		if approved {
			state = "approved"
		}
		_, err = tx.Exec(ctx, `UPDATE signoffs SET state = $2, decided_by = $3, decided_name = $4, comment = $5, form = $6, decided_at = $7 WHERE id = $1`,
			id, state, by.UserID, by.Name, strings.TrimSpace(comment), string(raw), db.now())
		if err != nil {
			return fmt.Errorf("decide sign-off: %w", err)
		}
		if node == VanishedNode {
			if err := db.vanishedDecided(ctx, tx, runID, approved); err != nil {
				return fmt.Errorf("keep the answer: %w", err)
			}
		}
		_, err = tx.Exec(ctx, `UPDATE runs SET nudged = true, wake_at = CASE WHEN state = 'waiting' THEN $2 ELSE wake_at END WHERE id = $1 AND state IN ('waiting', 'running')`, runID, db.now())
		if err != nil {
			return fmt.Errorf("wake run: %w", err)
		}
		return appendAuditTx(ctx, tx, Act{Actor: by, Action: "signoff." + state, Kind: "signoff", ID: id, Detail: map[string]any{"run": runID}})
	})
	return run.ID(runID), err
}

// MayDecide reports whether a sign-off is addressed to a person.
func MayDecide(by Actor, role, person string) bool {
	if by.UserID == "" || by.Lent {
		return false
	}
	if person != "" && strings.EqualFold(person, by.Email) {
		return true
	}
	return role != "" && (by.Has(auth.Role(role)) || by.Has(auth.Admin))
}

func addressee(role, person string) string {
	if person != "" {
		return person
	}
	return "the role " + role
}
