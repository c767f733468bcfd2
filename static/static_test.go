package static

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is committed under dist is what src gives: an edit of one alone is caught.
func TestDist_IsWhatSourcesGive(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs Node.js")
	}
	if _, err := os.Stat("node_modules/esbuild"); err != nil {
		t.Fatal("The tools of the front end are not installed. Run e2e/setup.sh, or npm ci --ignore-scripts in static.")
	}
	out := filepath.Join(t.TempDir(), "dist")
	cmd := exec.Command("node", "build.mjs")
	cmd.Env = append(os.Environ(), "OUT="+out)
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, string(said))
	built, err := os.ReadDir(out)
	require.NoError(t, err)
	committed, err := fs.ReadDir(files, "dist")
	require.NoError(t, err)
	require.Len(t, built, len(committed))
	for _, e := range committed {
		want, err := os.ReadFile(filepath.Join(out, e.Name()))
		require.NoError(t, err)
		got, err := files.ReadFile("dist/" + e.Name())
		require.NoError(t, err)
		require.True(t, string(want) == string(got), "static/dist/%s is not what static/src gives: run make generate", e.Name())
	}
}
