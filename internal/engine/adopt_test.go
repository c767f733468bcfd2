package engine_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/connector/fake"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
)

const adoptPolicy = `
key: who
name: Who is it
type: correlation
correlation:
  rules:
    - {name: National id, fields: [national_id], weight: 1}
    - {name: Name and birth date, fields: [first_name, last_name, birth_date], weight: 0.6}
  accounts:
    - {name: Personnel number, connection: dir, equal: [employee_number = employeeID], weight: 1}
    - {name: Name, connection: dir, equal: ["{{ joiner.first_name }} {{ joiner.last_name }} = displayName"], weight: 0.6}
  protected: [domain-admins]
`

// Names are chosen after the joiner is recognised, so an adopted account's come first.
const adoptNames = `
key: names
name: Names
type: naming
naming:
  spaces: [{space: login, kind: posix, connections: [dir]}]
  candidates: [{space: login, pattern: "{first}.{last}"}, {space: login, pattern: "{first}.{last}{n}"}]
`

const adoptFlow = `
key: join
name: Join
trigger: hired
nodes:
  - {id: hired, type: hris.event, params: {connection: hr, events: [worker.hired]}}
  - {id: who, type: joiner.correlate, params: {policy: who}}
  - {id: names, type: name.generate, params: {policy: names}}
  - {id: create, type: account.ensure, params: {directory: dir, name: =steps.names.login, attributes: {title: =joiner.title}}}
edges:
  - {from: hired.started, to: who}
  - {from: who.new, to: names}
  - {from: who.known, to: names}
  - {from: names.done, to: create}
`

// before is a company whose directory is full of accounts that Joinery never made.
func before(t *testing.T, plan ...string) *house {
	h := open(t, plan...)
	h.live(review.Policy, "who", adoptPolicy)
	h.live(review.Policy, "names", adoptNames)
	h.live(review.Flow, "join", adoptFlow)
	require.NoError(t, fake.Change(h.dir, func(s *fake.State) {
		for _, a := range []connector.Account{
			{ID: "x1", Name: "ab1979", Enabled: true, Groups: []string{"engineering"}, Attributes: map[string]any{"employeeID": "42", "displayName": "Ada Byron", "department": "R&D", "homePhone": "555-0199"}},
			{ID: "x2", Name: "root2", Enabled: true, Groups: []string{"domain-admins"}, Attributes: map[string]any{"employeeID": "43", "displayName": "Rut Root"}},
			{ID: "x3", Name: "taken", Enabled: true, Stamp: "other:7", Attributes: map[string]any{"employeeID": "44"}},
			{ID: "x4", Name: "system", Enabled: true, Protected: "It is an account of the system itself.", Attributes: map[string]any{"employeeID": "45"}},
		} {
			s.Accounts[a.ID] = a
		}
	}))
	return h
}

// A rule that is sure makes the account the joiner's: the mark, the login, the place
// among the joiner's accounts, with the rule in the audit log; undoing gives it back.
func TestAdopt_SureIsAdoptedAndUndone(t *testing.T) {
	t.Parallel()
	for _, plan := range [][]string{nil, {"Adopt#1:lose"}, {"Adopt#1:fail"}} {
		sureIsAdopted(t, plan...)
	}
}

// sureIsAdopted takes one joiner through, whatever becomes of the calls.
func sureIsAdopted(t *testing.T, plan ...string) {
	h := before(t, plan...)
	h.start()
	h.hire("1", map[string]any{"first_name": "Ada", "last_name": "Byron", "employee_number": "42", "title": "Engineer"})
	h.settles(func() bool { h.clock.Forward(time.Second); return h.runs()[0].State.Terminal() })
	d := h.until(run.Succeeded)
	who := output(t, d, "who")
	require.Equal(t, "known", step(t, d, "who").Port)
	require.Equal(t, true, who["adopted"])
	require.Equal(t, map[string]any{"dir": "x1"}, who["accounts"])
	require.Equal(t, "ab1979", output(t, d, "names")["login"], "the account's own name is the joiner's")
	require.Equal(t, "existed", step(t, d, "create").Port)
	s := h.state()
	require.Equal(t, "hr:1", s.Accounts["x1"].Stamp)
	require.True(t, s.Accounts["x1"].Enabled)
	require.Equal(t, []string{"engineering"}, s.Accounts["x1"].Groups, "it keeps what it has")
	require.Len(t, s.Accounts, 4)
	j, err := h.db.Joiner(t.Context(), d.JoinerID)
	require.NoError(t, err)
	require.Equal(t, "x1", j.Accounts[0].AccountID)
	var rule string
	require.NoError(t, h.db.RawScan(t.Context(), &rule, `SELECT detail::jsonb->>'rule' FROM audit_events WHERE action = 'joiner.adopt'`))
	require.Equal(t, "Personnel number", rule)

	// A second run finds its own account and adopts nothing.
	h.event("again", "worker.hired", "1")
	h.settles(func() bool { return len(h.runs()) == 2 && h.runs()[0].State == run.Succeeded })
	d2, err := h.db.RunDetail(t.Context(), h.runs()[0].ID)
	require.NoError(t, err)
	require.Equal(t, "known", step(t, d2, "who").Port, "the next run knows that the account was adopted")
	var adopted int
	require.NoError(t, h.db.RawScan(t.Context(), &adopted, `SELECT count(*) FROM intents WHERE operation = 'account.adopt'`))
	require.Equal(t, 1, adopted)

	require.NoError(t, h.db.CompensateRun(t.Context(), ben, d.ID, "not theirs after all"))
	h.e.Kick()
	h.settles(func() bool {
		x, err := h.db.RunDetail(t.Context(), d.ID)
		return err == nil && x.State == run.Compensated
	})
	require.Empty(t, h.state().Accounts["x1"].Stamp)
	require.True(t, h.state().Accounts["x1"].Enabled, "it is as it was before")
	j, err = h.db.Joiner(t.Context(), d.JoinerID)
	require.NoError(t, err)
	require.Empty(t, j.Accounts)
	var held int
	require.NoError(t, h.db.RawScan(t.Context(), &held, `SELECT count(*) FROM reservations WHERE name = 'ab1979' AND state <> 'released'`))
	require.Zero(t, held)
}

