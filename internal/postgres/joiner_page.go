package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/fault"
)

// JoinerRow is a joiner as lists show it.
type JoinerRow struct {
	ID         string
	Connection string
	Worker     string
	Label      string
	Department string
	StartDate  string
	Status     string
	Accounts   int
	LastRun    string
	LastState  string
	LastFlow   string
	CreatedAt  time.Time
}

// JoinerDetail is all a joiner page shows.
type JoinerDetail struct {
	JoinerRow
	Attributes map[string]any
	ReadAt     *time.Time
	Accounts   []AccountLine
	Names      []NameRow
	Runs       []RunRow
	Events     []EventRow
	// Others are other records of the same person.
	Others []JoinerRow
}

// AccountLine is an account of a joiner.
type AccountLine struct {
	Connection string
	AccountID  string
	Name       string
	Enabled    bool
	Created    bool
	Groups     []string
	// Granted are those of the groups that Joinery gave.
	Granted   []string
	RunID     string
	ChangedAt time.Time
}

const joinerSQL = `SELECT j.id, j.connection, j.worker, j.label, coalesce(j.attributes->>'department', ''), coalesce(j.attributes->>'start_date', ''), coalesce(j.attributes->>'status', ''),
	(SELECT count(*) FROM joiner_accounts a WHERE a.joiner_id = j.id), coalesce(l.id, ''), coalesce(l.state, ''), coalesce(l.flow, ''), j.created_at
	FROM joiners j LEFT JOIN LATERAL (SELECT id, state, flow FROM runs r WHERE r.joiner_id = j.id AND r.mode = 'live' ORDER BY r.id DESC LIMIT 1) l ON true`

func scanJoiner(row pgx.CollectableRow) (JoinerRow, error) {
	var j JoinerRow
	err := row.Scan(&j.ID, &j.Connection, &j.Worker, &j.Label, &j.Department, &j.StartDate, &j.Status, &j.Accounts, &j.LastRun, &j.LastState, &j.LastFlow, &j.CreatedAt)
	return j, err
}

// Joiners lists joiners, newest first, after one.
func (db *DB) Joiners(ctx context.Context, q, before string, limit int) (page []JoinerRow, next string, err error) {
	limit = pageSize(limit)
	where, args := ` WHERE ($1 = '' OR j.id < $1)`, []any{before, limit + 1}
	if q != "" {
		where, args = where+` AND j.id = ANY (`+matching(3)+`)`, append(args, begins(q), words(q))
	}
	rows, err := db.pool.Query(ctx, joinerSQL+where+` ORDER BY j.id DESC LIMIT $2`, args...)
	if err != nil {
		return nil, "", asFault(fmt.Errorf("list joiners: %w", err))
	}
	page, err = pgx.CollectRows(rows, scanJoiner)
	if err != nil {
		return nil, "", asFault(fmt.Errorf("list joiners: %w", err))
	}
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1].ID
	}
	return page, next, nil
}

// Joiner finds a joiner with accounts, runs and events.
func (db *DB) Joiner(ctx context.Context, id string) (JoinerDetail, error) {
	rows, err := db.pool.Query(ctx, joinerSQL+` WHERE j.id = $1`, id)
	if err != nil {
		return JoinerDetail{}, asFault(err)
	}
	head, err := pgx.CollectExactlyOneRow(rows, scanJoiner)
	if err == pgx.ErrNoRows {
		return JoinerDetail{}, fault.New(fault.NotFound, "There is no such joiner.")
	}
	if err != nil {
		return JoinerDetail{}, asFault(err)
	}
	d := JoinerDetail{JoinerRow: head}
	var raw []byte
	if err := db.pool.QueryRow(ctx, `SELECT attributes, read_at FROM joiners WHERE id = $1`, id).Scan(&raw, &d.ReadAt); err != nil {
		return d, asFault(err)
	}
	if err := json.Unmarshal(raw, &d.Attributes); err != nil {
		return d, fmt.Errorf("read joiner: %w", err)
	}
	accounts, err := db.pool.Query(ctx, `SELECT connection, account_id, name, enabled, created, groups, granted, run_id, changed_at FROM joiner_accounts WHERE joiner_id = $1 ORDER BY connection, account_id`, id)
	if err != nil {
		return d, asFault(err)
	}
	d.Accounts, err = pgx.CollectRows(accounts, func(row pgx.CollectableRow) (AccountLine, error) {
		var a AccountLine
		err := row.Scan(&a.Connection, &a.AccountID, &a.Name, &a.Enabled, &a.Created, &a.Groups, &a.Granted, &a.RunID, &a.ChangedAt)
		return a, err
	})
	if err != nil {
		return d, asFault(err)
	}
	if d.Names, _, err = db.Names(ctx, NameFilter{Joiner: id, Limit: 50}); err != nil {
		return d, err
	}
	others, err := db.pool.Query(ctx, joinerSQL+` WHERE j.person <> '' AND j.person = (SELECT person FROM joiners WHERE id = $1) AND j.id <> $1 ORDER BY j.id LIMIT 20`, id)
	if err != nil {
		return d, asFault(err)
	}
	if d.Others, err = pgx.CollectRows(others, scanJoiner); err != nil {
		return d, asFault(err)
	}
	if d.Runs, _, err = db.Runs(ctx, RunFilter{Joiner: id, Limit: 50}); err != nil {
		return d, err
	}
	d.Events, _, err = db.Events(ctx, EventFilter{Joiner: id, Limit: 50})
	return d, err
}
