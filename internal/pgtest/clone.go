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
	// Its files are copied, as before PostgreSQL 15 they always are: page by page through
	// the log takes half as much again.
	how := ""
	if admin.version >= 150000 {
		how = "STRATEGY file_copy"
	}
	if _, err := admin.ExecContext(ctx, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s OWNER %s %s", name, migrated, schemaOwner, how)); err != nil {
		t.Fatalf("make a test database: %v", err)
	}
	t.Cleanup(func() {
		if _, err := admin.ExecContext(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop a test database: %v", err)
		}
	})
	return s.URL(pgserver.App, name), s.URL(schemaOwner, name)
}

// copier is who copies databases. Version is PostgreSQL's, as 150018 for 15.18.
type copier struct {
	*sql.DB
	version int
}

// prepared makes the migrated database once, and gives the connections that copy it.
// They are kept: to open one takes PostgreSQL as long as to copy the database.
var prepared = sync.OnceValues(func() (copier, error) {
	s, err := server()
	if err != nil {
		return copier{}, err
	}
	db, err := sql.Open("pgx", s.URL(pgserver.Owner, "postgres"))
	if err != nil {
		return copier{}, err
	}
	admin, ctx := copier{DB: db}, context.Background()
	if err := admin.QueryRowContext(ctx, "SELECT current_setting('server_version_num')::int").Scan(&admin.version); err != nil {
		return copier{}, err
	}
	for _, q := range []string{
		"CREATE ROLE " + schemaOwner + " LOGIN NOSUPERUSER CREATEROLE",
		"CREATE ROLE joinery_app LOGIN",
		"GRANT joinery_app TO " + schemaOwner + " WITH ADMIN OPTION",
		"CREATE DATABASE " + migrated + " OWNER " + schemaOwner,
	} {
		if _, err := admin.ExecContext(ctx, q); err != nil {
			return copier{}, err
		}
	}
	// As a role that is no superuser.
	return admin, postgres.Migrate(ctx, s.URL(schemaOwner, migrated), false)
})
