package postgres

import "context"

// RawExec runs SQL by hand, for tests and operators' tools. It has no more
// rights than the server has: the rules in the database hold for it as well.
func (db *DB) RawExec(ctx context.Context, sql string, args ...any) error {
	_, err := db.pool.Exec(ctx, sql, args...)
	return asFault(err)
}

// RawScan reads one value by hand.
func (db *DB) RawScan(ctx context.Context, into any, sql string, args ...any) error {
	return asFault(db.pool.QueryRow(ctx, sql, args...).Scan(into))
}
