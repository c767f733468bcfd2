package engine_test

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/bulk"
	"joinery/internal/fault"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
)

var olga = auth.Actor{Kind: auth.User, ID: "u_olga", UserID: "u_olga", Name: "Olga", Roles: []auth.Role{auth.Operator}}

// listFlow brings in people from lists; an unknown department needs a person.
const listFlow = `
key: acquired
name: Acquired
trigger: asked
nodes:
  - id: asked
    type: manual
    params: {connection: people}
  - id: dept
    type: switch
    params: {cases: [{when: joiner.department == "Engineering", port: eng}, {when: joiner.department == "Sales", port: sales}]}
  - id: unknown
    type: stop
    params: {outcome: failed, reason: "No rule for the department {{ joiner.department }}."}
  - id: create
    type: account.ensure
    params: {directory: dir, name: =Lower(joiner.first_name + "." + joiner.last_name), attributes: {mail: "{{ Lower(joiner.last_name) }}@x.example"}}
  - id: groups
    type: group.add
    params: {directory: dir, groups: [all-staff, "=Lower(joiner.department)"]}
edges:
  - {from: asked.started, to: dept}
  - {from: dept.eng, to: create}
  - {from: dept.sales, to: create}
  - {from: dept.default, to: unknown}
  - {from: create.created, to: groups}
  - {from: create.existed, to: groups}
`

// upload keeps a list of n people, every fourteenth of them with a department that
// nobody knows, and names its columns.
func (h *house) upload(n int) string {
	h.t.Helper()
	var text strings.Builder
	text.WriteString("Worker ID;First name;Last name;Department;Manager ID;Start date\n")
	for i := range n {
		department := []string{"Engineering", "Sales"}[i%2]
		if i%14 == 13 {
			department = "Ops"
		}
		fmt.Fprintf(&text, "%d;Ada;L%d;%s;%s;2026-02-01\n", i+1, i+1, department, map[bool]string{true: "nobody", false: "1"}[i == 3])
	}
	text.WriteString("1;Twice;Over;Sales;;2026-02-01\n99;Bad;Date;Sales;;soon\n")
	sheet, err := bulk.Read(bulk.CSV, []byte(text.String()))
	require.NoError(h.t, err)
	id, err := h.db.CreateList(h.t.Context(), olga, "acquired", "people.csv", bulk.CSV, sheet)
	require.NoError(h.t, err)
	require.NoError(h.t, h.db.MapList(h.t.Context(), olga, id, bulk.Guess(sheet.Columns)))
	return id
}

func (h *house) check(id string) postgres.List {
	h.t.Helper()
	release, err := h.db.BeginCheck(h.t.Context(), olga, id, false)
	require.NoError(h.t, err)
	require.NoError(h.t, h.e.CheckList(h.t.Context(), id, release))
	l, err := h.db.List(h.t.Context(), id)
	require.NoError(h.t, err)
	require.Equal(h.t, postgres.ListChecked, l.State)
	return l
}

func acquired(t *testing.T) (h *house, release string) {
	h = open(t)
	h.live(review.Connection, "people", `{"key":"people","name":"Acquired people","type":"people-file"}`)
	h.live(review.Flow, "acquired", listFlow)
	a, err := h.db.Artifact(t.Context(), review.Flow, "acquired")
	require.NoError(t, err)
	return h, a.Live.ID
}

func (h *house) stages(id string) map[int]map[run.State]int {
	h.t.Helper()
	counts, err := h.db.ListStages(h.t.Context(), id)
	require.NoError(h.t, err)
	out := map[int]map[run.State]int{}
	for _, c := range counts {
		out[c.Stage] = c.States
	}
	return out
}

// agrees has a second person agree to a list.
func (h *house) agrees(id, release string) {
	h.t.Helper()
	s, err := h.db.Second(h.t.Context(), id, release)
	require.NoError(h.t, err)
	require.NotEmpty(h.t, s.Why)
	require.NoError(h.t, h.db.ApproveList(h.t.Context(), ben, id, s.Hash, "seen"))
}

