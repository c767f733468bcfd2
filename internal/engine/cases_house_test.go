package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
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
	"joinery/internal/exception"
	"joinery/internal/fault"
	"joinery/internal/joiner"
	"joinery/internal/node"
	"joinery/internal/pgtest"
	"joinery/internal/policy"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
	"joinery/internal/secret"
)

// caseHouse is a house in which one shipped flow is live with its policies, its
// HRIS and each of its directories in a file of its own.
type caseHouse struct {
	*house
	hris    string            // the HRIS's key
	files   map[string]string // each connection's file
	catalog all.Catalog
	list    string // the list that was uploaded
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

// newCaseHouse opens a house; the clock stands at the case's moment.
func newCaseHouse(t *testing.T, key string, c flowCase) *caseHouse {
	t.Helper()
	dir := t.TempDir()
	h := &caseHouse{files: map[string]string{}, mails: &subjects{}, house: &house{t: t, clock: &clock{now: c.Now}}}
	calls := filepath.Join(dir, "calls")
	h.catalog = all.Of(fake.Mishaps{Type: fake.Directory{}, File: calls, Plan: c.Mishaps}, fake.Mishaps{Type: fake.HRIS{}, File: calls, Plan: c.Mishaps}, peoplefile.Type{})
	kinds := artifact.Kinds{Flows: node.All(), Connectors: h.catalog}
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
				case s != "" && (k == "directory" || k == "mailbox_directory"):
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
	h.e = &engine.Engine{DB: h.db, Nodes: node.All(), Owner: fmt.Sprint(h.t.Name(), h.nth), Now: h.clock.Now, Log: log, Mail: h.mails.send, Settle: time.Millisecond,
		Pool: &connector.Pool{Catalog: h.catalog.With(peoplefile.Type{Store: h.db}), Guard: &egress.Guard{}, Now: time.Now, Log: log,
			Secret: func(context.Context, string, string) (secret.Value, error) { return secret.Value{}, nil }}}
	ctx, cancel := context.WithCancel(context.Background())
	done, e := make(chan struct{}), h.e
	go func() { defer close(done); e.Run(ctx) }()
	h.cancel = func() { cancel(); <-done }
	h.t.Cleanup(func() { cancel(); <-done; _ = e.Pool.Close() })
}

func runCase(t *testing.T, key string, c flowCase) {
	h := newCaseHouse(t, key, c)
	for i, x := range c.Timeline {
		h.happens(i, x)
	}
}

// happens lets one thing of the timeline happen, once all before has come to rest.
func (h *caseHouse) happens(i int, x happened) {
	t := h.t
	t.Helper()
	if x.ID == "" {
		x.ID = "1"
	}
	if x.HR != nil {
		require.NoError(t, fake.Change(h.files[h.hris], func(s *fake.State) {
			w := s.Workers[x.ID]
			if w.ID = x.ID; w.Attributes == nil {
				w.Attributes = map[string]any{"status": "planned", "worker_type": "employee", "time_zone": "Europe/Berlin", "country": "DE"}
			}
			maps.Copy(w.Attributes, x.HR)
			maps.DeleteFunc(w.Attributes, func(_ string, v any) bool { return v == nil })
			w.ChangedAt = h.clock.Now()
			s.Workers[x.ID] = w
		}))
	}
	if x.Gone {
		require.NoError(t, fake.Change(h.files[h.hris], func(s *fake.State) { delete(s.Workers, x.ID) }))
	}
	if x.Event != "" {
		h.events++
		if x.Key == "" {
			x.Key = fmt.Sprint("event-", h.events)
		}
		for range max(x.Times, 1) {
			_, err := h.db.AcceptEvent(t.Context(), postgres.Incoming{Connection: h.hris, Event: joiner.Event{Key: x.Key, Type: x.Event, Worker: x.ID}})
			require.NoError(t, err)
		}
		h.e.Kick()
	}
	switch {
	case !x.Clock.IsZero():
		h.rests(i)
		h.clock.Forward(x.Clock.Sub(h.clock.Now()))
	case x.Pass != "":
		h.rests(i)
		d, err := time.ParseDuration(x.Pass)
		require.NoError(t, err)
		h.clock.Forward(d)
	case x.Answer != nil:
		h.answers(i, x.Answer.Title, !x.Answer.Reject, x.Answer.Form)
	case x.Directory != nil:
		h.rests(i)
		d := x.Directory
		require.NoError(t, fake.Change(h.files[d.In], func(s *fake.State) {
			for id, a := range s.Accounts {
				if a.Name != d.Account {
					continue
				}
				if a.Attributes == nil {
					a.Attributes = map[string]any{}
				}
				maps.Copy(a.Attributes, d.Set)
				for _, g := range d.Join {
					s.Groups[g], a.Groups = append(s.Groups[g], id), append(a.Groups, g)
				}
				a.Enabled = a.Enabled && !d.Disable
				if s.Accounts[id] = a; d.Remove {
					delete(s.Accounts, id)
					delete(s.Creates, a.Stamp) // making it anew later is no duplicate
				}
				return
			}
			t.Errorf("timeline %d: there is no account %s in %s", i, d.Account, d.In)
		}))
	case x.Ask:
		h.rests(i)
		require.NoError(t, h.db.PollNow(t.Context(), ben, h.hris))
		require.NoError(t, h.e.PollDue(t.Context()))
	case x.List != nil:
		h.uploads(*x.List)
	case x.Start != nil:
		h.starts(*x.Start)
	case x.Agree:
		h.agrees(h.list, h.liveFlow())
	case x.Next:
		h.rests(i)
		require.NoError(t, h.db.ContinueList(t.Context(), olga, h.list, h.liveFlow()))
	case x.Fix != nil:
		h.fixes(x.Fix.Policy, x.Fix.Row)
	case x.RetryNewest > 0:
		h.retriesNewest(x.RetryNewest)
	case x.Restart:
		h.restart()
	case x.Cancel != "":
		h.rests(i)
		for _, r := range h.runs() {
			if r.State == run.Waiting {
				require.NoError(t, h.db.CancelRun(t.Context(), ben, string(r.ID), x.Cancel))
			}
		}
	case x.Retry:
		h.rests(i)
		for _, r := range h.runs() {
			if r.State == run.Failed {
				require.NoError(t, h.db.RetryRun(t.Context(), ben, r.ID))
			}
		}
	}
	h.e.Kick()
	if x.Expect != nil {
		h.expects(i, *x.Expect)
	}
}

// rests waits until nothing is under way and nothing is due.
func (h *caseHouse) rests(i int) {
	h.t.Helper()
	within := 30 * time.Second
	if h.list != "" {
		within = 2 * time.Minute // hundreds of people, and a directory that is a file
	}
	pgtest.Eventually(h.t, within, fmt.Sprintf("timeline %d: the runs come to rest: %v", i, h.runs()), func() bool {
		h.e.Kick()
		if h.list != "" {
			n := h.ofList()
			return n[run.Queued]+n[run.Running] == 0
		}
		if slices.ContainsFunc(h.runs(), func(r postgres.RunRow) bool { return h.busy(r) }) {
			return false
		}
		// What the engine looks for every two seconds is looked for now.
		woken, err := h.db.WakeAwaiting(h.t.Context())
		require.NoError(h.t, err)
		return woken == 0
	})
}

// busy reports whether a run is under way, due, or queued with nothing before it.
func (h *caseHouse) busy(r postgres.RunRow) bool {
	if r.State == run.Queued {
		return !slices.ContainsFunc(h.runs(), func(o postgres.RunRow) bool {
			return o.JoinerID == r.JoinerID && o.ID != r.ID && o.State == run.Waiting && !h.busy(o)
		})
	}
	return !r.State.Terminal() && r.State != run.Parked && (r.State != run.Waiting || r.WakeAt != nil && !r.WakeAt.After(h.clock.Now()))
}

func (h *caseHouse) answers(i int, title string, approve bool, form map[string]any) {
	h.t.Helper()
	id := ""
	pgtest.Eventually(h.t, 30*time.Second, fmt.Sprintf("timeline %d: somebody is asked %q", i, title), func() bool {
		h.e.Kick()
		open, err := h.db.OpenSignoffs(h.t.Context())
		require.NoError(h.t, err)
		for _, s := range open {
			if strings.Contains(s.Title, title) {
				id = s.ID
			}
		}
		return id != ""
	})
	_, err := h.db.DecideSignoff(h.t.Context(), ben, id, approve, "", form)
	require.NoError(h.t, err)
}

// expects waits until all of it is true, and says what is not.
func (h *caseHouse) expects(i int, want expect) {
	h.t.Helper()
	var wrong string
	for range 3 { // what is not so when all has come to rest will hardly come
		h.e.Kick()
		h.rests(i)
		if wrong = h.differs(want); wrong == "" {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	h.t.Fatalf("timeline %d: %s\n%s", i, wrong, h.story())
}

func (h *caseHouse) differs(want expect) string {
	rows := h.runs()
	if want.Runs != nil {
		have := map[run.State]int{}
		for _, r := range rows {
			have[r.State]++
		}
		if h.list != "" {
			have = h.ofList()
		}
		if !maps.Equal(have, want.Runs) {
			return fmt.Sprintf("runs should be %v, and are %v", want.Runs, have)
		}
	}
	if want.Reason != "" && (len(rows) == 0 || !strings.Contains(rows[0].Reason, want.Reason)) {
		return fmt.Sprintf("the newest run's reason should hold %q", want.Reason)
	}
	for _, check := range []func(expect) string{h.listDiffers, h.differsIn, h.managersDiffer, h.namesDiffer, h.hrDiffers, h.peopleDiffer, h.stepsDiffer} {
		if wrong := check(want); wrong != "" {
			return wrong
		}
	}
	return ""
}

func (h *caseHouse) stateOf(key string) (out fake.State) {
	require.NoError(h.t, fake.Change(h.files[key], func(s *fake.State) { out = *s }))
	return out
}

// differsIn compares directories: accounts that were made, each exactly once.
func (h *caseHouse) differsIn(want expect) string {
	for _, key := range slices.Sorted(maps.Keys(want.Accounts)) {
		list := want.Accounts[key]
		s := h.stateOf(key)
		for stamp, n := range s.Creates {
			if n > 1 {
				return fmt.Sprintf("%s: %d accounts were made for %s", key, n, stamp)
			}
		}
		maps.DeleteFunc(s.Accounts, func(id string, a connector.Account) bool { return strings.HasPrefix(id, "x") && a.Stamp == "" })
		if len(s.Accounts) != len(list) {
			return fmt.Sprintf("%s: there should be %d accounts, and there are %d", key, len(list), len(s.Accounts))
		}
		for _, w := range list {
			if wrong := accountDiffers(s, w); wrong != "" {
				return key + ": " + wrong
			}
		}
	}
	return ""
}

// managersDiffer compares who is whose manager.
func (h *caseHouse) managersDiffer(want expect) string {
	if want.Managers == nil {
		return ""
	}
	have, s := map[string]string{}, h.stateOf("corp-ad")
	for _, a := range s.Accounts {
		if m, _ := a.Attributes["manager"].(string); m != "" {
			have[a.Name] = s.Accounts[m].Name
		}
	}
	if !maps.Equal(have, want.Managers) {
		return fmt.Sprintf("the managers should be %v, and are %v", want.Managers, have)
	}
	return ""
}

func accountDiffers(s fake.State, w wantAccount) string {
	for _, a := range s.Accounts {
		if a.Name != w.Name {
			continue
		}
		have, list := slices.Sorted(slices.Values(a.Groups)), slices.Sorted(slices.Values(w.Groups))
		switch {
		case a.Enabled != w.Enabled:
			return fmt.Sprintf("%s should be enabled: %v", w.Name, w.Enabled)
		case w.Groups != nil && !slices.Equal(have, list):
			return fmt.Sprintf("%s should be in %v, and is in %v", w.Name, list, have)
		}
		for _, k := range slices.Sorted(maps.Keys(w.Attributes)) {
			if fmt.Sprint(a.Attributes[k]) != fmt.Sprint(w.Attributes[k]) {
				return fmt.Sprintf("%s of %s should be %v, and is %v", k, w.Name, w.Attributes[k], a.Attributes[k])
			}
		}
		return ""
	}
	return "there is no account " + w.Name
}

func (h *caseHouse) namesDiffer(want expect) string {
	if want.Names == nil {
		return ""
	}
	rows, _, err := h.db.Names(h.t.Context(), postgres.NameFilter{})
	require.NoError(h.t, err)
	have := stateOf(rows)
	for _, n := range slices.Sorted(maps.Keys(want.Names)) {
		if have[n] != want.Names[n] {
			return fmt.Sprintf("the name %s should be %q; there are %v", n, want.Names[n], have)
		}
	}
	return ""
}

func (h *caseHouse) hrDiffers(want expect) string {
	if want.HRIS == nil && want.Written == nil {
		return ""
	}
	s := h.stateOf(h.hris)
	for id, fields := range want.HRIS {
		for k, v := range fields {
			if !policy.SameValue(k, s.Workers[id].Attributes[k], v) {
				return fmt.Sprintf("%s of worker %s should be %v, and is %v", k, id, v, s.Workers[id].Attributes[k])
			}
		}
	}
	if want.Written != nil && !slices.Equal(s.Updates, *want.Written) {
		return fmt.Sprintf("written should be %v, and is %v", *want.Written, s.Updates)
	}
	return ""
}

// peopleDiffer compares what people are told and asked.
func (h *caseHouse) peopleDiffer(want expect) string {
	if want.Mails != nil {
		if have := h.mails.subjects(); !slices.Equal(have, *want.Mails) {
			return fmt.Sprintf("the messages should be %q, and are %q", *want.Mails, have)
		}
	}
	if want.Asked != nil {
		open, err := h.db.OpenSignoffs(h.t.Context())
		require.NoError(h.t, err)
		var have []string
		for _, s := range open {
			have = append(have, s.Title)
		}
		slices.Sort(have)
		if !slices.Equal(have, slices.Sorted(slices.Values(*want.Asked))) {
			return fmt.Sprintf("people should be asked %q, and are asked %q", *want.Asked, have)
		}
	}
	if want.Tasks != nil || want.Why != "" {
		rows, _, err := h.db.Exceptions(h.t.Context(), postgres.ExceptionFilter{})
		require.NoError(h.t, err)
		var have []string
		why := want.Why == ""
		for _, r := range rows {
			if r.State == exception.Open {
				have, why = append(have, r.Title), why || strings.Contains(r.Reason, want.Why)
			}
		}
		slices.Sort(have)
		if want.Tasks != nil && !slices.Equal(have, slices.Sorted(slices.Values(*want.Tasks))) {
			return fmt.Sprintf("tasks should be %q, and are %q", *want.Tasks, have)
		}
		if !why {
			return fmt.Sprintf("no task says %q", want.Why)
		}
	}
	if want.Exceptions != nil {
		rows, _, err := h.db.Exceptions(h.t.Context(), postgres.ExceptionFilter{})
		require.NoError(h.t, err)
		var have []string
		for _, r := range rows {
			if r.State == exception.Open {
				have = append(have, r.Field)
			}
		}
		slices.Sort(have)
		if !slices.Equal(have, *want.Exceptions) {
			return fmt.Sprintf("exceptions should be open for %v, and are for %v", *want.Exceptions, have)
		}
	}
	return ""
}

func (h *caseHouse) stepsDiffer(want expect) string {
	rows := h.runs()
	if len(rows) == 0 {
		return ""
	}
	d, err := h.db.RunDetail(h.t.Context(), rows[0].ID)
	require.NoError(h.t, err)
	for _, s := range d.Steps {
		if w, ok := want.Ports[string(s.Node)]; ok && w != s.Port && w != string(s.State) {
			return fmt.Sprintf("step %s should leave by %q, and is %s %q %s", s.Node, w, s.State, s.Port, s.Error)
		}
	}
	if want.Waits == "" {
		return ""
	}
	for _, r := range rows {
		d, err := h.db.RunDetail(h.t.Context(), r.ID)
		require.NoError(h.t, err)
		for _, s := range d.Steps {
			if string(s.Node) == want.Waits && s.State == run.StepWaiting && r.State == run.Waiting {
				return ""
			}
		}
	}
	return "no run waits at " + want.Waits
}

// story is what happened, for whoever reads a case that does not pass.
func (h *caseHouse) story() string {
	var b strings.Builder
	for _, r := range h.runs() {
		d, err := h.db.RunDetail(h.t.Context(), r.ID)
		require.NoError(h.t, err)
		fmt.Fprintf(&b, "%s %s %s %s\n", r.ID, r.State, r.Reason, r.WaitingFor)
		for _, s := range d.Steps {
			if s.State != run.StepSkipped && s.State != run.StepPending {
				fmt.Fprintf(&b, "  %s %s %s %s %s %s\n", s.Node, s.State, s.Port, s.Error, s.WaitFor, strings.Join(s.Log, " / "))
			}
		}
	}
	for k := range h.files {
		raw, _ := yaml.Marshal(h.stateOf(k).Accounts)
		fmt.Fprintf(&b, "%s: %s\n", k, raw)
	}
	return b.String()
}
