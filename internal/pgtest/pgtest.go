// Package pgtest gives each test a migrated database of its own on a private
// PostgreSQL that lives as long as the test process.
package pgtest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"joinery/internal/connector/all"
	"joinery/internal/pgserver"
	"joinery/internal/postgres"
	"joinery/internal/secret"
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
