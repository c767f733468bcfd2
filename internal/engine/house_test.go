package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/connector"
	"joinery/internal/connector/all"
	"joinery/internal/connector/fake"
	"joinery/internal/connector/peoplefile"
	"joinery/internal/egress"
	"joinery/internal/engine"
	"joinery/internal/fault"
	"joinery/internal/joiner"
	"joinery/internal/node"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
	"joinery/internal/secret"
)

// house is a database, two fake systems and an engine.
type house struct {
	t     *testing.T
	db    *postgres.DB
	dir   string // the fakes' file
	e     *engine.Engine
	clock *clock
	mails *outbox
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }
func (c *clock) Forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

type outbox struct {
	mu  sync.Mutex
	ids []string
}

func (o *outbox) send(_ context.Context, _ node.Mail, id string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ids = append(o.ids, id)
	return nil
}

func (o *outbox) count() int { o.mu.Lock(); defer o.mu.Unlock(); return len(o.ids) }

var (
	anna = auth.Actor{Kind: auth.User, ID: "u_anna", UserID: "u_anna", Name: "Anna", Roles: []auth.Role{auth.Builder}}
	ben  = auth.Actor{Kind: auth.User, ID: "u_ben", UserID: "u_ben", Name: "Ben", Email: "ben@x.example", Roles: []auth.Role{auth.Reviewer, auth.Operator}}
)

func types(plan ...string) (all.Catalog, func(file string) all.Catalog) {
	with := func(file string) all.Catalog {
		return all.Of(fake.Mishaps{Type: fake.Directory{}, File: file, Plan: plan}, fake.Mishaps{Type: fake.HRIS{}, File: file, Plan: plan}, peoplefile.Type{})
	}
	return with(""), with
}

// open makes a house; plan are the mishaps of its fakes.
func open(t *testing.T, plan ...string) *house {
	t.Helper()
	file := filepath.Join(t.TempDir(), "state.json")
	_, with := types(plan...)
	catalog := with(file)
	h := &house{t: t, dir: file, clock: &clock{now: time.Now().UTC()}, mails: &outbox{}}
	h.db = pgtest.Open(t, postgres.Config{Now: h.clock.Now, Artifacts: artifact.Kinds{Flows: node.All(), Connectors: catalog}})
	h.e = newEngine(t.Name(), h.db, catalog.With(peoplefile.Type{Store: h.db}), h.clock.Now, h.mails)
	require.NoError(t, fake.Change(file, func(s *fake.State) {
		s.Groups["all-staff"], s.Groups["engineering"], s.Groups["sales"] = nil, nil, nil
	}))
	h.live(review.Connection, "hr", fmt.Sprintf(`{"key":"hr","name":"HR","type":"fake-hris","settings":{"path":%q}}`, file))
	h.live(review.Connection, "dir", fmt.Sprintf(`{"key":"dir","name":"Directory","type":"fake-directory","settings":{"path":%q}}`, file))
	return h
}

func newEngine(owner string, db *postgres.DB, catalog connector.Catalog, now func() time.Time, mails *outbox) *engine.Engine {
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("JOINERY_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return &engine.Engine{DB: db, Nodes: node.All(), Owner: owner, Now: now, Log: log, Mail: mails.send, Settle: time.Millisecond,
		Pool: &connector.Pool{Catalog: catalog, Guard: &egress.Guard{}, Now: time.Now, Log: log,
			Secret: func(context.Context, string, string) (secret.Value, error) { return secret.Value{}, nil }}}
}

// live takes content through the ordinary review path.
func (h *house) live(kind review.Kind, key, content string) {
	h.t.Helper()
	ctx := h.t.Context()
	doc, err := h.db2().ReadText(kind, key, []byte(content))
	require.NoError(h.t, err)
	_, err = h.db.SaveRevision(ctx, anna, postgres.Save{Doc: doc, Base: postgres.AnyBase})
	require.NoError(h.t, err)
	r, err := h.db.OpenReview(ctx, anna, kind, key, 0, "")
	require.NoError(h.t, err, "%v", fault.Problems(err))
	_, err = h.db.ApproveReview(ctx, ben, r.ID, r.Hash, "")
	require.NoError(h.t, err)
}

