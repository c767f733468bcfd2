package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

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
	// Again says that the effect may have been intended before, by an earlier try or
	// by other hands.
	Again bool
}

// Limited reports whether effects like it are counted.
func (i Intent) Limited() bool { return i.FlowLimit > 0 || i.ConnectionLimit > 0 }

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
// concurrent runs share. One without limits may go with a checkpoint instead.
func (db *DB) RecordIntent(ctx context.Context, i Intent) (Intended, error) {
	db.batchers.intend.Do(func() {
		db.batchers.intender = NewBatcher(256, counted(db, "intent", db.intendAll))
		db.batches.add(db.batchers.intender.Close)
	})
	return db.batchers.intender.Do(ctx, i)
}

// intendAll writes a batch. Without limits to count it is a single statement.
func (db *DB) intendAll(ctx context.Context, items []Intent) ([]Intended, error) {
	out := make([]Intended, len(items))
	if !slices.ContainsFunc(items, Intent.Limited) {
		return out, insertIntents(ctx, db.hot, items, out)
	}
	err := db.htx(ctx, func(tx pgx.Tx) error {
		clear(out)
		if err := withinLimits(ctx, tx, items, out); err != nil {
			return err
		}
		return insertIntents(ctx, tx, items, out)
	})
	return out, err
}

