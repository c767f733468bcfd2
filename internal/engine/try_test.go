package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/connector"
	"joinery/internal/connector/all"
	"joinery/internal/connector/fake"
	"joinery/internal/egress"
	"joinery/internal/engine"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/node"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
	"joinery/internal/secret"
)

// tattling wraps a connector type and tells of every call that writes, and of every
// one that reads.
type tattling struct {
	connector.Type
	told *told
}

type told struct {
	mu            sync.Mutex
	writes, reads []string
}

func (t *told) wrote(what string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writes = append(t.writes, what)
	return fault.New(fault.Internal, "A write reached the connector: %s", what)
}

func (t *told) read(what string) { t.mu.Lock(); defer t.mu.Unlock(); t.reads = append(t.reads, what) }

func (t tattling) Open(ctx context.Context, cfg connector.Config) (connector.Conn, error) {
	c, err := t.Type.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if d, ok := c.(connector.Directory); ok {
		return tattlingDirectory{d, c, t.told}, nil
	}
	return tattlingHRIS{c.(connector.Workers), c, t.told}, nil
}

type tattlingDirectory struct {
	connector.Directory
	connector.Conn
	told *told
}

func (d tattlingDirectory) FindAccount(ctx context.Context, by connector.Lookup) (connector.Account, bool, error) {
	d.told.read("account")
	return d.Directory.FindAccount(ctx, by)
}

func (d tattlingDirectory) EnsureAccount(context.Context, connector.Ensure) (connector.Account, error) {
	return connector.Account{}, d.told.wrote("EnsureAccount")
}

func (d tattlingDirectory) UpdateAccount(context.Context, string, map[string]any) ([]connector.Change, error) {
	return nil, d.told.wrote("UpdateAccount")
}

func (d tattlingDirectory) SetEnabled(context.Context, string, bool) (bool, error) {
	return false, d.told.wrote("SetEnabled")
}

func (d tattlingDirectory) RenameAccount(context.Context, string, string) (string, error) {
	return "", d.told.wrote("RenameAccount")
}

func (d tattlingDirectory) MoveAccount(context.Context, connector.Move) (connector.Moved, error) {
	return connector.Moved{}, d.told.wrote("MoveAccount")
}

func (d tattlingDirectory) EnsureMember(context.Context, string, string) (bool, error) {
	return false, d.told.wrote("EnsureMember")
}

func (d tattlingDirectory) EnsureNotMember(context.Context, string, string) (bool, error) {
	return false, d.told.wrote("EnsureNotMember")
}

type tattlingHRIS struct {
	connector.Workers
	connector.Conn
	told *told
}

var _ connector.WriteBack = tattlingHRIS{}

func (h tattlingHRIS) UpdateWorker(context.Context, string, map[string]any) error {
	return h.told.wrote("UpdateWorker")
}

// tattle makes a house whose connectors, mail and requests tell of every write.
func tattle(t *testing.T) (*house, *told) {
	t.Helper()
	told := &told{}
	file := filepath.Join(t.TempDir(), "state.json")
	catalog := all.Of(tattling{fake.Directory{}, told}, tattling{fake.HRIS{}, told})
	h := &house{t: t, dir: file, clock: &clock{now: time.Now().UTC()}, mails: &outbox{}}
	h.db = pgtest.Open(t, postgres.Config{Now: h.clock.Now, Artifacts: artifact.Kinds{Flows: node.All(), Connectors: catalog}})
	h.e = &engine.Engine{DB: h.db, Nodes: node.All(), Owner: t.Name(), Now: h.clock.Now, Log: slog.New(slog.DiscardHandler), MarkKey: []byte("marks"),
		Mail: func(context.Context, node.Mail, string) error { return told.wrote("mail") },
		HTTP: func(_ context.Context, r node.Request) (node.Response, error) {
			return node.Response{}, told.wrote("request " + r.Method)
		},
		Pool: &connector.Pool{Catalog: catalog, Guard: &egress.Guard{}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
			Secret: func(context.Context, string, string) (secret.Value, error) { return secret.Value{}, nil }}}
	require.NoError(t, fake.Change(file, func(s *fake.State) {
		s.Groups["all-staff"], s.Groups["old"] = nil, []string{"a1"}
		s.Accounts["a1"] = connector.Account{ID: "a1", Name: "ada", Stamp: "hr:7", Enabled: true, Groups: []string{"old"}, Attributes: map[string]any{"title": "old", "phone": "+49 30 5551234"}}
		s.Accounts["a2"] = connector.Account{ID: "a2", Name: "boss", Stamp: "hr:1", Enabled: true}
	}))
	h.live(review.Connection, "hr", fmt.Sprintf(`{"key":"hr","name":"HR","type":"fake-hris","settings":{"path":%q}}`, file))
	h.live(review.Connection, "dir", fmt.Sprintf(`{"key":"dir","name":"Directory","type":"fake-directory","settings":{"path":%q}}`, file))
	for key, text := range map[string]string{"std": namePolicy, "groups": "key: groups\nname: Groups\n" + groupPolicyBody,
		"map":  "key: map\nname: Map\ntype: mapping\nmapping:\n  directory: dir\n  rows:\n    - {attribute: sn, value: =joiner.last_name}\ncases:\n  - {name: a, joiner: {last_name: B}, expect: {attributes: {sn: B}}}\n",
		"who":  "key: who\nname: Who\ntype: correlation\ncorrelation:\n  rules:\n    - {name: National id, fields: [national_id], weight: 1}\ncases:\n  - {name: nobody, joiner: {first_name: A}, expect: {decision: new}}\n",
		"back": "key: back\nname: Back\ntype: write-back\nwrite_back:\n  fields:\n    - {connection: hr, field: work_email, owner: joinery, write: overwrite_own}\n"} {
		h.live(review.Policy, key, text)
	}
	return h, told
}

