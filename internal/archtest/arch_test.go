// Package archtest holds the floors of the house as a test. It parses the files
// itself, because a test's cache does not see what a subprocess reads.
package archtest

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// floors gives the floor of each room; a package imports only floors below its own.
var floors = map[string]int{
	"cmd/joinery":                   7,
	"cmd/joinery-worker":            7,
	"e2e":                           7,
	"internal/chaos":                7,
	"web":                           6,
	"internal/bench":                6,
	"internal/pgtest":               6,
	"internal/archtest":             6,
	"internal/engine":               5,
	"internal/connector/all":        5,
	"internal/demo":                 5,
	"internal/look":                 5,
	"internal/author/eval":          5,
	"internal/postgres":             4,
	"internal/luavm":                4,
	"internal/connector/ldap":       4,
	"internal/connector/scim":       4,
	"internal/connector/hrisrest":   4,
	"internal/connector/bamboohr":   4,
	"internal/connector/hibob":      4,
	"internal/connector/tryton":     4,
	"internal/connector/fake":       4,
	"internal/connector/peoplefile": 4,
	"internal/connectortest":        4,
	"internal/template":             4,
	"internal/node":                 3,
	"internal/artifact":             3,
	"internal/author":               3,
	"internal/connector/hris":       3,
	"internal/run":                  2,
	"internal/connector":            2,
	"internal/flow":                 1,
	"internal/function":             1,
	"internal/policy":               1,
	"internal/review":               1,
	"internal/joiner":               1,
	"internal/exception":            1,
	"internal/backtest":             1,
	"internal/bulk":                 1,
	"internal/fault":                0,
	"internal/first":                0,
	"internal/form":                 0,
	"internal/auth":                 0,
	"internal/secret":               0,
	"internal/audit":                0,
	"internal/canon":                0,
	"internal/expr":                 0,
	"internal/naming":               0,
	"internal/luavm/pattern":        0,
	"internal/egress":               0,
	"internal/mail":                 0,
	"internal/pgserver":             0,
	"internal/faultproxy":           0,
	"internal/metric":               0,
	"internal/modeltest":            0,
	"internal/workertest":           0,
	"internal/trace":                0,
	"flows":                         0,
	"migrations":                    0,
	"static":                        0,
}

// owners says who alone may import a library, tests of the owner's neighbours apart.
var owners = map[string][]string{
	"github.com/gofiber/fiber":        {"web", "internal/bench"},
	"github.com/valyala/fasthttp":     {"web"},
	"gorm.io/":                        {"internal/postgres"},
	"github.com/jackc/pgx":            {"internal/postgres", "internal/pgtest", "internal/bench"},
	"github.com/riverqueue/":          {"internal/bench"},
	"github.com/pressly/goose":        {"internal/postgres"},
	"cel.dev/":                        {"internal/expr"},
	"github.com/tink-crypto/":         {"internal/secret"},
	"github.com/go-ldap/":             {"internal/connector/ldap", "internal/connectortest"},
	"github.com/scim2/":               {"internal/connector/scim", "internal/demo"},
	"github.com/elimity-com/":         {"internal/demo"},
	"github.com/standard-webhooks/":   {"internal/connector/hrisrest"},
	"github.com/pb33f/":               {"internal/connectortest"},
	"github.com/wneessen/go-mail":     {"internal/mail"},
	"github.com/alexedwards/argon2id": {"internal/auth"},
	"github.com/alecthomas/kong":      {"cmd/joinery"},
	"github.com/yuin/gopher-lua":      {"internal/luavm"},
	"github.com/elastic/go-seccomp":   {"internal/luavm"},
	"github.com/landlock-lsm/":        {"internal/luavm"},
	"github.com/prometheus/":          {"internal/metric"},
	"go.opentelemetry.io/":            {"internal/trace"},
	"github.com/sashabaranov/":        {"internal/author"},
}

// sameFloor are neighbours that know each other on purpose.
var sameFloor = map[string][]string{
	"internal/flow":     {"internal/joiner"},
	"internal/policy":   {"internal/joiner"},
	"internal/bulk":     {"internal/joiner"},
	"internal/egress":   {"internal/fault"},
	"internal/expr":     {"internal/fault"},
	"internal/auth":     {"internal/fault"},
	"internal/secret":   {"internal/fault"},
	"internal/mail":     {"internal/fault"},
	"internal/pgserver": {"internal/fault"},
	"internal/trace":    {"internal/fault"},
}

