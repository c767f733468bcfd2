package tryton_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/connector/tryton"
	"joinery/internal/connectortest"
	"joinery/internal/egress"
	"joinery/internal/fault"
	"joinery/internal/secret"
)

// tap stands between a connection and the real server.
type tap struct {
	URL    string
	before func(body string) // sees each request before it goes on

	mu      sync.Mutex
	n       int
	lose    int // loses the answer to this request, counted from the first; 0 = none
	seen    []string
	trouble connectortest.Trouble // of calls that read an employee, while Times > 0
}

func newTap(t *testing.T, target string) *tap {
	t.Helper()
	u, err := url.Parse(target)
	require.NoError(t, err)
	p := &tap{}
	transport := &http.Transport{}
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) }, ModifyResponse: func(*http.Response) error { return nil },
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if p.before != nil {
			p.before(string(body))
		}
		p.mu.Lock()
		p.n++
		lose := p.n == p.lose
		p.seen = append(p.seen, string(body))
		trouble := p.trouble
		if reads := strings.Contains(string(body), "company.employee.search_read"); !reads || trouble.Times == 0 {
			trouble = connectortest.Trouble{}
		} else {
			p.trouble.Times--
		}
		p.mu.Unlock()
		if trouble.Times > 0 && misbehave(w, r, trouble) {
			return
		}
		if lose {
			proxy.ServeHTTP(httptest.NewRecorder(), r) // it was done, and nobody hears of it
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r)
	}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	t.Cleanup(func() { server.Close(); transport.CloseIdleConnections() })
	p.URL = server.URL
	return p
}

// misbehave answers in the server's place, unless it was only to be late.
func misbehave(w http.ResponseWriter, r *http.Request, t connectortest.Trouble) bool {
	if t.Wait != nil {
		select {
		case <-t.Wait:
		case <-r.Context().Done():
		}
	}
	if t.Status == 0 {
		return false
	}
	for k, v := range t.Header {
		w.Header().Set(k, v)
	}
	w.WriteHeader(t.Status)
	_, _ = io.WriteString(w, t.Body)
	return true
}

func (p *tap) set(t connectortest.Trouble) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t.Times = 1
	if t.Status == http.StatusUnauthorized {
		t.Times = 2 // once means a session that has ended, which is renewed
	}
	p.trouble = t
}

// loseNext loses the nth answer from now on; 0 loses none.
func (p *tap) loseNext(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lose = 0; n > 0 {
		p.lose = p.n + n
	}
}

func (p *tap) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n
}

func (p *tap) logins() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Count(strings.Join(p.seen, "\n"), "common.db.login")
}

func TestSession(t *testing.T) {
	t.Parallel()
	s := connectortest.SharedTryton(t)
	p := hire(t, s, "Session Of", nil)
	link := newTap(t, s.BaseURL)
	conn := open(t, s, m{"base_url": link.URL}).(connector.Workers)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			if _, err := conn.Worker(t.Context(), p.worker()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, 1, link.logins(), "all share one session")

	// The server forgets the session, as it does after some minutes without a call.
	require.NoError(t, s.EndSessions(t.Context()))
	_, err := conn.Worker(t.Context(), p.worker())
	require.NoError(t, err)
	require.Equal(t, 2, link.logins())
}

