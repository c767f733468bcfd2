package engine_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector/fake"
	"joinery/internal/joiner"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
)

const whoPolicy = `
key: who
name: Who is it
type: correlation
correlation:
  rules:
    - {name: National id, fields: [national_id], weight: 1}
    - {name: Private e-mail and birth date, fields: [personal_email, birth_date], weight: 0.9}
    - {name: Name and birth date, fields: [first_name, last_name, birth_date], weight: 0.6}
    - {name: Name only, fields: [first_name, last_name], weight: 0.2}
  blocked: joiner.do_not_rehire == "true"
cases:
  - {name: nobody known, joiner: {first_name: A}, expect: {decision: new}}
`

const whoFlow = `
key: join
name: Join
trigger: hired
nodes:
  - {id: hired, type: hris.event, params: {connection: hr, events: [worker.hired]}}
  - {id: who, type: joiner.correlate, params: {policy: who}}
  - {id: create, type: account.ensure, params: {directory: dir, name: "w{{ joiner.employee_number }}", attributes: {title: =joiner.title}}}
  - {id: update, type: account.update, params: {directory: dir, account: =steps.create.account_id, attributes: {title: =joiner.title}}}
  - {id: groups, type: group.sync, params: {directory: dir, groups: [sales], others: remove}}
  - {id: enable, type: account.enable, params: {directory: dir}}
  - {id: barred, type: stop, params: {reason: Must not be hired again}}
edges:
  - {from: hired.started, to: who}
  - {from: who.new, to: create}
  - {from: who.known, to: create}
  - {from: who.blocked, to: barred}
  - {from: create.created, to: groups}
  - {from: create.existed, to: update}
  - {from: update.changed, to: groups}
  - {from: update.unchanged, to: groups}
  - {from: groups.changed, to: enable}
  - {from: groups.unchanged, to: enable}
`

// cameBack opens a house in which worker 1 was here, was in engineering, and has left.
func cameBack(t *testing.T, more map[string]any) *house {
	h := open(t)
	h.live(review.Policy, "who", whoPolicy)
	h.live(review.Flow, "join", whoFlow)
	h.start()
	a := map[string]any{"first_name": "Zoë", "last_name": "Müller", "birth_date": "1990-02-03", "national_id": "AB 12-34", "personal_email": "Zoe@home.example", "employee_number": "1", "status": "active", "worker_type": "contractor"}
	maps.Copy(a, more)
	h.hire("1", a)
	h.until(run.Succeeded)
	require.NoError(t, fake.Change(h.dir, func(s *fake.State) {
		x := s.Accounts["a1"]
		x.Enabled, x.Groups = false, []string{"engineering"}
		s.Accounts["a1"], s.Groups["engineering"], s.Groups["sales"] = x, []string{"a1"}, nil
	}))
	return h
}

func again(h *house, id string, a map[string]any) postgres.RunDetail {
	h.hire(id, a)
	h.settles(func() bool {
		r := h.runs()[0]
		return r.Worker == id && (r.State.Terminal() || r.State == run.Waiting)
	})
	d, err := h.db.RunDetail(h.t.Context(), h.runs()[0].ID)
	require.NoError(h.t, err)
	return d
}

// F4: somebody who comes back under a new HR id gets the account of before, opened,
// without the groups of before.
func TestF4_RehireIsTheSamePerson(t *testing.T) {
	t.Parallel()
	h := cameBack(t, map[string]any{"status": "terminated"})
	d := again(h, "2", map[string]any{"first_name": "Zoe", "last_name": "Bauer", "national_id": "ab 12-34", "employee_number": "2", "title": "Buyer", "status": "planned"})
	require.Equal(t, run.Succeeded, d.State)
	who := output(t, d, "who")
	require.Equal(t, "known", step(t, d, "who").Port)
	require.Equal(t, "1", who["worker"])
	require.Equal(t, "contractor", who["worker_type"])
	require.Equal(t, false, who["active"])
	require.Equal(t, "existed", step(t, d, "create").Port)
	s := h.state()
	require.Len(t, s.Accounts, 1)
	require.True(t, s.Accounts["a1"].Enabled)
	require.Equal(t, []string{"sales"}, s.Accounts["a1"].Groups)
	require.Equal(t, "Buyer", s.Accounts["a1"].Attributes["title"])
	require.Equal(t, 1, s.Creates["hr:1"])
	open, _, err := h.db.Exceptions(t.Context(), postgres.ExceptionFilter{})
	require.NoError(t, err)
	require.Empty(t, open)
	stamp, err := h.db.StampOf(t.Context(), joiner.Ref{Connection: "hr", Worker: "2"})
	require.NoError(t, err)
	require.Equal(t, "hr:1", stamp)
	// The next run of the new record is of the same person without being asked.
	h.event("again", "worker.hired", "2")
	h.settles(func() bool { return len(h.runs()) == 3 && h.runs()[0].State == run.Succeeded })
	require.Len(t, h.state().Accounts, 1)
	j, err := h.db.Joiner(t.Context(), d.JoinerID)
	require.NoError(t, err)
	require.Equal(t, "a1", j.Accounts[0].AccountID)
	var marks string
	require.NoError(t, h.db.RawScan(t.Context(), &marks, `SELECT string_agg(fields || mark, ' ') FROM match_marks`))
	require.NotContains(t, marks, "12-34")
}

