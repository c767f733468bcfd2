package engine_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/engine"
	"joinery/internal/joiner"
	"joinery/internal/review"
	"joinery/internal/run"
)

const neverAllStaff = `
invariants:
  - name: Contractors never get all-staff
    when: joiner.worker_type == "contractor"
    never_groups: [all-staff]
    say: Ask iam@x.example.
`

// F2: two ways, one for contractors. An edit gives them all-staff by name.
const contractorFlow = `
key: join
name: Join
trigger: hired
nodes:
  - {id: hired, type: hris.event, params: {connection: hr, events: [worker.hired, worker.updated]}}
  - id: create
    type: account.ensure
    params: {directory: dir, name: =Lower(joiner.last_name)}
  - {id: kind, type: branch, params: {when: joiner.worker_type == "contractor"}}
  - {id: ext, type: group.add, params: {directory: dir, groups: [engineering]}}
  - {id: own, type: group.add, params: {directory: dir, groups: [all-staff]}}
edges:
  - {from: hired.started, to: create}
  - {from: create.created, to: kind}
  - {from: create.existed, to: kind}
  - {from: kind.yes, to: ext}
  - {from: kind.no, to: own}
`

// stopped expects the newest run to be stopped by the invariant before any write.
func (h *house) stopped(says string) {
	h.t.Helper()
	d := h.until(run.Failed)
	require.Contains(h.t, d.Reason, "The invariant “Contractors never get all-staff” stopped this run: "+says)
	require.Contains(h.t, d.Reason, "Ask iam@x.example.")
	require.Empty(h.t, h.state().Accounts, "nothing was written")
	require.Zero(h.t, h.mails.count())
	for _, s := range d.Steps {
		require.NotContains(h.t, string(s.Changes), "sentence", string(s.Node))
	}
}

func TestInvariant_F2_EditThatAddsAllStaffIsStopped(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "join", contractorFlow+neverAllStaff)
	h.start()
	h.hire("1", map[string]any{"worker_type": "contractor"})
	h.until(run.Succeeded)
	_, groups := h.groupsOf("hr:1")
	require.Equal(t, []string{"engineering"}, groups, "what is right runs")
	h.hire("2", nil)
	h.until(run.Succeeded)
	_, groups = h.groupsOf("hr:2")
	require.Equal(t, []string{"all-staff"}, groups, "others may have it")

	edited := strings.Replace(contractorFlow, "groups: [engineering]", "groups: [engineering, All-Staff]", 1)
	h.live(review.Flow, "join", edited+neverAllStaff)
	h.hire("3", map[string]any{"worker_type": "contractor"})
	d := h.until(run.Failed)
	require.Contains(t, d.Reason, "ext gives the group All-Staff. Ask iam@x.example.")
	id, _ := h.groupsOf("hr:3")
	require.Empty(t, id, "not even the account was made")
	require.Equal(t, run.StepFailed, step(t, d, "create").State)
}

// Also where the groups come from a table, whichever way the run would take, and in
// a simulated run.
func TestInvariant_TableThatGivesIt(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Policy, "groups", groupTable)
	h.live(review.Flow, "join", groupFlow+neverAllStaff)
	h.start()
	h.hire("1", map[string]any{"worker_type": "contractor"})
	h.stopped("groups gives the group all-staff.")
	_, err := h.db.StartRun(t.Context(), ben, "join", "1", run.Simulate)
	require.NoError(t, err)
	h.twoRuns()
	h.stopped("groups gives the group all-staff.")
	h.hire("2", nil)
	h.until(run.Succeeded)
}

// The table comes after the account, and behind a step whose way out is not known.
func TestInvariant_SeesAhead(t *testing.T) {
	t.Parallel()
	late := `
key: join
name: Join
trigger: hired
nodes:
  - {id: hired, type: hris.event, params: {connection: hr, events: [worker.hired]}}
  - {id: find, type: account.find, params: {directory: dir}}
  - {id: note, type: notify.email, params: {to: [it@x.example], subject: s, text: t}}
  - {id: create, type: account.ensure, params: {directory: dir, name: =Lower(joiner.last_name)}}
  - {id: groups, type: groups.resolve, params: {policy: groups}}
  - {id: line, type: group.add, params: {directory: dir, groups: =steps.groups.groups}}
edges:
  - {from: hired.started, to: find}
  - {from: find.found, to: note}
  - {from: find.missing, to: note}
  - {from: note.sent, to: create}
  - {from: create.created, to: groups}
  - {from: create.existed, to: groups}
  - {from: groups.done, to: line}
`
	h := open(t)
	h.live(review.Policy, "groups", groupTable)
	h.live(review.Flow, "join", late+neverAllStaff)
	h.start()
	h.hire("1", map[string]any{"worker_type": "contractor"})
	h.stopped("groups gives the group all-staff.")
}

