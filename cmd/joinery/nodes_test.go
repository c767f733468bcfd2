package main

import (
	"fmt"
	"net/http"
	"net/url"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/pgtest"
)

// Two processes on one database behind a proxy: a session holds at both, webhooks
// come in at both, the address in the audit log is the browser's, and when one is
// killed everything goes on with the other.
func TestNodes_BehindAProxy(t *testing.T) {
	t.Parallel()
	i := install(t)
	a, b := i.serve(), i.serve()
	browser := i.signIn(i.front.URL)
	at, err := url.Parse(i.front.URL)
	require.NoError(t, err)
	for range 2 {
		status, body := read(t, browser, i.front.URL+"/runs")
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, body, "Runs")
	}
	for _, n := range []*process{a, b} { // the very same cookie, asked of each
		direct, err := url.Parse(n.url)
		require.NoError(t, err)
		browser.Jar.SetCookies(direct, browser.Jar.Cookies(at))
		status, body := read(t, browser, n.url+"/account")
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, body, "Remy Reviewer")
	}
	require.Equal(t, "203.0.113.9", one[string](i, `SELECT address FROM audit_events WHERE action LIKE '%sign_in%' ORDER BY id DESC LIMIT 1`))

	const n = 12
	for k := range n {
		i.hire(fmt.Sprintf("Ada%c", 'a'+k), "Lovelace", time.Now().AddDate(0, 0, -1))
		if k == n/2 {
			a.signal(syscall.SIGKILL)
			a.ends(5 * time.Second)
		}
	}
	i.until(60*time.Second, n, `SELECT count(*) FROM runs WHERE state = 'succeeded'`)
	require.Equal(t, n, one[int](i, `SELECT count(DISTINCT account_id) FROM joiner_accounts`))
	require.GreaterOrEqual(t, one[int](i, `SELECT count(*) FROM events`), n)
	i.front.mu.Lock()
	require.Len(t, i.front.asked, 2, "both were used")
	i.front.mu.Unlock()
	status, _ := read(t, browser, i.front.URL+"/runs")
	require.Equal(t, http.StatusOK, status, "the session outlives the process it was opened at")
	pgtest.Eventually(t, 10*time.Second, "the one that is left is ready", func() bool { code, _, err := b.get("/readyz"); return err == nil && code == http.StatusOK })
}
