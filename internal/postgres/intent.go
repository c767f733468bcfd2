package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"joinery/internal/flow"
	"joinery/internal/run"
)

// Intent is one effect about to be made outside.
type Intent struct {
	// Key names the effect: the same on every try.
	Key        string
	Run        run.ID
	Owner      string
	Epoch      int64
	Node       flow.NodeID
	Flow       string
	Connection string
	// Operation is account.ensure, account.update, group.add, mail, http, …
	Operation string
	// Target is what it is about, without personal data beyond a login or group name.
	Target string
	// FlowLimit and ConnectionLimit are the most such operations within an hour; 0 = no limit.
	FlowLimit, ConnectionLimit int
}

// Intended is the answer to an intent.
type Intended struct {
	// Kept is false when the run is in other hands: the effect must not be made.
	Kept bool
	// Before says that an earlier try had this intent already: its effect may
	// have been made. Receipt is what that came to, when it is known.
	Before  bool
	Receipt json.RawMessage
	// Over says which limit is reached; then the effect must not be made.
	Over string
}

// RecordIntent writes an intent before its effect, in a transaction that
// concurrent runs share.
func (db *DB) RecordIntent(ctx context.Context, i Intent) (Intended, error) {
	db.batchers.intend.Do(func() {
		db.batchers.intender = NewBatcher(256, counted(db, "intent", db.intendAll))
		db.batches.add(db.batchers.intender.Close)
	})
	return db.batchers.intender.Do(ctx, i)
}

func (db *DB) intendAll(ctx context.Context, items []Intent) ([]Intended, error) {
	out := make([]Intended, len(items))
	err := db.ptx(ctx, func(tx pgx.Tx) error {
		clear(out)
		if err := inHand(ctx, tx, items, out); err != nil {
			return err
		}
		if err := earlier(ctx, tx, items, out); err != nil {
			return err
		}
		if err := withinLimits(ctx, tx, items, out); err != nil {
			return err
		}
		return insertIntents(ctx, tx, items, out)
	})
	return out, err
}

func inHand(ctx context.Context, tx pgx.Tx, items []Intent, out []Intended) error {
	ids, owners, epochs := make([]string, len(items)), make([]string, len(items)), make([]int64, len(items))
	for i, it := range items {
		ids[i], owners[i], epochs[i] = string(it.Run), it.Owner, it.Epoch
	}
	rows, err := tx.Query(ctx, `SELECT u.n FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS u (id, owner, epoch, n)
		JOIN runs r ON r.id = u.id AND r.lease_owner = u.owner AND r.epoch = u.epoch AND r.state = 'running'`, ids, owners, epochs)
	if err != nil {
		return fmt.Errorf("check hands: %w", err)
	}
	held, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	for _, n := range held {
		out[n-1].Kept = true
	}
	return err
}

