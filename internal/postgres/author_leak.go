package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/author"
)

// outgoing knows, by their hashes, the values of people's records that must not go to a
// language model. It is filled when the first text is about to go out, and then only with
// what was read since.
type outgoing struct {
	mu    sync.RWMutex
	marks *author.Marks
	since string    // the oldest transaction that was under way when it was read last
	until time.Time // when newer rows are looked for again
	fresh time.Time // when it is begun anew: those who were erased are forgotten
}

// How old what is known of people may be, and how old all of it.
const (
	marksNew   = 5 * time.Second
	marksWhole = 12 * time.Hour
)

// Leaks finds values of people's records, and secrets of the inventory, in a text that is
// about to leave.
func (db *DB) Leaks(ctx context.Context, text string, ordinary func(found string) bool) ([]author.Leak, error) {
	found, err := db.secretsIn(ctx, text)
	if err != nil {
		return nil, err
	}
	o := &db.outgoing
	if err := db.freshMarks(ctx, o); err != nil {
		return nil, asFault(fmt.Errorf("read what must not go out: %w", err))
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	return append(found, o.marks.Find(text, ordinary)...), nil
}

// freshMarks reads what is new where that is due. Others wait for it: no text goes out by
// what was known before.
func (db *DB) freshMarks(ctx context.Context, o *outgoing) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if o.marks != nil && now.Before(o.until) {
		return nil
	}
	if o.marks == nil || now.After(o.fresh) {
		o.marks, o.since, o.fresh = author.NewMarks(), "", now.Add(marksWhole)
	}
	if err := db.readMarks(ctx, o); err != nil {
		o.marks = nil // what is half read is not known to be whole
		return err
	}
	o.until = now.Add(marksNew)
	return nil
}

// secretsIn finds values of current credentials.
func (db *DB) secretsIn(ctx context.Context, text string) ([]author.Leak, error) {
	if db.sealer == nil {
		return nil, nil
	}
	rows, err := db.pool.Query(ctx, `SELECT id, sealed FROM credentials WHERE revoked_at IS NULL AND (NOT superseded OR overlap_until > $1)`, db.now())
	if err != nil {
		return nil, asFault(fmt.Errorf("read credentials: %w", err))
	}
	var id string
	var sealed []byte
	var out []author.Leak
	_, err = pgx.ForEachRow(rows, []any{&id, &sealed}, func() error {
		v, err := db.sealer.Open(sealed, place(id))
		if err != nil {
			return err
		}
		if author.HoldsSecret(text, v.Reveal()) {
			out = append(out, author.Leak{What: "a secret of the credential inventory"})
		}
		return nil
	})
	return out, asFault(err)
}

// peopleSources are where records of people are: those who join, those of lists that were
// handed in, their accounts and names, and who works here. Each statement ends where a
// condition on what changed can follow.
var peopleSources = []struct {
	sql, changed string
	keep         func(m *author.Marks, a, b string) error
}{
	{`SELECT worker, attributes::text FROM joiners WHERE true`, `age(xmin)`, keepRecord},
	{`SELECT worker, attributes::text FROM file_workers WHERE true`, `age(xmin)`, keepRecord},
	{`SELECT r.worker, r.attributes::text FROM bulk_rows r JOIN bulk_lists l ON l.id = r.list_id WHERE l.state <> 'discarded'`, `least(age(r.xmin), age(l.xmin))`, keepRecord},
	{`SELECT 'an account of a person', unnest(ARRAY[name, account_id] || former) FROM joiner_accounts WHERE true`, `age(xmin)`, keepValue},
	{`SELECT 'a login or address that is held for a person', name FROM reservations WHERE joiner_id <> '' AND state <> 'released'`, `age(xmin)`, keepValue},
	{`SELECT name, email FROM users WHERE true`, `age(xmin)`, func(m *author.Marks, name, mail string) error { m.AddUser(name, mail); return nil }},
}

func keepRecord(m *author.Marks, id, raw string) error {
	var attributes map[string]any
	if err := json.Unmarshal([]byte(raw), &attributes); err != nil {
		return err
	}
	m.AddPerson(id, attributes)
	return nil
}

func keepValue(m *author.Marks, what, value string) error {
	m.AddValue(what, value)
	return nil
}

// readMarks adds the rows that were written since the last time. They are told by their
// transactions, not by a time of day: clocks of several processes differ, and a row is
// committed later than it is written. Reading one twice changes nothing.
func (db *DB) readMarks(ctx context.Context, o *outgoing) error {
	var now string
	if err := db.pool.QueryRow(ctx, `SELECT (pg_snapshot_xmin(pg_current_snapshot())::text::bigint % 4294967296)::text`).Scan(&now); err != nil {
		return err
	}
	for _, s := range peopleSources {
		sql, args := s.sql, []any{}
		if o.since != "" {
			sql, args = s.sql+" AND "+s.changed+" <= age($1::text::xid)", []any{o.since}
		}
		rows, err := db.pool.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		var a, b string
		if _, err = pgx.ForEachRow(rows, []any{&a, &b}, func() error { return s.keep(o.marks, a, b) }); err != nil {
			return err
		}
	}
	o.since = now
	return nil
}

// HoldBack records that a call was not made because of what its text held. What that was
// is not kept: only of what kind.
func (db *DB) HoldBack(ctx context.Context, c author.Call, found []author.Leak) error {
	kinds := map[string]int{}
	for _, l := range found {
		kinds[l.What]++
	}
	return db.ptx(ctx, func(tx pgx.Tx) error {
		return appendAuditTx(ctx, tx, Act{Actor: Actor{Kind: "user", ID: c.User, UserID: c.User}, Action: "author.held_back", Kind: "turn", ID: string(c.Turn), Detail: map[string]any{"stage": c.Stage, "found": kinds}})
	})
}
