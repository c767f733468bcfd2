package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"joinery/internal/pgserver"
	"joinery/internal/pgtest"
)

// program finds one of PostgreSQL's tools.
func program(t *testing.T, name string) string {
	t.Helper()
	for _, place := range []string{"/usr/lib/postgresql/*/bin/", "/opt/homebrew/opt/postgresql@*/bin/", "/usr/local/opt/postgresql@*/bin/"} {
		if found, _ := filepath.Glob(place + name); len(found) > 0 {
			return found[len(found)-1]
		}
	}
	path, err := exec.LookPath(name)
	require.NoError(t, err)
	return path
}

func shellOut(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(program(t, name), args...).CombinedOutput()
	require.NoError(t, err, "%s: %s", name, out)
}

// S-106, R-36: the drill of the guide. The database is dumped while a run waits,
// and restored on another server that has nothing but the two roles. With the
// master key and the checkpoints, which were kept apart, the audit log verifies,
// the secrets open, sessions hold, and the waiting run goes on and makes nothing
// twice. Then that server goes away and comes back, and the node says so.
func TestRestore_S106_R36_Drill(t *testing.T) {
	t.Parallel()
	i := install(t)
	n := i.serve()
	i.hire("Wanda", "Waiting", time.Now().AddDate(0, 0, 3))
	i.until(20*time.Second, 1, `SELECT count(*) FROM runs WHERE state = 'waiting'`)
	browser := i.signIn(n.url)
	n.signal(syscall.SIGTERM)
	n.ends(25 * time.Second)
	checkpoints := filepath.Join(i.env["JOINERY_DATA_DIR"], "audit-checkpoints.jsonl")
	kept, err := os.ReadFile(checkpoints)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(kept)), "\n")
	require.Contains(t, lines[len(lines)-1], fmt.Sprintf(`"seq":%d`, one[int](i, `SELECT max(seq) FROM audit_chain`)), "the end of the chain was signed when the process ended")
	require.Zero(t, one[int](i, `SELECT count(*) FROM audit_unsealed`))

	// The backup.
	dump := filepath.Join(t.TempDir(), "joinery.dump")
	shellOut(t, "pg_dump", "--format=custom", "--file="+dump, i.owner)

	// Somebody is added after it, and the chain's new end is signed: that will be lost.
	(&shell{t: t, env: i.env}).run("correct horse battery\n", 0, "user", "add", "--email", "late@x.example", "--name", "Late", "--role", "viewer", "--password-stdin")
	late := i.serve()
	i.until(20*time.Second, 0, `SELECT count(*) FROM audit_unsealed`)
	late.signal(syscall.SIGTERM)
	late.ends(25 * time.Second)
	all, err := os.ReadFile(checkpoints)
	require.NoError(t, err)
	require.Greater(t, len(all), len(kept))

	// Another server, with the two roles and an empty database.
	dir, err := os.MkdirTemp("", "joinery-restore-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o711))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	where := pgserver.Config{Dir: filepath.Join(dir, "pg"), Fast: true}
	server, err := pgserver.Start(t.Context(), where)
	require.NoError(t, err)
	stop := func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		require.NoError(t, server.Stop(ctx))
	}
	t.Cleanup(func() { stop() })
	super, err := pgx.Connect(t.Context(), server.URL(pgserver.Owner, "postgres"))
	require.NoError(t, err)
	for _, sql := range []string{"CREATE ROLE joinery_app", "CREATE ROLE joinery_owner LOGIN", "GRANT joinery_app TO joinery_owner", "CREATE DATABASE restored OWNER joinery_owner"} {
		_, err := super.Exec(t.Context(), sql)
		require.NoError(t, err, sql)
	}
	require.NoError(t, super.Close(t.Context()))
	shellOut(t, "pg_restore", "--exit-on-error", "--no-owner", "--role=joinery_owner", "--dbname="+server.URL(pgserver.Owner, "restored"), dump)

	// A new machine: the key and the checkpoints come from where they were kept.
	i.env["DATABASE_URL"], i.env["JOINERY_DATA_DIR"] = server.URL("joinery_owner", "restored"), t.TempDir()
	restored := filepath.Join(i.env["JOINERY_DATA_DIR"], "audit-checkpoints.jsonl")
	require.NoError(t, os.WriteFile(restored, all, 0o600))
	_, errs := (&shell{t: t, env: i.env}).run("", 1, "audit", "verify")
	require.Contains(t, errs, "checkpoint", "what was lost is noticed")
	require.NoError(t, os.WriteFile(restored, kept, 0o600))
	out, _ := (&shell{t: t, env: i.env}).run("", 0, "audit", "verify")
	require.Regexp(t, `is whole: [1-9]\d* records, [1-9]\d* checkpoints, 0 records not sealed`, out)
	again := i.serve("JOINERY_LOG_LEVEL=info")
	from, err := url.Parse(n.url)
	require.NoError(t, err)
	to, err := url.Parse(again.url)
	require.NoError(t, err)
	browser.Jar.SetCookies(to, browser.Jar.Cookies(from))
	status, body := read(t, browser, again.url+"/account")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "Remy Reviewer")

	// The start moves to yesterday: a signed webhook (the secret opens) wakes the run,
	// which reads the worker again and opens the account (two more secrets open).
	worker := one[string](i, `SELECT worker FROM joiners`)
	i.move(worker, "Wanda", "Waiting", time.Now().AddDate(0, 0, -1))
	i.until(30*time.Second, 1, `SELECT count(*) FROM runs WHERE state = 'succeeded'`)
	_, creates := i.gate.counts()
	require.Equal(t, 1, creates, "the account was made once, before the backup")
	require.Equal(t, 1, one[int](i, `SELECT count(*) FROM joiner_accounts WHERE enabled`))

	// The history is as protected as before.
	conn, err := pgx.Connect(t.Context(), i.env["DATABASE_URL"])
	require.NoError(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), `SET ROLE joinery_app`)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `UPDATE audit_events SET action = 'nothing'`)
	require.ErrorContains(t, err, "permission denied")
	require.NoError(t, conn.Close(t.Context()))

	// Without the key the secrets stay shut, and a wrong key says so.
	wrong := bytes.Repeat([]byte("B"), 43)
	env := map[string]string{}
	for k, v := range i.env {
		env[k] = v
	}
	env["JOINERY_MASTER_KEY"] = string(wrong) + "="
	tl := &tool{env: func(k string) string { return env[k] }, out: &bytes.Buffer{}, errs: &bytes.Buffer{}}
	h, err := tl.open(t.Context())
	require.NoError(t, err)
	_, err = h.db.Secret(t.Context(), "demo-scim", "token")
	require.Error(t, err)
	h.close()

	// The server goes away: not ready, with the reason, and alive; then it is back.
	stop()
	pgtest.Eventually(t, 15*time.Second, "it says that the database is away", func() bool {
		code, body, err := again.get("/readyz")
		return err == nil && code == http.StatusServiceUnavailable && body == "not ready: The database does not answer.\n"
	})
	code, _, err := again.get("/healthz")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, code)
	_, numbers, err := again.get("/metrics")
	require.NoError(t, err)
	require.Contains(t, numbers, "joinery_database_up 0\n")
	server, err = pgserver.Start(t.Context(), where)
	require.NoError(t, err)
	pgtest.Eventually(t, 15*time.Second, "it is ready again", func() bool { code, _, err := again.get("/readyz"); return err == nil && code == http.StatusOK })
	again.signal(syscall.SIGTERM)
	again.ends(25 * time.Second)
}
