package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/connector"
	"joinery/internal/connector/all"
	"joinery/internal/connector/fake"
	"joinery/internal/connector/hrisrest"
	"joinery/internal/demo"
	"joinery/internal/egress"
	"joinery/internal/joiner"
	"joinery/internal/node"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
	"joinery/internal/secret"
)

// hrHouse is a house whose HRIS is the demo company's, over HTTP, behind a vendor
// whose habits a test sets. Its webhooks come back over HTTP, signed.
type hrHouse struct {
	*house
	company *demo.Company
	vendor  *vendor
	kinds   artifact.Kinds
	// silent leaves out of events what changed and who did it; deaf takes none.
	silent, deaf atomic.Bool
}

// vendor stands between Joinery and the demo HRIS.
type vendor struct {
	mu sync.Mutex
	// ignores are fields that updates silently leave out; stale is how many readings
	// after an update still show the worker as it was; busy how many updates are
	// answered 429; before is called once before an update is let through.
	ignores []string
	stale   int
	busy    int
	before  func()

	proxy   *httputil.ReverseProxy
	shown   map[string][]byte // the last reading of each worker, to be shown stale
	left    int
	updates int
}

func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPatch {
		v.patch(w, r)
		return
	}
	v.mu.Lock()
	old := v.shown[r.URL.Path]
	if v.left > 0 && old != nil {
		v.left--
		v.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(old)
		return
	}
	v.mu.Unlock()
	rec := httptest.NewRecorder()
	v.proxy.ServeHTTP(rec, r)
	v.mu.Lock()
	v.shown[r.URL.Path] = bytes.Clone(rec.Body.Bytes())
	v.mu.Unlock()
	for k := range rec.Header() {
		w.Header().Set(k, rec.Header().Get(k))
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes())
}

