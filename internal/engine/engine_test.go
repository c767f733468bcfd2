package engine_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/engine"
	"joinery/internal/fault"
	"joinery/internal/joiner"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
)

func TestOneJoiner(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "join", joinerFlow)
	h.start()
	h.hire("1", nil)
	d := h.until(run.Succeeded)
	for _, s := range d.Steps {
		require.Equal(t, run.StepSucceeded, s.State, s.Node)
	}
	require.Equal(t, "created", step(t, d, "create").Port)
	require.Contains(t, string(step(t, d, "create").Changes), "Account ada.lovelace1 made in dir")
	require.Equal(t, 1, h.mails.count())
	s := h.state()
	require.Equal(t, map[string]int{"hr:1": 1}, s.Creates)
	require.ElementsMatch(t, []string{"all-staff", "engineering"}, s.Accounts["a1"].Groups)
	require.Equal(t, "lovelace1@x.example", s.Accounts["a1"].Attributes["mail"])

	j, err := h.db.Joiner(t.Context(), d.JoinerID)
	require.NoError(t, err)
	require.Equal(t, "Ada Lovelace1", j.Label)
	require.Len(t, j.Accounts, 1)
	require.Equal(t, []string{"all-staff", "engineering"}, j.Accounts[0].Groups)
	require.True(t, j.Accounts[0].Created)

	// The same person hired once more: the account is found and not made.
	h.event("hired-again", "worker.hired", "1")
	for end := time.Now().Add(pgtest.Hang); len(h.runs()) < 2 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	d = h.until(run.Succeeded)
	require.Equal(t, "existed", step(t, d, "create").Port)
	require.Equal(t, map[string]int{"hr:1": 1}, h.state().Creates)
}

// Every way one call can go wrong ends in one account, the right groups, one run.
func TestMishaps(t *testing.T) {
	t.Parallel()
	for _, plan := range []string{"Worker#1:fail", "FindAccount#1:fail", "EnsureAccount#1:fail", "EnsureAccount#1:lose", "EnsureMember#1:lose", "EnsureMember#2:lose", "FindGroup#1:fail", "EnsureMember#1:fail"} {
		t.Run(plan, func(t *testing.T) {
			t.Parallel()
			h := open(t, plan)
			h.live(review.Flow, "join", strings.ReplaceAll(joinerFlow, "type: account.ensure", "type: account.ensure\n    retry: {first: 10ms}"))
			h.start()
			h.hire("1", nil)
			for range 400 {
				if h.runs()[0].State.Terminal() {
					break
				}
				h.clock.Forward(time.Second)
				h.e.Kick()
				time.Sleep(20 * time.Millisecond)
			}
			d := h.until(run.Succeeded)
			require.Equal(t, "created", step(t, d, "create").Port, "what our own lost try made counts as created")
			s := h.state()
			require.Equal(t, map[string]int{"hr:1": 1}, s.Creates)
			require.ElementsMatch(t, []string{"all-staff", "engineering"}, s.Accounts["a1"].Groups)
			require.Equal(t, 1, h.mails.count())
		})
	}
}

func TestFailedStepIsRetriedByAPerson(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "join", joinerFlow)
	require.NoError(t, change(h, func(s *state) { delete(s.Groups, "engineering") }))
	h.start()
	h.hire("1", nil)
	d := h.until(run.Failed)
	require.Contains(t, d.Reason, "There is no group engineering in dir")
	require.Equal(t, run.StepFailed, step(t, d, "eng").State)
	require.Equal(t, run.StepPending, step(t, d, "tell").State)

	require.NoError(t, change(h, func(s *state) { s.Groups["engineering"] = nil }))
	require.NoError(t, h.db.RetryRun(t.Context(), ben, d.ID))
	d = h.until(run.Succeeded)
	require.Equal(t, map[string]int{"hr:1": 1}, h.state().Creates)
	require.True(t, fault.Is(h.db.RetryRun(t.Context(), ben, d.ID), fault.Conflict))
}

