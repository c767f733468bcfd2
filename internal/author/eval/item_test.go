package eval

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/author"
	"joinery/internal/function"
	"joinery/internal/luavm"
	"joinery/internal/workertest"
)

func open(t testing.TB) *luavm.Pool {
	t.Helper()
	p, err := luavm.Open(luavm.Config{Command: []string{workertest.Path(t), luavm.SandboxCommand}, AllowReduced: true, Warm: 4})
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p
}

// Every item is sound: its solution is a function that could be submitted, needs no
// more than the item allows, and passes every hidden test without a forbidden effect.
func TestItems_Sound(t *testing.T) {
	t.Parallel()
	pool := open(t)
	items, err := Items()
	require.NoError(t, err)
	for _, item := range items {
		t.Run(item.Key, func(t *testing.T) {
			t.Parallel()
			content := item.Solved()
			for _, p := range function.Check(content) {
				t.Errorf("%s: %s", p.Path, p.Detail)
			}
			v, err := item.Judge(t.Context(), pool, content)
			require.NoError(t, err)
			require.Equal(t, Verdict{Tests: len(item.Tests)}, v)
		})
	}
}

// The set is large, and what joiner logic goes wrong at is in it.
func TestItems_Cover(t *testing.T) {
	t.Parallel()
	items, err := Items()
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(items), 40)
	about, tests, writing := map[string]int{}, 0, 0
	for _, item := range items {
		require.GreaterOrEqual(t, len(item.Tests), 7, item.Key)
		require.NotEmpty(t, item.Title, item.Key)
		require.NotContains(t, item.Request, "\n")
		for _, a := range item.About {
			about[a]++
		}
		tests += len(item.Tests)
		if len(item.Never) > 0 {
			writing++
		}
	}
	for _, a := range []string{"no-last-name", "non-latin", "collisions", "rehire", "leap-day", "zones", "contractor", "manager", "groups", "write-back", "privacy"} {
		require.Positive(t, about[a], a)
	}
	require.Greater(t, tests, 500)
	require.Greater(t, writing, 20, "many forbid something")
	for _, item := range items {
		for _, text := range item.Grants {
			g, _ := function.ParseGrant(text)
			require.True(t, slices.ContainsFunc(item.Connections, func(c Connection) bool { return c.Key == g.Connection }), "%s: %s", item.Key, text)
		}
	}
	told := newWorld(items).connections
	require.Len(t, told, 3)
	require.Equal(t, author.Field{Name: "proxyAddresses", Type: "text", Multi: true}, told[0].Fields[slices.IndexFunc(told[0].Fields, func(f author.Field) bool { return f.Name == "proxyAddresses" })])
}
