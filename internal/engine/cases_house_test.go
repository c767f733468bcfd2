package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"joinery/flows"
	"joinery/internal/artifact"
	"joinery/internal/connector"
	"joinery/internal/connector/all"
	"joinery/internal/connector/fake"
	"joinery/internal/connector/peoplefile"
	"joinery/internal/egress"
	"joinery/internal/engine"
	"joinery/internal/expr"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/luavm"
	"joinery/internal/node"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/secret"
	"joinery/internal/workertest"
)

// caseHouse is a house in which one shipped flow is live with its policies, its
// HRIS and each of its directories in a file of its own.
type caseHouse struct {
	*house
	hris    string            // the HRIS's key
	files   map[string]string // each connection's file
	catalog all.Catalog
	list    string // the list that was uploaded
	lua     *luavm.Pool
	mails   *subjects
	cancel  context.CancelFunc
	events  int
	// nth counts the engines that were started.
	nth int
}

// subjects keeps the messages in the order of their ids.
type subjects struct {
	outbox
	list []string
}

func (o *subjects) send(_ context.Context, m node.Mail, id string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !slices.Contains(o.ids, id) {
		o.ids, o.list = append(o.ids, id), append(o.list, m.Subject)
	}
	return nil
}

func (o *subjects) subjects() []string { o.mu.Lock(); defer o.mu.Unlock(); return slices.Clone(o.list) }

// troubled fails a case in which something went wrong on our side, even where a
// later try hides it.
type troubled struct {
	*slog.TextHandler
	t *testing.T
}

func (h *troubled) Handle(ctx context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "kind" && fmt.Sprint(a.Value.Any()) == string(fault.Internal) {
			h.t.Errorf("%s: something went wrong on our side", r.Message)
		}
		return true
	})
	return h.TextHandler.Handle(ctx, r)
}

// casePrograms keeps the expressions of the shipped policies: each house releases them.
var casePrograms = expr.NewPrograms(artifact.KeepPrograms)

