package static

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The canvas' core has no framework in it, so Node can run its tests; the types of
// all of it are right.
func TestFlow_CoreAndTypes(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs node")
	}
	_, err := os.Stat("node_modules/typescript")
	require.NoError(t, err, "The packages of static are not installed. Run e2e/setup.sh, or npm ci --ignore-scripts in static.")
	out := filepath.Join(t.TempDir(), "core.test.mjs")
	run := func(name string, args ...string) {
		t.Helper()
		text, err := exec.Command(name, args...).CombinedOutput()
		require.NoError(t, err, "%s: %s", name, text)
	}
	run("node_modules/.bin/tsc", "-p", ".")
	run("node_modules/.bin/esbuild", "src/flow/test/core.test.ts", "--bundle", "--platform=node", "--format=esm", "--log-level=warning", "--outfile="+out)
	run("node", "--test", out)
}
