package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/faultproxy"
	"joinery/internal/pgtest"
)

// underway gives an installation with one node that is making an account: the
// directory has the request and does not answer yet. A second joiner waits for
// the first day.
func underway(t *testing.T, extra ...string) (*installation, *process) {
	t.Helper()
	i := install(t)
	n := i.serve(extra...)
	i.hire("Wanda", "Waiting", time.Now().AddDate(0, 0, 3))
	i.until(20*time.Second, 1, `SELECT count(*) FROM runs WHERE state = 'waiting'`)
	i.gate.close()
	t.Cleanup(i.gate.open)
	i.hire("Una", "Underway", time.Now().AddDate(0, 0, -1))
	pgtest.Eventually(t, 20*time.Second, "the directory is asked for an account", func() bool { w, _ := i.gate.counts(); return w == 1 })
	return i, n
}

const theRun = `(SELECT id FROM runs ORDER BY seq DESC LIMIT 1)`

// told to end, a process says that it is not ready, starts no step, ends
// streams, closes its door, keeps what the call under way comes to, gives the run
// back, and ends.
func TestStop_R33_TheCallUnderWayIsKept(t *testing.T) {
	t.Parallel()
	i, n := underway(t, "JOINERY_DRAIN=2s")
	browser := i.signIn(n.url)
	status, _ := read(t, browser, n.url+"/runs")
	require.Equal(t, http.StatusOK, status)
	waiting := one[string](i, `SELECT id FROM runs WHERE state = 'waiting'`)
	browser.Timeout = 0
	stream, err := browser.Get(n.url + "/runs/" + waiting + "/live")
	require.NoError(t, err)
	defer stream.Body.Close()
	require.Equal(t, "text/event-stream", stream.Header.Get("Content-Type"))
	over := make(chan struct{})
	go func() { defer close(over); _, _ = io.Copy(io.Discard, stream.Body) }()
	code, _, err := n.get("/readyz")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, code)

	n.signal(syscall.SIGTERM)
	pgtest.Eventually(t, 2*time.Second, "it says that it is stopping while the door is open", func() bool {
		code, body, err := n.get("/readyz")
		return err == nil && code == http.StatusServiceUnavailable && body == "not ready: This process is stopping.\n"
	})
	code, _, err = n.get("/healthz")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, code, "it lives")
	select {
	case <-over:
	case <-time.After(pgtest.Hang):
		t.Fatal("the stream goes on")
	}
	pgtest.Eventually(t, 10*time.Second, "the door closes", func() bool { _, _, err := n.get("/healthz"); return err != nil })
	select {
	case <-n.done:
		t.Fatal("it ended with a call under way")
	default:
	}
	i.gate.open()
	n.ends(pgtest.Hang)
	require.Zero(t, n.cmd.ProcessState.ExitCode(), n.log.String())

	require.Equal(t, "succeeded", one[string](i, `SELECT state FROM steps WHERE node = 'create' AND run_id = `+theRun), "the call's answer was kept")
	require.Zero(t, one[int](i, `SELECT count(*) FROM steps WHERE node = 'everyone' AND run_id = `+theRun), "no step was started after the signal")
	require.Equal(t, "queued", one[string](i, `SELECT state FROM runs WHERE id = `+theRun), "the run was given back")
	require.Equal(t, "", one[string](i, `SELECT lease_owner FROM runs WHERE id = `+theRun))
	require.Zero(t, one[int](i, `SELECT count(*) FROM audit_unsealed`), "the audit log is sealed to its end")

	i.serve()
	i.until(20*time.Second, 1, `SELECT count(*) FROM runs WHERE state = 'succeeded'`)
	require.Equal(t, 1, one[int](i, `SELECT attempts FROM steps WHERE node = 'create' AND run_id = `+theRun))
	_, creates := i.gate.counts()
	require.Equal(t, 2, creates, "one account for each joiner")
}

// the database says nothing any more and a call does not end: the process
// ends in time all the same, and another one carries on when the leases are over.
func TestStop_R33_WithASilentDatabase(t *testing.T) {
	t.Parallel()
	i := install(t)
	u, err := url.Parse(i.owner)
	require.NoError(t, err)
	silent, err := faultproxy.New("unix", filepath.Join(u.Query().Get("host"), ".s.PGSQL.5432"))
	require.NoError(t, err)
	t.Cleanup(silent.Close)
	n := i.serve(fmt.Sprintf("DATABASE_URL=postgres://%s@%s%s?sslmode=disable", u.Query().Get("user"), silent.Addr(), u.Path))
	i.gate.close()
	t.Cleanup(i.gate.open)
	i.hire("Una", "Underway", time.Now().AddDate(0, 0, -1))
	pgtest.Eventually(t, 20*time.Second, "the directory is asked for an account", func() bool { w, _ := i.gate.counts(); return w == 1 })
	silent.Mute()
	n.signal(syscall.SIGTERM)
	i.gate.open() // the call comes to something that cannot be kept
	n.ends(30 * time.Second)
	require.Equal(t, "running", one[string](i, `SELECT state FROM runs`), "nobody could give it back")
	i.serve()
	i.until(40*time.Second, 1, `SELECT count(*) FROM runs WHERE state = 'succeeded'`)
	require.Equal(t, 1, one[int](i, `SELECT count(*) FROM joiner_accounts`))
	_, creates := i.gate.counts()
	require.Equal(t, 1, creates, "what the first one made was found and not made again")
}

// a second signal ends the process at once; the run is taken over when the
// lease has ended, so nothing is lost by it.
func TestStop_R33_ASecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	i, n := underway(t)
	n.signal(syscall.SIGTERM)
	pgtest.Eventually(t, 5*time.Second, "it heard the first", func() bool {
		code, _, err := n.get("/readyz")
		return err != nil || code == http.StatusServiceUnavailable
	})
	select {
	case <-n.done:
		t.Fatal("it ended with a call under way")
	default:
	}
	n.signal(syscall.SIGTERM)
	n.ends(pgtest.Hang)
	// An end in order, whose time was over, would say otherwise.
	require.Equal(t, 128+int(syscall.SIGTERM), n.cmd.ProcessState.ExitCode())
	require.Equal(t, "running", one[string](i, `SELECT state FROM runs WHERE id = `+theRun))
}