// settled waits until no run of the list is under way.
func (h *house) settled(id string) map[int]map[run.State]int {
	h.t.Helper()
	for end := time.Now().Add(pgtest.Hang); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		moving := 0
		for _, states := range h.stages(id) {
			moving += states[run.Queued] + states[run.Running]
		}
		if moving == 0 {
			return h.stages(id)
		}
	}
	h.t.Fatalf("the runs of the list do not settle: %v", h.stages(id))
	return nil
}

// An acquired company comes in: looked at first, five, then ten, then all; those
// with a department that no rule knows need a person and are retried, two first.
func TestBulk_ListInStages(t *testing.T) {
	t.Parallel()
	h, release := acquired(t)
	id := h.upload(40)
	l := h.check(id)
	require.Equal(t, 42, l.Rows)
	require.Equal(t, 2, l.Bad, "the repeated worker and the bad date")
	r := l.Report
	require.Equal(t, []int{40, 38, 2}, []int{r.People, r.Ready, r.Failing})
	require.Equal(t, map[string]int{"dir": 38}, r.Creates)
	require.Equal(t, []bulk.GroupCount{{Connection: "dir", Group: "all-staff", People: 38}, {Connection: "dir", Group: "engineering", People: 20}, {Connection: "dir", Group: "sales", People: 18}}, r.Groups)
	require.Equal(t, []bulk.MissingManager{{Worker: "nobody", People: 1, Lines: []int{5}}}, r.Managers)
	require.Len(t, r.Failures, 1)
	require.Equal(t, "No rule for the department Ops.", r.Failures[0].Why)
	require.Equal(t, "unknown", r.Failures[0].Node)
	require.Equal(t, []int{15, 29}, r.Failures[0].Lines)
	require.Empty(t, h.runs(), "a forecast starts nothing")
	require.Empty(t, h.state().Accounts)

	require.Error(t, h.db.StartList(t.Context(), olga, id, postgres.StartList{Release: release}), "a reason is needed")
	require.Error(t, h.db.StartList(t.Context(), olga, id, postgres.StartList{Release: "rl_other", Reason: "acquisition"}), "the person saw another release")
	require.ErrorContains(t, h.db.StartList(t.Context(), olga, id, postgres.StartList{Plan: []int{5, 10}, Release: release, Reason: "acquisition"}), "needs a second person")
	h.agrees(id, release)
	require.NoError(t, h.db.StartList(t.Context(), olga, id, postgres.StartList{Plan: []int{5, 10}, Release: release, Reason: "acquisition"}))
	require.Equal(t, 5, h.stages(id)[1][run.Queued])
	require.Equal(t, 35, h.stages(id)[0][""])
	h.start()
	require.Equal(t, 5, h.settled(id)[1][run.Succeeded])
	require.NoError(t, h.db.ContinueList(t.Context(), olga, id, release))
	h.e.Kick()
	require.Equal(t, map[run.State]int{run.Succeeded: 9, run.Failed: 1}, h.settled(id)[2])
	require.NoError(t, h.db.ContinueList(t.Context(), olga, id, release))
	h.e.Kick()
	require.Equal(t, map[run.State]int{run.Succeeded: 24, run.Failed: 1}, h.settled(id)[3])
	require.True(t, fault.Is(h.db.ContinueList(t.Context(), olga, id, release), fault.Conflict), "nobody is left")
	require.Len(t, h.state().Accounts, 38)

	// The department is known now; the two who failed are retried.
	h.live(review.Flow, "acquired", strings.Replace(listFlow, `"Sales", port: sales}`, `"Sales" || joiner.department == "Ops", port: sales}`, 1))
	failed, err := h.db.ListRuns(t.Context(), id, run.Failed, 100)
	require.NoError(t, err)
	require.Len(t, failed, 2)
	change0 := h.state()
	require.NoError(t, h.db.RetryRun(t.Context(), olga, failed[0]))
	h.e.Kick()
	require.Equal(t, 1, h.settled(id)[2][run.Failed], "the revision it began with does not know the department")
	require.NoError(t, change(h, func(s *state) { s.Groups["ops"] = nil }))
	for _, r := range failed {
		require.NoError(t, h.db.RetryRunNewest(t.Context(), olga, r))
	}
	h.e.Kick()
	require.Equal(t, map[run.State]int{run.Succeeded: 10}, h.settled(id)[2])
	require.Len(t, h.state().Accounts, len(change0.Accounts)+2)
}

