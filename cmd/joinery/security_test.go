package main

import (
	"debug/buildinfo"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The built program holds the versions that were looked at: older ones of these
// libraries run smuggled requests or have known holes.
func TestS02_ModulesOfTheProgram(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds the program")
	}
	program := filepath.Join(t.TempDir(), "joinery")
	out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	info, err := buildinfo.ReadFile(program)
	require.NoError(t, err)
	least := map[string][3]int{"github.com/gofiber/fiber/v2": {2, 52, 15}, "github.com/valyala/fasthttp": {1, 78, 0}, "github.com/jackc/pgx/v5": {5, 9, 2}}
	for _, m := range info.Deps {
		want, ok := least[m.Path]
		if !ok {
			continue
		}
		require.Nil(t, m.Replace, m.Path)
		var v [3]int
		_, err := fmt.Sscanf(m.Version, "v%d.%d.%d", &v[0], &v[1], &v[2])
		require.NoError(t, err)
		require.False(t, older(v, want), "%s is %s", m.Path, m.Version)
		delete(least, m.Path)
	}
	require.Empty(t, least, "not in the program")
	require.True(t, older([3]int{1, 51, 0}, [3]int{1, 78, 0}))
	require.False(t, older([3]int{2, 0, 0}, [3]int{1, 78, 0}))
}

func older(v, want [3]int) bool {
	for i := range v {
		if v[i] != want[i] {
			return v[i] < want[i]
		}
	}
	return false
}
