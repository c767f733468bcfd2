package pgtest

import (
	"context"
	"testing"

	"joinery/internal/postgres"
)

// Exec runs SQL by hand as the role the server runs as.
func Exec(t testing.TB, db *postgres.DB, sql string, args ...any) {
	t.Helper()
	if err := db.RawExec(context.Background(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// Scan reads one value by hand.
func Scan(t testing.TB, db *postgres.DB, into any, sql string, args ...any) {
	t.Helper()
	if err := db.RawScan(context.Background(), into, sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}
