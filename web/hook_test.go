package web

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/connector/all"
	"joinery/internal/connector/hrisrest"
	"joinery/internal/first"
	"joinery/internal/node"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/secret"
)

// intake is a server with one live HRIS connection and one live flow.
type intake struct {
	t    *testing.T
	db   *postgres.DB
	s    *Server
	app  *fiber.App
	keys []string
	by   auth.Actor
}

const hookKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func newIntake(t *testing.T) *intake {
	t.Helper()
	kinds := artifact.Kinds{Flows: node.All(), Connectors: all.New()}
	db := pgtest.Open(t, postgres.Config{Artifacts: kinds})
	i := &intake{t: t, db: db, keys: []string{hookKey}}
	i.s = &Server{DB: db, Hasher: auth.NewHasher(1), Now: time.Now, BaseURL: "http://localhost:8080", Catalog: all.New(), Nodes: node.All(), Version: "test"}
	app, err := i.s.App()
	require.NoError(t, err)
	i.app = app
	ctx := t.Context()
	u, err := db.AddUser(ctx, auth.Engine(), i.s.Hasher, postgres.NewUser{Email: "a@x.example", Name: "A", Password: "correct horse battery", Roles: []auth.Role{auth.Admin}})
	require.NoError(t, err)
	i.by = u.Actor()
	reviewer := auth.Actor{Kind: auth.User, ID: "u_b", UserID: "u_b", Name: "B", Roles: []auth.Role{auth.Reviewer}}
	live := func(kind review.Kind, text string) {
		doc, err := kinds.ReadText(kind, "", []byte(text))
		require.NoError(t, err)
		_, err = db.SaveRevision(ctx, i.by, postgres.Save{Doc: doc})
		require.NoError(t, err)
		r, err := db.OpenReview(ctx, i.by, kind, doc.Key, 0, "")
		require.NoError(t, err)
		_, err = db.ApproveReview(ctx, reviewer, r.ID, r.Hash, "")
		require.NoError(t, err)
	}
	live(review.Connection, "key: hr\nname: HR\ntype: hris-rest\nsettings: {base_url: https://hr.example.com}\n")
	live(review.Flow, "key: join\nname: Join\ntrigger: hired\nnodes:\n  - {id: hired, type: hris.event, params: {connection: hr, events: [worker.hired]}}\n")
	i.secret(hookKey, 0)
	return i
}

func (i *intake) secret(value string, overlap time.Duration) {
	_, err := i.db.SetCredential(i.t.Context(), i.by, postgres.NewCredential{Connection: "hr", Name: "webhook_secret", Value: secret.New(value), Owner: "a@x.example", Purpose: "hooks", ExpiresAt: time.Now().AddDate(0, 1, 0), Overlap: overlap})
	require.NoError(i.t, err)
}

func hired(worker string) []byte {
	return []byte(`{"type":"worker.hired","data":{"worker_id":"` + worker + `"}}`)
}