// newCaseHouse opens a house; the clock stands at the case's moment.
func newCaseHouse(t *testing.T, key string, c flowCase) *caseHouse {
	t.Helper()
	dir := t.TempDir()
	h := &caseHouse{files: map[string]string{}, mails: &subjects{}, house: &house{t: t, clock: &clock{now: c.Now}}}
	calls := filepath.Join(dir, "calls")
	h.catalog = all.Of(fake.Mishaps{Type: fake.Directory{}, File: calls, Plan: c.Mishaps}, fake.Mishaps{Type: fake.HRIS{}, File: calls, Plan: c.Mishaps}, peoplefile.Type{})
	kinds := artifact.Kinds{Flows: node.All(), Connectors: h.catalog, Programs: casePrograms}
	h.db = pgtest.Open(t, postgres.Config{Now: h.clock.Now, Artifacts: kinds})
	var docs []artifact.Doc
	var own []artifact.Doc
	for i, key := range append([]string{key}, c.With...) {
		text, err := flows.Flow(key)
		require.NoError(t, err)
		if i == 0 {
			text = c.chosen(t, text)
		}
		doc, err := kinds.ReadText(review.Flow, "", text)
		require.NoError(t, err)
		keys, texts, err := flows.Policies(key)
		require.NoError(t, err)
		for _, k := range keys {
			p, err := kinds.ReadText(review.Policy, k, texts[k])
			require.NoError(t, err)
			if !slices.ContainsFunc(docs, func(d artifact.Doc) bool { return d.Kind == p.Kind && d.Key == p.Key }) {
				docs = append(docs, p)
			}
		}
		content, err := flow.Decode(doc.Content)
		require.NoError(t, err)
		for _, u := range content.Functions(kinds.Flows) {
			f, err := kinds.ReadText(review.Function, u.Function, flows.Function(u.Function))
			require.NoError(t, err)
			docs = append(docs, f)
		}
		own = append(own, doc)
	}
	docs = append(docs, own...)
	uses, groups := connectionsOf(t, kinds, docs)
	for k, typ := range uses {
		h.files[k] = filepath.Join(dir, k+".json")
		raw := fmt.Sprintf(`{"key":%q,"name":%q,"type":%q,"settings":{"path":%q}}`, k, k, typ, h.files[k])
		if typ == "people-file" {
			raw = fmt.Sprintf(`{"key":%q,"name":%q,"type":%q}`, k, k, typ)
			delete(h.files, k)
		}
		settings, err := kinds.Read(review.Connection, k, []byte(raw))
		require.NoError(t, err)
		h.release(settings)
		if typ == "fake-hris" {
			h.hris = k
		}
		if typ == "people-file" {
			continue
		}
		require.NoError(t, fake.Change(h.files[k], func(s *fake.State) {
			for _, g := range groups {
				s.Groups[g] = nil
			}
			for i, a := range c.Strangers[k] {
				id := fmt.Sprint("x", i)
				s.Accounts[id] = connector.Account{ID: id, Name: a.Name, Stamp: a.Stamp, Enabled: a.Enabled, Groups: a.Groups, Attributes: a.Attributes}
				for _, g := range a.Groups {
					s.Groups[g] = append(s.Groups[g], id)
				}
			}
		}))
	}
	for _, d := range docs {
		h.release(d)
	}
	if slices.ContainsFunc(docs, func(d artifact.Doc) bool { return d.Kind == review.Function }) {
		var err error
		h.lua, err = luavm.Open(luavm.Config{Command: []string{workertest.Path(t), luavm.SandboxCommand}, AllowReduced: true, Log: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		t.Cleanup(h.lua.Close)
	}
	h.restart()
	return h
}

// chosen is a shipped flow with what the case's company sets otherwise.
func (c flowCase) chosen(t *testing.T, text []byte) []byte {
	t.Helper()
	if len(c.Params)+len(c.Vars) == 0 {
		return text
	}
	var f map[string]any
	require.NoError(t, yaml.Unmarshal(text, &f))
	for k, v := range c.Vars {
		require.Contains(t, f["vars"], k)
		f["vars"].(map[string]any)[k] = v
	}
	nodes := map[string]map[string]any{}
	for _, n := range f["nodes"].([]any) {
		n := n.(map[string]any)
		nodes[n["id"].(string)] = n
	}
	for id, set := range c.Params {
		require.Contains(t, nodes, id)
		maps.Copy(nodes[id]["params"].(map[string]any), set)
	}
	out, err := yaml.Marshal(f)
	require.NoError(t, err)
	return out
}

// connectionsOf gives the fake type of each connection that the documents name,
// and all groups that tables, steps and invariants name.
func connectionsOf(t *testing.T, kinds artifact.Kinds, docs []artifact.Doc) (uses map[string]string, groups []string) {
	t.Helper()
	uses = map[string]string{}
	var walk func(v any)
	walk = func(v any) {
		switch x := v.(type) {
		case map[string]any:
			for k, e := range x {
				s, _ := e.(string)
				switch {
				case s == "people" && k == "connection":
					uses[s] = "people-file"
				case s != "" && k == "connection":
					uses[s] = "fake-hris"
				case s != "" && (k == "directory" || k == "mailbox_directory" || k == "other_directory"):
					uses[s] = "fake-directory"
				}
				if list, ok := e.([]any); ok && k == "groups" {
					for _, g := range list {
						groups = append(groups, fmt.Sprint(g))
					}
				}
				walk(e)
			}
		case []any:
			for _, e := range x {
				walk(e)
			}
		}
	}
	for _, d := range docs {
		var c any
		require.NoError(t, json.Unmarshal(d.Content, &c))
		walk(c)
	}
	return uses, append(groups, "all-staff", "contractors", "loc-berlin", "loc-munich", "project-apollo")
}

// release takes a document through the ordinary review path.
func (h *caseHouse) release(d artifact.Doc) {
	h.t.Helper()
	ctx := h.t.Context()
	_, err := h.db.SaveRevision(ctx, anna, postgres.Save{Doc: d, Base: postgres.AnyBase})
	require.NoError(h.t, err)
	r, err := h.db.OpenReview(ctx, anna, d.Kind, d.Key, 0, "")
	require.NoError(h.t, err, "%s %s: %v", d.Kind, d.Key, fault.Problems(err))
	_, err = h.db.ApproveReview(ctx, ben, r.ID, r.Hash, "")
	require.NoError(h.t, err)
}

// restart ends the engine, if one runs, and starts another.
func (h *caseHouse) restart() {
	if h.cancel != nil {
		h.cancel()
	}
	h.nth++
	log := slog.New(&troubled{TextHandler: slog.NewTextHandler(h.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}), t: h.t})
	h.e = &engine.Engine{DB: h.db, Nodes: node.All(), Owner: fmt.Sprint(h.t.Name(), h.nth), Now: h.clock.Now, Log: log, Mail: h.mails.send, Settle: time.Millisecond, Functions: h.lua,
		Pool: &connector.Pool{Catalog: h.catalog.With(peoplefile.Type{Store: h.db}), Guard: &egress.Guard{}, Now: time.Now, Log: log,
			Secret: func(context.Context, string, string) (secret.Value, error) { return secret.Value{}, nil }}}
	ctx, cancel := context.WithCancel(context.Background())
	done, e := make(chan struct{}), h.e
	go func() { defer close(done); e.Run(ctx) }()
	h.cancel = func() { cancel(); <-done }
	h.t.Cleanup(func() { cancel(); <-done; _ = e.Pool.Close() })
}
