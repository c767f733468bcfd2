// Package pgtest gives each test a migrated database of its own on a private
// PostgreSQL that lives as long as the test process.
package pgtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // database/sql driver for pgtestdb
	"github.com/peterldowns/pgtestdb"

	"joinery/internal/connector/all"
	"joinery/internal/pgserver"
	"joinery/internal/postgres"
	"joinery/internal/secret"
	"joinery/migrations"
)

// server starts once per test process and ends with it.
var server = sync.OnceValues(func() (*pgserver.Server, error) {
	base := os.TempDir()
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		base = "/dev/shm"
	}
	sweep(base)
	dir, err := os.MkdirTemp(base, fmt.Sprintf("joinery-test-%d-", os.Getpid()))
	if err != nil {
		return nil, err
	}
	return pgserver.Start(context.Background(), pgserver.Config{Dir: dir, Fast: true})
})

// sweep removes folders of test processes that are gone.
func sweep(base string) {
	entries, _ := os.ReadDir(base)
	for _, e := range entries {
		var pid int
		if n, _ := fmt.Sscanf(e.Name(), "joinery-test-%d-", &pid); n == 1 && !alive(pid) {
			_ = os.RemoveAll(base + "/" + e.Name())
		}
	}
}

// Server gives the process's private server.
func Server(t testing.TB) *pgserver.Server {
	t.Helper()
	if testing.Short() {
		t.Skip("needs PostgreSQL")
	}
	s, err := server()
	if err != nil {
		t.Fatalf("a private PostgreSQL for the tests: %v", err)
	}
	return s
}

// New gives a fresh database, opened as the server opens it.
func New(t testing.TB) *postgres.DB { return Open(t, postgres.Config{}) }

// Open gives a fresh database with a clock or log of the test's own.
func Open(t testing.TB, cfg postgres.Config) *postgres.DB {
	t.Helper()
	app, _ := URLs(t)
	cfg.URL = app
	if cfg.Conns == 0 {
		cfg.Conns = 10
	}
	if cfg.Artifacts.Connectors == nil {
		cfg.Artifacts.Connectors = all.New()
	}
	if cfg.Sealer == nil {
		cfg.Sealer = Sealer(t)
	}
	db, err := postgres.Open(context.Background(), cfg)
	if err != nil {
		t.Fatalf("open test database: %v", err)
	}
	t.Cleanup(db.Close)
	return db
}

// Sealer gives a sealer under a fixed key, so that several processes of one test
// open what the others sealed.
func Sealer(t testing.TB) *secret.Sealer {
	t.Helper()
	s, err := secret.NewSealer(bytes.Repeat([]byte{7}, secret.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// URLs gives a fresh database's addresses: as joinery_app, and as the owner, for
// child processes and for SQL by hand.
func URLs(t testing.TB) (app, owner string) {
	t.Helper()
	s := Server(t)
	u, err := url.Parse(s.URL(pgserver.Owner, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Del("user")
	conf := pgtestdb.Custom(t, pgtestdb.Config{
		DriverName: "pgx", User: pgserver.Owner, Database: "postgres", Options: q.Encode(), Host: "socket", Port: "5432",
		TestRole:                  &pgtestdb.Role{Username: "joinery_owner", Password: "x", Capabilities: "NOSUPERUSER CREATEROLE"},
		ForceTerminateConnections: true,
	}, migrator{s})
	return s.URL(pgserver.App, conf.Database), s.URL("joinery_owner", conf.Database)
}

type migrator struct{ server *pgserver.Server }

// Hash changes with any migration file.
func (migrator) Hash() (string, error) {
	sum := sha256.New()
	entries, err := fs.ReadDir(migrations.Files, ".")
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		raw, err := fs.ReadFile(migrations.Files, e.Name())
		if err != nil {
			return "", err
		}
		sum.Write(raw)
	}
	return hex.EncodeToString(sum.Sum(nil))[:20], nil
}

// Migrate builds the template as a role that is no superuser.
func (m migrator) Migrate(ctx context.Context, _ *sql.DB, conf pgtestdb.Config) error {
	super, err := sql.Open("pgx", m.server.URL(pgserver.Owner, "postgres"))
	if err != nil {
		return err
	}
	defer super.Close()
	for _, q := range []string{"CREATE ROLE joinery_app LOGIN", "GRANT joinery_app TO joinery_owner WITH ADMIN OPTION"} {
		if _, err := super.ExecContext(ctx, q); err != nil && !strings.Contains(err.Error(), "already exists") {
			return err
		}
	}
	return postgres.Migrate(ctx, m.server.URL("joinery_owner", conf.Database), false)
}

// Hang is how long a test waits before it is taken to hang. A machine with other work
// can stand still for many seconds, so that no shorter time says something.
const Hang = 3 * time.Minute

// Eventually polls until ok, for what another process does: as long as that may take,
// and at least until the test is taken to hang.
func Eventually(t testing.TB, within time.Duration, what string, ok func() bool) {
	t.Helper()
	within = max(within, Hang)
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not within %s: %s", within, what)
}