const groupPolicyBody = `type: groups
groups:
  directory: dir
  rows:
    - {groups: [all-staff], reason: Everybody}
cases:
  - {name: Everybody, joiner: {}, expect: {groups: [all-staff]}}
`

// tryParams are fields of every node type that ships, so that a new one cannot be
// forgotten here. A type that writes must plan something with them.
func tryParams() map[string]string {
	return map[string]string{
		"hris.event": `{connection: hr, events: [worker.hired]}`, "schedule.poll": `{connection: hr, events: [worker.hired]}`, "manual": `{connection: hr}`,
		"branch": `{when: 'true'}`, "switch": `{cases: [{when: 'true', port: one}]}`, "set": `{values: {a: b}}`, "wait.until": `{date: =joiner.start_date}`, "stop": `{outcome: undone, reason: x}`,
		"signoff": `{title: May they}`, "hris.read": `{connection: hr}`, "joiner.correlate": `{policy: who}`,
		"hris.write_back": `{connection: hr, policy: back, values: {work_email: "ada@x.example"}}`, "name.generate": `{policy: std}`,
		"manager.resolve": `{directory: dir, connection: hr, attribute: manager, manager: "1"}`, "groups.resolve": `{policy: groups, directory: dir}`, "attributes.map": `{policy: map}`,
		"account.find": `{directory: dir}`, "account.ensure": `{directory: dir, name: new, attributes: {mail: "a@x.example"}}`, "account.update": `{directory: dir, attributes: {title: new}}`,
		"function": `{function: place, input: {a: b}}`, "account.enable": `{directory: dir}`, "account.rename": `{directory: dir, name: countess, common_name: Ada King}`, "account.disable": `{directory: dir}`, "group.add": `{directory: dir, groups: [all-staff]}`, "group.remove": `{directory: dir, groups: [old]}`,
		"group.sync": `{directory: dir, groups: [all-staff], others: remove}`, "notify.email": `{to: [it@x.example], subject: s, text: t}`, "http.request": `{url: "https://api.example.com/x", method: POST, body: b}`,
	}
}

