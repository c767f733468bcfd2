package web

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/luavm"
)

// The test binary is also the worker that functions run in.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == luavm.SandboxCommand {
		os.Exit(luavm.Serve())
	}
	os.Exit(m.Run())
}

// functions gives the console a runtime for functions.
func (k *console) functions(t *testing.T) {
	t.Helper()
	pool, err := luavm.Open(luavm.Config{AllowReduced: true})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	k.server.Functions = pool
}
