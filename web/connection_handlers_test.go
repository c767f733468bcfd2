package web

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"
	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/connector/all"
	"joinery/internal/fault"
)

// desk is a small app around the connection pages and what it was asked to do.
type desk struct {
	app        *fiber.App
	state      map[string]ConnectionState
	saved      []connector.Settings
	tried      []connector.Settings
	drafts     []connector.Settings
	admin      bool
	saveResult error
}

func newDesk(states ...ConnectionState) *desk {
	d := &desk{app: fiber.New(fiber.Config{Immutable: true}), state: map[string]ConnectionState{}}
	for _, s := range states {
		d.state[s.Settings.Key] = s
	}
	yes := func(*fiber.Ctx) bool { return true }
	p := ConnectionPages{
		Catalog: all.New(), BaseURL: "https://j.example",
		List: func(context.Context) ([]ConnectionState, error) { return states, nil },
		Load: func(_ context.Context, key string) (ConnectionState, error) {
			s, ok := d.state[key]
			if !ok {
				return s, fault.New(fault.NotFound, "There is no connection %q.", key)
			}
			return s, nil
		},
		SaveRevision: func(_ *fiber.Ctx, s connector.Settings, _ string, _ int) error {
			d.saved = append(d.saved, s)
			return d.saveResult
		},
		Try: func(_ context.Context, s connector.Settings) []connector.Finding {
			d.tried = append(d.tried, s)
			return []connector.Finding{{Title: "Sign in", OK: true, Detail: "Fine."}}
		},
		TryDraft: func(_ context.Context, s connector.Settings, _ []string) []connector.Finding {
			d.drafts = append(d.drafts, s)
			return []connector.Finding{{Title: "Sign in", Detail: "Not tried."}}
		},
		Pause: func(_ *fiber.Ctx, key string, on bool) error {
			s := d.state[key]
			s.Paused = on
			d.state[key] = s
			return nil
		},
		Render: func(c *fiber.Ctx, _ string, body templ.Component) error {
			c.Set("Content-Type", "text/html")
			return body.Render(c.UserContext(), c)
		},
		CSRF:    func(*fiber.Ctx) string { return "token" },
		MayEdit: yes, MayTest: yes, MayPause: yes, MayCredential: func(*fiber.Ctx) bool { return d.admin },
	}
	d.app.Get("/connections", p.Index)
	d.app.Get("/connections/new", p.New)
	d.app.Post("/connections", p.Save)
	d.app.Post("/connections/test", p.TestDraft)
	d.app.Get("/connections/:key", p.Show)
	d.app.Get("/connections/:key/edit", p.Edit)
	d.app.Post("/connections/:key", p.Save)
	d.app.Post("/connections/:key/test", p.TestDraft)
	d.app.Post("/connections/:key/pause", p.SetPaused(true))
	return d
}

