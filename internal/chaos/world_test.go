package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/connector"
	"joinery/internal/connector/hrisrest"
	"joinery/internal/demo"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
	"joinery/internal/secret"
)

const hookKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// world is a database, an HRIS and a SCIM directory, each behind a door where
// things go wrong, and what the HRIS was told about the events it sent.
type world struct {
	t       *testing.T
	app     string       // how nodes reach the database
	db      *postgres.DB // how the test looks into it
	hris    *hris
	hr, dir *trouble
	company *demo.Company
	token   string
	outbox  string
	http    *http.Client

	mu    sync.Mutex
	acked map[string]string // event key → worker, for events that were answered 2xx
	wrong []string          // broken promises seen while it ran
	// forgot says that the database lost what it knew of some accounts.
	forgot bool
	// journal says that the database notes whose hands each run was in.
	journal bool
	// fast says that the nodes' clocks run faster than the database's.
	fast bool
}

// newWorld makes a world on a fresh database.
func newWorld(t *testing.T) *world {
	t.Helper()
	need(t)
	app, owner := pgtest.URLs(t)
	w := worldAt(t, app)
	w.keepJournal(owner)
	return w
}

// worldAt makes a world on an empty database.
func worldAt(t *testing.T, app string) *world {
	t.Helper()
	w := &world{t: t, app: app, hris: &hris{}, acked: map[string]string{}, outbox: filepath.Join(t.TempDir(), "mails"),
		http: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 32, DisableKeepAlives: true}}}
	w.openDB()
	var err error
	w.company, err = demo.Start(t.Context(), demo.Config{HRISAddr: "127.0.0.1:0", DirectoryAddr: "127.0.0.1:0", HookURL: "http://127.0.0.1:1/none"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.company.Stop(context.Background()) })
	w.hr, w.dir = newTrouble(t, w.hris), before(t, w.company.DirectoryURL)
	w.token = w.company.Credentials()[demo.DirectoryKey]["token"]
	w.dir.look = w.intended
	_, err = w.db.AddUser(t.Context(), auth.Engine(), auth.NewHasher(1), postgres.NewUser{Email: "a@x.example", Name: "A", Password: "correct horse battery", Roles: []auth.Role{auth.Admin}})
	require.NoError(t, err)
	w.connection("hr", "hris-rest", w.hr.URL, map[string]string{"token": "t", connector.WebhookSecret: hookKey})
	w.connection("dir", "scim", w.dir.URL+"/scim/v2", map[string]string{"token": w.token})
	w.live(review.Flow, joinFlow)
	return w
}

func (w *world) openDB() {
	w.t.Helper()
	sealer, err := secret.NewSealer(key())
	require.NoError(w.t, err)
	w.db, err = postgres.Open(w.t.Context(), postgres.Config{URL: w.app, Conns: 6, Artifacts: kinds(), Sealer: sealer})
	require.NoError(w.t, err)
	w.t.Cleanup(w.db.Close)
}

var (
	anna = auth.Actor{Kind: auth.User, ID: "u_anna", UserID: "u_anna", Name: "Anna", Email: "a@x.example", Roles: []auth.Role{auth.Admin}}
	ben  = auth.Actor{Kind: auth.User, ID: "u_ben", UserID: "u_ben", Name: "Ben", Roles: []auth.Role{auth.Reviewer, auth.Operator}}
)

func (w *world) connection(key, kind, address string, credentials map[string]string) {
	w.t.Helper()
	text, err := yaml.Marshal(connector.Settings{Key: key, Name: key, Type: kind, Private: []string{"127.0.0.1"}, Settings: map[string]any{"base_url": address, "timeout": "5s"}})
	require.NoError(w.t, err)
	w.live(review.Connection, string(text))
	for name, value := range credentials {
		_, err := w.db.SetCredential(w.t.Context(), anna, postgres.NewCredential{Connection: key, Name: name, Value: secret.New(value), Owner: "a@x.example", Purpose: "chaos", ExpiresAt: time.Now().AddDate(0, 6, 0)})
		require.NoError(w.t, err)
	}
}

