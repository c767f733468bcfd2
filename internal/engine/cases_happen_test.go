package engine_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/connector/fake"
	"joinery/internal/joiner"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/run"
)

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
			if d.Add != nil {
				id := fmt.Sprint("x", len(s.Accounts))
				s.Accounts[id] = connector.Account{ID: id, Name: d.Add.Name, Enabled: d.Add.Enabled, Attributes: d.Add.Attributes}
				return
			}
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
