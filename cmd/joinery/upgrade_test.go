package main

import (
	"database/sql"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"joinery/internal/pgserver"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/migrations"
)

// A newer program has migrated the database: the old process says that it is not
// ready and goes on with its runs, and does not start again on that schema.
func TestUpgrade_TheOldOneGoesOnAndDoesNotComeBack(t *testing.T) {
	t.Parallel()
	i := install(t)
	old := i.serve()
	conn, err := pgx.Connect(t.Context(), i.owner)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)`)
	require.NoError(t, err)
	code, body, err := old.get("/readyz")
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Contains(t, body, "migrated by a newer program")
	i.hire("Ada", "Lovelace", time.Now().AddDate(0, 0, -1))
	i.until(30*time.Second, 1, `SELECT count(*) FROM runs WHERE state = 'succeeded'`)
	old.signal(syscall.SIGTERM)
	old.ends(25 * time.Second)
	require.Zero(t, old.cmd.ProcessState.ExitCode())
	_, errs := (&shell{t: t, env: i.env}).run("", 1, "serve")
	require.Contains(t, errs, "by a newer Joinery")
}

// Several processes of a new version start at once on the schema of an old one:
// one migrates, the others wait for it, and all become ready.
func TestUpgrade_SeveralStartAtOnce(t *testing.T) {
	t.Parallel()
	pgtest.URLs(t) // makes the roles
	server := pgtest.Server(t)
	name := "upgrade_" + uuid.NewString()[:8]
	super, err := pgx.Connect(t.Context(), server.URL(pgserver.Owner, "postgres"))
	require.NoError(t, err)
	defer super.Close(t.Context())
	_, err = super.Exec(t.Context(), `CREATE DATABASE `+name+` OWNER joinery_owner`)
	require.NoError(t, err)
	owner := server.URL("joinery_owner", name)
	db, err := sql.Open("pgx", owner)
	require.NoError(t, err)
	defer db.Close()
	before, err := goose.NewProvider(goose.DialectPostgres, db, migrations.Files)
	require.NoError(t, err)
	_, err = before.UpTo(t.Context(), 4)
	require.NoError(t, err)

	i := &installation{t: t, owner: owner, front: newFront(t), env: map[string]string{"DATABASE_URL": owner, "JOINERY_MASTER_KEY": testKey, "JOINERY_DATA_DIR": t.TempDir(), "JOINERY_ADDR": "127.0.0.1:0",
		"JOINERY_BASE_URL": "http://127.0.0.1:1"}}
	nodes := make([]*process, 3)
	var all sync.WaitGroup
	for k := range nodes {
		all.Go(func() { nodes[k] = i.serve() })
	}
	all.Wait()
	for _, n := range nodes {
		pgtest.Eventually(t, 10*time.Second, "it is ready", func() bool { code, _, err := n.get("/readyz"); return err == nil && code == http.StatusOK })
	}
	require.EqualValues(t, postgres.NewestMigration(), one[int64](i, `SELECT max(version_id) FROM goose_db_version`))
	require.Equal(t, 1, one[int](i, `SELECT max(n) FROM (SELECT count(*) n FROM goose_db_version GROUP BY version_id) x`), "each migration ran once")
}
