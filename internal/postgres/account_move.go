package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// moveAccount gives the account of a joiner, and of the same person's other records,
// another id. The old one is kept: earlier steps and receipts name it. What is known
// by the new id already is joined with it.
const moveAccount = `WITH mine AS (SELECT $1::text AS id UNION SELECT o.id FROM joiners j JOIN joiners o ON o.person = j.person WHERE j.id = $1 AND j.person <> ''),
	old AS (DELETE FROM joiner_accounts WHERE connection = $2 AND account_id = $3 AND joiner_id IN (SELECT id FROM mine) RETURNING *)
	INSERT INTO joiner_accounts AS x (joiner_id, connection, account_id, name, enabled, created, groups, granted, run_id, first_at, former)
	SELECT joiner_id, connection, $4::text, name, enabled, created, groups, granted, run_id, first_at, array_remove(array_remove(former, account_id), $4::text) || account_id FROM old
	ON CONFLICT (joiner_id, connection, account_id) DO UPDATE SET created = x.created OR excluded.created, first_at = least(x.first_at, excluded.first_at),
		groups = ARRAY(SELECT DISTINCT g FROM unnest(x.groups || excluded.groups) g ORDER BY g),
		granted = ARRAY(SELECT DISTINCT g FROM unnest(x.granted || excluded.granted) g ORDER BY g),
		former = ARRAY(SELECT DISTINCT f FROM unnest(x.former || excluded.former) f), changed_at = now()`

func (a AccountRow) moved() bool { return a.Was != "" && a.Was != a.AccountID }

func (a AccountRow) moveArgs() []any { return []any{a.JoinerID, a.Connection, a.Was, a.AccountID} }

// MoveAccount keeps at once that an account has another id (a.AccountID) than before (a.Was).
func (db *DB) MoveAccount(ctx context.Context, a AccountRow) error {
	if !a.moved() {
		return nil
	}
	return db.htx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, moveAccount, a.moveArgs()...)
		return err
	})
}

// KnowAccount keeps the id of an account, and how it was found, before it is given another one.
func (db *DB) KnowAccount(ctx context.Context, a AccountRow) error {
	return db.htx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO joiner_accounts (joiner_id, connection, account_id, name, enabled, run_id) VALUES ($1, $2, $3, $4, coalesce($5, false), $6)
			ON CONFLICT (joiner_id, connection, account_id) DO UPDATE SET name = excluded.name, enabled = coalesce($5, joiner_accounts.enabled), changed_at = now()`, a.JoinerID, a.Connection, a.AccountID, a.Name, a.Enabled, a.Run)
		return err
	})
}

// AccountBefore gives the id that was known last of a joiner's account that has this
// one now; the same one when no other is known.
func (db *DB) AccountBefore(ctx context.Context, joinerID, connection, account string) (string, error) {
	return db.accountID(ctx, `SELECT coalesce((SELECT account_id FROM joiner_accounts WHERE joiner_id = $1 AND connection = $2 AND account_id <> $3 ORDER BY changed_at DESC LIMIT 1), $3::text)`, joinerID, connection, account)
}

// AccountNow gives the id that an account of a joiner has now; "" when the joiner
// never had one by this id.
func (db *DB) AccountNow(ctx context.Context, joinerID, connection, account string) (string, error) {
	return db.accountID(ctx, `SELECT coalesce((SELECT account_id FROM joiner_accounts WHERE joiner_id = $1 AND connection = $2 AND (account_id = $3 OR $3::text = ANY (former)) ORDER BY account_id = $3 DESC LIMIT 1), '')`, joinerID, connection, account)
}

func (db *DB) accountID(ctx context.Context, query, joinerID, connection, account string) (string, error) {
	var id string
	if err := db.hot.QueryRow(ctx, query, joinerID, connection, account).Scan(&id); err != nil {
		return "", asFault(fmt.Errorf("find an account's id: %w", err))
	}
	return id, nil
}