// F4: when the rules are not sure a person decides, side by side; values of birth
// date and national id are not shown.
func TestF4_UnsureIsAskedSideBySide(t *testing.T) {
	t.Parallel()
	for _, same := range []bool{true, false} {
		h := cameBack(t, map[string]any{"status": "terminated"})
		d := again(h, "2", map[string]any{"first_name": "ZOE", "last_name": "Muller", "birth_date": "1990-02-03", "national_id": "ZZ 99-99", "employee_number": "2"})
		require.Equal(t, run.Waiting, d.State)
		asked, err := h.db.OpenSignoffs(t.Context())
		require.NoError(t, err)
		require.Len(t, asked, 1)
		require.NotNil(t, asked[0].Compare)
		seen := map[string]bool{}
		for _, r := range asked[0].Compare.Rows {
			seen[r.Label] = r.Same
			require.NotContains(t, r.Left+r.Right, "1990")
			require.NotContains(t, r.Left+r.Right, "99-99")
		}
		require.True(t, seen["birth date"])
		require.True(t, seen["last name"])
		require.False(t, seen["national id"])
		_, err = h.db.DecideSignoff(t.Context(), ben, asked[0].ID, same, "", nil)
		require.NoError(t, err)
		h.until(run.Succeeded)
		if same {
			require.Len(t, h.state().Accounts, 1)
			continue
		}
		require.Len(t, h.state().Accounts, 2)
		require.False(t, h.state().Accounts["a1"].Enabled)
		d = again(h, "2", map[string]any{"first_name": "ZOE", "last_name": "Muller", "birth_date": "1990-02-03", "employee_number": "2"})
		require.NotEqual(t, run.Waiting, d.State, "nobody is asked twice")
	}
}

// F4: the same name with another birth date is somebody new.
func TestF4_SameNameOtherBirthDate(t *testing.T) {
	t.Parallel()
	h := cameBack(t, nil)
	d := again(h, "2", map[string]any{"first_name": "Zoë", "last_name": "Müller", "birth_date": "1971-02-03", "employee_number": "2"})
	require.Equal(t, "new", step(t, d, "who").Port)
	require.Len(t, h.state().Accounts, 2)
}

// F4: two HR records that are active at once are one account, and one task for a person.
func TestF4_TwoActiveRecords(t *testing.T) {
	t.Parallel()
	h := cameBack(t, nil)
	for range 2 {
		d := again(h, "2", map[string]any{"national_id": "AB 12-34", "employee_number": "2", "status": "active"})
		require.Equal(t, "known", step(t, d, "who").Port)
	}
	require.Len(t, h.state().Accounts, 1)
	open, _, err := h.db.Exceptions(t.Context(), postgres.ExceptionFilter{})
	require.NoError(t, err)
	require.Len(t, open, 1)
	require.Contains(t, open[0].Title, "Two active records")
}

// F4: somebody who must not be hired again stops, with a task and without an account.
func TestF4_DoNotRehire(t *testing.T) {
	t.Parallel()
	h := cameBack(t, map[string]any{"status": "terminated", "do_not_rehire": "true"})
	d := again(h, "2", map[string]any{"national_id": "AB 12-34", "employee_number": "2"})
	require.Equal(t, "blocked", step(t, d, "who").Port)
	require.Len(t, h.state().Accounts, 1)
	require.False(t, h.state().Accounts["a1"].Enabled)
	open, _, err := h.db.Exceptions(t.Context(), postgres.ExceptionFilter{})
	require.NoError(t, err)
	require.Len(t, open, 1)
	require.Contains(t, open[0].Title, "must not be hired again")
}

// A simulated run tells what would be, and joins nobody.
func TestF4_SimulatedJoinsNobody(t *testing.T) {
	t.Parallel()
	h := cameBack(t, map[string]any{"status": "terminated"})
	h.person("2", map[string]any{"national_id": "AB 12-34", "employee_number": "2"})
	_, err := h.db.StartRun(t.Context(), ben, "join", "2", run.Simulate)
	require.NoError(t, err)
	h.e.Kick()
	h.settles(func() bool { return h.runs()[0].Mode == run.Simulate && h.runs()[0].State.Terminal() })
	d, err := h.db.RunDetail(t.Context(), h.runs()[0].ID)
	require.NoError(t, err)
	require.Equal(t, "known", step(t, d, "who").Port)
	require.Equal(t, "existed", step(t, d, "create").Port)
	require.False(t, h.state().Accounts["a1"].Enabled)
	var joined int
	require.NoError(t, h.db.RawScan(t.Context(), &joined, `SELECT count(*) FROM joiners WHERE person <> ''`))
	require.Zero(t, joined)
	require.True(t, strings.Contains(string(step(t, d, "who").Changes), "is taken for worker 1"))
}