func (h *house) db2() artifact.Kinds {
	c, _ := types()
	return artifact.Kinds{Flows: node.All(), Connectors: c}
}

// start runs the engine until the test ends.
func (h *house) start() {
	h.t.Helper()
	run1(h.t, h.e)
}

func run1(t *testing.T, e *engine.Engine) context.CancelFunc {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); e.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done; _ = e.Pool.Close() })
	return cancel
}

func (h *house) hire(id string, attributes map[string]any) {
	h.t.Helper()
	h.person(id, attributes)
	h.event("hired-"+id, "worker.hired", id)
}

func (h *house) person(id string, attributes map[string]any) {
	h.t.Helper()
	a := map[string]any{"first_name": "Ada", "last_name": "Lovelace" + id, "department": "Engineering", "start_date": h.clock.Now().Format(time.DateOnly), "status": "planned", "worker_type": "employee", "time_zone": "UTC"}
	for k, v := range attributes {
		a[k] = v
	}
	require.NoError(h.t, fake.Change(h.dir, func(s *fake.State) { s.Workers[id] = joiner.Worker{ID: id, Attributes: a} }))
}

func (h *house) event(key, kind, worker string) postgres.Accepted {
	h.t.Helper()
	a, err := h.db.AcceptEvent(h.t.Context(), postgres.Incoming{Connection: "hr", Event: joiner.Event{Key: key, Type: kind, Worker: worker}})
	require.NoError(h.t, err)
	h.e.Kick()
	return a
}

func (h *house) runs() []postgres.RunRow {
	h.t.Helper()
	out, _, err := h.db.Runs(h.t.Context(), postgres.RunFilter{Limit: 200})
	require.NoError(h.t, err)
	return out
}

// until waits for the newest run to be in a state and gives it.
func (h *house) until(state run.State) postgres.RunDetail {
	h.t.Helper()
	var last []postgres.RunRow
	for end := time.Now().Add(pgtest.Hang); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if last = h.runs(); len(last) > 0 && last[0].State == state {
			d, err := h.db.RunDetail(h.t.Context(), last[0].ID)
			require.NoError(h.t, err)
			return d
		}
		h.e.Kick()
	}
	raw, _ := json.MarshalIndent(last, "", " ")
	if len(last) > 0 {
		d, _ := h.db.RunDetail(h.t.Context(), last[0].ID)
		for _, s := range d.Steps {
			raw = fmt.Appendf(raw, "\n%s %s %s %s", s.Node, s.State, s.Port, s.Error)
		}
	}
	h.t.Fatalf("no run is %s: %s", state, raw)
	return postgres.RunDetail{}
}

func (h *house) state() (out fake.State) {
	h.t.Helper()
	require.NoError(h.t, fake.Change(h.dir, func(s *fake.State) { out = *s }))
	return out
}

func step(t *testing.T, d postgres.RunDetail, id string) postgres.StepRow {
	t.Helper()
	for _, s := range d.Steps {
		if string(s.Node) == id {
			return s
		}
	}
	t.Fatalf("there is no step %s", id)
	return postgres.StepRow{}
}

const joinerFlow = `
key: join
name: Join
trigger: hired
nodes:
  - id: hired
    type: hris.event
    params: {connection: hr, events: [worker.hired, worker.updated]}
  - id: create
    type: account.ensure
    params:
      directory: dir
      name: =Lower(joiner.first_name + "." + joiner.last_name)
      attributes: {mail: "{{ Lower(joiner.last_name) }}@x.example", dept: =joiner.department}
  - id: basic
    type: group.add
    params: {directory: dir, account: =steps.create.account_id, groups: [all-staff]}
  - id: dept
    type: switch
    params: {cases: [{when: joiner.department == "Engineering", port: eng}]}
  - id: eng
    type: group.add
    params: {directory: dir, groups: [engineering]}
  - id: tell
    type: notify.email
    params: {to: [it@x.example], subject: "{{ steps.create.name }} is there", text: hello}
edges:
  - {from: hired.started, to: create}
  - {from: create.created, to: basic}
  - {from: create.existed, to: basic}
  - {from: basic.done, to: dept}
  - {from: dept.eng, to: eng}
  - {from: dept.default, to: tell}
  - {from: eng.done, to: tell}
`
