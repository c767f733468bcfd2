package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"joinery/internal/auth"
	"joinery/internal/fault"
)

// EventRow is an event as pages show it.
type EventRow struct {
	ID          string
	Connection  string
	Key         string
	Type        string
	Worker      string
	Changed     []string
	At          *time.Time
	ReceivedAt  time.Time
	State       string // accepted, dead, replayed
	Reason      string
	Signer      string
	JoinerID    string
	JoinerLabel string
	Runs        []string
	Repeats     int
	ReplayOf    string
	// EchoOf is the write of ours that the event only tells of.
	EchoOf string
	// Body is what came, of a dead letter.
	Body []byte
}

// EventFilter narrows a list of events.
type EventFilter struct {
	Connection, State, Type, Joiner, Query string
	Before                                 string
	Limit                                  int
}

const eventSQL = `SELECT e.id, e.connection, e.key, e.type, e.worker, e.changed, e.at, e.received_at, e.state, e.reason, e.signer, coalesce(e.joiner_id, ''), coalesce(j.label, ''), e.runs, e.repeats, e.replay_of, e.echo_of`

// Events lists events, newest first.
func (db *DB) Events(ctx context.Context, f EventFilter) (page []EventRow, next string, err error) {
	limit := pageSize(f.Limit)
	where, args := "", []any{}
	add := func(sql string, v any) {
		args = append(args, v)
		where += fmt.Sprintf(" AND "+sql, len(args))
	}
	for _, c := range []struct{ sql, v string }{{"e.connection = $%d", f.Connection}, {"e.state = $%d", f.State}, {"e.type = $%d", f.Type}, {"e.joiner_id = $%d", f.Joiner}, {"e.id < $%d", f.Before}} {
		if c.v != "" {
			add(c.sql, c.v)
		}
	}
	if f.State != "" && f.State != "accepted" {
		where += " AND e.state <> 'accepted'" // said in so many words, it has an index
	}
	if f.Query != "" {
		n := len(args) + 1
		args = append(args, begins(f.Query), words(f.Query), like(f.Query))
		where += fmt.Sprintf(` AND e.id IN (SELECT x.id FROM unnest(%s) m CROSS JOIN LATERAL (SELECT id FROM events WHERE joiner_id = m ORDER BY id DESC LIMIT 1000) x
			UNION ALL SELECT id FROM events WHERE state <> 'accepted' AND (key ILIKE $%[2]d OR worker ILIKE $%[2]d))`, matching(n), n+2)
	}
	args = append(args, limit+1)
	rows, err := db.pool.Query(ctx, eventSQL+` FROM events e LEFT JOIN joiners j ON j.id = e.joiner_id WHERE true`+where+fmt.Sprintf(" ORDER BY e.id DESC LIMIT $%d", len(args)), args...)
	if err != nil {
		return nil, "", asFault(fmt.Errorf("list events: %w", err))
	}
	page, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (EventRow, error) {
		var e EventRow
		err := row.Scan(&e.ID, &e.Connection, &e.Key, &e.Type, &e.Worker, &e.Changed, &e.At, &e.ReceivedAt, &e.State, &e.Reason, &e.Signer, &e.JoinerID, &e.JoinerLabel, &e.Runs, &e.Repeats, &e.ReplayOf, &e.EchoOf)
		return e, err
	})
	if err != nil {
		return nil, "", asFault(fmt.Errorf("list events: %w", err))
	}
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1].ID
	}
	return page, next, nil
}

// Event finds one event, with the body of a dead letter.
func (db *DB) Event(ctx context.Context, id string) (EventRow, error) {
	var e EventRow
	err := db.pool.QueryRow(ctx, eventSQL+`, e.body FROM events e LEFT JOIN joiners j ON j.id = e.joiner_id WHERE e.id = $1`, id).
		Scan(&e.ID, &e.Connection, &e.Key, &e.Type, &e.Worker, &e.Changed, &e.At, &e.ReceivedAt, &e.State, &e.Reason, &e.Signer, &e.JoinerID, &e.JoinerLabel, &e.Runs, &e.Repeats, &e.ReplayOf, &e.EchoOf, &e.Body)
	if err == pgx.ErrNoRows {
		return e, fault.New(fault.NotFound, "There is no such event.")
	}
	return e, asFault(err)
}

