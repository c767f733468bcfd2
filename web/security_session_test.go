package web

import (
	"bufio"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
)

// twin is a second server on the same database, as behind a load balancer.
func (k *console) twin(t *testing.T) *console {
	t.Helper()
	s := &Server{DB: k.server.DB, Hasher: auth.NewHasher(2), Log: slog.New(slog.DiscardHandler), Now: time.Now, BaseURL: k.server.BaseURL, Version: "test", Catalog: k.server.Catalog, Nodes: k.server.Nodes, Pool: k.server.Pool, Kick: func() {}}
	app, err := s.App()
	require.NoError(t, err)
	return &console{server: s, app: app}
}

// on is the same browser at another server.
func (b *browser) on(k *console) *browser { return &browser{console: k, cookies: b.cookies} }

// What ends or changes a session counts at the next request, on every server, and
// a request under way cannot revive it.
func TestS31_S44_SessionsEndEverywhereAtOnce(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "https://joinery.example")
	two := k.twin(t)
	ada := k.person(t, "ada@example.com", auth.Admin)
	adaWho := k.actor(t, "ada@example.com")
	for name, end := range map[string]func(id string, b *browser){
		"sign out":     func(_ string, b *browser) { b.post(t, "/sign-out", nil) },
		"not active":   func(id string, _ *browser) { ada.post(t, "/users/"+id, fields("name", "B", "roles", "builder")) },
		"end sessions": func(id string, _ *browser) { ada.post(t, "/users/"+id+"/sessions", nil) },
		"new password": func(id string, _ *browser) {
			require.NoError(t, k.server.DB.SetPassword(t.Context(), adaWho, k.server.Hasher, id, goodPassword+"!", ""))
		},
	} {
		email := strings.ReplaceAll(name, " ", "-") + "@example.com"
		b := k.person(t, email, auth.Builder)
		kept := &browser{console: k, cookies: map[string]string{"__Host-joinery": b.cookies["__Host-joinery"]}}
		require.Equal(t, http.StatusOK, kept.get(t, "/account").status)
		require.Equal(t, http.StatusOK, kept.on(two).get(t, "/account").status)
		// A list that is read together with the question who asks.
		require.Equal(t, http.StatusOK, kept.get(t, "/runs").status)
		require.Equal(t, http.StatusOK, kept.on(two).get(t, "/runs").status)
		value := kept.cookies["__Host-joinery"]
		var busy sync.WaitGroup // requests under way meanwhile
		for range 4 {
			busy.Go(func() {
				for range 10 {
					req := httptest.NewRequest(get, "/account", nil)
					req.Host = "joinery.example"
					req.AddCookie(&http.Cookie{Name: "__Host-joinery", Value: value})
					if resp, err := two.app.Test(req, 30_000); err == nil {
						_ = resp.Body.Close()
					}
				}
			})
		}
		end(k.actor(t, email).UserID, b)
		for _, at := range []*browser{kept, kept.on(two)} {
			for _, page := range []string{"/runs", "/account", "/runs"} {
				at.cookies = map[string]string{"__Host-joinery": value}
				require.Equal(t, http.StatusSeeOther, at.get(t, page).status, "%s: %s", name, page)
			}
		}
		busy.Wait()
		kept.cookies = map[string]string{"__Host-joinery": value}
		require.Equal(t, http.StatusSeeOther, kept.on(two).get(t, "/account").status, "%s: revived", name)
	}
	// Roles, and with them the rights of a token, are read anew each time.
	b := k.person(t, "cem@example.com", auth.Builder, auth.Operator)
	id := k.actor(t, "cem@example.com").UserID
	secret, _, err := k.server.DB.CreateToken(t.Context(), adaWho, postgres.NewToken{Name: "ci", Roles: []auth.Role{auth.Builder}, OwnerEmail: "cem@example.com", ExpiresAt: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	bearer := map[string]string{"Authorization": "Bearer " + secret}
	require.Equal(t, http.StatusOK, b.on(two).get(t, "/flows/new").status)
	require.Equal(t, http.StatusBadRequest, two.stranger().ask(t, put, "/api/v1/policies/p", "application/json", "{", bearer).status)
	ada.post(t, "/users/"+id, fields("name", "C", "roles", "viewer", "active", "true"))
	require.Equal(t, http.StatusForbidden, b.on(two).get(t, "/flows/new").status)
	require.Equal(t, http.StatusForbidden, two.stranger().ask(t, put, "/api/v1/policies/p", "application/json", "{", bearer).status)
}

func (k *console) actor(t *testing.T, email string) auth.Actor {
	t.Helper()
	u, err := k.server.DB.FindUserByEmail(t.Context(), email)
	require.NoError(t, err)
	return u.Actor()
}

// A stream that was opened with a session ends with it, within about a second.
func TestS31_StreamsEndWithTheSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "plain")
	address, _ := listening(t, w.console, nil)
	open := func(b *browser) *bufio.Reader {
		req, err := http.NewRequestWithContext(t.Context(), get, "http://"+address+"/runs/"+w.run("waiting")+"/live", nil)
		require.NoError(t, err)
		for k, v := range b.cookies {
			req.AddCookie(&http.Cookie{Name: k, Value: v})
		}
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		t.Cleanup(func() { _ = resp.Body.Close() })
		require.Equal(t, http.StatusOK, resp.StatusCode)
		return bufio.NewReader(resp.Body)
	}
	for name, end := range map[string]func(id string){
		"sessions ended": func(id string) { require.NoError(t, w.server.DB.EndSessions(t.Context(), w.boWho, id)) },
		"role taken": func(id string) {
			_, err := w.server.DB.ChangeUser(t.Context(), w.boWho, id, postgres.UserChange{Roles: []auth.Role{auth.Viewer}})
			require.NoError(t, err)
		},
	} {
		email := strings.ReplaceAll(name, " ", "-") + "@example.com"
		r := open(w.person(t, email, auth.Operator))
		_, err := r.ReadString('\n')
		require.NoError(t, err)
		over := make(chan struct{})
		go func() {
			defer close(over)
			for {
				if _, err := r.ReadString('\n'); err != nil {
					return
				}
			}
		}()
		end(w.actor(t, email).UserID)
		pgtest.Eventually(t, 3*time.Second, name+" ends the stream", func() bool {
			select {
			case <-over:
				return true
			default:
				return false
			}
		})
	}
}

