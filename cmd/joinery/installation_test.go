package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"joinery/internal/demo"
	"joinery/internal/luavm"
	"joinery/internal/pgtest"
	"joinery/internal/review"
)

const childVariable = "JOINERY_TEST_COMMAND"

// TestMain makes the test program the real one when a test starts it as a child.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == luavm.SandboxCommand {
		main()
	}
	if args := os.Getenv(childVariable); args != "" {
		os.Args = append(os.Args[:1], strings.Fields(args)...)
		main()
	}
	// These tests wait for leases and limits far more than they work.
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// installation is a database, a demo company outside of it, and whatever nodes
// the test starts as processes of their own.
type installation struct {
	t       *testing.T
	env     map[string]string
	owner   string
	company *demo.Company
	// front is where browsers and webhooks come in; it goes to the nodes in turn.
	front *front
	// gate holds calls to the directory while it is not nil.
	gate *gate
}

// install makes an installation whose flows are live.
func install(t *testing.T) *installation {
	t.Helper()
	_, owner := pgtest.URLs(t)
	i := &installation{t: t, owner: owner, front: newFront(t), gate: &gate{}}
	var err error
	i.company, err = demo.Start(t.Context(), demo.Config{Dir: t.TempDir(), HRISAddr: "127.0.0.1:0", DirectoryAddr: "127.0.0.1:0", MailAddr: "127.0.0.1:0",
		HookURL: i.front.URL + "/hooks/" + demo.HRISKey, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = i.company.Stop(context.Background()) })
	behind, err := url.Parse(i.company.DirectoryURL)
	require.NoError(t, err)
	directory := httptest.NewServer(i.gate.before(httputil.NewSingleHostReverseProxy(behind)))
	t.Cleanup(directory.Close)
	i.company.DirectoryURL = directory.URL
	i.env = map[string]string{"DATABASE_URL": owner, "JOINERY_MASTER_KEY": testKey, "JOINERY_DATA_DIR": t.TempDir(), "JOINERY_ADDR": "127.0.0.1:0", "JOINERY_BASE_URL": i.front.URL,
		"JOINERY_TRUSTED_PROXIES": "127.0.0.1", "JOINERY_SMTP_URL": i.company.MailURL}
	tl := &tool{env: func(k string) string { return i.env[k] }, out: io.Discard, errs: io.Discard}
	h, err := tl.open(t.Context())
	require.NoError(t, err)
	defer h.close()
	var printed lockedBuffer
	tl.out = &printed
	require.NoError(t, tl.demoPeople(t.Context(), h))
	require.NoError(t, seedDemo(t.Context(), h, i.company))
	// What the demo's mapping writes is checked from the first page on.
	rev, err := h.db.Revision(t.Context(), review.Policy, "demo-attributes", 0)
	require.NoError(t, err)
	warnings, err := h.db.Warnings(t.Context(), review.Policy, []byte(rev.Content))
	require.NoError(t, err)
	require.Empty(t, warnings)
	i.front.password = regexp.MustCompile(demoReviewer + `\s+password (\S+)`).FindStringSubmatch(printed.String())[1]
	return i
}

// hire fills the form of the demo HRIS.
func (i *installation) hire(first, last string, starts time.Time) {
	i.t.Helper()
	i.post("/people", form(first, last, starts))
}

// move corrects the start of somebody who was hired.
func (i *installation) move(worker, first, last string, starts time.Time) {
	i.t.Helper()
	i.post("/people/"+worker, form(first, last, starts))
}

func form(first, last string, starts time.Time) url.Values {
	return url.Values{"first_name": {first}, "last_name": {last}, "department": {"Engineering"}, "title": {"Engineer"}, "location": {"Berlin"}, "manager_id": {"1001"},
		"start_date": {starts.Format(time.DateOnly)}, "worker_type": {"employee"}, "personal_email": {"new@example.com"}}
}