// Two of a list who would be named the same: the forecast says who gets what instead.
func TestF5_ForecastNamesCollisions(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Connection, "people", `{"key":"people","name":"Acquired people","type":"people-file"}`)
	h.live(review.Policy, "std", "key: std\nname: Names\ntype: naming\nnaming:\n  spaces: [{space: login, kind: ad-login}]\n  candidates: [{space: login, pattern: \"{f}{last}\"}, {space: login, pattern: \"{first}.{last}\"}, {space: login, pattern: \"{f}{last}{n}\"}]\n")
	h.live(review.Flow, "acquired", "key: acquired\nname: Acquired\ntrigger: asked\nnodes:\n  - {id: asked, type: manual, params: {connection: people}}\n  - {id: names, type: name.generate, params: {policy: std}}\nedges: [{from: asked.started, to: names}]\n")
	sheet, err := bulk.Read(bulk.CSV, []byte("worker,first name,last name\n1,Jörg,Muller\n2,Jorg,Muller\n3,Jana,Muller\n"))
	require.NoError(t, err)
	id, err := h.db.CreateList(t.Context(), olga, "acquired", "p.csv", bulk.CSV, sheet)
	require.NoError(t, err)
	require.NoError(t, h.db.MapList(t.Context(), olga, id, bulk.Guess(sheet.Columns)))
	r := h.check(id).Report
	require.Equal(t, 3, r.Ready)
	require.Equal(t, 2, r.NamesTaken)
	require.Equal(t, []string{"jmuller jorg.muller", "jmuller jana.muller"}, []string{r.Names[0].Wanted + " " + r.Names[0].Gets, r.Names[1].Wanted + " " + r.Names[1].Gets})
	require.Contains(t, r.Names[0].Holder, "Taken in login (jmuller): planned for worker 1 of people")
}

// A list goes on by itself while nobody fails, and stops at the first stage where
// somebody does.
func TestBulk_OnwardStopsAtTrouble(t *testing.T) {
	t.Parallel()
	h, release := acquired(t)
	id := h.upload(20)
	require.NoError(t, h.db.StartList(t.Context(), olga, id, postgres.StartList{Plan: []int{3, 11}, Onward: true, Release: release, Reason: "acquisition"}))
	h.start()
	var l postgres.List
	for end := time.Now().Add(pgtest.Hang); l.Stopped == "" && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var err error
		l, err = h.db.List(t.Context(), id)
		require.NoError(t, err)
	}
	require.Equal(t, "1 of the last stage did not come through. Look at them, then go on by hand.", l.Stopped)
	require.Equal(t, 2, l.Stage)
	require.Equal(t, 6, h.stages(id)[0][""], "the rest is not started")
	require.Equal(t, map[run.State]int{run.Succeeded: 10, run.Failed: 1}, h.stages(id)[2])
}