// Who wrote a change cannot approve it: not with another role, not as
// administrator, not by a token, on the page or by the API.
func TestS38_S39_S40_OwnWorkIsNotApproved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "plain")
	both := w.person(t, "cleo@example.com", auth.Builder, auth.Reviewer, auth.Admin)
	cleo := w.actor(t, "cleo@example.com")
	doc, err := w.server.kinds().ReadText(review.Policy, "", []byte(w.text(review.Policy, "own", 1)))
	require.NoError(t, err)
	_, err = w.server.DB.SaveRevision(t.Context(), cleo, postgres.Save{Doc: doc, Via: "console"})
	require.NoError(t, err)
	r, err := w.server.DB.OpenReview(t.Context(), w.boWho, review.Policy, "own", 1, "")
	require.NoError(t, err)
	secret, _, err := w.server.DB.CreateToken(t.Context(), cleo, postgres.NewToken{Name: "ci", Roles: []auth.Role{auth.Admin}, OwnerEmail: "cleo@example.com", ExpiresAt: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	page := both.get(t, "/reviews/"+r.ID)
	require.NotContains(t, page.body, "/reviews/"+r.ID+"/approve")
	require.Contains(t, page.body, "another person has to approve it")
	require.Equal(t, http.StatusForbidden, both.post(t, "/reviews/"+r.ID+"/approve", fields("hash", r.Hash)).status)
	bearer := map[string]string{"Authorization": "Bearer " + secret}
	a := w.stranger().ask(t, post, "/api/v1/reviews/"+r.ID+"/approve", "application/json", `{"hash":"`+r.Hash+`"}`, bearer)
	require.Equal(t, http.StatusForbidden, a.status)
	require.Empty(t, w.value(`SELECT coalesce(string_agg(id, ''), '') FROM releases WHERE key = 'own'`))

	// Nor by a token that its author made in another person's name.
	lent, _, err := w.server.DB.CreateToken(t.Context(), cleo, postgres.NewToken{Name: "helper", Roles: []auth.Role{auth.Reviewer}, OwnerEmail: "re@example.com", ExpiresAt: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	for _, at := range []string{"/api/v1/reviews/" + r.ID + "/approve", "/api/v1/reviews/" + r.ID + "/request-changes"} {
		a = w.stranger().ask(t, post, at, "application/json", `{"hash":"`+r.Hash+`","comment":"x"}`, map[string]string{"Authorization": "Bearer " + lent})
		require.Equal(t, http.StatusForbidden, a.status, a.body)
	}
	a = w.stranger().ask(t, post, "/api/v1/signoffs/"+w.signoff(), "application/json", `{"decision":"approved"}`, map[string]string{"Authorization": "Bearer " + lent})
	require.Equal(t, http.StatusForbidden, a.status, a.body)

	// S-40: the hash of the page that was open counts, and what was live then.
	require.Equal(t, http.StatusConflict, w.re.post(t, "/reviews/"+r.ID+"/approve", fields("hash", strings.Repeat("0", 64))).status)
	require.Equal(t, http.StatusUnprocessableEntity, w.re.post(t, "/reviews/"+r.ID+"/approve", fields("comment", "x")).status)
	require.Equal(t, http.StatusSeeOther, w.re.post(t, "/reviews/"+r.ID+"/approve", fields("hash", r.Hash)).status)
	require.True(t, fault.Is(w.server.DB.Ratify(t.Context(), cleo, "none", ""), fault.NotFound))
}
