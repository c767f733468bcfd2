package e2e

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/pgtest"
)

// demo is the program itself, started the way a newcomer starts it.
type demo struct {
	base, hris    string
	passwords     map[string]string
	program, data string
	env           []string
	cmd           *exec.Cmd
}

var printedPassword = regexp.MustCompile(`(\S+@demo\.example)\s+password (\S+)`)

// startDemo runs the program with a folder of its own, on free ports, until the
// test ends.
func startDemo(t *testing.T, env ...string) *demo {
	t.Helper()
	needsBrowser(t)
	// Not t.TempDir: as root, PostgreSQL runs as another account and must be able to pass through.
	dir, err := os.MkdirTemp("", "joinery-e2e-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o711))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	program, err := program()
	require.NoError(t, err)
	port := freePorts(t, 4)
	d := &demo{base: fmt.Sprintf("http://127.0.0.1:%d", port), hris: fmt.Sprintf("http://127.0.0.1:%d", port+1), passwords: map[string]string{}, program: program, data: filepath.Join(dir, "data")}
	d.env = append(os.Environ(), "JOINERY_DATA_DIR="+filepath.Join(dir, "data"), fmt.Sprintf("JOINERY_ADDR=127.0.0.1:%d", port), "JOINERY_BASE_URL="+d.base,
		"JOINERY_LOG_LEVEL=warn")
	d.env = append(d.env, env...)
	t.Cleanup(d.stop)
	d.start(t)
	require.Len(t, d.passwords, 2, "the passwords of the two demo people are printed once")
	return d
}

// stop ends the server as an operating system does.
func (d *demo) stop() {
	if d.cmd != nil {
		_ = d.cmd.Process.Signal(syscall.SIGTERM)
		_ = d.cmd.Wait()
	}
	d.cmd = nil
}

// start starts the server, and waits until it answers.
func (d *demo) start(t *testing.T) {
	t.Helper()
	cmd := exec.Command(d.program, "serve", "--demo")
	cmd.Env = d.env
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	d.cmd = cmd
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if m := printedPassword.FindStringSubmatch(lines.Text()); m != nil {
			d.passwords[m[1]] = m[2]
		}
		if strings.Contains(lines.Text(), "Demo directory:") {
			break
		}
	}
	pgtest.Eventually(t, 20*time.Second, "the console answers", func() bool {
		resp, err := http.Get(d.base + "/readyz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	go func() { // whatever else it prints must not fill the pipe
		for lines.Scan() {
		}
	}()
}

// freePorts finds the first of n free ports in a row.
func freePorts(t *testing.T, n int) int {
	t.Helper()
	for range 50 {
		// Below what systems give out by themselves, so that nobody gets one of them between asking and listening.
		if first := 20000 + rand.IntN(10000/n)*n; allFree(first, n) {
			return first
		}
	}
	t.Fatal("there are no free ports in a row")
	return 0
}

func allFree(first, n int) bool {
	for i := range n {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", first+i))
		if err != nil {
			return false
		}
		_ = ln.Close()
	}
	return true
}

// hire fills the demo HRIS's form.
func (d *demo) hire(t *testing.T, first, last string, starts time.Time) {
	t.Helper()
	form := url.Values{"first_name": {first}, "last_name": {last}, "department": {"Engineering"}, "title": {"Engineer"}, "location": {"Berlin"}, "manager_id": {"1001"},
		"start_date": {starts.Format(time.DateOnly)}, "worker_type": {"employee"}, "personal_email": {"new@example.com"}}
	d.send(t, "/people", form)
}

// send posts a form to the demo HRIS.
func (d *demo) send(t *testing.T, path string, form url.Values) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, d.hris+path, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", d.hris)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Less(t, resp.StatusCode, 400)
}

// The newcomer's walk: sign in, hire somebody in the demo HRIS, and see why they
// have an account. A page that is open shows it without a reload.
func TestDemo_FromHireToAccount(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	b := openTab(t, d.base)
	b.use(screens()[0])
	b.signIn("builder@demo.example", d.passwords["builder@demo.example"])
	b.says("Nothing needs you")

	d.hire(t, "Ángela", "Müller-Núñez", time.Now().AddDate(0, 0, -1)) // eight in the morning has passed everywhere
	d.hire(t, "Kenji", "Watanabe", time.Now().AddDate(0, 0, 3))
	b.visit("/runs")
	pgtest.Eventually(t, 30*time.Second, "both runs are on the page", func() bool {
		b.visit("/runs")
		text := b.text()
		// The filter names the states once already.
		return strings.Count(text, "Succeeded") > 1 && strings.Count(text, "Waiting") > 1
	})
	b.everySize("runs")
	b.weighs("/runs")
	b.follow("Ángela Müller-Núñez")
	b.says("Account angela.muellernunez made in demo-scim")
	b.says("Added to group engineering in demo-scim")
	b.says("angela.muellernunez@demo.example")
	b.everySize("run-succeeded")
	b.weighs(eval[string](b, `location.pathname`))
	b.weighs("/joiners")
	b.everySize("joiners")
	b.follow("Ángela Müller-Núñez")
	b.says("angela.muellernunez")
	b.everySize("joiner")
	b.weighs(eval[string](b, `location.pathname`))
	b.visit("/events")
	b.everySize("events")
	b.visit("/")
	b.everySize("home-demo")

	b.visit("/runs")
	b.follow("Kenji Watanabe")
	b.says("Waits until")
	b.everySize("run-waiting")
	eval[bool](b, `window.sameDocument = true`)
	d.send(t, "/people/1014/rescind", nil) // the second one hired
	b.until("the end of the run, without a reload", `window.sameDocument === true && !document.querySelector("main").innerText.includes("Waits until")`)
	b.everySize("run-rescinded")
}