func (d *desk) send(t *testing.T, method, path string, values url.Values) (int, string) {
	t.Helper()
	req := httptest.NewRequest(method, path, strings.NewReader(values.Encode()))
	if values != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := d.app.Test(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

func filled(s connector.Settings, base string) url.Values {
	t, _ := all.New().Type(s.Type)
	out := posted(connectionGroups(t.Info(), s, nil, base == "0"))
	out.Set("type", s.Type)
	out.Set("base_revision", base)
	return out
}

func TestConnectionPages_R18_TellThatItIsGivenRest(t *testing.T) {
	t.Parallel()
	app := examples()["scim"]
	since := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	d := newDesk(ConnectionState{Settings: app, Revision: 2, Live: 2, Approved: &app,
		Health: connector.Health{Connection: app.Key, Resting: true, Since: since, Until: since.Add(30 * time.Second), Why: "The token is not accepted."}})
	_, list := d.send(t, "GET", "/connections", nil)
	require.Contains(t, list, "Given rest")
	_, page := d.send(t, "GET", "/connections/"+app.Key, nil)
	require.Contains(t, page, "Since 08:00:00 UTC nothing is sent to this system: The token is not accepted. One call will be tried at 08:00:30 UTC.")
}

func TestConnectionPages_WayThrough(t *testing.T) {
	t.Parallel()
	app := examples()["scim"]
	d := newDesk(ConnectionState{Settings: app, Revision: 3, Live: 2, Approved: &app})
	for path, says := range map[string]string{
		"/connections": "Changes not reviewed", "/connections/new": "LDAP or Active Directory", "/connections/new?type=ldap": "Bind account",
		"/connections/app": "Test connection", "/connections/app/edit": "Save as a new revision",
	} {
		code, body := d.send(t, http.MethodGet, path, nil)
		require.Equal(t, http.StatusOK, code, path)
		require.Contains(t, body, says, path)
	}
	code, _ := d.send(t, http.MethodPost, "/connections/app", filled(app, "3"))
	require.Equal(t, http.StatusSeeOther, code)
	require.Equal(t, []connector.Settings{app}, d.saved)

	wrong := app
	wrong.Settings = map[string]any{"base_url": "nonsense"}
	code, body := d.send(t, http.MethodPost, "/connections/app", filled(wrong, "3"))
	require.Equal(t, http.StatusUnprocessableEntity, code)
	require.Contains(t, body, "Write an address like")
	require.Contains(t, body, `value="nonsense"`)
	require.Len(t, d.saved, 1)

	d.saveResult = fault.New(fault.Conflict, "Someone saved a newer revision.")
	code, body = d.send(t, http.MethodPost, "/connections/app", filled(app, "2"))
	require.Equal(t, http.StatusConflict, code)
	require.Contains(t, body, "Someone saved a newer revision.")

	code, _ = d.send(t, http.MethodPost, "/connections/app/pause", url.Values{})
	require.Equal(t, http.StatusSeeOther, code)
	require.True(t, d.state["app"].Paused)
}

// A test must not carry a credential to an address nobody approved, whoever asks
// and however the form is bent.
func TestConnectionPages_DraftsAreTriedWithoutCredentials(t *testing.T) {
	t.Parallel()
	live := examples()["scim"]
	evil := live
	evil.Settings = map[string]any{"base_url": "https://evil.example", "auth": "basic", "user": "u"}
	private := live
	private.Private = []string{"10.0.0.0/8"}
	for name, c := range map[string]struct {
		admin  bool
		path   string
		form   url.Values
		secret bool
	}{
		"approved settings":             {false, "/connections/app/test", filled(live, "3"), true},
		"the page's button":             {false, "/connections/app/test", url.Values{"_csrf": {"token"}}, true},
		"another address":               {false, "/connections/app/test", filled(evil, "3"), false},
		"another address, as an admin":  {true, "/connections/app/test", filled(evil, "3"), false},
		"more private hosts":            {true, "/connections/app/test", filled(private, "3"), false},
		"the old key as a new one":      {true, "/connections/test", filled(evil, "0"), false},
		"base revision bent to 0":       {true, "/connections/app/test", filled(evil, "0"), false},
		"new, by who sets credentials":  {true, "/connections/test", filled(renamed(evil), "0"), true},
		"new, by who does not set them": {false, "/connections/test", filled(renamed(evil), "0"), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(ConnectionState{Settings: live, Revision: 3, Live: 3, Approved: &live})
			d.admin = c.admin
			code, _ := d.send(t, http.MethodPost, c.path, c.form)
			require.Equal(t, http.StatusOK, code)
			if c.secret {
				require.Len(t, d.tried, 1)
				require.Empty(t, d.drafts)
			} else {
				require.Empty(t, d.tried)
				require.Len(t, d.drafts, 1)
			}
		})
	}
}

func renamed(s connector.Settings) connector.Settings {
	s.Key = "brand-new"
	return s
}