// a mass event stops at the limit with no account too many; one person lets a
// few go and no more; a second person, who had no part in it, lets exactly those go
// that were asked for; a no leaves all as it is.
func TestR22_MassEventNeedsASecondPerson(t *testing.T) {
	t.Parallel()
	h, _ := acquired(t)
	ctx := t.Context()
	h.live(review.Flow, "acquired", listFlow+"limits: {creates_per_hour: 25}\n")
	people := make([]string, 40)
	var sheet strings.Builder
	sheet.WriteString("worker,first name,last name,department\n")
	for i := range people {
		people[i] = fmt.Sprint(i + 1)
		fmt.Fprintf(&sheet, "%d,Ada,L%d,Sales\n", i+1, i+1)
	}
	// The people are known, and a program starts all of them at once.
	s, err := bulk.Read(bulk.CSV, []byte(sheet.String()))
	require.NoError(t, err)
	id, err := h.db.CreateList(ctx, olga, "acquired", "p.csv", bulk.CSV, s)
	require.NoError(t, err)
	require.NoError(t, h.db.MapList(ctx, olga, id, bulk.Guess(s.Columns)))
	require.NoError(t, h.db.RawExec(ctx, `INSERT INTO file_workers (connection, worker, attributes) SELECT 'people', worker, attributes FROM bulk_rows WHERE list_id = $1`, id))
	_, err = h.db.StartRuns(ctx, olga, postgres.Start{Flow: "acquired", Mode: run.Live, Workers: people})
	require.NoError(t, err)
	h.start()
	states := func() map[run.State]int {
		out := map[run.State]int{}
		rows, _, err := h.db.Runs(ctx, postgres.RunFilter{Limit: 100})
		require.NoError(t, err)
		for _, r := range rows {
			out[r.State]++
		}
		return out
	}
	rest := map[run.State]int{run.Succeeded: 25, run.Parked: 15}
	pgtest.Eventually(t, 20*time.Second, "what is past the limit parks", func() bool { return maps.Equal(states(), rest) })
	require.Len(t, h.state().Accounts, 25, "not one too many")

	parked, err := h.db.ParkedRuns(ctx, "acquired", 100)
	require.NoError(t, err)
	require.Len(t, parked, 15)
	went, lift, err := h.db.LetGo(ctx, olga, "acquired", parked, "it is the acquisition")
	require.NoError(t, err)
	require.Zero(t, went)
	require.Equal(t, rest, states(), "nothing has gone on")
	// Nor one by one, past what one person may: those who go are still within the limit.
	for i, r := range parked[:11] {
		err := h.db.ResumeRun(ctx, olga, r, "it is right")
		if i < 10 {
			require.NoError(t, err)
			h.e.Kick()
			continue
		}
		require.ErrorContains(t, err, "one person may let 10 go")
		require.NoError(t, h.db.CancelRun(ctx, olga, r, ""))
	}
	pgtest.Eventually(t, 20*time.Second, "they park again", func() bool { return states()[run.Parked] == 14 })
	require.Len(t, h.state().Accounts, 25, "a resumed run is under the limit like all others")

	l, err := h.db.Lift(ctx, lift)
	require.NoError(t, err)
	require.Equal(t, postgres.LiftOpen, l.State)
	asOlga := auth.Actor{Kind: auth.Token, ID: "t_1", UserID: olga.UserID, Name: "Olga's token", Roles: []auth.Role{auth.Admin}}
	for name, by := range map[string]auth.Actor{"own": olga, "own by token": asOlga, "a builder": anna} {
		require.True(t, fault.Is(h.db.DecideLift(ctx, by, lift, true, l.Hash, ""), fault.Forbidden), name)
	}
	require.True(t, fault.Is(h.db.DecideLift(ctx, ben, lift, true, "another", ""), fault.Conflict))
	for _, sql := range []string{
		`UPDATE lifts SET state = 'approved', decided_by = 'u_olga'`,
		`UPDATE runs SET lifted = id WHERE state = 'parked'`,
		`UPDATE runs SET lifted = (SELECT id FROM lifts LIMIT 1) WHERE state = 'parked'`,
		`INSERT INTO runs (id, flow, release_id, revision, mode, state, joiner_id, lifted) SELECT 'rn_x', flow, release_id, revision, mode, 'queued', joiner_id, 'lf_x' FROM runs LIMIT 1`,
	} {
		require.Error(t, h.db.RawExec(ctx, sql), sql)
	}
	require.NoError(t, h.db.DecideLift(ctx, ben, lift, true, l.Hash, "the board says so"))
	h.e.Kick()
	pgtest.Eventually(t, 20*time.Second, "all that was asked for goes on", func() bool { return states()[run.Succeeded] == 39 })
	require.Len(t, h.state().Accounts, 39)
	require.Equal(t, 1, states()[run.Canceled], "what was canceled meanwhile is not brought back")
	require.True(t, fault.Is(h.db.DecideLift(ctx, ben, lift, true, l.Hash, ""), fault.Conflict), "once")
	require.Error(t, h.db.RawExec(ctx, `UPDATE lifts SET state = 'refused'`), "what was decided stays")
}

