package static

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The core of the canvas and of the editor has no page in it, so Node can run its
// tests; the types of all of it are right.
func TestFlow_CoreAndTypes(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs node")
	}
	_, err := os.Stat("node_modules/typescript")
	require.NoError(t, err, "The packages of static are not installed. Run e2e/setup.sh, or npm ci --ignore-scripts in static.")
	shared, err := filepath.Abs("../internal/flow/testdata") // what the outline is held to
	require.NoError(t, err)
	out := t.TempDir()
	run := func(name string, args ...string) {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Env = append(os.Environ(), "EDITS="+filepath.Join(shared, "edits.json"), "MERGES="+filepath.Join(shared, "merges.json"))
		text, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", name, text)
	}
	run("node_modules/.bin/tsc", "-p", ".")
	run("node_modules/.bin/esbuild", "src/flow/test/core.test.ts", "src/flow/test/shared.test.ts", "--bundle", "--platform=node", "--format=esm", "--out-extension:.js=.mjs", "--log-level=warning", "--outdir="+out)
	run("node", "--test", filepath.Join(out, "core.test.mjs"), filepath.Join(out, "shared.test.mjs"))
	editor := filepath.Join(out, "function.test.mjs")
	run("node_modules/.bin/esbuild", "src/function/test/core.test.ts", "--bundle", "--platform=node", "--format=esm", "--log-level=warning", "--outfile="+editor)
	run("node", "--test", editor)
}