// live takes content through the ordinary review path.
func (w *world) live(kind review.Kind, text string) {
	w.t.Helper()
	doc, err := kinds().ReadText(kind, "", []byte(text))
	require.NoError(w.t, err)
	_, err = w.db.SaveRevision(w.t.Context(), anna, postgres.Save{Doc: doc, Base: postgres.AnyBase})
	require.NoError(w.t, err)
	r, err := w.db.OpenReview(w.t.Context(), anna, kind, doc.Key, 0, "")
	require.NoError(w.t, err)
	_, err = w.db.ApproveReview(w.t.Context(), ben, r.ID, r.Hash, "")
	require.NoError(w.t, err)
}

const joinFlow = `
key: join
name: Join
trigger: hired
nodes:
  - {id: hired, type: hris.event, params: {connection: hr, events: [worker.hired, worker.updated]}, retry: {first: 200ms, max: 2s, attempts: 30}}
  - id: create
    type: account.ensure
    retry: {first: 200ms, max: 2s, attempts: 30}
    params:
      directory: dir
      name: =Lower(joiner.first_name + "." + joiner.last_name)
      enabled: false
      attributes: {displayName: =joiner.last_name, name.familyName: =joiner.last_name, name.givenName: =joiner.first_name}
  - id: title
    type: account.update
    retry: {first: 200ms, max: 2s, attempts: 30}
    params: {directory: dir, account: =steps.create.account_id, attributes: {title: "{{ joiner.title }}"}}
  - {id: basic, type: group.add, params: {directory: dir, account: =steps.create.account_id, groups: [all-staff]}, retry: {first: 200ms, max: 2s, attempts: 30}}
  - {id: eng, type: group.add, params: {directory: dir, account: =steps.create.account_id, groups: [engineering]}, retry: {first: 200ms, max: 2s, attempts: 30}}
  - {id: enable, type: account.enable, params: {directory: dir, account: =steps.create.account_id}, retry: {first: 200ms, max: 2s, attempts: 30}}
  - {id: tell, type: notify.email, params: {to: [it@x.example], subject: "{{ steps.create.name }} is there", text: "{{ event.key }}"}} # asks for the event, so each has a run of its own
edges:
  - {from: hired.started, to: create}
  - {from: create.created, to: basic}
  - {from: create.existed, to: title}
  - {from: title.changed, to: basic}
  - {from: title.unchanged, to: basic}
  - {from: basic.done, to: eng}
  - {from: eng.done, to: enable}
  - {from: enable.done, to: tell}
`

// node is a node of this world.
func (w *world) node(owner string, at ...string) node {
	return node{URL: w.app, Owner: owner, Outbox: w.outbox, At: at, Settle: time.Second, Beats: w.journal}
}

// send delivers one signed event to a node once and gives the status; 0 when
// nobody answered.
func (w *world) send(node, key, kind, worker string) int {
	body := fmt.Appendf(nil, `{"type":%q,"data":{"worker_id":%q}}`, kind, worker)
	signed, err := hrisrest.Sign(hookKey, key, time.Now(), body)
	require.NoError(w.t, err)
	req, err := http.NewRequestWithContext(context.WithoutCancel(w.t.Context()), http.MethodPost, node+"/hooks/hr", bytes.NewReader(body))
	require.NoError(w.t, err)
	req.Header.Set("Content-Type", "application/json")
	for k, v := range signed {
		req.Header.Set(k, v)
	}
	resp, err := w.http.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode/100 == 2 {
		w.mu.Lock()
		w.acked[key] = worker
		w.mu.Unlock()
	}
	return resp.StatusCode
}

// hire adds a person and delivers the event, as often as it takes, to whichever
// node answers.
func (w *world) hire(id string, to func() string) {
	w.hris.Set(id, nil)
	w.deliver("hired-"+id, "worker.hired", id, to)
}

// patience is a sender's: while the database is too slow, each delivery is told 503.
const patience = 4 * pgtest.Hang

