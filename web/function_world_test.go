package web

import (
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/luavm"
	"joinery/internal/workertest"
)

// functions gives the console a runtime for functions.
func (k *console) functions(t *testing.T) {
	t.Helper()
	pool, err := luavm.Open(luavm.Config{Command: []string{workertest.Path(t), luavm.SandboxCommand}, AllowReduced: true})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	k.server.Functions = pool
}
