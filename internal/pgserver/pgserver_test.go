package pgserver

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func testDir(t *testing.T) string {
	t.Helper()
	base := "/dev/shm"
	if _, err := os.Stat(base); err != nil {
		base = os.TempDir()
	}
	dir, err := os.MkdirTemp(base, "joinery-pg-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func TestStart(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	t.Parallel()
	ctx := context.Background()

	t.Run("cold, stop, warm", func(t *testing.T) {
		t.Parallel()
		dir := testDir(t)
		s, err := Start(ctx, Config{Dir: dir, Fast: true})
		require.NoError(t, err)
		require.NoError(t, s.Stop(ctx))
		s, err = Start(ctx, Config{Dir: dir, Fast: true})
		require.NoError(t, err)
		require.NoError(t, s.Stop(ctx))
	})

	t.Run("second process is told who has the folder", func(t *testing.T) {
		t.Parallel()
		dir := testDir(t)
		s, err := Start(ctx, Config{Dir: dir, Fast: true})
		require.NoError(t, err)
		defer s.Stop(ctx)
		_, err = Start(ctx, Config{Dir: dir, Fast: true})
		require.ErrorContains(t, err, "Another Joinery already uses")
	})

	t.Run("comes back after the postmaster was killed", func(t *testing.T) {
		t.Parallel()
		dir := testDir(t)
		s, err := Start(ctx, Config{Dir: dir})
		require.NoError(t, err)
		require.NoError(t, syscall.Kill(s.cmd.Process.Pid, syscall.SIGKILL))
		select {
		case <-s.exited:
		case <-time.After(5 * time.Second):
			t.Fatal("killed server still runs")
		}
		s.unlock()
		s, err = Start(ctx, Config{Dir: dir})
		require.NoError(t, err)
		require.NoError(t, s.Stop(ctx))
	})

	t.Run("data of another major version is named", func(t *testing.T) {
		t.Parallel()
		dir := testDir(t)
		s, err := Start(ctx, Config{Dir: dir, Fast: true})
		require.NoError(t, err)
		require.NoError(t, s.Stop(ctx))
		require.NoError(t, os.WriteFile(s.Dir()+"/PG_VERSION", []byte("9\n"), 0o600))
		_, err = Start(ctx, Config{Dir: dir, Fast: true})
		require.ErrorContains(t, err, "was written by PostgreSQL 9")
	})
}

func TestVersionOrder(t *testing.T) {
	t.Parallel()
	require.Greater(t, version("/usr/lib/postgresql/17/bin"), version("/usr/lib/postgresql/9.6/bin"))
	require.Equal(t, 16, version("/opt/homebrew/opt/postgresql@16/bin"))
}