// KeepDeadLetter keeps a delivery that could not be used, so that a person can
// look at it and replay it. Only signed deliveries keep their body. It gives ""
// when the connection already has very many of the last hour: an attacker must
// not fill the database.
func (db *DB) KeepDeadLetter(ctx context.Context, connection, key, reason, signer, address string, body []byte) (string, error) {
	const most = 500
	key = strings.ReplaceAll(strings.ToValidUTF8(key, "�"), "\x00", "")
	for len(key) > 200 {
		_, n := utf8.DecodeLastRuneInString(key)
		key = key[:len(key)-n]
	}
	if signer == "" {
		body = nil
	}
	id := newID("ev_")
	err := db.ptx(ctx, func(tx pgx.Tx) error {
		var n int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM events WHERE connection = $1 AND state = 'dead' AND received_at > now() - interval '1 hour'`, connection).Scan(&n); err != nil {
			return err
		}
		if n >= most {
			id = ""
			return nil
		}
		_, err := tx.Exec(ctx, `INSERT INTO events (id, connection, key, state, reason, signer, body, received_at) VALUES ($1, $2, $3, 'dead', $4, $5, $6, $7)`, id, connection, key, reason, signer, body, db.now())
		if err != nil {
			return fmt.Errorf("keep dead letter: %w", err)
		}
		return appendAuditTx(ctx, tx, Act{Actor: auth.Actor{Kind: auth.Hook, ID: "hook:" + connection, Name: connection, Address: address}, Action: "event.dead", Kind: "event", ID: id, Detail: map[string]any{"signed": signer != ""}})
	})
	return id, err
}

// MarkReplayed closes a dead letter that a person has replayed.
func (db *DB) MarkReplayed(ctx context.Context, by Actor, id string, into []string) error {
	return db.ptx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE events SET state = 'replayed' WHERE id = $1 AND state = 'dead'`, id)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return fault.New(fault.Conflict, "This dead letter is replayed already.")
		}
		return appendAuditTx(ctx, tx, Act{Actor: by, Action: "event.replay", Kind: "event", ID: id, Detail: map[string]any{"events": into}})
	})
}

// ReplayEvent starts new runs for an accepted event, with the flows that are live now.
// The same replay, by the sender's key, counts once.
func (db *DB) ReplayEvent(ctx context.Context, by Actor, id string, r Repeat) (Accepted, error) {
	e, err := db.Event(ctx, id)
	if err != nil {
		return Accepted{}, err
	}
	if e.State != "accepted" {
		return Accepted{}, fault.New(fault.Conflict, "Only an accepted event is replayed this way.")
	}
	in := Incoming{Connection: e.Connection, Signer: e.Signer, ReplayOf: e.ID, Address: by.Address}
	mark := newID("")
	if r.Key != "" {
		sum := sha256.Sum256([]byte(by.ID + "\n" + r.Key))
		mark = hex.EncodeToString(sum[:])
	}
	in.Event.Key, in.Event.Type, in.Event.Worker, in.Event.Changed = fmt.Sprintf("replay-%s-%s", e.ID, mark), e.Type, e.Worker, e.Changed
	if e.At != nil {
		in.Event.At = *e.At
	}
	out, err := db.AcceptEvent(ctx, in)
	if err != nil || out.Duplicate {
		return out, err
	}
	return out, db.ptx(ctx, func(tx pgx.Tx) error {
		return appendAuditTx(ctx, tx, Act{Actor: by, Action: "event.replay", Kind: "event", ID: id, Detail: map[string]any{"events": []string{out.Event}}})
	})
}
