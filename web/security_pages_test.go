package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"joinery/internal/fault"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
)

// pages gives an address with real ids for each route that is a GET, streams apart.
func (w *world) pages() map[string]string {
	dead, err := w.server.DB.KeepDeadLetter(w.t.Context(), "hr", "k1", "odd: "+w.marker, "cr_1", "10.0.0.1", []byte(w.marker))
	require.NoError(w.t, err)
	ids := map[string]string{"/bulk": w.list(postgres.ListStarted, run.Failed), "/lists": w.list(postgres.ListStarted, run.Failed), "/runs": w.run(run.Failed), "/signoffs": w.signoff(), "/events": dead, "/exceptions": w.exception(), "/reviews": w.review(review.Flow, "c-flow", 3).ID, "/users": w.boID,
		"/credentials": w.value(`SELECT id FROM credentials LIMIT 1`), "/joiners": w.value(`SELECT id FROM joiners LIMIT 1`)}
	ids["/limits"], _ = w.asked()
	ids["/names"] = reserved(w.t, w.server.DB, "seen", "login", "odd", "odd"+w.marker, w.value(`SELECT id FROM joiners LIMIT 1`), "confirmed")
	ids["/backtests"] = w.tested("c-flow")
	w.model()
	ids["/author"] = string(w.drafted().Conversation)
	out := map[string]string{}
	for _, r := range w.server.routes() {
		if r.method != get || strings.HasSuffix(r.path, "/live") || strings.HasSuffix(r.path, "/stream") {
			continue
		}
		area := strings.TrimPrefix(r.path, "/api/v1")
		area, _, _ = strings.Cut(strings.TrimPrefix(area, "/"), "/")
		kind, _ := review.ParseKind(area)
		if strings.HasPrefix(r.path, "/api/v1/functions/drafts") {
			area = "author"
		}
		at := strings.NewReplacer(":id", ids["/"+area], ":key", "c-"+string(kind), ":node", "ok", ":name", "webhook_secret", ":invariant", "new", ":template", "employee", ":backtest", ids["/backtests"], ":n", "1").Replace(strings.ReplaceAll(r.path, "/static/:name", "/static/style.css"))
		if strings.HasSuffix(r.path, "/diff") || strings.HasSuffix(r.path, "/diff.json") {
			at += "?from=1&to=3"
		}
		if r.path == "/palette" {
			at += "?q=c-"
		}
		out[r.path] = at
	}
	return out
}

// Reading changes nothing.
func TestS11_ReadingChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "plain")
	pages := w.pages()
	w.ada.get(t, "/account")
	before := w.digest()
	for route, at := range pages {
		got := w.ada.get(t, at)
		if route != "/sign-in" && route != "/setup" {
			require.Equal(t, http.StatusOK, got.status, "%s: %.300s", at, got.body)
		}
		require.Less(t, w.ada.send(t, http.MethodHead, at, nil, nil).status, 400, at)
		require.Equal(t, before, w.digest(), at)
	}
}

// Every kind of answer carries the headers that bind the browser.
func TestS07_HeadersOnEveryAnswer(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "https://joinery.example")
	b := k.person(t, "ada@example.com", "admin")
	k.app.Get("/broken", func(*fiber.Ctx) error { return errors.New("cannot") })
	seen := map[int]bool{}
	for _, c := range []struct {
		by           *browser
		method, path string
		host         string
	}{
		{b, get, "/account", ""}, {k.stranger(), get, "/account", ""}, {k.stranger(), get, "/sign-in", ""}, {b, get, "/nothing", ""}, {b, get, "/users/u_none", ""}, {b, post, "/users", ""}, {b, post, "/audit", ""}, {b, get, "/broken", ""},
		{b, get, k.server.assets.URL("style.css"), ""}, {b, get, "/static/none", ""}, {b, get, "/api/v1/flows", ""}, {b, get, "/api/v1/flows/none", ""}, {k.stranger(), get, "/api/v1/flows", ""}, {k.stranger(), post, "/hooks/none", ""},
		{b, get, "/healthz", ""}, {b, get, "/metrics", ""}, {b, "HEAD", "/account", ""}, {k.stranger(), get, "/account", "evil.example"},
	} {
		a := c.by.send(t, c.method, c.path, nil, nil)
		if c.host != "" {
			a = k.at(t, c.host, c.path)
		}
		seen[a.status/100] = true
		at := fmt.Sprintf("%s %s (%d)", c.method, c.path, a.status)
		policy := a.header.Get("Content-Security-Policy")
		require.Contains(t, policy, "default-src 'none'; script-src 'self'; style-src 'self'", at)
		for _, part := range []string{"form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
			require.Contains(t, policy, part, at)
		}
		require.NotContains(t, policy, "unsafe", at)
		require.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"), at)
		require.Equal(t, "same-origin", a.header.Get("Referrer-Policy"), at)
		require.Equal(t, "same-origin", a.header.Get("Cross-Origin-Opener-Policy"), at)
		require.Equal(t, "max-age=31536000; includeSubDomains", a.header.Get("Strict-Transport-Security"), at)
		require.NotEmpty(t, a.header.Get("X-Request-Id"), at)
		require.Empty(t, a.header.Get("Server"), "no banner: %s", at)
		require.Empty(t, a.header.Get("Access-Control-Allow-Origin"), at)
		if !strings.HasPrefix(c.path, "/static/s") {
			require.Equal(t, "no-store", a.header.Get("Cache-Control"), at)
		}
	}
	require.Equal(t, map[int]bool{2: true, 3: true, 4: true, 5: true}, seen)
}