func (w *world) deliver(key, kind, id string, to func() string) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		switch status := w.send(to(), key, kind, id); {
		case status/100 == 2:
			return
		case status/100 == 4 && status != http.StatusTooManyRequests:
			w.blame("the event %s was answered %d: a sender takes that for final", key, status)
			return
		}
	}
	w.blame("the event %s was not taken within %s", key, patience)
}

func (p *process) at() string { return p.url }

// blame notes a broken promise; check reports it.
func (w *world) blame(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

// intended sees that an account is made only after an intent for it is committed.
func (w *world) intended(c call) {
	if !c.creates() {
		return
	}
	var user struct {
		ExternalID string `json:"externalId"`
	}
	if err := json.Unmarshal([]byte(c.body), &user); err != nil {
		w.blame("an account was made of %q", c.body)
		return
	}
	var n int
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := w.db.RawScan(ctx, &n, `SELECT count(*) FROM intents WHERE operation = 'account.ensure' AND target = $1`, user.ExternalID); err == nil && n == 0 {
		w.blame("an account with the mark %s was asked for before its intent was committed", user.ExternalID)
	}
}

// account is a user of the directory, read past the door.
type account struct {
	ID, Name, Stamp string
	Active          bool
	Title           string
	Groups          []string
	Created         time.Time
}

func (w *world) accounts() []account {
	w.t.Helper()
	var out []account
	for {
		q := url.Values{"startIndex": {fmt.Sprint(len(out) + 1)}, "count": {"200"}}
		req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.company.DirectoryURL+"/scim/v2/Users?"+q.Encode(), nil)
		require.NoError(w.t, err)
		req.Header.Set("Authorization", "Bearer "+w.token)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(w.t, err)
		var page struct {
			Total     int `json:"totalResults"`
			Resources []struct {
				ID, ExternalID, UserName, Title string
				Active                          bool
				Groups                          []struct{ Display string }
				Meta                            struct{ Created time.Time }
			}
		}
		err = json.NewDecoder(resp.Body).Decode(&page)
		resp.Body.Close()
		require.NoError(w.t, err)
		for _, r := range page.Resources {
			a := account{ID: r.ID, Name: r.UserName, Stamp: r.ExternalID, Active: r.Active, Title: r.Title, Created: r.Meta.Created}
			for _, g := range r.Groups {
				a.Groups = append(a.Groups, g.Display)
			}
			slices.Sort(a.Groups)
			out = append(out, a)
		}
		if len(page.Resources) == 0 || len(out) >= page.Total {
			return out
		}
	}
}

// count runs a counting query; -1 while the database does not answer.
func (w *world) count(sql string, args ...any) int {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	n := -1
	if err := w.db.RawScan(ctx, &n, sql, args...); err != nil {
		return -1
	}
	return n
}

// loseLeases lets what a dead node carried be taken over now instead of in 20 s.
func (w *world) loseLeases(owner string) {
	w.t.Helper()
	require.NoError(w.t, w.db.RawExec(w.t.Context(), `UPDATE runs SET lease_until = now() - interval '1 second' WHERE state = 'running' AND lease_owner = $1`, owner))
}

// rested waits until every run has ended or parked.
func (w *world) rested(within time.Duration, runs int) {
	w.t.Helper()
	within = max(within, pgtest.Hang)
	end := time.Now().Add(within)
	for ; time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		all := w.count(`SELECT count(*) FROM runs`)
		left := w.count(`SELECT count(*) FROM runs WHERE state IN ('queued', 'running', 'waiting')`)
		if all >= runs && left == 0 {
			return
		}
	}
	rows, _, err := w.db.Runs(w.t.Context(), postgres.RunFilter{States: []run.State{run.Queued, run.Running, run.Waiting}, Limit: 20})
	require.NoError(w.t, err)
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "%s %s %s wake %v\n", r.ID, r.State, r.WaitingFor, r.WakeAt)
	}
	w.t.Fatalf("after %s there are %d runs of %d, and these do not rest:\n%s", within, w.count(`SELECT count(*) FROM runs`), runs, b.String())
}
