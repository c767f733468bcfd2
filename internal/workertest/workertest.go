// Package workertest builds the small program that workers for function code start
// from, once per test process. A test binary with the race detector takes a tenth of a
// second of CPU to become a worker, and each call of a function needs a new one; what
// ships takes four thousandths.
package workertest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// Path is where joinery-worker lies for the life of this test process, built as make
// build builds it.
func Path(t testing.TB) string {
	t.Helper()
	at, err := built()
	if err != nil {
		t.Fatalf("build joinery-worker: %v", err)
	}
	return at
}

var built = sync.OnceValues(func() (string, error) {
	sweep(os.TempDir())
	dir, err := os.MkdirTemp("", fmt.Sprintf("joinery-test-worker-%d-", os.Getpid()))
	if err != nil {
		return "", err
	}
	at := filepath.Join(dir, "joinery-worker")
	if err := Build(at, "worker", "joinery/cmd/joinery-worker"); err != nil {
		return "", err
	}
	return at, os.Chmod(dir, 0o755) // as root, a worker runs as another account
})

// Build makes a worker program as make build does.
func Build(at, tags, of string) error {
	cmd := exec.Command("go", "build", "-buildvcs=false", "-trimpath", "-tags", tags, "-ldflags=-s -w", "-o", at, of)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// sweep removes folders of test processes that are gone.
func sweep(base string) {
	entries, _ := os.ReadDir(base)
	for _, e := range entries {
		var pid int
		if n, _ := fmt.Sscanf(e.Name(), "joinery-test-worker-%d-", &pid); n == 1 && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			_ = os.RemoveAll(filepath.Join(base, e.Name()))
		}
	}
}