// No write can leave: whichever node type a flow has, a try of it reads and plans, and
// no writing call reaches a connector, the mail server or an address.
func TestTry_NoWriteLeaves_ByAnyNodeType(t *testing.T) {
	t.Parallel()
	h, told := tattle(t)
	h.person("7", nil)
	h.person("1", nil)
	h.functions()
	h.live(review.Function, "place", "key: place\nname: Place\nsource: |\n  return function(input)\n    plan.add_group(\"dir\", \"all-staff\")\n    return {done = \"yes\"}\n  end\nmanifest:\n  input: {type: object, properties: {a: {type: string}}}\n  output: {type: object, properties: {done: {type: string}}}\n  grants: [\"directory:dir:groups.add\"]\ncases:\n  - {name: a, input: {a: b}, plan: [{do: plan.add_group, args: [dir, all-staff]}], output: {done: \"yes\"}}\n")
	params := tryParams()
	for _, spec := range node.All().Specs() {
		p, ok := params[spec.Kind]
		require.True(t, ok, "%s has no fields here: a type that is not tried could write", spec.Kind)
		text := fmt.Sprintf("key: f\nname: F\ntrigger: t\nnodes:\n  - {id: t, type: hris.event, params: {connection: hr, events: [worker.hired]}}\n  - {id: n, type: %s, params: %s}\nedges:\n  - {from: t.started, to: n}\n", spec.Kind, p)
		if spec.Trigger {
			text = fmt.Sprintf("key: f\nname: F\ntrigger: n\nnodes:\n  - {id: n, type: %s, params: %s}\n", spec.Kind, p)
		}
		worker := "7" // has an account
		if spec.Kind == "account.ensure" || spec.Kind == "name.generate" {
			worker = "8"
		}
		c, err := flow.Parse([]byte(text))
		require.NoError(t, err, spec.Kind)
		raw, err := c.JSON()
		require.NoError(t, err)
		ask := engine.Try{Content: raw, Live: true, Personal: true, Payload: fmt.Appendf(nil, `{"worker":%q,"joiner":{"first_name":"Ada","last_name":"Byron","national_id":"x","start_date":"2099-01-01"}}`, worker)}
		if spec.Kind == "account.enable" {
			require.NoError(t, fake.Change(h.dir, func(s *fake.State) { a := s.Accounts["a1"]; a.Enabled = false; s.Accounts["a1"] = a }))
		} else {
			require.NoError(t, fake.Change(h.dir, func(s *fake.State) { a := s.Accounts["a1"]; a.Enabled = true; s.Accounts["a1"] = a }))
		}
		got, err := h.e.Try(t.Context(), ask)
		require.NoError(t, err, "%s: %v", spec.Kind, fault.Problems(err))
		require.NotEqual(t, run.Failed, got.State, "%s: %s", spec.Kind, got.Reason)
		for _, c := range got.Changes() {
			require.True(t, c.Planned, "%s: %s", spec.Kind, c.Sentence)
			require.NotEmpty(t, c.Sentence)
		}
		if spec.Writes {
			require.NotEmpty(t, got.Changes(), "%s writes, so a try of it has to plan something, or this test proves nothing", spec.Kind)
		}
	}
	require.Empty(t, told.writes)
	require.NotEmpty(t, told.reads, "the directory was read")
	require.Empty(t, h.runs(), "nothing is kept")
}

const tryFlow = `
key: f
name: F
trigger: t
nodes:
  - {id: t, type: hris.event, params: {connection: hr, events: [worker.hired, worker.updated]}}
  - {id: ask, type: signoff, params: {title: May they start}}
  - {id: wait, type: wait.until, params: {date: =joiner.start_date, time: "08:00", zone: UTC}}
  - {id: when, type: set, params: {values: {at: '=string(now)', phone: =joiner.phone, digits: '=joiner.phone.replace(" ", "")'}}}
  - {id: look, type: http.request, params: {method: GET, url: "https://api.example.com/site"}}
  - {id: create, type: account.ensure, params: {directory: dir, name: '=Lower(joiner.first_name + "." + joiner.last_name)'}}
  - {id: no, type: stop, params: {outcome: failed, reason: refused}}
edges:
  - {from: t.started, to: ask}
  - {from: ask.approved, to: wait}
  - {from: ask.rejected, to: no}
  - {from: wait.due, to: when}
  - {from: when.done, to: look}
  - {from: look.ok, to: create}
`