func (i *installation) post(path string, form url.Values) {
	i.t.Helper()
	req, err := http.NewRequest(http.MethodPost, i.company.HRISURL+path, strings.NewReader(form.Encode()))
	require.NoError(i.t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", i.company.HRISURL)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(i.t, err)
	body, _ := io.ReadAll(resp.Body)
	require.NoError(i.t, resp.Body.Close())
	require.Less(i.t, resp.StatusCode, 400, string(body))
}

// one reads one value from the database.
func one[T any](i *installation, sql string, args ...any) (out T) {
	i.t.Helper()
	conn, err := pgx.Connect(i.t.Context(), i.env["DATABASE_URL"])
	require.NoError(i.t, err)
	defer conn.Close(context.Background())
	require.NoError(i.t, conn.QueryRow(i.t.Context(), sql, args...).Scan(&out), sql)
	return out
}

// until waits for a count in the database.
func (i *installation) until(within time.Duration, want int, sql string, args ...any) {
	i.t.Helper()
	got, within := -1, max(within, pgtest.Hang)
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if got = one[int](i, sql, args...); got == want {
			return
		}
	}
	i.t.Fatalf("not within %s: %s gives %d and not %d", within, sql, got, want)
}

// process is one serving process.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  *lockedBuffer
	url  string
	done chan struct{}
}

var readyLine = regexp.MustCompile(`msg=ready address=(\S+) version=\S+ took=(\S+)`)

// serve starts a process and waits until it says that it is ready.
func (i *installation) serve(extra ...string) *process {
	return i.serveBy(exec.Command(os.Args[0]), append(extra, childVariable+"=serve")...)
}

func (i *installation) serveBy(program *exec.Cmd, extra ...string) *process {
	i.t.Helper()
	n := &process{t: i.t, cmd: program, log: &lockedBuffer{}, done: make(chan struct{})}
	n.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	for k, v := range i.env {
		n.cmd.Env = append(n.cmd.Env, k+"="+v)
	}
	n.cmd.Env = append(n.cmd.Env, extra...)
	n.cmd.Stdout, n.cmd.Stderr = n.log, n.log
	require.NoError(i.t, n.cmd.Start())
	go func() { _ = n.cmd.Wait(); close(n.done) }()
	i.t.Cleanup(func() {
		_ = n.cmd.Process.Kill()
		<-n.done
		if i.t.Failed() {
			i.t.Logf("a node said:\n%s", n.log.String())
		}
	})
	pgtest.Eventually(i.t, 30*time.Second, "the node is ready", func() bool {
		m := readyLine.FindStringSubmatch(n.log.String())
		if m == nil {
			return false
		}
		n.url = "http://" + m[1]
		return true
	})
	i.front.add(n.url)
	return n
}

// signal sends a signal to the process.
func (n *process) signal(s syscall.Signal) {
	n.t.Helper()
	require.NoError(n.t, n.cmd.Process.Signal(s))
}

// ends waits for the process to end and says how long that took.
func (n *process) ends(within time.Duration) time.Duration {
	n.t.Helper()
	start := time.Now()
	select {
	case <-n.done:
	case <-time.After(within):
		n.t.Fatalf("the process does not end within %s:\n%s", within, n.log.String())
	}
	return time.Since(start)
}

// get asks the node itself.
func (n *process) get(path string) (int, string, error) {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(n.url + path)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

var csrfValue = regexp.MustCompile(`name="_csrf" value="([^"]+)"`)

// signIn signs the reviewer in at one address and gives a browser with the cookies.
func (i *installation) signIn(at string) *http.Client {
	i.t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(i.t, err)
	client := &http.Client{Jar: jar, Timeout: 20 * time.Second}
	req, err := http.NewRequest(http.MethodPost, at+"/sign-in", strings.NewReader(url.Values{"email": {demoReviewer}, "password": {i.front.password}}.Encode()))
	require.NoError(i.t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Forwarded-For", "203.0.113.9")
	resp, err := client.Do(req)
	require.NoError(i.t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(i.t, err)
	require.NoError(i.t, resp.Body.Close())
	require.Equal(i.t, http.StatusOK, resp.StatusCode, string(body))
	require.Regexp(i.t, csrfValue, string(body), "a page of somebody who is signed in")
	return client
}

func read(t *testing.T, client *http.Client, address string) (int, string) {
	t.Helper()
	resp, err := client.Get(address)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, fmt.Sprint(string(body))
}
