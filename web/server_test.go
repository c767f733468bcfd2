package web

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/connector"
	"joinery/internal/connector/all"
	"joinery/internal/egress"
	"joinery/internal/node"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/secret"
)

const goodPassword = "correct horse battery"

// console is a server with a database of its own, without a listener.
type console struct {
	server *Server
	app    *fiber.App
}

func newConsole(t testing.TB, baseURL string) *console {
	t.Helper()
	sealer, err := secret.NewSealer(bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	guard, err := egress.New()
	require.NoError(t, err)
	types := all.New()
	db := pgtest.Open(t, postgres.Config{Artifacts: artifact.Kinds{Flows: node.All(), Connectors: types}, Sealer: sealer})
	s := &Server{DB: db, Hasher: auth.NewHasher(2), Log: slog.New(slog.DiscardHandler), Now: time.Now, BaseURL: baseURL, Version: "test", Catalog: types, Nodes: node.All(),
		Pool: &connector.Pool{Catalog: types, Guard: guard, Secret: db.Secret, Now: time.Now, Log: slog.New(slog.DiscardHandler)}, Kick: func() {}}
	t.Cleanup(func() { _ = s.Pool.Close() })
	app, err := s.App()
	require.NoError(t, err)
	return &console{server: s, app: app}
}

// person adds a user with these roles and gives a browser that is signed in.
func (k *console) person(t testing.TB, email string, roles ...auth.Role) *browser {
	t.Helper()
	_, err := k.server.DB.AddUser(context.Background(), auth.Engine(), k.server.Hasher, postgres.NewUser{Email: email, Name: "Person " + email, Password: goodPassword, Roles: roles})
	require.NoError(t, err)
	b := &browser{console: k, cookies: map[string]string{}}
	a := b.post(t, "/sign-in", url.Values{"email": {email}, "password": {goodPassword}})
	require.Equal(t, http.StatusSeeOther, a.status, a.body)
	return b
}

func (k *console) stranger() *browser { return &browser{console: k, cookies: map[string]string{}} }

// browser keeps cookies and sends forms the way a browser does.
type browser struct {
	console *console
	cookies map[string]string
}

type answer struct {
	status int
	body   string
	header http.Header
}

var csrfField = regexp.MustCompile(`name="_csrf" value="([^"]+)"`)

func (b *browser) token(t testing.TB) string {
	t.Helper()
	m := csrfField.FindStringSubmatch(b.get(t, "/account").body)
	require.NotNil(t, m, "the page has no form with a token")
	return m[1]
}

func (b *browser) get(t testing.TB, path string) answer { return b.send(t, get, path, nil, nil) }

// post sends a form; a signed-in browser's token is added unless it is there.
func (b *browser) post(t testing.TB, path string, form url.Values) answer {
	t.Helper()
	if form == nil {
		form = url.Values{}
	}
	if len(b.cookies) > 0 && !form.Has("_csrf") {
		form.Set("_csrf", b.token(t))
	}
	return b.send(t, post, path, form, map[string]string{"Sec-Fetch-Site": "same-origin"})
}

func (b *browser) send(t testing.TB, method, path string, form url.Values, header map[string]string) answer {
	t.Helper()
	req := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	req.Host = b.console.server.base.Host
	req.Header.Set("Accept", "text/html")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	for k, v := range b.cookies {
		req.AddCookie(&http.Cookie{Name: k, Value: v})
	}
	resp, err := b.console.app.Test(req, 30_000)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	for _, c := range resp.Cookies() {
		if c.Value == "" {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return answer{resp.StatusCode, string(raw), resp.Header}
}

func TestS30_SignInAndOut(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "https://joinery.example")
	b := k.stranger()
	a := b.get(t, "/audit?kind=flow")
	require.Equal(t, http.StatusSeeOther, a.status)
	require.Equal(t, "/sign-in?next=%2Faudit%3Fkind%3Dflow", a.header.Get("Location"))
	require.Contains(t, b.get(t, "/sign-in").body, "not set up yet")

	b = k.person(t, "ada@example.com", auth.Admin)
	require.Contains(t, b.cookies, "__Host-joinery")
	a = b.get(t, "/account")
	require.Equal(t, http.StatusOK, a.status)
	require.Contains(t, a.body, "ada@example.com")

	old := b.cookies["__Host-joinery"]
	a = b.send(t, post, "/sign-in", url.Values{"email": {"ada@example.com"}, "password": {goodPassword}}, map[string]string{"Sec-Fetch-Site": "same-origin"})
	require.Equal(t, http.StatusSeeOther, a.status, "a sign-in form in another tab still works")
	again := b.cookies["__Host-joinery"]
	require.NotEqual(t, old, again)
	b.cookies["__Host-joinery"] = old
	require.Equal(t, http.StatusSeeOther, b.get(t, "/account").status, "the session before ended")
	old, b.cookies["__Host-joinery"] = again, again
	a = b.post(t, "/sign-out", nil)
	require.Equal(t, http.StatusSeeOther, a.status)
	b.cookies["__Host-joinery"] = old
	require.Equal(t, http.StatusSeeOther, b.get(t, "/account").status, "the session is over on the server too")

	wrong := k.stranger().post(t, "/sign-in", url.Values{"email": {"ada@example.com"}, "password": {"wrong"}})
	unknown := k.stranger().post(t, "/sign-in", url.Values{"email": {"eve@example.com"}, "password": {"wrong"}})
	require.Equal(t, http.StatusUnauthorized, wrong.status)
	require.Equal(t, http.StatusUnauthorized, unknown.status)
	require.Equal(t, strings.ReplaceAll(wrong.body, "ada@", "eve@"), unknown.body)
}

func TestS33_CookiesAreBound(t *testing.T) {
	t.Parallel()
	for base, want := range map[string][]string{
		"https://joinery.example": {"__Host-joinery=", "HttpOnly", "secure", "SameSite=Lax", "path=/"},
		"http://localhost:8080":   {"joinery=", "HttpOnly", "SameSite=Lax", "path=/"},
	} {
		k := newConsole(t, base)
		_, err := k.server.DB.AddUser(context.Background(), auth.Engine(), k.server.Hasher, postgres.NewUser{Email: "a@example.com", Name: "A", Password: goodPassword, Roles: []auth.Role{auth.Viewer}})
		require.NoError(t, err)
		a := k.stranger().post(t, "/sign-in", url.Values{"email": {"a@example.com"}, "password": {goodPassword}})
		cookie := a.header.Get("Set-Cookie")
		for _, w := range want {
			require.Contains(t, strings.ToLower(cookie), strings.ToLower(w), base)
		}
		require.Equal(t, strings.HasPrefix(base, "https"), strings.Contains(strings.ToLower(cookie), "secure"))
		require.NotContains(t, strings.ToLower(cookie), "domain=")
	}
}

func TestS14_SignInGoesNowhereElse(t *testing.T) {
	t.Parallel()
	for _, next := range []string{"//evil.example", "https://evil.example", `/\evil.example`, "javascript:alert(1)", "/\n/evil", "", "/sign-in"} {
		require.Equal(t, "/", localPath(next), next)
	}
	require.Equal(t, "/runs?state=failed", localPath("/runs?state=failed"))
}

func TestS09_RefusesForgedRequests(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "https://joinery.example")
	b := k.person(t, "ada@example.com", auth.Admin)
	other := k.person(t, "bob@example.com", auth.Admin)
	good := b.token(t)
	for name, c := range map[string]struct {
		token  string
		header map[string]string
		status int
	}{
		"no token":                       {"", map[string]string{"Sec-Fetch-Site": "same-origin"}, http.StatusForbidden},
		"another's token":                {other.token(t), map[string]string{"Sec-Fetch-Site": "same-origin"}, http.StatusForbidden},
		"garbage":                        {"AAAA", map[string]string{"Sec-Fetch-Site": "same-origin"}, http.StatusForbidden},
		"another site":                   {good, map[string]string{"Sec-Fetch-Site": "cross-site"}, http.StatusForbidden},
		"another host of the same site":  {good, map[string]string{"Sec-Fetch-Site": "same-site"}, http.StatusForbidden},
		"another origin, older browser":  {good, map[string]string{"Origin": "https://evil.example"}, http.StatusForbidden},
		"no origin at all, older":        {good, map[string]string{"Origin": "null"}, http.StatusForbidden},
		"own origin, older browser":      {good, map[string]string{"Origin": "https://joinery.example"}, http.StatusUnprocessableEntity},
		"token in the header":            {"", map[string]string{"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": good}, http.StatusUnprocessableEntity},
		"own page":                       {good, map[string]string{"Sec-Fetch-Site": "same-origin"}, http.StatusUnprocessableEntity},
		"no browser, but with the token": {good, nil, http.StatusUnprocessableEntity},
	} {
		form := url.Values{"name": {"x"}, "email": {"no address"}}
		if c.token != "" {
			form.Set("_csrf", c.token)
		}
		require.Equal(t, c.status, b.send(t, post, "/users", form, c.header).status, name)
	}
	a := k.stranger().send(t, post, "/sign-in", url.Values{"email": {"ada@example.com"}, "password": {goodPassword}}, map[string]string{"Sec-Fetch-Site": "cross-site"})
	require.Equal(t, http.StatusForbidden, a.status, "nobody can be signed in from another site")
	require.NotEqual(t, b.token(t), b.token(t), "each page masks the token anew")
}

func TestServer_BearerCountsOnlyWhereItShould(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "https://joinery.example")
	k.person(t, "ada@example.com", auth.Admin)
	secret, _, err := k.server.DB.CreateToken(context.Background(), auth.Engine(), postgres.NewToken{Name: "t", OwnerEmail: "ada@example.com", Roles: []auth.Role{auth.Admin}, ExpiresAt: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	a := k.stranger().send(t, get, "/users", nil, map[string]string{"Authorization": "Bearer " + secret})
	require.Equal(t, http.StatusSeeOther, a.status, "a token opens no pages")
	b := k.stranger()
	b.cookies["__Host-joinery"] = secret
	require.Equal(t, http.StatusSeeOther, b.get(t, "/users").status, "a token in a cookie is nothing")
}

func TestS07_Headers(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "https://joinery.example")
	b := k.person(t, "ada@example.com", auth.Admin)
	for _, path := range []string{"/account", "/nothing-here", "/users/u_none", "/sign-in"} {
		a := b.get(t, path)
		require.Equal(t, csp, a.header.Get("Content-Security-Policy"), path)
		require.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"), path)
		require.Equal(t, "no-store", a.header.Get("Cache-Control"), path)
		require.NotEmpty(t, a.header.Get("X-Request-Id"), path)
		require.NotEmpty(t, a.header.Get("Strict-Transport-Security"), path)
		for _, inline := range []string{"<style", " style=", "onclick=", "javascript:", "<script>"} {
			require.NotContains(t, a.body, inline, path)
		}
	}
	asset := b.get(t, k.server.assets.URL("style.css"))
	require.Equal(t, http.StatusOK, asset.status)
	require.Equal(t, "public, max-age=31536000, immutable", asset.header.Get("Cache-Control"))
	require.Regexp(t, `url\(inter\.woff2\?v=[0-9a-f]{12}\)`, asset.body)
	packed := b.send(t, get, k.server.assets.URL("style.css"), nil, map[string]string{"Accept-Encoding": "gzip, br"})
	require.Equal(t, "br", packed.header.Get("Content-Encoding"))
	require.Less(t, len(packed.body), len(asset.body)/2)
}

func TestServer_ErrorsArePagesOrProblems(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	b := k.person(t, "vic@example.com", auth.Viewer)
	a := b.get(t, "/nothing-here")
	require.Equal(t, http.StatusNotFound, a.status)
	require.Contains(t, a.body, "There is nothing at this address.")
	require.Contains(t, a.body, `aria-label="Joinery"`, "the navigation stays")
	a = b.get(t, "/users")
	require.Equal(t, http.StatusForbidden, a.status)
	require.Contains(t, a.body, "user.manage")
	require.NotContains(t, a.body, `href="/users"`)
	a = b.post(t, "/audit", nil)
	require.Equal(t, http.StatusMethodNotAllowed, a.status)
	a = b.send(t, get, "/api/v1/nothing", nil, nil)
	require.Equal(t, http.StatusNotFound, a.status)
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
	require.JSONEq(t, `{"type":"about:blank","title":"Not Found","status":404,"detail":"There is nothing at this address. It may have been mistyped, or what was here is gone.","instance":"/api/v1/nothing","request":"`+a.header.Get("X-Request-Id")+`"}`, a.body)
	a = b.send(t, get, "/users", nil, map[string]string{"Accept": "application/json"})
	require.Equal(t, http.StatusForbidden, a.status)
	require.Contains(t, a.body, `"status":403`)
}

func TestS05_PanicIsAnAnswer(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	k.app.Get("/boom", func(*fiber.Ctx) error { panic("secret detail") })
	a := k.stranger().get(t, "/boom")
	require.Equal(t, http.StatusInternalServerError, a.status)
	require.NotContains(t, a.body, "secret detail")
	require.Contains(t, a.body, a.header.Get("X-Request-Id"))
}

func TestS26_SetupHappensOnce(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	link, err := k.server.DB.NewSetupLink(context.Background())
	require.NoError(t, err)
	b := k.stranger()
	require.Contains(t, b.get(t, "/setup?token="+link).body, "Make the first administrator")
	form := url.Values{"token": {link}, "name": {"Ada"}, "email": {"ada@example.com"}, "password": {"short"}}
	a := b.post(t, "/setup", form)
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
	require.Contains(t, a.body, "password needs at least")
	form.Set("password", goodPassword)
	a = b.post(t, "/setup", form)
	require.Equal(t, http.StatusSeeOther, a.status)
	require.Equal(t, http.StatusOK, b.get(t, "/users").status)
	form.Set("email", "eve@example.com")
	require.Equal(t, http.StatusConflict, k.stranger().post(t, "/setup", form).status)
	require.Equal(t, http.StatusSeeOther, k.stranger().get(t, "/setup?token="+link).status)
}