// A try passes what would wait as was chosen, begins nothing behind the node it is to
// run to, takes pinned results, and shows nothing personal to who may not see it.
func TestTry(t *testing.T) {
	t.Parallel()
	h, told := tattle(t)
	c, err := flow.Parse([]byte(tryFlow))
	require.NoError(t, err)
	raw, err := c.JSON()
	require.NoError(t, err)
	payload := json.RawMessage(`{"worker":"9","joiner":{"first_name":"Grace","last_name":"Hopper","start_date":"2099-03-02","phone":"+49 170 1234567"}}`)
	try := func(change func(*engine.Try)) (engine.Tried, error) {
		ask := engine.Try{Content: raw, Live: true, Payload: payload, Personal: true}
		if change != nil {
			change(&ask)
		}
		return h.e.Try(t.Context(), ask)
	}
	at := func(got engine.Tried, id string) *engine.ForecastStep {
		for i := range got.Steps {
			if string(got.Steps[i].Node) == id {
				return &got.Steps[i]
			}
		}
		return nil
	}

	got, err := try(nil)
	require.NoError(t, err, "%v", fault.Problems(err))
	require.Equal(t, run.Succeeded, got.State, got.Reason)
	require.Equal(t, "approved", at(got, "ask").Port)
	require.Contains(t, at(got, "ask").Log, "It is taken that the answer is yes.")
	require.NotEmpty(t, at(got, "ask").People)
	require.Equal(t, []string{"until 2 Mar 2099 08:00 (UTC)"}, at(got, "wait").Passed)
	require.Equal(t, "2099-03-02T08:00:00Z", at(got, "when").Output["at"], "what follows a wait happens at its time")
	require.Equal(t, time.Date(2099, 3, 2, 8, 0, 0, 0, time.UTC), at(got, "create").Began.UTC())
	require.Equal(t, []string{"a request to api.example.com"}, at(got, "look").Unasked)
	require.Empty(t, told.writes, "content that nobody approved sends no request")
	require.Equal(t, "grace.hopper", got.Changes()[0].Target)
	require.Equal(t, []string{"accounts in dir"}, at(got, "create").Asked)

	got, err = try(func(a *engine.Try) {
		a.Signoffs = map[flow.NodeID]node.Decision{"ask": {Approved: false, By: "simulation"}}
	})
	require.NoError(t, err)
	require.Equal(t, run.Failed, got.State)
	require.Equal(t, "refused", got.Reason)

	got, err = try(func(a *engine.Try) { a.Until = "when" })
	require.NoError(t, err)
	require.True(t, got.Partial)
	require.Equal(t, run.Succeeded, got.State)
	require.NotNil(t, at(got, "when"))
	require.Nil(t, at(got, "look"), "what the node does not need does not run")
	require.Nil(t, at(got, "create"))

	got, err = try(func(a *engine.Try) {
		a.Pins = map[flow.NodeID]engine.Pin{"look": {Port: "refused", Output: map[string]any{"status": 404}}}
	})
	require.NoError(t, err)
	require.True(t, at(got, "look").Pinned)
	require.Nil(t, at(got, "create").Changes, "the pinned way leads nowhere")
	require.Equal(t, run.StepSkipped, at(got, "create").State)

	_, err = try(func(a *engine.Try) {
		a.Pins = map[flow.NodeID]engine.Pin{"look": {Port: "maybe"}, "gone": {Port: "x"}, "t": {Port: "started"}}
	})
	require.Len(t, fault.Problems(err), 3)
	_, err = try(func(a *engine.Try) { a.Until = "nowhere" })
	require.ErrorContains(t, err, "no node")
	_, err = try(func(a *engine.Try) { a.Event = "ev_1" })
	require.ErrorContains(t, err, "Choose one")
}

// Who may not see personal attributes sees stand-ins, whatever a flow makes of them.
func TestTry_PersonalAttributesAreVeiled(t *testing.T) {
	t.Parallel()
	h, told := tattle(t)
	h.live(review.Flow, "f", `{key: f, name: F, trigger: t, nodes: [{id: t, type: hris.event, params: {connection: hr, events: [worker.hired]}}]}`)
	require.NoError(t, fake.Change(h.dir, func(s *fake.State) { delete(s.Accounts, "none") }))
	h.person("7", map[string]any{"phone": "+49 170 1234567", "start_date": "2099-03-02"})
	h.start()
	h.event("e1", "worker.hired", "7")
	d := h.until(run.Succeeded)
	c, err := flow.Parse([]byte(`{key: f, name: F, trigger: t, nodes: [{id: t, type: hris.event, params: {connection: hr, events: [worker.hired]}},
		{id: s, type: set, params: {values: {digits: '=joiner.phone.replace(" ", "")', back: '=joiner.phone.split("").join("-")'}}}, {id: find, type: account.find, params: {directory: dir}}],
		edges: [{from: t.started, to: s}, {from: s.done, to: find}]}`))
	require.NoError(t, err)
	raw, err := c.JSON()
	require.NoError(t, err)
	for _, personal := range []bool{true, false} {
		got, err := h.e.Try(t.Context(), engine.Try{Content: raw, Live: true, Joiner: d.JoinerID, Personal: personal})
		require.NoError(t, err)
		require.Equal(t, run.Succeeded, got.State, got.Reason)
		out, err := json.Marshal(got)
		require.NoError(t, err)
		for _, s := range []string{"+491701234567", "1-2-3-4-5-6-7", "+49 170 1234567", "+49 30 5551234"} {
			if personal {
				require.Contains(t, string(out), s)
			} else {
				require.NotContains(t, string(out), s)
			}
		}
		require.Equal(t, "found", got.Steps[2].Port)
	}
	require.Empty(t, told.writes)

	// By the event that came in.
	events, _, err := h.db.Events(t.Context(), postgres.EventFilter{})
	require.NoError(t, err)
	got, err := h.e.Try(t.Context(), engine.Try{Content: raw, Event: events[0].ID})
	require.NoError(t, err)
	require.Equal(t, d.JoinerID, got.Joiner)
	_, err = h.e.Try(t.Context(), engine.Try{Content: raw, Joiner: "j_none"})
	require.True(t, fault.Is(err, fault.NotFound))
}
