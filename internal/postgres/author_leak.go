package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/author"
	"joinery/internal/joiner"
)

// outgoing knows, by their hashes, the values of people's records that must not go to a
// language model. It is filled when the first text is about to go out, and then only with
// what was read since.
type outgoing struct {
	mu    sync.Mutex
	marks *author.Marks
	since time.Time // of the newest reading that is in it
	until time.Time // when it is looked for newer ones again
}

// identifying are the attributes of a worker that tell who it is; names are apart.
var identifying = map[string]string{
	joiner.WorkEmail: "a mail address of a person", joiner.PersonalEmail: "a mail address of a person", joiner.Phone: "a phone number of a person", joiner.EmployeeNo: "an employee number",
	"national_id": "a national id", "home_address": "a home address", "bank_account": "a bank account",
}

var personNames = []string{joiner.FirstName, joiner.LastName, joiner.MiddleName, joiner.PreferredName, joiner.DisplayName}

// Leaks finds values of people's records, and secrets of the inventory, in a text that is
// about to leave.
func (db *DB) Leaks(ctx context.Context, text string, ordinary func(found string) bool) ([]author.Leak, error) {
	found, err := db.secretsIn(ctx, text)
	if err != nil {
		return nil, err
	}
	o := &db.outgoing
	o.mu.Lock()
	defer o.mu.Unlock()
	if now := time.Now(); o.marks == nil || now.After(o.until) {
		if err := db.readMarks(ctx, o); err != nil {
			return nil, asFault(fmt.Errorf("read what must not go out: %w", err))
		}
		o.until = now.Add(2 * time.Second)
	}
	return append(found, o.marks.Find(text, ordinary)...), nil
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
		if s := strings.TrimSpace(v.Reveal()); len(s) >= 6 && strings.Contains(text, s) {
			out = append(out, author.Leak{What: "a secret of the credential inventory"})
		}
		return nil
	})
	return out, asFault(err)
}

// readMarks adds what was read of people since the last time.
func (db *DB) readMarks(ctx context.Context, o *outgoing) error {
	if o.marks == nil {
		o.marks = author.NewMarks()
	}
	from := time.Unix(0, 0)
	if !o.since.IsZero() {
		from = o.since.Add(-time.Minute) // readings are committed a little after their time
	}
	rows, err := db.pool.Query(ctx, `SELECT worker, attributes, read_at FROM joiners WHERE read_at > $1`, from)
	if err != nil {
		return err
	}
	var worker string
	var raw []byte
	var at time.Time
	newest := o.since
	_, err = pgx.ForEachRow(rows, []any{&worker, &raw, &at}, func() error {
		var attributes map[string]any
		if err := json.Unmarshal(raw, &attributes); err != nil {
			return err
		}
		markWorker(o.marks, worker, attributes)
		if at.After(newest) {
			newest = at
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, q := range []struct{ sql, what string }{
		{`SELECT name FROM joiner_accounts WHERE changed_at > $1 UNION SELECT account_id FROM joiner_accounts WHERE changed_at > $1`, "an account of a person"},
		{`SELECT email FROM users WHERE $1::timestamptz IS NOT NULL`, "a mail address of a person"},
	} {
		rows, err := db.pool.Query(ctx, q.sql, from)
		if err != nil {
			return err
		}
		var value string
		if _, err := pgx.ForEachRow(rows, []any{&value}, func() error { o.marks.AddValue(q.what, value); return nil }); err != nil {
			return err
		}
	}
	o.since = newest
	return nil
}

func markWorker(m *author.Marks, id string, attributes map[string]any) {
	m.AddValue("a worker's id", id)
	for _, name := range personNames {
		if s, ok := attributes[name].(string); ok {
			m.AddName(s)
		}
	}
	for name, what := range identifying {
		if s, ok := attributes[name].(string); ok {
			m.AddValue(what, s)
		}
	}
	first, _ := attributes[joiner.FirstName].(string)
	last, _ := attributes[joiner.LastName].(string)
	if first != "" && last != "" {
		m.AddName(first + " " + last)
	}
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