// Accounts that are privileged, protected or another joiner's are never adopted,
// however sure a rule is; a person learns of it, and the joiner gets a new account.
func TestAdopt_NeverThese(t *testing.T) {
	t.Parallel()
	h := before(t)
	h.start()
	for id, number := range map[string]string{"2": "43", "3": "44", "4": "45"} {
		d := again(h, id, map[string]any{"first_name": "Some", "last_name": "One" + id, "employee_number": number})
		require.Equal(t, run.Succeeded, d.State, d.Reason)
		require.Equal(t, "new", step(t, d, "who").Port)
		require.Equal(t, "created", step(t, d, "create").Port)
	}
	s := h.state()
	require.Empty(t, s.Accounts["x2"].Stamp)
	require.Equal(t, "other:7", s.Accounts["x3"].Stamp)
	require.Empty(t, s.Accounts["x4"].Stamp)
	open, _, err := h.db.Exceptions(t.Context(), postgres.ExceptionFilter{})
	require.NoError(t, err)
	require.Len(t, open, 3)
	require.Contains(t, open[0].Title, "fits and cannot be the joiner's")
}

// When no rule is sure a person decides, with the joiner beside the account; private
// attributes of the account are not shown.
func TestAdopt_UnsureIsAskedSideBySide(t *testing.T) {
	t.Parallel()
	for _, same := range []bool{true, false} {
		h := before(t)
		h.start()
		d := again(h, "1", map[string]any{"first_name": "Ada", "last_name": "Byron", "employee_number": "9", "department": "R&D"})
		require.Equal(t, run.Waiting, d.State)
		require.Empty(t, h.state().Accounts["x1"].Stamp, "nothing is made meanwhile")
		asked, err := h.db.OpenSignoffs(t.Context())
		require.NoError(t, err)
		require.Len(t, asked, 1)
		require.Contains(t, asked[0].Title, "Is ab1979 in dir the account of")
		raw, err := json.Marshal(asked[0].Compare)
		require.NoError(t, err)
		require.NotContains(t, string(raw), "555-0199")
		require.Contains(t, string(raw), "displayName")
		require.Contains(t, string(raw), "department")
		_, err = h.db.DecideSignoff(t.Context(), ben, asked[0].ID, same, "", nil)
		require.NoError(t, err)
		d = h.until(run.Succeeded)
		if same {
			require.Equal(t, "hr:1", h.state().Accounts["x1"].Stamp)
			var by string
			require.NoError(t, h.db.RawScan(t.Context(), &by, `SELECT detail::jsonb->>'decided_by' FROM audit_events WHERE action = 'joiner.adopt'`))
			require.Equal(t, ben.Name, by)
			continue
		}
		require.Empty(t, h.state().Accounts["x1"].Stamp)
		require.Equal(t, "created", step(t, d, "create").Port)
		require.NoError(t, fake.Change(h.dir, func(s *fake.State) {
			for id, a := range s.Accounts {
				if a.Stamp == "hr:1" {
					delete(s.Accounts, id)
				}
			}
		}))
		h.event("again", "worker.hired", "1")
		h.settles(func() bool { return len(h.runs()) == 2 && h.runs()[0].State.Terminal() })
		require.Equal(t, run.Succeeded, h.runs()[0].State, "nobody is asked twice")
	}
}

// A simulated run lists the adoption as a planned change, and writes no mark.
func TestAdopt_SimulatedIsPlanned(t *testing.T) {
	t.Parallel()
	h := before(t)
	h.start()
	h.person("1", map[string]any{"first_name": "Ada", "last_name": "Byron", "employee_number": "42"})
	_, err := h.db.StartRun(t.Context(), ben, "join", "1", run.Simulate)
	require.NoError(t, err)
	h.e.Kick()
	h.settles(func() bool { return len(h.runs()) == 1 && h.runs()[0].State.Terminal() })
	d, err := h.db.RunDetail(t.Context(), h.runs()[0].ID)
	require.NoError(t, err)
	require.Equal(t, run.Succeeded, d.State, d.Reason)
	require.Contains(t, string(step(t, d, "who").Changes), "would be adopted")
	require.Equal(t, "existed", step(t, d, "create").Port, "what follows knows of it")
	require.Empty(t, h.state().Accounts["x1"].Stamp)
	var joined int
	require.NoError(t, h.db.RawScan(t.Context(), &joined, `SELECT count(*) FROM joiner_accounts`))
	require.Zero(t, joined)
}