// A password that is revoked ends at the next call within five seconds, although
// the session opened with it lives on.
func TestS44_RevokedPasswordEndsSession(t *testing.T) {
	t.Parallel()
	s := connectortest.SharedTryton(t)
	p := hire(t, s, "Revoked From", nil)
	var revoked atomic.Bool
	var now atomic.Int64
	now.Store(time.Now().UnixNano())
	pool := &connector.Pool{Catalog: one{}, Guard: &egress.Guard{}, Now: func() time.Time { return time.Unix(0, now.Load()) }, Log: slog.New(slog.DiscardHandler),
		Secret: func(context.Context, string, string) (secret.Value, error) {
			if revoked.Load() {
				return secret.Value{}, fault.New(fault.Invalid, "The credential was revoked.")
			}
			return secret.New(s.Password), nil
		}}
	conn, release, err := pool.Use(t.Context(), s.Settings("hr"), "test")
	require.NoError(t, err)
	t.Cleanup(func() { release(); require.NoError(t, pool.Close()) })
	_, err = conn.(connector.Workers).Worker(t.Context(), p.worker())
	require.NoError(t, err)
	revoked.Store(true)
	now.Add(int64(3 * time.Second))
	_, err = conn.(connector.Workers).Worker(t.Context(), p.worker())
	require.ErrorContains(t, err, "revoked")
	revoked.Store(false)
	_, err = conn.(connector.Workers).Worker(t.Context(), p.worker())
	require.NoError(t, err)
}

type one struct{}

func (one) Type(kind string) (connector.Type, bool) { return tryton.Type{}, kind == "tryton" }
func (one) Types() []connector.Type                 { return []connector.Type{tryton.Type{}} }

// A Tryton behind a certificate of the company's own authority.
func TestOwnAuthority(t *testing.T) {
	t.Parallel()
	s := connectortest.SharedTryton(t)
	p := hire(t, s, "Over TLS", nil)
	cert, key, err := connectortest.Certificate(time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	require.NoError(t, err)
	pair, err := connectortest.KeyPair(cert, key)
	require.NoError(t, err)
	target, err := url.Parse(s.BaseURL)
	require.NoError(t, err)
	transport := &http.Transport{}
	server := httptest.NewUnstartedServer(&httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }})
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	server.StartTLS()
	t.Cleanup(func() { server.Close(); transport.CloseIdleConnections() })
	w := read(t, open(t, s, m{"base_url": server.URL, "ca": cert}), p.worker())
	require.Equal(t, "TLS", w.Text("last_name"))
	_, err = open(t, s, m{"base_url": server.URL}).(connector.Workers).Worker(t.Context(), p.worker())
	require.Error(t, err)
	require.Contains(t, fault.Sentence(err), "authority we do not know")
}

func TestFindings(t *testing.T) {
	t.Parallel()
	s := connectortest.SharedTryton(t)
	hire(t, s, "Test Me", m{"start_date": day("2026-12-01")})
	last := func(c connector.Conn) connector.Finding {
		all := c.Test(t.Context())
		return all[len(all)-1]
	}
	all := open(t, s, nil).Test(t.Context())
	var titles []string
	for _, f := range all {
		titles = append(titles, f.Title)
	}
	require.Subset(t, titles, []string{"Connect", "Sign in", "See employees", "Find the mapped fields", "Read an employee", "May write the work e-mail"})
	require.Contains(t, all[0].Detail, "Tryton 6")
	for _, c := range []struct {
		change      m
		title, says string
	}{
		{m{"database": "nosuch"}, "Sign in", "no database nosuch"},
		{m{"user": "nobody"}, "Sign in", "login or the password is wrong"},
		{m{"company": "No Such"}, "See employees", "no company named No Such"},
		{m{"fields": m{"department": "department.rec_name", "badge": "party.badge"}}, "Find the mapped fields", "party.badge (for badge), department.rec_name (for department)"},
		{m{"base_url": "http://127.0.0.1:1"}, "Connect", "nothing listens there"},
	} {
		f := last(open(t, s, c.change))
		require.Equal(t, c.title, f.Title)
		require.False(t, f.OK)
		require.Contains(t, f.Detail, c.says)
	}
	html := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>Hello") }))
	t.Cleanup(html.Close)
	require.Contains(t, last(open(t, s, m{"base_url": html.URL})).Detail, "not JSON")
	wrong := connectortest.Open(t, tryton.Type{}, s.Settings("hr"), map[string]string{"password": "wrong"})
	f := last(wrong)
	require.Equal(t, "Sign in", f.Title)
	require.NotContains(t, f.Detail, "wrong-")
}
