package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/pgtest"
)

// Who starts again goes on with the runs of the one before; while that one lives,
// nobody touches them.
func TestSucceed(t *testing.T) {
	t.Parallel()
	db, dir := pgtest.New(t), t.TempDir()
	ctx := t.Context()
	require.NoError(t, db.RawExec(ctx, `INSERT INTO joiners (id, connection, worker) VALUES ('j_1', 'hr', '1')`))
	for _, owner := range []string{"first", "elsewhere"} {
		require.NoError(t, db.RawExec(ctx, `INSERT INTO runs (id, flow, release_id, revision, mode, state, joiner_id, lease_owner, lease_until, epoch)
			VALUES ($1, 'f', 'r', 1, 'live', 'running', 'j_1', $2, now() + interval '20 seconds', 1)`, "rn_"+owner, owner))
	}
	state := func(owner string) (s string) {
		require.NoError(t, db.RawScan(ctx, &s, `SELECT state FROM runs WHERE id = $1`, "rn_"+owner))
		return s
	}
	first, err := succeed(ctx, dir, "first", db)
	require.NoError(t, err)
	require.NotNil(t, first)
	beside, err := succeed(ctx, dir, "beside", db)
	require.NoError(t, err)
	require.Nil(t, beside, "the first one lives")
	require.Equal(t, "running", state("first"))
	first.close() // as its death would
	second, err := succeed(ctx, dir, "second", db)
	require.NoError(t, err)
	t.Cleanup(second.close)
	require.Equal(t, "queued", state("first"))
	require.Equal(t, "running", state("elsewhere"), "another machine's runs are not ours to judge")
	raw, err := os.ReadFile(filepath.Join(dir, "engine"))
	require.NoError(t, err)
	require.Equal(t, "second\n", string(raw))
}