func (v *vendor) patch(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	if v.busy > 0 {
		v.busy--
		v.mu.Unlock()
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	before := v.before
	v.before = nil
	ignores := v.ignores
	v.left = v.stale
	v.updates++
	v.mu.Unlock()
	if before != nil {
		before()
	}
	raw, _ := io.ReadAll(r.Body)
	var body map[string]any
	_ = json.Unmarshal(raw, &body)
	for _, f := range ignores {
		delete(body, f)
	}
	raw, _ = json.Marshal(body)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
	v.proxy.ServeHTTP(w, r)
}

func (v *vendor) set(f func(*vendor)) { v.mu.Lock(); defer v.mu.Unlock(); f(v) }

func (v *vendor) sent() int { v.mu.Lock(); defer v.mu.Unlock(); return v.updates }

const contract = `
key: hr-write-back
name: What goes back to HR
type: write-back
write_back:
  fields:
    - {connection: demo-hris, field: work_email, owner: joinery, write: overwrite_own%s}
    - {connection: demo-hris, field: employee_number, owner: hr, write: only_if_empty}
`

const backFlow = `
key: back
name: Write back
trigger: hired
nodes:
  - id: hired
    type: hris.event
    params: {connection: demo-hris, events: [worker.hired, worker.updated]}
  - id: back
    type: hris.write_back
    retry: {attempts: 5, first: 1s}
    params:
      connection: demo-hris
      policy: hr-write-back
      values: {work_email: '=Lower(joiner.first_name + "." + joiner.last_name) + "@x.example"', employee_number: "77"}
%s
edges:
  - {from: hired.started, to: back}
%s`

// openHR makes the house; row is added to the contract's row of the work e-mail,
// param to the node's parameters, and limits to the flow.
func openHR(t *testing.T, row, param, limits string) *hrHouse {
	t.Helper()
	if testing.Short() {
		t.Skip("opens listeners")
	}
	h := &hrHouse{vendor: &vendor{shown: map[string][]byte{}}}
	hook := httptest.NewServer(http.HandlerFunc(h.hook))
	var err error
	h.company, err = demo.Start(t.Context(), demo.Config{Dir: t.TempDir(), HRISAddr: "127.0.0.1:0", DirectoryAddr: "127.0.0.1:0", HookURL: hook.URL, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	target, err := url.Parse(h.company.HRISURL)
	require.NoError(t, err)
	h.vendor.proxy = httputil.NewSingleHostReverseProxy(target)
	front := httptest.NewServer(h.vendor)
	file := filepath.Join(t.TempDir(), "state.json")
	catalog := all.Of(hrisrest.Type{}, fake.Directory{})
	h.kinds = artifact.Kinds{Flows: node.All(), Connectors: catalog}
	h.house = &house{t: t, dir: file, clock: &clock{now: time.Now().UTC()}, mails: &outbox{}}
	h.db = pgtest.Open(t, postgres.Config{Now: h.clock.Now, Artifacts: h.kinds})
	h.e = newEngine(t.Name(), h.db, catalog, h.clock.Now, h.mails)
	h.e.Pool = &connector.Pool{Catalog: catalog, Guard: &egress.Guard{}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Secret: func(_ context.Context, key, name string) (secret.Value, error) {
			return secret.New(h.company.Credentials()[key][name]), nil
		}}
	t.Cleanup(func() {
		front.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = h.company.Stop(ctx)
		hook.Close()
		http.DefaultClient.CloseIdleConnections()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
	s := h.company.Connections()[0]
	s.Settings["base_url"] = front.URL + "/api"
	s.Private = []string{front.Listener.Addr().String()}
	settings, err := json.Marshal(s)
	require.NoError(t, err)
	h.release(review.Connection, string(settings))
	h.release(review.Connection, fmt.Sprintf(`{"key":"dir","name":"Directory","type":"fake-directory","settings":{"path":%q}}`, file))
	h.release(review.Policy, fmt.Sprintf(contract, row))
	h.release(review.Flow, fmt.Sprintf(backFlow, param, limits))
	h.start()
	return h
}

func (h *hrHouse) release(kind review.Kind, text string) {
	h.t.Helper()
	doc, err := h.kinds.ReadText(kind, "", []byte(text))
	require.NoError(h.t, err)
	_, err = h.db.SaveRevision(h.t.Context(), anna, postgres.Save{Doc: doc, Base: postgres.AnyBase})
	require.NoError(h.t, err)
	r, err := h.db.OpenReview(h.t.Context(), anna, kind, doc.Key, 0, "")
	require.NoError(h.t, err)
	_, err = h.db.ApproveReview(h.t.Context(), ben, r.ID, r.Hash, "")
	require.NoError(h.t, err)
}

// hook is Joinery's webhook address: it verifies, parses and accepts.
func (h *hrHouse) hook(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s, d := h.company.Connections()[0], connector.Delivery{Header: r.Header, Body: body, At: time.Now()}
	signer, err := hrisrest.Type{}.Verify(s.Settings, []connector.Signer{{ID: "cr_hook", Value: secret.New(h.company.Credentials()[demo.HRISKey][connector.WebhookSecret])}}, d)
	if err != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	events, err := hrisrest.Type{}.Events(s.Settings, d)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, e := range events {
		if h.deaf.Load() {
			continue
		}
		if h.silent.Load() {
			e.Changed, e.Actor = nil, ""
		}
		if _, err := h.db.AcceptEvent(r.Context(), postgres.Incoming{Connection: demo.HRISKey, Event: e, Signer: signer}); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
	}
	h.e.Kick()
	w.WriteHeader(http.StatusAccepted)
}

func personForm(changes ...string) url.Values {
	v := url.Values{"first_name": {"Zoe"}, "last_name": {"Meyer"}, "department": {"Engineering"}, "title": {"Engineer"}, "location": {"Berlin"}, "start_date": {"2026-12-01"}, "worker_type": {"employee"}}
	for i := 0; i+1 < len(changes); i += 2 {
		v.Set(changes[i], changes[i+1])
	}
	return v
}

// hires has HR hire a person; it gives the worker's id.
func (h *hrHouse) hires() string {
	h.t.Helper()
	h.post("/people", personForm())
	var newest string
	for _, w := range h.workers() {
		newest = w.ID
	}
	return newest
}

// edits has HR correct a person on the HRIS's own page.
func (h *hrHouse) edits(id string, changes ...string) {
	h.t.Helper()
	h.post("/people/"+id, personForm(changes...))
}

func (h *hrHouse) post(path string, form url.Values) {
	h.t.Helper()
	resp, err := http.PostForm(h.company.HRISURL+path, form)
	require.NoError(h.t, err)
	require.NoError(h.t, resp.Body.Close())
	require.Less(h.t, resp.StatusCode, 400)
}

// workers reads the HRIS directly, past the vendor's habits.
func (h *hrHouse) workers() []joiner.Worker {
	h.t.Helper()
	conn, err := hrisrest.Type{}.Open(h.t.Context(), connector.Config{Key: demo.HRISKey, Settings: connector.WithDefaults(hrisrest.Type{}.Info().Settings, h.company.Connections()[0].Settings),
		Secret: func(context.Context, string) (secret.Value, error) {
			return secret.New(h.company.Credentials()[demo.HRISKey]["token"]), nil
		}, HTTP: http.DefaultClient, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	require.NoError(h.t, err)
	out, _, err := conn.(connector.Workers).Changed(h.t.Context(), time.Time{}, "")
	require.NoError(h.t, err)
	return out
}

func (h *hrHouse) email(id string) string {
	h.t.Helper()
	for _, w := range h.workers() {
		if w.ID == id {
			return w.Text(joiner.WorkEmail)
		}
	}
	h.t.Fatalf("there is no worker %s", id)
	return ""
}

func (h *hrHouse) exceptions() []postgres.ExceptionRow {
	h.t.Helper()
	out, _, err := h.db.Exceptions(h.t.Context(), postgres.ExceptionFilter{})
	require.NoError(h.t, err)
	return out
}

// later waits while the clock goes on.
func (h *hrHouse) later(what string, step time.Duration, holds func() bool) {
	h.t.Helper()
	pgtest.Eventually(h.t, 30*time.Second, what, func() bool {
		if holds() {
			return true
		}
		if !h.ended(run.Running) { // a step takes no time on this clock
			h.clock.Forward(step)
		}
		h.e.Kick()
		return holds()
	})
}

func (h *hrHouse) ended(states ...run.State) bool {
	rows := h.runs()
	if len(rows) == 0 {
		return false
	}
	for _, s := range states {
		if rows[0].State == s {
			return true
		}
	}
	return false
}

// hires2 has HR hire a person who has a work e-mail already.
func (h *hrHouse) hires2(email string) string {
	h.t.Helper()
	h.post("/people", personForm("work_email", email))
	all := h.workers()
	return all[len(all)-1].ID
}

func (h *hrHouse) account(id, mail string) {
	h.t.Helper()
	require.NoError(h.t, fake.Change(h.dir, func(s *fake.State) {
		s.Accounts[id] = connector.Account{ID: id, Name: id, Attributes: map[string]any{"mail": mail}}
	}))
}