func TestSomeoneElsesAccountIsNeverTouched(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "join", joinerFlow)
	require.NoError(t, change(h, func(s *state) {
		s.Accounts["x"] = connector.Account{ID: "x", Name: "ada.lovelace1", Enabled: true}
	}))
	h.start()
	h.hire("1", nil)
	d := h.until(run.Failed)
	require.Contains(t, d.Reason, "taken by someone else")
	require.Empty(t, h.state().Creates)
	require.Empty(t, h.state().Accounts["x"].Groups)
}

func TestSimulatedRunWritesNothing(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "join", joinerFlow)
	h.start()
	h.person("1", nil)
	_, err := h.db.StartRun(t.Context(), ben, "join", "1", run.Simulate)
	require.NoError(t, err)
	d := h.until(run.Succeeded)
	require.Empty(t, h.state().Accounts)
	require.Zero(t, h.mails.count())
	var planned []string
	for _, s := range d.Steps {
		var cs []engine.Change
		require.NoError(t, json.Unmarshal(s.Changes, &cs))
		for _, c := range cs {
			require.True(t, c.Planned)
			planned = append(planned, c.Operation+" "+c.Target)
		}
	}
	require.Equal(t, []string{"account.ensure ada.lovelace1", "group.add all-staff", "group.add engineering", "notify.email ada.lovelace1 is there"}, planned)
	var n int
	require.NoError(t, h.db.RawScan(t.Context(), &n, `SELECT count(*) FROM intents`))
	require.Zero(t, n)
}

const waitFlow = `
key: wait
name: Wait
trigger: hired
nodes:
  - {id: hired, type: hris.event, params: {connection: hr, events: [worker.hired]}}
  - id: start
    type: wait.until
    params: {date: joiner.start_date, cancel_when: joiner.status == "rescinded"}
  - {id: create, type: account.ensure, params: {directory: dir, name: =joiner.last_name}}
edges:
  - {from: hired.started, to: start}
  - {from: start.due, to: create}
`

func TestWaitFollowsTheStartDate(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "wait", waitFlow)
	h.start()
	day := func(n int) string { return h.clock.Now().AddDate(0, 0, n).Format(time.DateOnly) }
	h.hire("1", map[string]any{"start_date": day(10)})
	d := h.until(run.Waiting)
	require.Contains(t, d.WaitingFor, "08:00")
	first := *d.WakeAt

	h.person("1", map[string]any{"start_date": day(3)})
	h.event("moved", "worker.start_moved", "1")
	require.Eventually(t, func() bool { d := h.until(run.Waiting); return d.WakeAt != nil && d.WakeAt.Before(first) }, pgtest.Hang, 20*time.Millisecond)
	require.Empty(t, h.state().Accounts)

	h.clock.Forward(4 * 24 * time.Hour)
	h.until(run.Succeeded)
	require.Len(t, h.state().Accounts, 1)
}

func TestWaitEndsWhenRescinded(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "wait", waitFlow)
	h.start()
	h.hire("1", map[string]any{"start_date": h.clock.Now().AddDate(0, 0, 10).Format(time.DateOnly)})
	h.until(run.Waiting)
	h.person("1", map[string]any{"status": "rescinded"})
	h.event("gone", "worker.rescinded", "1")
	d := h.until(run.Succeeded)
	require.Equal(t, "canceled", step(t, d, "start").Port)
	require.Equal(t, run.StepSkipped, step(t, d, "create").State)
	require.Empty(t, h.state().Accounts)
}

func TestSignoff(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "ask", `
key: ask
name: Ask
trigger: hired
nodes:
  - {id: hired, type: hris.event, params: {connection: hr, events: [worker.hired]}}
  - {id: ok, type: signoff, params: {title: "Access for {{ joiner.last_name }}", role: operator, deadline: 2d}}
  - {id: create, type: account.ensure, params: {directory: dir, name: =joiner.last_name}}
edges:
  - {from: hired.started, to: ok}
  - {from: ok.approved, to: create}
`)
	h.start()
	h.hire("1", nil)
	d := h.until(run.Waiting)
	require.Len(t, d.Signoffs, 1)
	_, err := h.db.DecideSignoff(t.Context(), anna, d.Signoffs[0].ID, true, "", nil)
	require.True(t, fault.Is(err, fault.Forbidden))
	_, err = h.db.DecideSignoff(t.Context(), ben, d.Signoffs[0].ID, true, "fine", nil)
	require.NoError(t, err)
	d = h.until(run.Succeeded)
	require.Contains(t, string(step(t, d, "ok").Output), "fine")
	require.Len(t, h.state().Accounts, 1)

	h.hire("2", nil)
	h.until(run.Waiting)
	h.clock.Forward(49 * time.Hour)
	d = h.until(run.Succeeded)
	require.Equal(t, "expired", step(t, d, "ok").Port)
	require.Len(t, h.state().Accounts, 1)
}