func earlier(ctx context.Context, tx pgx.Tx, items []Intent, out []Intended) error {
	keys := make([]string, len(items))
	for i, it := range items {
		keys[i] = it.Key
	}
	rows, err := tx.Query(ctx, `SELECT key, receipt FROM intents WHERE key = ANY ($1)`, keys)
	if err != nil {
		return fmt.Errorf("find intents: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var key string
		var receipt []byte
		if err := rows.Scan(&key, &receipt); err != nil {
			return err
		}
		for i := range items {
			if items[i].Key == key {
				out[i].Before, out[i].Receipt = true, receipt
			}
		}
	}
	return rows.Err()
}

// withinLimits counts the last hour's effects. Whoever counts holds the lock of
// what is counted, so that two processes do not both take the last one.
func withinLimits(ctx context.Context, tx pgx.Tx, items []Intent, out []Intended) error {
	type subject struct{ column, name, operation string }
	most := map[subject]int{}
	for i, it := range items {
		if !out[i].Kept || out[i].Before {
			continue
		}
		if it.FlowLimit > 0 {
			most[subject{"flow", it.Flow, it.Operation}] = it.FlowLimit
		}
		if it.ConnectionLimit > 0 {
			most[subject{"connection", it.Connection, it.Operation}] = it.ConnectionLimit
		}
	}
	subjects := make([]subject, 0, len(most))
	for s := range most {
		subjects = append(subjects, s)
	}
	slices.SortFunc(subjects, func(a, b subject) int {
		return slices.Compare([]string{a.column, a.name, a.operation}, []string{b.column, b.name, b.operation})
	})
	for _, s := range subjects {
		var used int
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 1))`, s.column+"|"+s.name+"|"+s.operation); err != nil {
			return fmt.Errorf("lock limit: %w", err)
		}
		// An account that was found and not made does not count.
		err := tx.QueryRow(ctx, `SELECT count(*) FROM intents WHERE `+s.column+` = $1 AND operation = $2 AND at > now() - interval '1 hour' AND coalesce(receipt->>'existed', '') <> 'true'`,
			s.name, s.operation).Scan(&used)
		if err != nil {
			return fmt.Errorf("count limit: %w", err)
		}
		for i, it := range items {
			if !out[i].Kept || out[i].Before || out[i].Over != "" || it.Operation != s.operation || s.column == "flow" && it.Flow != s.name || s.column == "connection" && it.Connection != s.name {
				continue
			}
			if used >= most[s] {
				out[i].Over = fmt.Sprintf("The limit of %d within an hour (%s) for the %s %s is reached. Resume this run when that is right.", most[s], s.operation, s.column, s.name)
				continue
			}
			used++
		}
	}
	return nil
}

func insertIntents(ctx context.Context, tx pgx.Tx, items []Intent, out []Intended) error {
	var cols [7][]string
	for i, it := range items {
		if !out[i].Kept || out[i].Before || out[i].Over != "" {
			continue
		}
		for k, v := range []string{it.Key, string(it.Run), string(it.Node), it.Flow, it.Connection, it.Operation, it.Target} {
			cols[k] = append(cols[k], v)
		}
	}
	if len(cols[0]) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `INSERT INTO intents (key, run_id, node, flow, connection, operation, target, at)
		SELECT u.*, clock_timestamp() FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) u ON CONFLICT DO NOTHING`,
		cols[0], cols[1], cols[2], cols[3], cols[4], cols[5], cols[6])
	if err != nil {
		return fmt.Errorf("write intents: %w", err)
	}
	return nil
}

func writeReceipts(ctx context.Context, tx pgx.Tx, items []Checkpoint) error {
	var keys, results []string
	for _, c := range items {
		for _, r := range c.Receipts {
			result := "{}"
			if t := jsonText(r.Result); t != nil {
				result = *t
			}
			keys, results = append(keys, r.Key), append(results, result)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `UPDATE intents i SET receipt = u.r::jsonb, receipt_at = now() FROM unnest($1::text[], $2::text[]) u (k, r) WHERE i.key = u.k`, keys, results)
	if err != nil {
		return fmt.Errorf("write receipts: %w", err)
	}
	return nil
}

// writeAccounts keeps what each joiner has in each directory.
func writeAccounts(ctx context.Context, tx pgx.Tx, items []Checkpoint) error {
	for _, c := range items {
		for _, r := range c.Receipts {
			a := r.Account
			if a == nil {
				continue
			}
			_, err := tx.Exec(ctx, `INSERT INTO joiner_accounts AS x (joiner_id, connection, account_id, name, enabled, created, groups, run_id)
				VALUES ($1, $2, $3, $4, coalesce($5, false), $6, $7, $8)
				ON CONFLICT (joiner_id, connection, account_id) DO UPDATE SET name = CASE WHEN excluded.name = '' THEN x.name ELSE excluded.name END,
					enabled = coalesce($5, x.enabled), created = x.created OR excluded.created,
					groups = ARRAY(SELECT DISTINCT g FROM unnest(x.groups || $7::text[]) g WHERE g <> ALL ($9::text[]) ORDER BY g), changed_at = now()`,
				a.JoinerID, a.Connection, a.AccountID, a.Name, a.Enabled, a.Created, append([]string{}, a.Add...), a.Run, append([]string{}, a.Remove...))
			if err != nil {
				return fmt.Errorf("write account: %w", err)
			}
		}
	}
	return nil
}

// FindIntent reports whether an effect was intended before.
func (db *DB) FindIntent(ctx context.Context, key string) (bool, error) {
	var found bool
	err := db.pool.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM intents WHERE key = $1)`, key).Scan(&found)
	return found, asFault(err)
}
