package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector/fake"
	"joinery/internal/pgtest"
	"joinery/internal/review"
	"joinery/internal/run"
)

// waitingFlow makes the account at once, asks a person, and opens it on the first day.
const waitingFlow = `
key: plan
name: Plan
trigger: hired
nodes:
  - id: hired
    type: hris.event
    params: {connection: hr, events: [worker.hired, worker.updated, worker.start_moved, worker.rescinded]}
  - id: names
    type: set
    params: {values: {login: =Lower(joiner.first_name)}}
  - id: create
    type: account.ensure
    params: {directory: dir, name: =steps.names.login, enabled: false, attributes: {dept: =joiner.department}}
  - id: update
    type: account.update
    params: {directory: dir, account: =steps.create.account_id, attributes: {dept: =joiner.department}}
  - id: groups
    type: group.add
    params: {directory: dir, account: =steps.create.account_id, groups: ["all-staff"]}
  - id: dept
    type: switch
    params: {cases: [{when: joiner.department == "Engineering", port: eng}, {when: joiner.department == "Sales", port: sales}]}
  - id: eng
    type: group.add
    params: {directory: dir, groups: [engineering]}
  - id: sales
    type: group.add
    params: {directory: dir, groups: [sales]}
  - id: ask
    type: signoff
    params: {title: "A seat for {{ joiner.last_name }}", role: operator}
  - id: tell
    type: notify.email
    params: {to: [it@x.example], subject: "{{ steps.create.name }} in {{ joiner.department }}", text: hello}
  - id: first_day
    type: wait.until
    params: {date: joiner.start_date, cancel_when: joiner.status == "rescinded"}
  - id: enable
    type: account.enable
    params: {directory: dir, account: =steps.create.account_id}
  - id: not_coming
    type: stop
    params: {reason: Not coming}
edges:
  - {from: hired.started, to: names}
  - {from: names.done, to: create}
  - {from: create.created, to: groups}
  - {from: create.existed, to: update}
  - {from: update.changed, to: groups}
  - {from: update.unchanged, to: groups}
  - {from: groups.done, to: dept}
  - {from: dept.eng, to: eng}
  - {from: dept.sales, to: sales}
  - {from: dept.default, to: ask}
  - {from: eng.done, to: ask}
  - {from: sales.done, to: ask}
  - {from: ask.approved, to: tell}
  - {from: tell.sent, to: first_day}
  - {from: first_day.due, to: enable}
  - {from: first_day.canceled, to: not_coming}
`

func waiting(t *testing.T, more ...string) (*house, map[string]any) {
	h := open(t)
	h.live(review.Flow, "plan", strings.Replace(waitingFlow, "worker.rescinded]}", strings.Join(append([]string{"worker.rescinded]"}, more...), ", ")+"}", 1))
	h.start()
	w := map[string]any{"first_name": "Ada", "department": "Engineering", "start_date": h.clock.Now().AddDate(0, 0, 45).Format(time.DateOnly)}
	h.hire("1", w)
	h.until(run.Waiting)
	open, err := h.db.OpenSignoffs(t.Context())
	require.NoError(t, err)
	require.Len(t, open, 1)
	_, err = h.db.DecideSignoff(t.Context(), ben, open[0].ID, true, "fine", nil)
	require.NoError(t, err)
	h.settles(func() bool { return h.waitsAt("first_day") })
	return h, w
}

// settles waits until something holds.
func (h *house) settles(holds func() bool) {
	h.t.Helper()
	for end := time.Now().Add(pgtest.Hang); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			h.until("what did not come")
		}
		h.e.Kick()
	}
}

func (h *house) waitsAt(node string) bool {
	rows := h.runs()
	if rows[0].State != run.Waiting {
		return false
	}
	d, err := h.db.RunDetail(h.t.Context(), rows[0].ID)
	require.NoError(h.t, err)
	return step(h.t, d, node).State == run.StepWaiting
}

func (h *house) only() (out []string, name string, enabled bool) {
	s := h.state()
	require.Len(h.t, s.Accounts, 1)
	for _, a := range s.Accounts {
		return a.Groups, a.Name, a.Enabled
	}
	return nil, "", false
}

// F10 and F1(e): a change that comes while the run waits is merged into its plan.
// Groups are replaced, what others gave stays, nothing is asked or sent twice.
func TestMerge_ChangeWhileWaiting(t *testing.T) {
	t.Parallel()
	h, w := waiting(t)
	require.NoError(t, fake.Change(h.dir, func(s *fake.State) {
		s.Groups["choir"] = []string{"a1"}
		a := s.Accounts["a1"]
		a.Groups = append(a.Groups, "choir")
		s.Accounts["a1"] = a
	}))
	w["department"] = "Sales"
	h.person("1", w)
	a := h.event("e2", "worker.updated", "1")
	h.settles(func() bool { g, _, _ := h.only(); return h.waitsAt("first_day") && len(g) == 3 && contains(g, "sales") })
	groups, _, _ := h.only()
	require.ElementsMatch(t, []string{"all-staff", "choir", "sales"}, groups)
	require.Equal(t, "Sales", h.state().Accounts["a1"].Attributes["dept"])
	require.Len(t, h.runs(), 1, "one plan")
	require.Equal(t, []string{string(h.runs()[0].ID)}, a.Runs)
	open, err := h.db.OpenSignoffs(t.Context())
	require.NoError(t, err)
	require.Empty(t, open, "the answer stands")
	require.Equal(t, 1, h.mails.count())
	d, err := h.db.RunDetail(t.Context(), h.runs()[0].ID)
	require.NoError(t, err)
	require.Equal(t, "existed", step(t, d, "create").Port)
	require.Contains(t, string(step(t, d, "create").Changes), "made in dir")

	// HR flips back: no net change, in the same run.
	w["department"] = "Engineering"
	h.person("1", w)
	h.event("e3", "worker.updated", "1")
	h.settles(func() bool {
		g, _, _ := h.only()
		return h.waitsAt("first_day") && contains(g, "engineering") && !contains(g, "sales")
	})
	groups, _, _ = h.only()
	require.ElementsMatch(t, []string{"all-staff", "choir", "engineering"}, groups)
	require.Len(t, h.runs(), 1)

	// The first day comes; undoing takes back what the run gave, the rest stays.
	h.clock.Forward(46 * 24 * time.Hour)
	h.e.Kick()
	h.until(run.Succeeded)
	_, _, enabled := h.only()
	require.True(t, enabled)
	require.Equal(t, 1, h.mails.count())
	require.NoError(t, h.db.CompensateRun(t.Context(), ben, string(h.runs()[0].ID), "test"))
	h.e.Kick()
	h.until(run.Compensated)
	groups, _, enabled = h.only()
	require.Equal(t, []string{"choir"}, groups)
	require.False(t, enabled)
	require.Equal(t, 1, h.state().Creates["hr:1"])
}

