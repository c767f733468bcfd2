package e2e

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"joinery/internal/connectortest"
	"joinery/internal/workertest"
)

// TestMain stops what the journeys share: the real systems, the browser, the program.
func TestMain(m *testing.M) {
	code := connectortest.Run(m)
	if shared.stop != nil {
		shared.stop()
	}
	if shared.dir != "" {
		_ = os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

// shared is what the journeys of this process have in common, and how it ends.
var shared struct {
	dir  string
	stop func()
}

// sharedDir is a folder for the life of this process.
var sharedDir = sync.OnceValues(func() (dir string, err error) {
	shared.dir, err = os.MkdirTemp("", "joinery-e2e-")
	return shared.dir, err
})

// program is the program itself, built once, with joinery-worker beside it as in what
// ships. It is built without the race detector: what a journey of the demo proves is the
// program that people run, and the same packages run under the detector in this process.
var program = sync.OnceValues(func() (string, error) {
	dir, err := sharedDir()
	if err != nil {
		return "", err
	}
	worker := filepath.Join(dir, "joinery-worker")
	if err := workertest.Build(worker, "worker", "joinery/cmd/joinery-worker"); err != nil {
		return "", fmt.Errorf("build joinery-worker: %w", err)
	}
	raw, err := os.ReadFile(worker)
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // as root, a worker runs as another account
		return "", err
	}
	path := filepath.Join(dir, "joinery")
	flags := fmt.Sprintf("-ldflags=-s -w -X joinery/internal/luavm.workerHash=%x", sha256.Sum256(raw))
	if out, err := exec.Command("go", "build", flags, "-o", path, "../cmd/joinery").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w: %s", err, out)
	}
	return path, nil
})

// browser starts once; each tab is a world of its own in it.
var browser = sync.OnceValues(func() (context.Context, error) {
	dir, err := sharedDir()
	if err != nil {
		return nil, err
	}
	path := chromiumPath()
	if path == "" {
		return nil, errors.New("there is no Chromium. Run e2e/setup.sh, or install the package chromium")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoFirstRun, chromedp.DisableGPU, chromedp.UserDataDir(filepath.Join(dir, "profile")),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-background-networking", true), chromedp.WSURLReadTimeout(60*time.Second))
	if os.Geteuid() == 0 {
		opts = append(opts, chromedp.NoSandbox) // the sandbox refuses to run as root
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, cancel := chromedp.NewContext(allocator)
	shared.stop = func() {
		_ = chromedp.Cancel(ctx)
		cancel()
		stop()
	}
	// The browser lives as long as the context of its first action, so that one has no limit of its own.
	return ctx, chromedp.Do(ctx, chromedp.Navigate("about:blank"))
})

// chromiumPath is where Chromium is; "" when it is nowhere.
func chromiumPath() string {
	for _, name := range []string{"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	for _, path := range []string{"/Applications/Chromium.app/Contents/MacOS/Chromium", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// needsBrowser skips a journey where only quick tests are asked for.
func needsBrowser(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs Chromium")
	}
}
