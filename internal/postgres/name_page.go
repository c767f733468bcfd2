package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/fault"
	"joinery/internal/naming"
)

// NameStates lists the states of a name.
func NameStates() []string { return []string{"held", "confirmed", "tombstone", "found", "released"} }

// NameRow is a name as lists show it.
type NameRow struct {
	ID, Space, Name, Within, State      string
	JoinerID, Label, Connection, Worker string
	RunID, Policy, FoundIn, Reason      string
	Until, ConfirmedAt                  *time.Time
	ClaimedAt, ChangedAt                time.Time
}

// NameFilter narrows a list of names. Query finds names that are the same as what
// was typed by the equality of their space, or begin so.
type NameFilter struct {
	Query, Space, State, Joiner, Before string
	Limit                               int
}

const nameSQL = `SELECT r.id, r.space, r.name, r.within, r.state, r.joiner_id, coalesce(j.label, ''), coalesce(j.connection, ''), coalesce(j.worker, ''), r.run_id, r.policy, r.found_in, r.reason, r.until, r.confirmed_at, r.claimed_at, r.changed_at
	FROM reservations r LEFT JOIN joiners j ON j.id = r.joiner_id`

func scanName(row pgx.CollectableRow) (NameRow, error) {
	var n NameRow
	err := row.Scan(&n.ID, &n.Space, &n.Name, &n.Within, &n.State, &n.JoinerID, &n.Label, &n.Connection, &n.Worker, &n.RunID, &n.Policy, &n.FoundIn, &n.Reason, &n.Until, &n.ConfirmedAt, &n.ClaimedAt, &n.ChangedAt)
	return n, err
}

// Names lists names, newest first, after one.
func (db *DB) Names(ctx context.Context, f NameFilter) (page []NameRow, next string, err error) {
	limit := pageSize(f.Limit)
	args := []any{limit + 1}
	where := []string{"true"}
	add := func(condition string, v any) {
		args = append(args, v)
		where = append(where, strings.ReplaceAll(condition, "?", fmt.Sprintf("$%d", len(args))))
	}
	if f.Before != "" {
		add("r.id < ?", f.Before)
	}
	if f.Space != "" {
		add("r.space = ?", f.Space)
	}
	if f.State != "" {
		add("r.state = ?", f.State)
	}
	if f.Joiner != "" {
		add("r.joiner_id = ?", f.Joiner)
	}
	if q := strings.TrimSpace(f.Query); q != "" {
		// What begins so is found by the index on keys, up to a bound; a short word that
		// thousands begin with is narrowed by the other filters or more letters.
		var each []string
		for _, k := range naming.Keys(q) {
			args = append(args, k)
			each = append(each, fmt.Sprintf("(SELECT id FROM reservations WHERE key >= $%[1]d AND key < $%[1]d || U&'\\+10FFFF' LIMIT 5000)", len(args)))
		}
		if len(each) == 0 {
			return nil, "", nil
		}
		where = append(where, "r.id = ANY (ARRAY("+strings.Join(each, " UNION ")+"))")
	}
	rows, err := db.pool.Query(ctx, nameSQL+` WHERE `+strings.Join(where, " AND ")+` ORDER BY r.id DESC LIMIT $1`, args...)
	if err != nil {
		return nil, "", asFault(fmt.Errorf("list names: %w", err))
	}
	if page, err = pgx.CollectRows(rows, scanName); err != nil {
		return nil, "", asFault(fmt.Errorf("list names: %w", err))
	}
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1].ID
	}
	return page, next, nil
}

// NameSpaces lists the spaces that names were ever held in.
func (db *DB) NameSpaces(ctx context.Context) ([]string, error) {
	rows, err := db.pool.Query(ctx, `SELECT space FROM name_spaces ORDER BY space`)
	if err != nil {
		return nil, asFault(err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return out, asFault(err)
}

// Name finds one.
func (db *DB) Name(ctx context.Context, id string) (NameRow, error) {
	rows, err := db.pool.Query(ctx, nameSQL+` WHERE r.id = $1`, id)
	if err != nil {
		return NameRow{}, asFault(err)
	}
	n, err := pgx.CollectExactlyOneRow(rows, scanName)
	if err == pgx.ErrNoRows {
		return n, fault.New(fault.NotFound, "There is no such name.")
	}
	return n, asFault(err)
}

// ReleaseName gives a name free for everybody, with a reason.
func (db *DB) ReleaseName(ctx context.Context, by Actor, id, reason string) error {
	reason = strings.TrimSpace(reason)
	switch n := len([]rune(reason)); {
	case n < 5:
		return problem("reason", "Say in at least 5 characters why this name may go to somebody else.")
	case n > 500:
		return problem("reason", "A reason may have up to 500 characters.")
	}
	return db.ptx(ctx, func(tx pgx.Tx) error {
		var state, space, joiner string
		err := tx.QueryRow(ctx, `SELECT state, space, joiner_id FROM reservations WHERE id = $1 FOR UPDATE`, id).Scan(&state, &space, &joiner)
		if err == pgx.ErrNoRows {
			return fault.New(fault.NotFound, "There is no such name.")
		}
		if err != nil {
			return fmt.Errorf("lock name: %w", err)
		}
		if state == "released" {
			return fault.New(fault.Conflict, "This name is free already.")
		}
		if _, err := tx.Exec(ctx, `UPDATE reservations SET state = 'released', until = NULL, reason = $2, changed_at = now() WHERE id = $1`, id, "Released by "+by.Name+": "+reason); err != nil {
			return fmt.Errorf("release name: %w", err)
		}
		return appendAuditTx(ctx, tx, Act{Actor: by, Action: "names.release", Kind: "name", ID: id, Detail: map[string]any{"space": space, "was": state, "joiner": joiner, "reason_given": true}})
	})
}

// MoveNames gives the names of one joiner to another who is the same person.
func (db *DB) MoveNames(ctx context.Context, by Actor, from, to string) error {
	return db.ptx(ctx, func(tx pgx.Tx) error { return moveNames(ctx, tx, by, from, to) })
}

// moveNames is MoveNames within a transaction. The marks stay, so that accounts of
// the earlier joiner are known for the same person's.
func moveNames(ctx context.Context, tx pgx.Tx, by Actor, from, to string) error {
	tag, err := tx.Exec(ctx, `UPDATE reservations SET joiner_id = $2, changed_at = now() WHERE joiner_id = $1 AND joiner_id <> '' AND state <> 'released' AND EXISTS (SELECT 1 FROM joiners WHERE id = $2)`, from, to)
	if err != nil {
		return fmt.Errorf("move names: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return nil
	}
	return appendAuditTx(ctx, tx, Act{Actor: by, Action: "names.move", Kind: "joiner", ID: to, Detail: map[string]any{"from": from, "names": tag.RowsAffected()}})
}

// NameStamps gives the marks of accounts that belong to a joiner by their names:
// those of earlier records of the same person.
func (db *DB) NameStamps(ctx context.Context, joinerID string) ([]string, error) {
	rows, err := db.hot.Query(ctx, `SELECT DISTINCT stamp FROM reservations WHERE joiner_id = $1 AND joiner_id <> '' AND state <> 'released' AND stamp <> ''`, joinerID)
	if err != nil {
		return nil, asFault(err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return out, asFault(err)
}