// What is only known later is stopped when it is known, and no "continue" and no
// error port leads past it.
func TestInvariant_KnownLate(t *testing.T) {
	t.Parallel()
	h := open(t)
	hidden := `
key: join
name: Join
trigger: hired
nodes:
  - {id: hired, type: hris.event, params: {connection: hr, events: [worker.hired]}}
  - {id: create, type: account.ensure, params: {directory: dir, name: =Lower(joiner.last_name)}}
  - {id: give, type: group.add, on_error: continue, params: {directory: dir, groups: ["=steps.create.created ? 'all-' + 'staff' : 'sales'", engineering]}}
  - {id: tell, type: notify.email, params: {to: [it@x.example], subject: s, text: t}}
edges:
  - {from: hired.started, to: create}
  - {from: create.created, to: give}
  - {from: give.done, to: tell}
  - {from: give.error, to: tell}
`
	h.live(review.Flow, "join", hidden+neverAllStaff)
	h.start()
	h.hire("1", map[string]any{"worker_type": "contractor"})
	d := h.until(run.Failed)
	require.Contains(t, d.Reason, "give gives the group all-staff")
	_, groups := h.groupsOf("hr:1")
	require.Empty(t, groups)
	require.Zero(t, h.mails.count())
	// A person who skips the step gets no further with what is forbidden, and the rest goes on.
	require.NoError(t, h.db.RetryRun(t.Context(), ben, d.ID))
	d = h.until(run.Failed)
	require.Contains(t, d.Reason, "give gives the group all-staff")
}

// An invariant that cannot be computed is no permission.
func TestInvariant_NotKnown(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "join", contractorFlow+strings.Replace(neverAllStaff, `joiner.worker_type == "contractor"`, `joiner.badge.level > 3`, 1))
	h.start()
	h.hire("1", nil)
	d := h.until(run.Failed)
	require.Contains(t, d.Reason, "cannot be computed")
	require.Empty(t, h.state().Accounts)
}

func TestInvariant_NeverAnAccount(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "join", contractorFlow+strings.Replace(neverAllStaff, "never_groups: [all-staff]", "never_accounts: [dir]", 1))
	h.start()
	h.hire("1", map[string]any{"worker_type": "contractor"})
	h.stopped("create would make or enable an account in dir.")
}

// A forecast says the same.
func TestInvariant_Foreseen(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Policy, "groups", groupTable)
	h.live(review.Flow, "join", groupFlow+neverAllStaff)
	h.person("1", map[string]any{"worker_type": "contractor"})
	a, err := h.db.Artifact(t.Context(), review.Flow, "join")
	require.NoError(t, err)
	f, err := h.e.Foresee(t.Context(), a.Live.ID)
	require.NoError(t, err)
	out, err := f.Run(t.Context(), engine.Prospect{Ref: joiner.Ref{Connection: "hr", Worker: "1"}, Worker: h.state().Workers["1"]})
	require.NoError(t, err)
	require.Equal(t, run.Failed, out.State)
	require.Contains(t, out.Reason, "Contractors never get all-staff")
}

// Undoing gives nothing back that must not be given.
func TestInvariant_Undo(t *testing.T) {
	t.Parallel()
	h := open(t)
	takes := strings.Replace(contractorFlow, "{id: ext, type: group.add, params: {directory: dir, groups: [engineering]}}", "{id: ext, type: group.remove, params: {directory: dir, groups: [all-staff]}}", 1)
	h.live(review.Flow, "join", takes+neverAllStaff)
	h.start()
	h.hire("1", nil)
	h.until(run.Succeeded)
	h.person("1", map[string]any{"worker_type": "contractor"})
	h.event("now-ext", "worker.updated", "1")
	h.twoRuns()
	d := h.until(run.Succeeded)
	_, groups := h.groupsOf("hr:1")
	require.Empty(t, groups)
	require.NoError(t, h.db.CompensateRun(t.Context(), ben, d.ID, "wrong"))
	d = h.until(run.Compensated)
	require.Contains(t, d.Reason, "One membership was not given back. The invariant “Contractors never get all-staff”")
	_, groups = h.groupsOf("hr:1")
	require.Empty(t, groups)
}