// send signs and posts a delivery; change may spoil the request.
func (i *intake) send(id string, body []byte, at time.Time, change func(*http.Request)) (int, map[string]any) {
	i.t.Helper()
	req := httptest.NewRequest("POST", "/hooks/hr", bytes.NewReader(body))
	req.Host = i.s.base.Host
	req.Header.Set("Content-Type", "application/json")
	signed, err := hrisrest.Sign(hookKey, id, at, body)
	require.NoError(i.t, err)
	for k, v := range signed {
		req.Header.Set(k, v)
	}
	if change != nil {
		change(req)
	}
	resp, err := i.app.Test(req, 20000)
	require.NoError(i.t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(i.t, err)
	var out map[string]any
	require.NoError(i.t, json.Unmarshal(raw, &out), string(raw))
	return resp.StatusCode, out
}

func TestS68_Hooks(t *testing.T) {
	t.Parallel()
	i := newIntake(t)
	status, out := i.send("evt_1", hired("1"), time.Now(), nil)
	require.Equal(t, 202, status)
	require.Equal(t, false, out["duplicate"])
	require.Len(t, out["runs"], 1)
	event := out["event"]
	status, again := i.send("evt_1", hired("1"), time.Now(), nil)
	require.Equal(t, 202, status)
	require.Equal(t, map[string]any{"event": event, "runs": out["runs"], "duplicate": true}, again, "a repeated event gets the first one's answer")
	status, out = i.send("evt_ping", []byte(`{"type":"ping"}`), time.Now(), nil)
	require.Equal(t, 202, status)
	require.Empty(t, out["runs"])
	status, out = i.send("evt_other", []byte(`{"type":"worker.updated","data":{"worker_id":"1"}}`), time.Now(), nil)
	require.Equal(t, 202, status)
	require.Empty(t, out["runs"], "no flow listens to it")

	for name, c := range map[string]struct {
		body   []byte
		at     time.Time
		change func(*http.Request)
		status int
		says   string
	}{
		"unsigned":      {hired("2"), time.Now(), func(r *http.Request) { r.Header.Del("webhook-signature") }, 401, "not signed"},
		"bad signature": {hired("2"), time.Now(), func(r *http.Request) { r.Header.Set("webhook-signature", "v1,AAAA") }, 401, "does not match"},
		"tampered body": {hired("2"), time.Now(), func(r *http.Request) { r.Body = io.NopCloser(bytes.NewReader(hired("3"))) }, 401, "does not match"},
		"stale":         {hired("2"), time.Now().Add(-10 * time.Minute), nil, 401, "more than"},
		"malformed":     {[]byte(`{"type":`), time.Now(), nil, 400, "not JSON"},
		"no worker":     {[]byte(`{"type":"worker.hired"}`), time.Now(), nil, 400, "names no worker"},
		"not UTF-8":     {[]byte("{\"type\":\"\xff\"}"), time.Now(), nil, 400, "UTF-8"},
		"null in id":    {[]byte(`{"type":"worker.hired","data":{"worker_id":"a\u0000b"}}`), time.Now(), nil, 400, "cannot be stored"},
		"endless id":    {hired(strings.Repeat("x", 1000)), time.Now(), nil, 400, "longer than 200"},
		"too large":     {append(hired("2"), bytes.Repeat([]byte(" "), 300<<10)...), time.Now(), nil, 413, "256 KiB"},
		"wrong type":    {hired("2"), time.Now(), func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415, "application/json"},
		"unknown key":   {hired("2"), time.Now(), func(r *http.Request) { r.URL.Path = "/hooks/nobody"; r.RequestURI = "/hooks/nobody" }, 404, "No live connection"},
	} {
		t.Run(name, func(t *testing.T) {
			status, out := i.send("evt_"+name, c.body, c.at, c.change)
			require.Equal(t, c.status, status, "%v", out)
			require.Contains(t, out["detail"], c.says)
			require.EqualValues(t, c.status, out["status"], "a problem document")
		})
	}
	runs, _, err := i.db.Runs(t.Context(), postgres.RunFilter{})
	require.NoError(t, err)
	require.Len(t, runs, 1, "nothing half-done is left")
	dead, _, err := i.db.Events(t.Context(), postgres.EventFilter{State: "dead"})
	require.NoError(t, err)
	require.NotEmpty(t, dead)
	for _, d := range dead {
		full, err := i.db.Event(t.Context(), d.ID)
		require.NoError(t, err)
		require.Equal(t, d.Signer == "", len(full.Body) == 0, "only signed deliveries keep their body")
	}
}

func TestS71_HooksRotation(t *testing.T) {
	t.Parallel()
	i := newIntake(t)
	i.secret("whsec_"+strings.Repeat("B", 32), 24*time.Hour)
	i.s.hooks.doors = nil
	status, _ := i.send("evt_1", hired("1"), time.Now(), nil)
	require.Equal(t, 202, status, "the secret before still counts while the rotation overlaps")
	i.secret("whsec_"+strings.Repeat("C", 32), 0)
	i.s.hooks.doors = nil
	status, _ = i.send("evt_2", hired("2"), time.Now(), nil)
	require.Equal(t, 401, status)
}

// Vendors treat a 4xx as final: our own trouble is 503.
func TestS72_OurTroubleIs503(t *testing.T) {
	t.Parallel()
	i := newIntake(t)
	status, _ := i.send("evt_1", hired("1"), time.Now(), nil)
	require.Equal(t, 202, status)
	i.db.Close()
	status, out := i.send("evt_2", hired("2"), time.Now(), nil)
	require.Equal(t, 503, status, "%v", out)
}

func TestS77_HooksRateLimit(t *testing.T) {
	t.Parallel()
	i := newIntake(t)
	limited := 0
	limiter := i.s.hooks.limiter(&i.s.hooks.limits, "hr", hookRate, hookBurst)
	limiter.SetBurst(1)
	limiter.SetLimit(0.01)
	for n := range 20 {
		if status, _ := i.send("evt_same", hired("1"), time.Now(), nil); status == 429 {
			limited++
		} else {
			require.Equal(t, 202, status, "%d", n)
		}
	}
	require.Positive(t, limited)
}

// A dead letter is replayed after its cause is mended.
func TestHooks_DeadLetterReplay(t *testing.T) {
	t.Parallel()
	i := newIntake(t)
	status, _ := i.send("evt_1", []byte(`{"kind":"worker.hired","data":{"worker_id":"1"}}`), time.Now(), nil)
	require.Equal(t, 400, status)
	dead, _, err := i.db.Events(t.Context(), postgres.EventFilter{State: "dead"})
	require.NoError(t, err)
	require.Len(t, dead, 1)
	// The HRIS names the type "kind": the setting is mended and goes live.
	doc, err := i.s.kinds().ReadText(review.Connection, "", []byte("key: hr\nname: HR\ntype: hris-rest\nsettings: {base_url: https://hr.example.com, event_type: kind}\n"))
	require.NoError(t, err)
	_, err = i.db.SaveRevision(t.Context(), i.by, postgres.Save{Doc: doc, Base: 1})
	require.NoError(t, err)
	_, err = i.db.BreakGlass(t.Context(), i.by, review.Connection, "hr", 2, "the HRIS changed its format")
	require.NoError(t, err)
	app := fiber.New()
	app.Post("/:id", func(c *fiber.Ctx) error {
		out, err := i.s.replay(c, i.by, c.Params("id"))
		if err != nil {
			return err
		}
		return c.JSON(out)
	})
	resp, err := app.Test(httptest.NewRequest("POST", "/"+dead[0].ID, nil), 20000)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 200, resp.StatusCode)
	runs, _, err := i.db.Runs(t.Context(), postgres.RunFilter{})
	require.NoError(t, err)
	require.Len(t, runs, 1)
	e, err := i.db.Event(t.Context(), dead[0].ID)
	require.NoError(t, err)
	require.Equal(t, "replayed", e.State)
}

// A delivery that comes while a page is being answered waits for it a little.
func TestHooks_PagesGoFirst(t *testing.T) {
	t.Parallel()
	i := newIntake(t)
	i.s.First = &first.First{}
	began := time.Now()
	answered := i.s.First.Page()
	status, _, _ := i.deliver(hired("4711")) // unsigned: it waits before it is read
	require.Equal(t, http.StatusUnauthorized, status)
	require.GreaterOrEqual(t, time.Since(began), first.Most)
	answered()
}
