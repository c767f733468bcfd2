package pgtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // database/sql driver

	"joinery/internal/pgserver"
	"joinery/internal/postgres"
)

// What migrates, and the migrated database that those of the tests are copied from.
const (
	schemaOwner = "joinery_owner"
	migrated    = "migrated"
)

// URLs gives a fresh database's addresses: as joinery_app, and as the owner, for
// child processes and for SQL by hand.
func URLs(t testing.TB) (app, owner string) {
	t.Helper()
	s := Server(t)
	admin, err := prepared()
	if err != nil {
		t.Fatalf("a migrated database: %v", err)
	}
	name, ctx := "test_"+strings.ToLower(rand.Text()), context.Background()
	// Its files are copied: page by page through the log takes half as much again.
	if _, err := admin.ExecContext(ctx, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s OWNER %s STRATEGY file_copy", name, migrated, schemaOwner)); err != nil {
		t.Fatalf("make a test database: %v", err)
	}
	t.Cleanup(func() {
		if _, err := admin.ExecContext(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop a test database: %v", err)
		}
	})
	return s.URL(pgserver.App, name), s.URL(schemaOwner, name)
}

// prepared makes the migrated database once, and gives the connections that copy it.
// They are kept: to open one takes PostgreSQL as long as to copy the database.
var prepared = sync.OnceValues(func() (*sql.DB, error) {
	s, err := server()
	if err != nil {
		return nil, err
	}
	admin, err := sql.Open("pgx", s.URL(pgserver.Owner, "postgres"))
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	for _, q := range []string{
		"CREATE ROLE " + schemaOwner + " LOGIN NOSUPERUSER CREATEROLE",
		"CREATE ROLE joinery_app LOGIN",
		"GRANT joinery_app TO " + schemaOwner + " WITH ADMIN OPTION",
		"CREATE DATABASE " + migrated + " OWNER " + schemaOwner,
	} {
		if _, err := admin.ExecContext(ctx, q); err != nil {
			return nil, err
		}
	}
	// As a role that is no superuser.
	return admin, postgres.Migrate(ctx, s.URL(schemaOwner, migrated), false)
})
