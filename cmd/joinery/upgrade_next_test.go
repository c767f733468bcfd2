package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A rolling upgrade to a program of another source, with runs under way: it has one
// more migration, made while the present program serves and goes on with its runs; then
// it takes them over. Nobody gets two accounts, and who waits for a day waits on.
// Run by: make chaos
func TestUpgrade_F31_R30_ToTheNextProgram(t *testing.T) {
	if os.Getenv("JOINERY_CHAOS") == "" {
		t.Skip("make chaos runs this: it builds another program")
	}
	next := nextProgram(t)
	i := install(t)
	old := i.serve()
	const each = 4
	for n := range each {
		i.hire("Ada", fmt.Sprint("Before", n), time.Now().AddDate(0, 0, -1))
	}
	i.hire("Wanda", "Waiting", time.Now().AddDate(0, 0, 3))
	i.until(2*time.Minute, 1, `SELECT count(*) FROM runs WHERE state = 'waiting' AND wake_at > now() + interval '1 hour'`)
	was := one[int](i, `SELECT max(version_id) FROM goose_db_version`)
	fresh := i.serveBy(exec.Command(next, "serve"))
	require.Greater(t, one[int](i, `SELECT max(version_id) FROM goose_db_version`), was, "it migrated under the old one")
	code, body, err := old.get("/readyz")
	require.NoError(t, err)
	require.Equal(t, 503, code, body)
	for n := range each {
		i.hire("Ada", fmt.Sprint("Between", n), time.Now().AddDate(0, 0, -1)) // at either of them
	}
	old.signal(syscall.SIGTERM)
	old.ends(35 * time.Second)
	i.hire("Ada", "After", time.Now().AddDate(0, 0, -1))
	i.until(3*time.Minute, 2*each+1, `SELECT count(*) FROM runs WHERE state = 'succeeded'`)
	require.Equal(t, 1, one[int](i, `SELECT count(*) FROM runs WHERE state = 'waiting'`), "who starts later waits on")
	require.Equal(t, 0, one[int](i, `SELECT count(*) FROM (SELECT 1 FROM joiner_accounts GROUP BY joiner_id, connection HAVING count(*) > 1) x`), "one account each")
	code, body, err = fresh.get("/readyz")
	require.NoError(t, err)
	require.Equal(t, 200, code, body)
}

// nextProgram builds the program from a copy of its source with one more migration.
func nextProgram(t *testing.T) string {
	t.Helper()
	source := filepath.Join(t.TempDir(), "next")
	require.NoError(t, os.MkdirAll(source, 0o755))
	out, err := exec.Command("sh", "-c", "tar -C ../.. --exclude=node_modules -cf - cmd flows internal migrations static views web go.mod go.sum | tar -C '"+source+"' -xf -").CombinedOutput()
	require.NoError(t, err, string(out))
	more := `-- +goose Up
ALTER TABLE runs ADD COLUMN of_the_next_program text NOT NULL DEFAULT '';
CREATE TABLE of_the_next_program (id text PRIMARY KEY);
`
	require.NoError(t, os.WriteFile(filepath.Join(source, "migrations", "99998_next.sql"), []byte(more), 0o600))
	program := filepath.Join(t.TempDir(), "joinery-next")
	build := exec.Command("go", "build", "-o", program, "./cmd/joinery")
	build.Dir = source
	out, err = build.CombinedOutput()
	require.NoError(t, err, string(out))
	require.NoError(t, os.RemoveAll(source))
	return program
}