// The same news again, or news that changes nothing, moves nothing.
func TestMerge_NothingNew(t *testing.T) {
	t.Parallel()
	h, _ := waiting(t)
	reads := h.state().Reads
	h.event("e2", "worker.updated", "1")
	h.settles(func() bool { return h.state().Reads > reads && h.waitsAt("first_day") })
	d, err := h.db.RunDetail(t.Context(), h.runs()[0].ID)
	require.NoError(t, err)
	require.Equal(t, "created", step(t, d, "create").Port)
	require.Len(t, h.runs(), 1)
}

// R-28 and F3: a start that moves to +60 and then to +30 is followed with the same
// names and account; rescinded, the run goes the way the flow says.
func TestR28_StartMoves(t *testing.T) {
	t.Parallel()
	h, w := waiting(t)
	begin := h.clock.Now()
	for i, days := range []int{60, 30} {
		w["start_date"] = begin.AddDate(0, 0, days).Format(time.DateOnly)
		h.person("1", w)
		h.event([]string{"m1", "m2"}[i], "worker.start_moved", "1")
		h.settles(func() bool {
			r := h.runs()[0]
			return r.State == run.Waiting && r.WakeAt != nil && r.WakeAt.Format(time.DateOnly) == w["start_date"]
		})
	}
	h.clock.Forward(31 * 24 * time.Hour)
	h.e.Kick()
	h.until(run.Succeeded)
	_, name, enabled := h.only()
	require.Equal(t, "ada", name)
	require.True(t, enabled)
	require.Len(t, h.runs(), 1)
	require.Equal(t, 1, h.mails.count())
}

func TestR28_Rescinded(t *testing.T) {
	t.Parallel()
	h, w := waiting(t)
	w["status"], w["department"] = "rescinded", "Sales" // the department must not matter any more
	h.person("1", w)
	h.event("r", "worker.rescinded", "1")
	d := h.until(run.Succeeded)
	require.Equal(t, "Not coming", d.Reason)
	_, _, enabled := h.only()
	require.False(t, enabled)
	require.Len(t, h.runs(), 1)
}

// A flow that asks which event it was gets a run for each, one after the other.
func TestMerge_FlowThatAsksForTheEvent(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "plan", `
key: plan
name: Plan
trigger: hired
nodes:
  - {id: hired, type: hris.event, params: {connection: hr, events: [worker.hired, worker.updated]}}
  - {id: which, type: branch, params: {when: event.type == "worker.hired"}}
  - {id: day, type: wait.until, params: {date: joiner.start_date}}
edges:
  - {from: hired.started, to: which}
  - {from: which.yes, to: day}
`)
	h.start()
	h.hire("1", map[string]any{"start_date": h.clock.Now().AddDate(0, 0, 3).Format(time.DateOnly)})
	h.until(run.Waiting)
	h.event("e2", "worker.updated", "1")
	h.settles(func() bool { return len(h.runs()) == 2 })
	require.Equal(t, run.Queued, h.runs()[0].State)
	h.clock.Forward(4 * 24 * time.Hour)
	h.e.Kick()
	h.settles(func() bool { return h.runs()[0].State == run.Succeeded && h.runs()[1].State == run.Succeeded })
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// A run that an event queued behind a run under way is absorbed when that one reads
// the worker again.
func TestMerge_QueuedBehindIsAbsorbed(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "wait", waitFlow)
	ctx := t.Context()
	h.hire("1", map[string]any{"start_date": h.clock.Now().AddDate(0, 0, 30).Format(time.DateOnly)})
	claimed, err := h.db.ClaimRuns(ctx, "slow", 1) // under way in another process
	require.NoError(t, err)
	require.Len(t, claimed, 1)
	h.event("again", "worker.hired", "1")
	require.Len(t, h.runs(), 2)
	require.NoError(t, h.db.ReleaseRuns(ctx, "slow"))
	h.start()
	h.settles(func() bool { return h.runs()[1].State == run.Waiting })
	h.clock.Forward(time.Minute)
	h.event("third", "worker.hired", "1")
	h.settles(func() bool { return h.runs()[1].State == run.Waiting && h.runs()[0].State == run.Canceled })
	require.Contains(t, h.runs()[0].Reason, "Merged")
	require.Len(t, h.runs(), 2)
}
