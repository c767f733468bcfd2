package luavm

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"joinery/internal/workertest"
)

func smallCommand(t testing.TB) []string {
	t.Helper()
	return []string{workertest.Path(t), SandboxCommand}
}

func hashOf(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// What ships as joinery-worker is as shut in as this program is, gives the same
// answers, holds little, and carries nothing that only the host needs.
func TestSmallWorker(t *testing.T) {
	t.Parallel()
	small, whole := open(t, Config{Command: smallCommand(t)}), open(t, Config{})
	for name, c := range map[string]Call{
		"result":     {Source: nameSource, Input: nameInput},
		"grant":      {Source: `return function() return directory.group_exists("corp-ldap", "x") end`},
		"endless":    {Source: `return function() while true do end end`, Limits: Limits{Steps: 100_000}},
		"memory":     {Source: `return function() local s = "x" while true do s = s .. s end end`},
		"no source":  {Source: `return function( end`},
		"not a file": {Source: `return function() return io.open("/etc/passwd") end`},
	} {
		a, b := small.try(t, c), whole.try(t, c)
		if a.Kind != b.Kind || string(a.Result) != string(b.Result) || a.Message != b.Message || a.Level != b.Level {
			t.Errorf("%s: %s %q %s, and from the whole program %s %q %s", name, a.Kind, a.Message, a.Result, b.Kind, b.Message, b.Result)
		}
	}
	_, a, _ := small.Shelter()
	_, b, _ := whole.Shelter()
	if !raceDetector && !reflect.DeepEqual(a, b) {
		t.Errorf("shut in by %v, the whole program by %v", a, b)
	}
	if runtime.GOOS == "linux" {
		w, err := startProcess(smallCommand(t))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { w.kill(); w.wait() }()
		if rss, pss := holds(t, w.cmd.Process.Pid); rss > 8<<10 {
			t.Errorf("a worker that waits holds %d kB (%d kB of them its own share), wanted at most 8 MB", rss, pss)
		}
	}
	out, err := exec.Command("go", "list", "-deps", "-tags", "worker", "joinery/cmd/joinery-worker").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, not := range []string{"jsonschema", "joinery/internal/function", "net/http", "joinery/internal/postgres", "joinery/internal/secret"} {
		if strings.Contains(string(out), not) {
			t.Errorf("joinery-worker carries %s, whose beginning every start would pay for", not)
		}
	}
}

// holds are the resident set and its proportional share of a process, in kB.
func holds(t testing.TB, pid int) (rss, pss int) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		t.Logf("what the worker holds is not known: %v", err) // it is closed to whoever is not root
		return 0, 0
	}
	for line := range strings.Lines(string(raw)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		n, _ := strconv.Atoi(f[1])
		switch f[0] {
		case "Rss:":
			rss = n
		case "Pss:":
			pss = n
		}
	}
	return rss, pss
}

// Only the very program that was built with this one is started, and what was
// judged is what runs, whatever lies there afterwards.
func TestSmallWorker_IsKnownByItsHash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := filepath.Join(dir, workerProgram)
	if _, _, why := small(dir, strings.Repeat("0", 64)); why == nil || !strings.Contains(why.Error(), "is missing") {
		t.Error(why)
	}
	raw, err := os.ReadFile(smallCommand(t)[0])
	if err != nil {
		t.Fatal(err)
	}
	write := func(raw []byte, mode os.FileMode) {
		_ = os.Remove(at)
		if err := os.WriteFile(at, raw, mode); err != nil {
			t.Fatal(err)
		}
	}
	write(raw, 0o755)
	hash := hashOf(t, at)
	if _, _, why := small(dir, ""); why == nil || !strings.Contains(why.Error(), "built without") {
		t.Error(why)
	}
	write(append(raw[:len(raw):len(raw)], 0), 0o755)
	if _, _, why := small(dir, hash); why == nil || !strings.Contains(why.Error(), "not the one that was built with this program") {
		t.Error(why)
	}
	write(raw, 0o700)
	if _, _, why := small(dir, hash); why == nil || !strings.Contains(why.Error(), "chmod 755") {
		t.Error(why)
	}
	write(raw, 0o755)
	path, held, why := small(dir, hash)
	if why != nil {
		t.Fatal(why)
	}
	defer held.Close()
	if runtime.GOOS == "linux" {
		write([]byte("#!/bin/false\n"), 0o755) // an upgrade in place
	}
	w, err := startProcess([]string{path, SandboxCommand})
	if err != nil {
		t.Fatal(err)
	}
	w.kill()
	w.wait()
}
