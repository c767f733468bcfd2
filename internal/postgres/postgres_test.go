package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/pgtest"
	"joinery/internal/postgres"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	app, err := db.RunsAsApp(context.Background())
	require.NoError(t, err)
	require.True(t, app)
	have, want, err := db.SchemaState(context.Background())
	require.NoError(t, err)
	require.Equal(t, want, have)
}

// Close leaves no session behind on the server.
func TestCloseLeavesNoSession(t *testing.T) {
	t.Parallel()
	app, _ := pgtest.URLs(t)
	ctx := context.Background()
	db, err := postgres.Open(ctx, postgres.Config{URL: app, Conns: 5})
	require.NoError(t, err)
	var name string
	require.NoError(t, db.RawScan(ctx, &name, `SELECT current_database()`))
	require.NoError(t, db.SaveSetting(ctx, anna, "k", 1))
	db.Close()
	other := pgtest.New(t)
	pgtest.Eventually(t, 10*time.Second, "the sessions are gone", func() bool {
		var n int
		return other.RawScan(ctx, &n, `SELECT count(*) FROM pg_stat_activity WHERE datname = $1`, name) == nil && n == 0
	})
}
