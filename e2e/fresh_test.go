package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is generated and committed is what its sources give now: pages (templ) and
// static/dist (esbuild).
func TestGeneratedFilesAreFresh(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs npm")
	}
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	copied := t.TempDir()
	run := func(dir string, name string, args ...string) {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s %s: %s", name, strings.Join(args, " "), out)
	}
	for _, dir := range []string{"views", "static"} {
		run(root, "cp", "-R", filepath.Join(root, dir), filepath.Join(copied, dir))
	}
	run(root, "go", "tool", "templ", "generate", "-path", filepath.Join(copied, "views"))
	for _, pkg := range []string{"esbuild", "react"} {
		_, err = os.Stat(filepath.Join(copied, "static", "node_modules", pkg))
		require.NoError(t, err, "The packages of static are not installed, or not all. Run e2e/setup.sh, or npm ci --ignore-scripts in static.")
	}
	run(filepath.Join(copied, "static"), "node", "build.mjs")
	compare(t, filepath.Join(root, "views"), filepath.Join(copied, "views"), "_templ.go")
	compare(t, filepath.Join(root, "static", "dist"), filepath.Join(copied, "static", "dist"), "")
}

// compare finds files with a suffix that differ or are on one side only.
func compare(t *testing.T, a, b, suffix string) {
	t.Helper()
	read := func(root string) map[string]string {
		out := map[string]string{}
		require.NoError(t, filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, suffix) {
				return err
			}
			raw, err := os.ReadFile(path)
			rel, _ := filepath.Rel(root, path)
			out[rel] = string(raw)
			return err
		}))
		return out
	}
	committed, made := read(a), read(b)
	require.NotEmpty(t, committed)
	for name, text := range made {
		require.True(t, committed[name] == text, "%s is not fresh. Run: make generate, and commit what changes.", name)
	}
	require.Len(t, committed, len(made), "a generated file has no source any more. Run: make generate")
}
