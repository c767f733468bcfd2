package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/exception"
	"joinery/internal/fault"
)

// ExceptionRow is an exception as pages show it.
type ExceptionRow struct {
	ID, Kind                                      string
	State                                         exception.State
	Title, Reason                                 string
	Connection, Worker, JoinerID, JoinerLabel     string
	Field, Policy, Flow, RunID, Node              string
	Ours, Theirs                                  any
	Detail                                        map[string]any
	OwnerID, OwnerName                            string
	Until                                         *time.Time
	Resolution, ResolvedBy, ResolvedName, Comment string
	ResolvedAt                                    *time.Time
	Seen                                          int
	OpenedAt, ChangedAt                           time.Time
	PushKey, PushPhase                            string
	PushTries                                     int
}

const exceptionSQL = `SELECT e.id, e.kind, e.state, e.title, e.reason, e.connection, e.worker, e.joiner_id, coalesce((SELECT label FROM joiners j WHERE j.id = e.joiner_id), ''), e.field, e.policy, e.flow, e.run_id, e.node, e.ours, e.theirs, e.detail,
	e.owner_id, e.owner_name, e.until, e.resolution, e.resolved_by, e.resolved_name, e.comment, e.resolved_at, e.seen, e.opened_at, e.changed_at, e.push_phase, e.push_tries, e.push_key FROM exceptions e`

func (x *ExceptionRow) scan() []any {
	return []any{&x.ID, &x.Kind, &x.State, &x.Title, &x.Reason, &x.Connection, &x.Worker, &x.JoinerID, &x.JoinerLabel, &x.Field, &x.Policy, &x.Flow, &x.RunID, &x.Node, &x.Ours, &x.Theirs, &x.Detail,
		&x.OwnerID, &x.OwnerName, &x.Until, &x.Resolution, &x.ResolvedBy, &x.ResolvedName, &x.Comment, &x.ResolvedAt, &x.Seen, &x.OpenedAt, &x.ChangedAt, &x.PushPhase, &x.PushTries, &x.PushKey}
}

// Rule is what the rules look at.
func (x ExceptionRow) Rule() exception.Exception {
	return exception.Exception{Kind: x.Kind, State: x.State, Values: x.Field != "" && (x.Kind == exception.WriteBack || x.Kind == exception.Drift)}
}

// Hash names the two values and the state, so that an act is on what was seen.
func (x ExceptionRow) Hash() string {
	raw, err := json.Marshal([]any{x.ID, x.State, x.Ours, x.Theirs})
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:16])
}

// Exception reads one.
func (db *DB) Exception(ctx context.Context, id string) (ExceptionRow, error) {
	var x ExceptionRow
	err := db.pool.QueryRow(ctx, exceptionSQL+` WHERE e.id = $1`, id).Scan(x.scan()...)
	if err == pgx.ErrNoRows {
		return x, fault.New(fault.NotFound, "There is no such exception.")
	}
	return x, asFault(err)
}

// ExceptionFilter narrows a list of exceptions. State "" is all that are not
// resolved; "any" is all, and
// "waiting" those that wait for a person.
type ExceptionFilter struct {
	State, Kind, Connection, Joiner, Query, Owner, Run string
	Before                                             string
	Limit                                              int
}

// Exceptions lists exceptions, newest first.
func (db *DB) Exceptions(ctx context.Context, f ExceptionFilter) (page []ExceptionRow, next string, err error) {
	limit := pageSize(f.Limit)
	where, args := "", []any{}
	add := func(sql string, v any) {
		args = append(args, v)
		where += fmt.Sprintf(" AND "+sql, len(args))
	}
	switch f.State {
	case "":
		where += " AND e.state <> 'resolved'"
	case "any":
	case "waiting":
		where += " AND e.state IN ('open', 'asked')"
	default:
		add("e.state = $%d", f.State)
	}
	for _, c := range []struct{ sql, v string }{{"e.kind = $%d", f.Kind}, {"e.connection = $%d", f.Connection}, {"e.joiner_id = $%d", f.Joiner}, {"e.owner_id = $%d", f.Owner}, {"e.run_id = $%d", f.Run}, {"e.id < $%d", f.Before}} {
		if c.v != "" {
			add(c.sql, c.v)
		}
	}
	if f.Query != "" {
		args = append(args, begins(f.Query), words(f.Query), like(f.Query))
		n := len(args) - 2
		where += fmt.Sprintf(` AND (e.joiner_id IN (SELECT m FROM unnest(%s) m) OR e.field ILIKE $%d OR e.worker = $%d)`, matching(n), n+2, n+2)
	}
	args = append(args, limit+1)
	rows, err := db.pool.Query(ctx, exceptionSQL+` WHERE true`+where+fmt.Sprintf(" ORDER BY e.id DESC LIMIT $%d", len(args)), args...)
	if err != nil {
		return nil, "", asFault(fmt.Errorf("list exceptions: %w", err))
	}
	page, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (ExceptionRow, error) {
		var x ExceptionRow
		return x, row.Scan(x.scan()...)
	})
	if err != nil {
		return nil, "", asFault(fmt.Errorf("list exceptions: %w", err))
	}
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1].ID
	}
	return page, next, nil
}

// ExceptionAct is one entry of an exception's story.
type ExceptionAct struct {
	At             time.Time
	ActorID, Actor string
	Act, Text      string
}

// ExceptionStory reads what was done about an exception, oldest first.
func (db *DB) ExceptionStory(ctx context.Context, id string) ([]ExceptionAct, error) {
	rows, err := db.pool.Query(ctx, `SELECT at, actor_id, actor_name, act, text FROM exception_acts WHERE exception_id = $1 ORDER BY id LIMIT 500`, id)
	if err != nil {
		return nil, asFault(err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (ExceptionAct, error) {
		var a ExceptionAct
		return a, row.Scan(&a.At, &a.ActorID, &a.Actor, &a.Act, &a.Text)
	})
	return out, asFault(err)
}

// OpenExceptions counts the exceptions that wait for a person.
func (db *DB) OpenExceptions(ctx context.Context) (int, error) {
	w, err := db.Waiting(ctx)
	return w.Exceptions, err
}

// UnresolvedOf finds the unresolved exception about a subject.
func (db *DB) UnresolvedOf(ctx context.Context, subject string) (ExceptionRow, bool, error) {
	var x ExceptionRow
	err := db.pool.QueryRow(ctx, exceptionSQL+` WHERE e.subject = $1 AND e.state <> 'resolved'`, subject).Scan(x.scan()...)
	if err == pgx.ErrNoRows {
		return x, false, nil
	}
	return x, err == nil, asFault(err)
}