// a no leaves everything parked, and a new request can be made.
func TestR22_ARefusalLeavesNothing(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx := t.Context()
	h.live(review.Flow, "join", joinerFlow+"limits: {runs_per_hour: 2}\n")
	for i := range 20 {
		h.hire(fmt.Sprint(i), nil)
	}
	parked, err := h.db.ParkedRuns(ctx, "join", 100)
	require.NoError(t, err)
	require.Len(t, parked, 18)
	_, lift, err := h.db.LetGo(ctx, olga, "join", parked, "a large intake")
	require.NoError(t, err)
	l, err := h.db.Lift(ctx, lift)
	require.NoError(t, err)
	_, _, err = h.db.LetGo(ctx, olga, "join", parked[:12], "a large intake")
	require.True(t, fault.Is(err, fault.Conflict), "one request at a time")
	require.NoError(t, h.db.DecideLift(ctx, ben, lift, false, l.Hash, "never heard of it"))
	again, err := h.db.ParkedRuns(ctx, "join", 100)
	require.NoError(t, err)
	require.Equal(t, parked, again)
	require.Empty(t, h.state().Accounts)
	// Canceling and retrying is no way round it.
	for i, r := range parked[:12] {
		require.NoError(t, h.db.CancelRun(ctx, olga, r, ""))
		if err := h.db.RetryRun(ctx, olga, r); i < 10 {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, "one person may let 10 go")
		}
	}
	// The limits themselves are raised by two administrators only.
	ada, eve := auth.Actor{ID: "u_ada", UserID: "u_ada", Name: "Ada", Roles: []auth.Role{auth.Admin}}, auth.Actor{ID: "u_eve", UserID: "u_eve", Name: "Eve", Roles: []auth.Role{auth.Admin}}
	more := bulk.Cautious()
	more.Parked = 100
	proposed, err := h.db.SetAlone(ctx, ada, more)
	require.NoError(t, err)
	require.True(t, proposed)
	now, err := h.db.Alone(ctx)
	require.NoError(t, err)
	require.Equal(t, 10, now.Alone.Parked)
	require.True(t, fault.Is(h.db.AgreeAlone(ctx, ada, more), fault.Forbidden))
	require.True(t, fault.Is(h.db.AgreeAlone(ctx, eve, bulk.Cautious()), fault.Conflict))
	require.NoError(t, h.db.AgreeAlone(ctx, eve, more))
	went, _, err := h.db.LetGo(ctx, olga, "join", parked[12:], "a large intake")
	require.NoError(t, err)
	require.Equal(t, 6, went)
	less, err := h.db.SetAlone(ctx, ada, bulk.Alone{})
	require.NoError(t, err)
	require.False(t, less, "less holds at once")
}