func TestCancelAndCompensate(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "join", joinerFlow)
	h.start()
	h.hire("1", nil)
	d := h.until(run.Succeeded)
	require.True(t, fault.Is(h.db.CancelRun(t.Context(), ben, d.ID, "x"), fault.Conflict))
	require.NoError(t, h.db.CompensateRun(t.Context(), ben, d.ID, "wrong person"))
	d = h.until(run.Compensated)
	require.Contains(t, d.Reason, "except 1 messages")
	a := h.state().Accounts["a1"]
	require.False(t, a.Enabled)
	require.Empty(t, a.Groups)

	h.live(review.Flow, "wait", waitFlow)
	h.hire("2", map[string]any{"start_date": h.clock.Now().AddDate(0, 0, 10).Format(time.DateOnly)})
	require.Eventually(t, func() bool {
		for _, r := range h.runs() {
			if r.Flow == "wait" && r.State == run.Waiting {
				require.NoError(t, h.db.CancelRun(t.Context(), ben, r.ID, "not needed"))
				return true
			}
		}
		return false
	}, pgtest.Hang, 20*time.Millisecond)
	require.Eventually(t, func() bool {
		for _, r := range h.runs() {
			if r.Flow == "wait" && r.State == run.Canceled {
				return true
			}
		}
		return false
	}, pgtest.Hang, 20*time.Millisecond)
}

func TestLimitParksRuns(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "join", joinerFlow+"\nlimits: {creates_per_hour: 2}\n")
	h.start()
	for i := range 5 {
		h.hire(fmt.Sprint(i+1), map[string]any{"last_name": fmt.Sprint("P", i)})
	}
	count := func(s run.State) (n int) {
		for _, r := range h.runs() {
			if r.State == s {
				n++
			}
		}
		return n
	}
	require.Eventually(t, func() bool { return count(run.Succeeded) == 2 && count(run.Parked) == 3 }, pgtest.Hang, 50*time.Millisecond)
	require.Len(t, h.state().Accounts, 2)
	for _, r := range h.runs() {
		if r.State == run.Parked {
			require.Contains(t, r.Reason, "limit of 2 within an hour")
			require.NoError(t, h.db.CancelRun(t.Context(), ben, r.ID, "not today"))
		}
	}
}

func TestPausedFlowParksAndPausedConnectionWaits(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "join", joinerFlow)
	ctx := t.Context()
	require.NoError(t, h.db.SetPaused(ctx, ben, review.Flow, "join", true, "audit"))
	h.start()
	h.hire("1", nil)
	d := h.until(run.Parked)
	require.NoError(t, h.db.SetPaused(ctx, ben, review.Connection, "dir", true, "maintenance"))
	h.e.RefreshPaused(ctx)
	require.NoError(t, h.db.SetPaused(ctx, ben, review.Flow, "join", false, ""))
	require.NoError(t, h.db.ResumeRun(ctx, ben, d.ID, "audit is over"))
	d = h.until(run.Waiting)
	require.Contains(t, d.WaitingFor, "dir to be resumed")
	require.Empty(t, h.state().Accounts)
	require.NoError(t, h.db.SetPaused(ctx, ben, review.Connection, "dir", false, ""))
	h.e.RefreshPaused(ctx)
	h.clock.Forward(time.Minute)
	h.until(run.Succeeded)
}