type file struct {
	room, path string
	test       bool
	imports    []string
}

// read gives the Go files below a folder, generated ones apart, with what they import.
func read(t *testing.T, root string) []file {
	t.Helper()
	var out []file
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if n := d.Name(); n == "node_modules" || n == "testdata" || n == ".git" || n == ".joinery" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		f := file{room: filepath.ToSlash(filepath.Dir(rel)), path: filepath.ToSlash(rel), test: strings.HasSuffix(path, "_test.go")}
		for _, i := range parsed.Imports {
			f.imports = append(f.imports, strings.Trim(i.Path.Value, `"`))
		}
		out = append(out, f)
		return nil
	})
	require.NoError(t, err)
	return out
}

// breaches finds what a file may not import.
func breaches(f file) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, f.path+": "+fmt.Sprintf(format, args...)) }
	view := f.room == "views" || strings.HasPrefix(f.room, "views/")
	floor, known := floors[f.room]
	if parent := filepath.ToSlash(filepath.Dir(f.room)); !known && parent == "internal/connectortest" {
		floor, known = 5, true // its commands
	}
	if !known && !view && f.room != "." {
		add("the room %s has no floor; give it one here and a line in internal/README.md", f.room)
		return out
	}
	for _, i := range f.imports {
		for lib, rooms := range owners {
			if strings.HasPrefix(i, lib) && !slices.Contains(rooms, f.room) && !f.test {
				add("%s belongs to %s", i, strings.Join(rooms, ", "))
			}
		}
		ours, ok := strings.CutPrefix(i, "joinery/")
		if !ok || f.test {
			continue
		}
		switch {
		case view:
			if !strings.HasPrefix(ours, "views/") {
				add("a view imports %s; it takes finished values only", ours)
			}
		case strings.HasPrefix(ours, "views/"):
			if f.room != "web" && f.room != "cmd/joinery" {
				add("only web imports views")
			}
		default:
			other, ok := floors[ours]
			if !ok {
				add("imports %s, which has no floor", ours)
			} else if other >= floor && !slices.Contains(sameFloor[f.room], ours) {
				add("floor %d imports %s of floor %d", floor, ours, other)
			}
		}
	}
	return out
}

func TestFloors(t *testing.T) {
	t.Parallel()
	var all []string
	files := read(t, "../..")
	require.Greater(t, len(files), 200, "the house was found")
	for _, f := range files {
		all = append(all, breaches(f)...)
	}
	require.Empty(t, all, strings.Join(all, "\n"))
}

// What needs the nouns or their libraries stays out of joinery-worker by the tag
// worker; with it the rest must still be a program.
func TestWorkerCompiles(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("go", "build", "-tags", "worker", "-o", os.DevNull, "joinery/cmd/joinery-worker")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "a file of internal/luavm that uses what only the host has begins with //go:build !worker\n%s", out)
}

// No program hands in the function that tests use to end a process at a place.
func TestNoProgramSetsReached(t *testing.T) {
	t.Parallel()
	sets := regexp.MustCompile(`\bReached\s*(:|=[^=])`)
	seen := 0
	for _, f := range read(t, "../..") {
		if f.test {
			continue
		}
		raw, err := os.ReadFile(filepath.Join("../..", f.path))
		require.NoError(t, err)
		seen++
		require.False(t, sets.Match(raw), "%s sets Reached, which is for tests", f.path)
	}
	require.Greater(t, seen, 100)
}

// The test itself sees a breach.
func TestFloorsSeeABreach(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for path, text := range map[string]string{
		"internal/flow/bad.go":   "package flow\nimport _ \"joinery/internal/postgres\"\n",
		"internal/run/bad.go":    "package run\nimport _ \"gorm.io/gorm\"\n",
		"views/runs/bad.go":      "package runs\nimport _ \"joinery/internal/run\"\n",
		"internal/utils/bad.go":  "package utils\n",
		"internal/engine/bad.go": "package engine\nimport _ \"joinery/views/ui\"\n",
	} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(path)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, path), []byte(text), 0o600))
	}
	for _, f := range read(t, dir) {
		require.NotEmpty(t, breaches(f), f.path)
	}
}