// a list past the limits is started only once somebody who had no part in it
// has agreed to this very list, its forecast and the release; then it goes past the
// limits that the forecast named.
func TestR22_ListNeedsASecondPerson(t *testing.T) {
	t.Parallel()
	h, _ := acquired(t)
	ctx := t.Context()
	h.live(review.Flow, "acquired", listFlow+"limits: {creates_per_hour: 25, runs_per_hour: 30}\n")
	a, err := h.db.Artifact(ctx, review.Flow, "acquired")
	require.NoError(t, err)
	id := h.upload(40)
	start := postgres.StartList{Release: a.Live.ID, Reason: "acquisition"}
	require.ErrorContains(t, h.db.StartList(ctx, olga, id, start), "Look ahead first")
	require.Equal(t, []bulk.Limit{{What: "runs of this flow", Limit: 30, Planned: 40}, {What: "accounts made by this flow", Limit: 25, Planned: 38}}, h.check(id).Report.Limits)
	s, err := h.db.Second(ctx, id, a.Live.ID)
	require.NoError(t, err)
	require.Len(t, s.Why, 4, "people, licences, and two limits: %v", s.Why)
	require.True(t, fault.Is(h.db.ApproveList(ctx, olga, id, s.Hash, ""), fault.Forbidden), "her own")
	require.True(t, fault.Is(h.db.ApproveList(ctx, anna, id, s.Hash, ""), fault.Forbidden), "no operator")
	require.True(t, fault.Is(h.db.ApproveList(ctx, ben, id, "x", ""), fault.Conflict))
	// Whoever changes the list has a part in it, and what was seen is not it any more.
	l, err := h.db.List(ctx, id)
	require.NoError(t, err)
	require.NoError(t, h.db.MapList(ctx, ben, id, l.Mapping))
	h.check(id)
	require.True(t, fault.Is(h.db.ApproveList(ctx, ben, id, s.Hash, ""), fault.Forbidden))
	rosa := auth.Actor{Kind: auth.User, ID: "u_rosa", UserID: "u_rosa", Name: "Rosa", Roles: []auth.Role{auth.Reviewer}}
	require.NoError(t, h.db.RawExec(ctx, `UPDATE bulk_rows SET attributes = attributes || '{"department": "Sales"}' WHERE list_id = $1 AND n = 1`, id))
	require.True(t, fault.Is(h.db.ApproveList(ctx, rosa, id, s.Hash, ""), fault.Conflict), "one value is another one")
	s, err = h.db.Second(ctx, id, a.Live.ID)
	require.NoError(t, err)
	require.NoError(t, h.db.ApproveList(ctx, rosa, id, s.Hash, "seen"))
	require.NoError(t, h.db.RawExec(ctx, `UPDATE bulk_rows SET attributes = attributes || '{"department": "Engineering"}' WHERE list_id = $1 AND n = 1`, id))
	require.ErrorContains(t, h.db.StartList(ctx, olga, id, start), "has to be agreed to again")
	require.NoError(t, h.db.RawExec(ctx, `UPDATE bulk_rows SET attributes = attributes || '{"department": "Sales"}' WHERE list_id = $1 AND n = 1`, id))
	require.NoError(t, h.db.StartList(ctx, olga, id, start))
	h.start()
	require.Equal(t, map[run.State]int{run.Succeeded: 38, run.Failed: 2}, h.settled(id)[1])
	require.Len(t, h.state().Accounts, 38, "past the limit, as agreed")
	// What else comes within the hour still stops.
	require.NoError(t, h.db.RawExec(ctx, `INSERT INTO file_workers (connection, worker, attributes) VALUES ('people', '900', '{"first_name": "Eve", "last_name": "Late", "department": "Sales"}')`))
	_, err = h.db.StartRun(ctx, olga, "acquired", "900", run.Live)
	require.NoError(t, err)
	require.Equal(t, run.Parked, h.runs()[0].State)
}

// A list of ten thousand is foreseen within half a minute and a bounded memory.
// Two thousand in the ordinary run; JOINERY_LIST=10000 for the promise itself.
func TestBulk_ManyPeople(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	n := 2000
	if v := os.Getenv("JOINERY_LIST"); v != "" {
		_, err := fmt.Sscan(v, &n)
		require.NoError(t, err)
	}
	h, _ := acquired(t)
	id := h.upload(n)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	l := h.check(id)
	runtime.GC()
	runtime.ReadMemStats(&after)
	t.Logf("%d people in %d ms; %d kB more in use", n, l.Report.Milliseconds, (int64(after.HeapInuse)-int64(before.HeapInuse))/1024)
	require.Equal(t, n, l.Report.People)
	require.Less(t, l.Report.Milliseconds, int64(30_000))
	require.Less(t, int64(after.HeapInuse)-int64(before.HeapInuse), int64(64<<20))
}