// withinLimits counts the last hour's effects. Whoever counts holds the lock of
// what is counted, so that two processes do not both take the last one.
func withinLimits(ctx context.Context, tx pgx.Tx, items []Intent, out []Intended) error {
	type subject struct{ column, name, operation string }
	most := map[subject]int{}
	again, err := intendedBefore(ctx, tx, items)
	if err != nil {
		return err
	}
	for _, it := range items {
		if again[it.Key] {
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
		err := tx.QueryRow(ctx, `SELECT count(*) FROM (SELECT 1 FROM intents WHERE connection <> '' AND `+s.column+` = $1 AND operation = $2 AND at > now() - interval '1 hour' AND coalesce(receipt->>'existed', '') <> 'true' LIMIT $3) i`,
			s.name, s.operation, most[s]).Scan(&used)
		if err != nil {
			return fmt.Errorf("count limit: %w", err)
		}
		for i, it := range items {
			if again[it.Key] || out[i].Over != "" || it.Operation != s.operation || s.column == "flow" && it.Flow != s.name || s.column == "connection" && it.Connection != s.name {
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

func intendedBefore(ctx context.Context, tx pgx.Tx, items []Intent) (map[string]bool, error) {
	keys := make([]string, len(items))
	for i, it := range items {
		keys[i] = it.Key
	}
	rows, err := tx.Query(ctx, `SELECT key FROM intents WHERE key = ANY ($1)`, keys)
	if err != nil {
		return nil, fmt.Errorf("find intents: %w", err)
	}
	known, err := pgx.CollectRows(rows, pgx.RowTo[string])
	out := map[string]bool{}
	for _, k := range known {
		out[k] = true
	}
	return out, err
}

// insertIntents writes what is in the right hands, within the limits and new, and
// gives what earlier tries left, in one statement.
func insertIntents(ctx context.Context, db interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}, items []Intent, out []Intended) error {
	var cols [8][]string
	epochs, within := make([]int64, len(items)), make([]bool, len(items))
	for i, it := range items {
		for k, v := range []string{it.Key, string(it.Run), string(it.Node), it.Flow, it.Connection, it.Operation, it.Target, it.Owner} {
			cols[k] = append(cols[k], v)
		}
		epochs[i], within[i] = it.Epoch, out[i].Over == ""
	}
	rows, err := db.Query(ctx, `WITH u AS (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bigint[], $10::boolean[])
			WITH ORDINALITY AS u (key, run, node, flow, connection, operation, target, owner, epoch, within, n)),
		held AS (SELECT u.* FROM u JOIN runs r ON r.id = u.run AND r.lease_owner = u.owner AND r.epoch = u.epoch AND r.state = 'running'),
		new AS (INSERT INTO intents (key, run_id, node, flow, connection, operation, target, at)
			SELECT key, run, node, flow, connection, operation, target, clock_timestamp() FROM held WHERE within ON CONFLICT (key) DO NOTHING RETURNING key)
		SELECT held.n, i.key IS NOT NULL, i.receipt FROM held LEFT JOIN intents i ON i.key = held.key`,
		cols[0], cols[1], cols[2], cols[3], cols[4], cols[5], cols[6], cols[7], epochs, within)
	if err != nil {
		return asFault(fmt.Errorf("write intents: %w", err))
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		var before bool
		var receipt []byte
		if err := rows.Scan(&n, &before, &receipt); err != nil {
			return asFault(err)
		}
		i := &out[n-1]
		i.Kept, i.Before, i.Receipt = true, before, receipt
	}
	return asFault(rows.Err())
}

// writeIntents keeps intents that go with checkpoints, whose fence stands for them
// too. What is surely new is not looked for.
func writeIntents(q *pgx.Batch, items []Checkpoint, out []*Fence) {
	var cols, again [7][]string
	var places []int
	for n, c := range items {
		if c.Intent == nil {
			continue
		}
		into, i := &cols, *c.Intent
		if i.Again {
			into, places = &again, append(places, n)
		}
		for k, v := range [...]string{i.Key, string(i.Run), string(i.Node), i.Flow, i.Connection, i.Operation, i.Target} {
			into[k] = append(into[k], v)
		}
	}
	const columns = `(key, run_id, node, flow, connection, operation, target, at) SELECT a, b, c, d, e, f, g, clock_timestamp() FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) AS u (a, b, c, d, e, f, g)`
	if len(cols[0]) > 0 {
		q.Queue(`INSERT INTO intents `+columns, cols[0], cols[1], cols[2], cols[3], cols[4], cols[5], cols[6])
	}
	if len(places) == 0 {
		return
	}
	q.Queue(`WITH new AS (INSERT INTO intents `+columns+` ON CONFLICT (key) DO NOTHING)
		SELECT u.n, i.key IS NOT NULL, i.receipt FROM unnest($1::text[]) WITH ORDINALITY AS u (key, n) LEFT JOIN intents i ON i.key = u.key`,
		again[0], again[1], again[2], again[3], again[4], again[5], again[6]).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var n int64
			var before bool
			var receipt []byte
			if err := rows.Scan(&n, &before, &receipt); err != nil {
				return err
			}
			of := &out[places[n-1]].Intended
			of.Before, of.Receipt = before, receipt
		}
		return rows.Err()
	})
}

func writeReceipts(q *pgx.Batch, items []Checkpoint) error {
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
	q.Queue(`UPDATE intents i SET receipt = u.r::jsonb, receipt_at = now() FROM unnest($1::text[], $2::text[]) u (k, r) WHERE i.key = u.k`, keys, results)
	return nil
}

// writeAccounts keeps what each joiner has in each directory.
func writeAccounts(q *pgx.Batch, items []Checkpoint) error {
	for _, c := range items {
		for _, r := range c.Receipts {
			a := r.Account
			if a == nil {
				continue
			}
			if a.moved() {
				q.Queue(moveAccount, a.moveArgs()...)
			}
			q.Queue(`INSERT INTO joiner_accounts AS x (joiner_id, connection, account_id, name, enabled, created, groups, granted, run_id)
				VALUES ($1, $2, $3, $4, coalesce($5, false), $6, $7, $10, $8)
				ON CONFLICT (joiner_id, connection, account_id) DO UPDATE SET name = CASE WHEN excluded.name = '' THEN x.name ELSE excluded.name END,
					enabled = coalesce($5, x.enabled), created = x.created OR excluded.created,
					groups = ARRAY(SELECT DISTINCT g FROM unnest(x.groups || $7::text[]) g WHERE g <> ALL ($9::text[]) ORDER BY g),
					granted = ARRAY(SELECT DISTINCT g FROM unnest(x.granted || $10::text[]) g WHERE g <> ALL ($9::text[]) ORDER BY g), changed_at = now()`,
				a.JoinerID, a.Connection, a.AccountID, a.Name, a.Enabled, a.Created, append([]string{}, a.Add...), a.Run, append([]string{}, a.Remove...), a.granted())
		}
	}
	return nil
}

// TryIntentAgain says that an effect of unknown outcome is about to be tried once
// more, if the last try is at least settle ago; else it gives how much is left.
// The database's clock decides, so it does not matter which process tries.
func (db *DB) TryIntentAgain(ctx context.Context, key string, settle time.Duration) (left time.Duration, err error) {
	var seconds float64
	err = db.pool.QueryRow(ctx, `WITH again AS (UPDATE intents SET tried_at = clock_timestamp() WHERE key = $1 AND coalesce(tried_at, at) <= clock_timestamp() - make_interval(secs => $2) RETURNING key)
		SELECT CASE WHEN EXISTS (SELECT 1 FROM again) THEN 0 ELSE greatest(0.001, extract(epoch FROM coalesce(tried_at, at) - clock_timestamp())::float8 + $2) END FROM intents WHERE key = $1`,
		key, settle.Seconds()).Scan(&seconds)
	if err != nil {
		return 0, asFault(fmt.Errorf("try an effect again: %w", err))
	}
	return time.Duration(seconds * float64(time.Second)), nil
}

// Making is what is known before an account is made.
type Making struct {
	// Before says that the effect was intended before.
	Before bool
	// Shared says that the joiner's person has another record, whose runs look for the
	// same mark; Other that one of them is making the account.
	Shared, Other bool
}

// FindMaking tells it of one account that is about to be made: of one person's runs
// under way only the first that intended it may make it.
func (db *DB) FindMaking(ctx context.Context, i Intent, joinerID string) (Making, error) {
	var m Making
	err := db.hot.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM intents WHERE key = $1), EXISTS (SELECT 1 FROM joiners WHERE id = $2 AND person <> '')`, i.Key, joinerID).Scan(&m.Before, &m.Shared)
	if err == nil && m.Shared {
		err = db.hot.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM intents o JOIN runs u ON u.id = o.run_id LEFT JOIN intents mine ON mine.key = $1
			WHERE o.connection = $2 AND o.operation = $3 AND o.target = $4 AND o.at > now() - interval '1 hour' AND o.receipt IS NULL AND o.run_id <> $5
				AND u.state IN ('running', 'queued', 'waiting') AND (mine.key IS NULL OR (o.at, o.key) < (mine.at, mine.key)))`, i.Key, i.Connection, i.Operation, i.Target, i.Run).Scan(&m.Other)
	}
	return m, asFault(err)
}

