package engine_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
)

const managerFlow = `
key: team
name: Team
trigger: hired
nodes:
  - id: hired
    type: hris.event
    params: {connection: hr, events: [worker.hired, worker.updated]}
  - id: create
    type: account.ensure
    params: {directory: dir, name: "{{ Lower(joiner.first_name) }}"}
  - id: manager
    type: manager.resolve
    params: {directory: dir, connection: hr}
edges:
  - {from: hired.started, to: create}
  - {from: create.created, to: manager}
  - {from: create.existed, to: manager}
`

// managers gives who is named as the manager of each account, by name.
func (h *house) managers() map[string]string {
	out, names := map[string]string{}, map[string]string{}
	s := h.state()
	for _, a := range s.Accounts {
		names[a.ID] = a.Name
	}
	for _, a := range s.Accounts {
		if m, _ := a.Attributes["manager"].(string); m != "" {
			out[a.Name] = names[m]
		}
	}
	return out
}

// eventually waits for something that processes bring about.
func (h *house) eventually(what string, is func() bool) {
	h.t.Helper()
	for end := time.Now().Add(pgtest.Hang); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if is() {
			return
		}
	}
	h.t.Fatalf("not in time: %s", what)
}

// Seven who are hired together, each other's managers, in any order: the same
// managers in the end, and nothing waits any more.
func TestF9_AnyOrderSameManagers(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "team", managerFlow)
	h.start()
	// Ada leads; Ben and Cy report to her; Di and Ed to Ben, Flo to Cy, Gus to Flo.
	team := map[string]string{"Ada": "", "Ben": "Ada", "Cy": "Ada", "Di": "Ben", "Ed": "Ben", "Flo": "Cy", "Gus": "Flo"}
	ids := map[string]string{"": "", "Ada": "1", "Ben": "2", "Cy": "3", "Di": "4", "Ed": "5", "Flo": "6", "Gus": "7"}
	names := []string{"Ada", "Ben", "Cy", "Di", "Ed", "Flo", "Gus"}
	for _, name := range names {
		h.person(ids[name], map[string]any{"first_name": name, "last_name": "T", "manager_id": ids[team[name]], "status": "active"})
	}
	rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, name := range names {
		h.event("hired-"+name, "worker.hired", ids[name])
	}
	h.eventually("all done, in the order "+fmt.Sprint(names), func() bool {
		for _, r := range h.runs() {
			if r.State != run.Succeeded {
				return false
			}
		}
		return len(h.runs()) == len(names)
	})
	require.Equal(t, map[string]string{"ben": "ada", "cy": "ada", "di": "ben", "ed": "ben", "flo": "cy", "gus": "flo"}, h.managers())
	open, err := h.db.AwaitedAccounts(t.Context(), 10)
	require.NoError(t, err)
	require.Empty(t, open)
}

func (h *house) manager(worker, id string, more ...any) {
	a := map[string]any{"first_name": "W" + worker, "last_name": "T", "manager_id": id, "status": "active"}
	for i := 0; i+1 < len(more); i += 2 {
		a[more[i].(string)] = more[i+1]
	}
	h.person(worker, a)
}

// exceptionsOf lists the open exceptions' reasons.
func (h *house) reasons() []string {
	h.t.Helper()
	rows, _, err := h.db.Exceptions(h.t.Context(), postgres.ExceptionFilter{Limit: 50})
	require.NoError(h.t, err)
	var out []string
	for _, r := range rows {
		if r.State != "resolved" {
			out = append(out, r.Reason)
		}
	}
	return out
}

// A circle in HR is a person's task and no loop.
func TestF9_CircleIsATask(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "team", managerFlow)
	h.start()
	h.manager("1", "2")
	h.manager("2", "1")
	h.event("e1", "worker.hired", "1")
	d := h.until(run.Succeeded)
	require.Equal(t, "unresolved", step(t, d, "manager").Port)
	require.Equal(t, []string{"In HR the managers lead round in a circle: from worker 1 up the chain to worker 1 again."}, h.reasons())
	require.Empty(t, h.managers())

	// HR puts it right; the next event sets the manager, and the task is done.
	h.manager("2", "")
	h.event("e2", "worker.hired", "2")
	h.eventually("the second account", func() bool { return len(h.state().Accounts) == 2 })
	h.event("e3", "worker.updated", "1")
	h.eventually("the manager is set", func() bool { return h.managers()["w1"] == "w2" })
	h.eventually("the task ended by itself", func() bool { return len(h.reasons()) == 0 })
}

// A manager who leaves before the account is there: the next one up is taken, and
// it is shown who was passed over.
func TestF9_ManagerLeavesBeforeResolving(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "team", managerFlow)
	h.start()
	h.manager("9", "")
	h.manager("2", "9")
	h.manager("1", "2")
	h.event("e9", "worker.hired", "9")
	h.until(run.Succeeded)
	h.event("e1", "worker.hired", "1")
	h.eventually("the run waits for the manager", func() bool {
		open, err := h.db.AwaitedAccounts(t.Context(), 10)
		require.NoError(t, err)
		return len(open) == 1 && open[0].Worker == "2" && open[0].JoinerWorker == "1"
	})
	h.manager("2", "9", "status", "terminated")
	h.event("e1b", "worker.updated", "1")
	h.eventually("the next one up is the manager", func() bool { return h.managers()["w1"] == "w9" })
	h.eventually("a run that says who was passed over", func() bool {
		for _, r := range h.runs() {
			d, err := h.db.RunDetail(t.Context(), r.ID)
			require.NoError(t, err)
			if d.Worker == "1" && d.State == run.Succeeded && strings.Contains(string(step(t, d, "manager").Output), `"passed_over": ["2"]`) {
				return true
			}
		}
		return false
	})
}

// After fourteen days without the account a person has to look.
func TestF9_ExpiresAfterFourteenDays(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "team", managerFlow)
	h.start()
	h.manager("2", "")
	h.manager("1", "2")
	h.event("e1", "worker.hired", "1")
	d := h.until(run.Waiting)
	require.Contains(t, d.WaitingFor, "for the manager, worker 2, to have an account in dir")
	h.clock.Forward(13 * 24 * time.Hour)
	h.e.Kick()
	h.until(run.Waiting)
	h.clock.Forward(25 * time.Hour)
	h.e.Kick()
	d = h.until(run.Succeeded)
	require.Equal(t, "unresolved", step(t, d, "manager").Port)
	require.Len(t, h.reasons(), 1)
	require.Contains(t, h.reasons()[0], "for 14 days")
}