// 1,000 repeated and shuffled webhooks for 50 joiners make 50 runs, 50 accounts.
func TestDuplicateEvents(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "join", strings.Replace(joinerFlow, "[worker.hired, worker.updated]", "[worker.hired]", 1))
	h.start()
	type sent struct{ key, worker string }
	var all []sent
	for i := range 50 {
		id := fmt.Sprint(i + 1)
		h.person(id, nil)
		for range 20 {
			all = append(all, sent{"hired-" + id, id})
		}
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var mu sync.Mutex
	fresh := 0
	runs := map[string]map[string]bool{}
	var wg sync.WaitGroup
	work := make(chan sent)
	for range 16 {
		wg.Go(func() {
			for s := range work {
				a, err := h.db.AcceptEvent(t.Context(), postgres.Incoming{Connection: "hr", Event: joiner.Event{Key: s.key, Type: "worker.hired", Worker: s.worker}})
				mu.Lock()
				if err != nil {
					t.Errorf("accept: %v", err)
				}
				if !a.Duplicate {
					fresh++
				}
				if runs[s.key] == nil {
					runs[s.key] = map[string]bool{}
				}
				runs[s.key][strings.Join(a.Runs, ",")] = true
				mu.Unlock()
			}
		})
	}
	for _, s := range all {
		work <- s
	}
	close(work)
	wg.Wait()
	require.Equal(t, 50, fresh)
	for key, answers := range runs {
		require.Len(t, answers, 1, "a repeated event gets the first one's answer: %s", key)
	}
	require.Eventually(t, func() bool {
		rows := h.runs()
		for _, r := range rows {
			if r.State != run.Succeeded {
				return false
			}
		}
		return len(rows) == 50
	}, pgtest.Hang, 100*time.Millisecond)
	s := h.state()
	require.Len(t, s.Accounts, 50)
	for stamp, n := range s.Creates {
		require.Equal(t, 1, n, stamp)
	}
}

// Runs of one joiner in one flow never overlap, and go in the order of their events.
func TestRunsOfOneJoinerDoNotOverlap(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "join", strings.Replace(joinerFlow, "text: hello", `text: "{{ event.key }}"`, 1)) // a flow that asks has a run for each event
	h.person("1", nil)
	for i := range 6 {
		h.event(fmt.Sprint("e", i), "worker.updated", "1")
	}
	h.start()
	require.Eventually(t, func() bool {
		rows := h.runs()
		for _, r := range rows {
			if r.State != run.Succeeded {
				return false
			}
		}
		return len(rows) == 6
	}, pgtest.Hang, 50*time.Millisecond)
	rows := h.runs()
	for i := 0; i+1 < len(rows); i++ {
		newer, older := rows[i], rows[i+1]
		require.False(t, newer.StartedAt.Before(*older.EndedAt), "run %s began before %s ended", newer.ID, older.ID)
	}
	require.Equal(t, map[string]int{"hr:1": 1}, h.state().Creates)
}

// A zombie's late checkpoint changes nothing.
func TestFencing(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "join", joinerFlow)
	h.hire("1", nil)
	ctx := t.Context()
	old, err := h.db.ClaimRuns(ctx, "zombie", 1)
	require.NoError(t, err)
	require.Len(t, old, 1)
	again, err := h.db.ClaimRuns(ctx, "other", 1)
	require.NoError(t, err)
	require.Empty(t, again)
	taken, err := h.db.TakeOver(ctx, "other", 1)
	require.NoError(t, err)
	require.Empty(t, taken, "the lease holds")
	require.NoError(t, h.db.RawExec(ctx, `UPDATE runs SET lease_until = now() - interval '1 second'`))
	taken, err = h.db.TakeOver(ctx, "other", 1)
	require.NoError(t, err)
	require.Len(t, taken, 1)
	f, err := h.db.FinishStep(ctx, postgres.Checkpoint{Run: old[0].ID, Owner: "zombie", Epoch: old[0].Epoch, State: run.Failed})
	require.NoError(t, err)
	require.False(t, f.Kept)
	i, err := h.db.RecordIntent(ctx, postgres.Intent{Key: "k", Run: old[0].ID, Owner: "zombie", Epoch: old[0].Epoch, Operation: "account.ensure"})
	require.NoError(t, err)
	require.False(t, i.Kept, "a zombie may not begin an effect either")
	f, err = h.db.FinishStep(ctx, postgres.Checkpoint{Run: taken[0].ID, Owner: "other", Epoch: taken[0].Epoch, State: run.Failed})
	require.NoError(t, err)
	require.True(t, f.Kept)
}