func (k *console) at(t *testing.T, host, path string) answer {
	t.Helper()
	return k.stranger().ask(t, get, path, "", "", map[string]string{":host": host})
}

// What breaks inside is said in the log and not to the browser; the answer names
// the request, so that the two can be brought together.
func TestS05_S06_TroubleInsideStaysInside(t *testing.T) {
	t.Parallel()
	var log lockedBuffer
	k := newConsole(t, "http://localhost:8080")
	k.server.Log = slog.New(slog.NewTextHandler(&log, nil))
	b := k.person(t, "ada@example.com", "admin")
	inside := `pq: SELECT secret FROM users at db.internal.example:5432 /srv/joinery/web/guard.go:77 hunter2-secret`
	for path, do := range map[string]func() error{
		"/plain": func() error { return errors.New(inside) },
		"/wrapped": func() error {
			return fmt.Errorf("save: %w", fault.Wrap(fault.Internal, errors.New(inside), "It could not be saved."))
		},
		"/unavailable": func() error { return fault.Wrap(fault.Unavailable, errors.New(inside), "Try again.") },
		"/panic":       func() error { panic(inside) },
		"/nil-map":     func() error { var m map[string]int; m[inside]++; return nil },
		"/deadline":    func() error { return fmt.Errorf("%s: %w", inside, context.DeadlineExceeded) },
	} {
		for _, at := range []string{path, "/api/v1" + path} {
			k.app.Get(at, func(*fiber.Ctx) error { return do() })
			a := b.get(t, at)
			require.GreaterOrEqual(t, a.status, 500, at)
			id := a.header.Get("X-Request-Id")
			require.Contains(t, a.body, id, "%s names the request", at)
			for _, leak := range []string{"SELECT", "db.internal", "guard.go", "hunter2", "goroutine", "pq:", "deadline exceeded"} {
				require.NotContains(t, a.body, leak, at)
			}
			require.Contains(t, log.String(), id)
			require.Equal(t, http.StatusOK, b.get(t, "/account").status, "the process goes on after %s", at)
		}
	}
	// A page that breaks while it is drawn is an error page, not half a page.
	k.app.Get("/half", func(c *fiber.Ctx) error {
		return sendHTML(c, component(func() error { panic(inside) }))
	})
	a := b.get(t, "/half")
	require.Equal(t, http.StatusInternalServerError, a.status)
	require.NotContains(t, a.body, "hunter2")
	require.Contains(t, a.body, "</html>")

	// The database itself is gone.
	k.server.DB.Close()
	for _, at := range []string{"/account", "/api/v1/flows", "/readyz", "/hooks/hr"} {
		method := get
		if at == "/hooks/hr" {
			method = post
		}
		a := b.ask(t, method, at, "application/json", "", nil)
		require.GreaterOrEqual(t, a.status, 500, at)
		require.Contains(t, a.body, a.header.Get("X-Request-Id"), at)
		for _, leak := range []string{"closed pool", "postgres", "socket", "SELECT", "sql:", "/dev/shm"} {
			require.NotContains(t, a.body, leak, at)
		}
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A request to go somewhere after signing in leads nowhere else.
func TestS14_NextStaysHere(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	k.person(t, "ada@example.com", "viewer")
	for _, next := range []string{"//evil.example", `/\evil.example`, "https:evil.example", "\t//evil.example", "https://evil.example", "javascript:alert(1)", "/\t/evil.example", "/\n//evil.example", `\\evil.example`, "/%5cevil.example/..//evil.example", "///evil.example", "data:text/html,x", " //evil.example", "/\x00/evil.example", "/sign-in?next=//evil.example", "@evil.example", "/.//evil.example"} {
		b := k.stranger()
		a := b.post(t, "/sign-in", fields("email", "ada@example.com", "password", goodPassword, "next", next))
		require.Equal(t, http.StatusSeeOther, a.status)
		to, err := url.Parse(a.header.Get("Location"))
		require.NoError(t, err, "%q", next)
		resolved := (&url.URL{Scheme: "http", Host: "localhost:8080", Path: "/sign-in"}).ResolveReference(to)
		require.Equal(t, "localhost:8080", resolved.Host, "%q went to %s", next, a.header.Get("Location"))
		require.Equal(t, "http", resolved.Scheme)
		require.NotContains(t, a.header.Get("Location"), `\`)
		require.False(t, strings.HasPrefix(a.header.Get("Location"), "//"), next)
		a = b.get(t, "/sign-in?next="+url.QueryEscape(next))
		require.Equal(t, http.StatusSeeOther, a.status, "signed in already")
		require.False(t, strings.HasPrefix(a.header.Get("Location"), "//"), next)
	}
}
