package postgres_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"joinery/internal/pgtest"
	"joinery/internal/postgres"
)

// What pages ask goes before what runs write, where the server is on this machine.
func TestOpen_RunsStandBackBehindPages(t *testing.T) {
	ctx := context.Background()
	app, owner := pgtest.URLs(t)
	db, err := postgres.Open(ctx, postgres.Config{URL: app, Conns: 1})
	require.NoError(t, err)
	t.Cleanup(db.Close)
	_, err = db.ClaimRuns(ctx, "here", 1)
	require.NoError(t, err)

	conn, err := pgx.Connect(ctx, owner)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(ctx) })
	rows, err := conn.Query(ctx, `SELECT pid, query ILIKE '%due%' FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'joinery'`)
	require.NoError(t, err)
	type session struct {
		Pid int
		Hot bool
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[session])
	require.NoError(t, err)
	base, err := unix.Getpriority(unix.PRIO_PROCESS, int(conn.PgConn().PID()))
	require.NoError(t, err)
	pages, hot := 0, 0
	for _, s := range all {
		now, err := unix.Getpriority(unix.PRIO_PROCESS, s.Pid)
		require.NoError(t, err)
		if s.Hot {
			hot++
			require.Equal(t, base-5, now, "a claim of runs") // the call gives 20 less the niceness
		} else {
			pages++
			require.Equal(t, base, now, "a session of pages")
		}
	}
	require.Positive(t, hot)
	require.Positive(t, pages)
}