// FindIntent reports whether an effect was intended before.
func (db *DB) FindIntent(ctx context.Context, key string) (bool, error) {
	var found bool
	err := db.hot.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM intents WHERE key = $1)`, key).Scan(&found)
	return found, asFault(err)
}

// AccountName gives what a joiner's account is called as far as we know; "" when
// it is not known.
func (db *DB) AccountName(ctx context.Context, joinerID, connection, account string) (string, error) {
	var name string
	err := db.hot.QueryRow(ctx, `SELECT coalesce((SELECT name FROM joiner_accounts WHERE joiner_id = $1 AND connection = $2 AND account_id = $3), '')`, joinerID, connection, account).Scan(&name)
	return name, asFault(err)
}

// AccountWas reports whether a joiner's account is known to be enabled, or not, as far
// as effects with a receipt tell.
func (db *DB) AccountWas(ctx context.Context, joinerID, connection, account string, enabled bool) (bool, error) {
	var was bool
	err := db.hot.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM joiner_accounts WHERE joiner_id = $1 AND connection = $2 AND account_id = $3 AND enabled = $4)`, joinerID, connection, account, enabled).Scan(&was)
	return was, asFault(err)
}

func (a AccountRow) granted() []string {
	if !a.Grant {
		return []string{}
	}
	return append([]string{}, a.Add...)
}

// GrantedGroups lists the groups that an account of a joiner is in because Joinery
// put it there, in any run.
func (db *DB) GrantedGroups(ctx context.Context, joinerID, connection, account string) ([]string, error) {
	var out []string
	err := db.hot.QueryRow(ctx, `SELECT coalesce((SELECT granted FROM joiner_accounts WHERE joiner_id = $1 AND connection = $2 AND account_id = $3), '{}')`, joinerID, connection, account).Scan(&out)
	return out, asFault(err)
}
