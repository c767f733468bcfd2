package engine_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/connector"
	"joinery/internal/connector/fake"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
)

const namePolicy = `
key: std
name: Standard names
type: naming
naming:
  spaces:
    - {space: login, kind: ad-login, connections: [dir]}
    - {space: upn, kind: upn, domain: x.example}
    - {space: mail, kind: mail, same_as: upn, domain: x.example, connections: [dir], attributes: [mail]}
    - {space: cn, kind: cn}
  candidates:
    - {space: login, pattern: "{f}{last}"}
    - {space: login, pattern: "{f}{last}{n}"}
    - {space: upn, pattern: "{first}.{last}"}
    - {space: upn, pattern: "{first}.{last}{n}"}
    - {space: cn, pattern: "{first} {last}"}
    - {space: cn, pattern: "{first} {last} ({worker})"}
  profiles: [{when: 'joiner.country == "DE"', profile: de}]
  highest: 999
cases:
  - {name: plain, joiner: {first_name: Ada, last_name: Byron}, expect: {login: abyron}}
`

const nameFlow = `
key: join
name: Join
trigger: hired
nodes:
  - {id: hired, type: hris.event, params: {connection: hr, events: [worker.hired, worker.updated, worker.rescinded, worker.terminated]}}
  - {id: names, type: name.generate, params: {policy: std}}
  - {id: pause, type: wait.until, params: {date: joiner.start_date, time: "00:00"}}
  - id: create
    type: account.ensure
    params: {directory: dir, name: =steps.names.login, attributes: {mail: "=steps.names.mail", cn: "=steps.names.names.cn"}}
edges:
  - {from: hired.started, to: names}
  - {from: names.done, to: pause}
  - {from: pause.due, to: create}
`

func nameHouse(t *testing.T, plan ...string) *house {
	h := open(t, plan...)
	h.live(review.Policy, "std", namePolicy)
	h.live(review.Flow, "join", nameFlow)
	return h
}

func (h *house) names(f postgres.NameFilter) []postgres.NameRow {
	h.t.Helper()
	out, _, err := h.db.Names(h.t.Context(), f)
	require.NoError(h.t, err)
	return out
}

func stateOf(rows []postgres.NameRow) map[string]string {
	out := map[string]string{}
	for _, r := range rows {
		out[r.Space+" "+r.Name] = r.State
	}
	return out
}

// F1: names are held together, confirmed by the account, and the second joiner of
// the same name gets the next.
func TestNames_F1_HeldThenConfirmed(t *testing.T) {
	t.Parallel()
	h := nameHouse(t)
	h.start()
	h.hire("1", map[string]any{"first_name": "Jorg", "last_name": "Muller", "country": "US"})
	d := h.until(run.Succeeded)
	require.Equal(t, map[string]string{"login jmuller": "confirmed", "upn jorg.muller@x.example": "confirmed", "mail jorg.muller@x.example": "confirmed", "cn Jorg Muller": "confirmed"}, stateOf(h.names(postgres.NameFilter{})))
	require.Contains(t, string(step(t, d, "names").Changes), "The name jmuller is held in login")

	h.hire("E1042", map[string]any{"first_name": "Jörg", "last_name": "Müller", "country": "DE"})
	pgEventually(t, h, 2)
	rows := h.names(postgres.NameFilter{Query: "jörg müller", Space: "cn"})
	require.Len(t, rows, 2, "typed in any form: %v", rows)
	require.Equal(t, "Jörg Müller (E1042)", rows[0].Name)
	d, err := h.db.RunDetail(t.Context(), h.runs()[0].ID)
	require.NoError(t, err)
	var out struct {
		Login, UPN, Mail, CN string
		Names                map[string]string
		Reasons              []struct {
			Title, Detail string
			Took          bool
		}
	}
	require.NoError(t, json.Unmarshal(step(t, d, "names").Output, &out))
	require.Equal(t, "jmueller", out.Login)
	require.Equal(t, "joerg.mueller@x.example", out.Mail)
	require.Equal(t, out.CN, out.Names["cn"])
	require.Contains(t, fmt.Sprint(out.Reasons), "Taken in cn (Jörg Müller): used by worker 1 of hr")
	require.Contains(t, strings.Join(step(t, d, "names").Log, "\n"), "cn: Jörg Müller (E1042) — Free")

	// The names are on the joiner's page, and nobody else's.
	require.Len(t, h.names(postgres.NameFilter{Joiner: d.JoinerID}), 4)
}

func pgEventually(t *testing.T, h *house, succeeded int) {
	t.Helper()
	for end := time.Now().Add(pgtest.Hang); ; {
		n := 0
		for _, r := range h.runs() {
			if r.State == run.Succeeded {
				n++
			}
			require.NotEqual(t, run.Failed, r.State, r.Reason)
		}
		if n == succeeded {
			return
		}
		require.True(t, time.Now().Before(end), "%d of %d runs succeeded: %v", n, succeeded, h.runs())
		h.e.Kick()
		time.Sleep(20 * time.Millisecond)
	}
}

// a name that a system has, in whatever case and although disabled, is
// not given again; that it was found is remembered.
func TestNames_R10_R11_FoundInTheSystem(t *testing.T) {
	t.Parallel()
	h := nameHouse(t)
	require.NoError(t, fake.Change(h.dir, func(s *fake.State) {
		s.Accounts["x"] = connector.Account{ID: "x", Name: "ABYRON", Stamp: "", Enabled: false, Attributes: map[string]any{"mail": "ada.byron@x.example"}}
	}))
	h.start()
	h.hire("1", map[string]any{"first_name": "Ada", "last_name": "Byron"})
	h.until(run.Succeeded)
	got := stateOf(h.names(postgres.NameFilter{}))
	require.Equal(t, "confirmed", got["login abyron2"])
	require.Equal(t, "confirmed", got["mail ada.byron2@x.example"])
	require.Equal(t, "confirmed", got["upn ada.byron2@x.example"], "one local part")
	require.Equal(t, "found", got["login abyron"])
	require.Equal(t, "dir", h.names(postgres.NameFilter{State: "found", Space: "login"})[0].FoundIn)
	who, err := h.db.NamesOf(t.Context(), "hr", "2")
	require.NoError(t, err)
	holder, err := who.Holder(t.Context(), "login", "aByron")
	require.NoError(t, err)
	require.Equal(t, "in use in dir", holder)
}

// F3: names are held while the run waits, kept for thirty days when the joiner does
// not come, and given to nobody else meanwhile. That a system does not answer at once
// changes nothing of it.
func TestNames_F3_FutureHireRescinded(t *testing.T) {
	t.Parallel()
	h := nameHouse(t, "Worker#1:fail", "Worker#2:fail", "EnsureAccount#1:fail", "EnsureAccount#3:fail")
	h.start()
	waits := func() bool {
		for _, r := range h.runs() {
			if r.Worker == "1" {
				return r.State == run.Waiting && strings.HasPrefix(r.WaitingFor, "until ")
			}
		}
		return false
	}
	later := map[string]any{"first_name": "Ada", "last_name": "Byron", "start_date": h.clock.Now().AddDate(0, 0, 45).Format(time.DateOnly)}
	h.hire("1", later)
	h.comes(waits)
	require.Equal(t, "held", stateOf(h.names(postgres.NameFilter{}))["login abyron"])
	// However long the run waits, the names stay.
	require.NoError(t, h.db.RawExec(t.Context(), `UPDATE reservations SET until = now() - interval '1 hour'`))
	_, err := h.db.SweepNames(t.Context())
	require.NoError(t, err)
	require.Equal(t, "held", stateOf(h.names(postgres.NameFilter{}))["login abyron"])

	later["status"] = "rescinded"
	h.person("1", later)
	h.event("gone-1", "worker.rescinded", "1")
	h.comes(func() bool { return stateOf(h.names(postgres.NameFilter{}))["login abyron"] == "tombstone" })
	row := h.names(postgres.NameFilter{Space: "login"})[0]
	require.WithinDuration(t, time.Now().Add(30*24*time.Hour), *row.Until, time.Hour)

	h.hire("2", map[string]any{"first_name": "Ada", "last_name": "Byron"})
	h.comes(func() bool { return stateOf(h.names(postgres.NameFilter{}))["login abyron2"] == "confirmed" })
	// The same joiner after all: the same names.
	delete(later, "status")
	later["start_date"] = h.clock.Now().Format(time.DateOnly)
	h.person("1", later)
	h.comes(waits)
	canceled := 0
	for _, r := range h.runs() {
		if r.Worker == "1" && !r.State.Terminal() {
			require.NoError(t, h.db.CancelRun(t.Context(), ben, r.ID, "start again"))
			canceled++
		}
	}
	require.Equal(t, 1, canceled)
	h.event("again-1", "worker.hired", "1")
	h.comes(func() bool { return stateOf(h.names(postgres.NameFilter{}))["login abyron"] == "confirmed" })
}

// comes waits for what runs bring about. The clock of a house stands still; it goes on
// to the next try of a step that could not pass, which is due within the hour.
func (h *house) comes(ok func() bool) {
	h.t.Helper()
	for end := time.Now().Add(pgtest.Hang); !ok(); time.Sleep(20 * time.Millisecond) {
		runs := h.runs()
		require.True(h.t, time.Now().Before(end), "it did not come: %+v", runs)
		for _, r := range runs {
			if wait := r.WakeAt; r.State == run.Waiting && wait != nil && wait.Sub(h.clock.Now()) < time.Hour {
				h.clock.Forward(max(0, wait.Sub(h.clock.Now())))
			}
		}
		h.e.Kick()
	}
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(pgtest.Hang); !ok(); time.Sleep(20 * time.Millisecond) {
		require.True(t, time.Now().Before(end), "not within 20 s")
	}
}

// F4: somebody who comes back under a new id of the HRIS gets the old names, and the
// account of the earlier record is known for their own.
func TestNames_F4_RehireGetsTheOldNames(t *testing.T) {
	t.Parallel()
	h := nameHouse(t)
	h.live(review.Flow, "join", strings.Replace(nameFlow, "[worker.hired, worker.updated, worker.rescinded, worker.terminated]", "[worker.hired]", 1))
	h.live(review.Flow, "leave", `
key: leave
name: Leave
trigger: gone
nodes:
  - {id: gone, type: hris.event, params: {connection: hr, events: [worker.terminated]}}
  - {id: off, type: account.disable, params: {directory: dir}}
edges: [{from: gone.started, to: off}]
`)
	h.start()
	h.hire("1", map[string]any{"first_name": "Ada", "last_name": "Byron"})
	h.until(run.Succeeded)
	h.person("1", map[string]any{"first_name": "Ada", "last_name": "Byron", "status": "terminated"})
	h.event("left-1", "worker.terminated", "1")
	eventually(t, func() bool { return stateOf(h.names(postgres.NameFilter{}))["login abyron"] == "tombstone" })
	require.Nil(t, h.names(postgres.NameFilter{Space: "login"})[0].Until, "for ever")
	// A namesake does not get them.
	h.hire("2", map[string]any{"first_name": "Ada", "last_name": "Byron"})
	eventually(t, func() bool { return stateOf(h.names(postgres.NameFilter{}))["login abyron2"] == "confirmed" })
	// The directory has forgotten the account; the person is known by correlation.
	require.NoError(t, fake.Change(h.dir, func(s *fake.State) { delete(s.Accounts, "a1") }))
	start := map[string]any{"first_name": "Ada", "last_name": "Byron", "start_date": h.clock.Now().AddDate(0, 0, 9).Format(time.DateOnly)}
	var first, back string
	require.NoError(t, h.db.RawScan(t.Context(), &first, `SELECT id FROM joiners WHERE worker = '1'`))
	require.NoError(t, h.db.RawExec(t.Context(), `INSERT INTO joiners (id, connection, worker) VALUES ('j_back', 'hr', '9')`))
	require.NoError(t, h.db.RawScan(t.Context(), &back, `SELECT id FROM joiners WHERE worker = '9'`))
	require.NoError(t, h.db.MoveNames(t.Context(), auth.Engine(), first, back))
	h.hire("9", start)
	eventually(t, func() bool { return stateOf(h.names(postgres.NameFilter{Joiner: back}))["login abyron"] == "held" })
	require.Len(t, h.names(postgres.NameFilter{Joiner: back}), 4)
	require.Empty(t, h.names(postgres.NameFilter{Joiner: first}))
}

// F10: after a change of name new names are chosen; the old ones stay theirs.
func TestNames_F10_ChangeOfName(t *testing.T) {
	t.Parallel()
	h := nameHouse(t)
	h.live(review.Flow, "rename", `
key: rename
name: Rename
trigger: hired
nodes:
  - {id: hired, type: hris.event, params: {connection: hr, events: [worker.updated]}}
  - {id: names, type: name.generate, params: {policy: std, existing: anew}}
  - {id: change, type: account.update, params: {directory: dir, attributes: {mail: "=steps.names.mail", cn: "=steps.names.cn"}}}
edges: [{from: hired.started, to: names}, {from: names.done, to: change}]
`)
	h.live(review.Flow, "join", strings.Replace(nameFlow, "[worker.hired, worker.updated, ", "[worker.hired, ", 1))
	h.start()
	h.hire("1", map[string]any{"first_name": "Ann", "last_name": "Smiht"})
	h.until(run.Succeeded)
	h.person("1", map[string]any{"first_name": "Ann", "last_name": "Smith"})
	h.event("mend-1", "worker.updated", "1")
	eventually(t, func() bool {
		got := stateOf(h.names(postgres.NameFilter{}))
		return got["login asmith"] == "confirmed" && got["login asmiht"] == "tombstone" && got["mail ann.smiht@x.example"] == "tombstone" && got["mail ann.smith@x.example"] == "confirmed"
	})
	// HR flips back: the old names are theirs still.
	h.person("1", map[string]any{"first_name": "Ann", "last_name": "Smiht"})
	h.event("back-1", "worker.updated", "1")
	eventually(t, func() bool {
		got := stateOf(h.names(postgres.NameFilter{}))
		return got["login asmiht"] == "confirmed" && got["login asmith"] == "tombstone"
	})
	require.Len(t, h.names(postgres.NameFilter{}), 8, "no name was held twice")
}

// A name without a Latin form, and a flow that asks a person for it.
func TestNames_NoLatinFormAsksAPerson(t *testing.T) {
	t.Parallel()
	h := nameHouse(t)
	h.live(review.Flow, "join", `
key: join
name: Join
trigger: hired
nodes:
  - {id: hired, type: hris.event, params: {connection: hr, events: [worker.hired]}}
  - {id: names, type: name.generate, params: {policy: std}}
  - {id: ask, type: signoff, params: {title: Which name, question: "Write the name in Latin letters.", role: operator, fields: [{key: first, label: First name, kind: text}, {key: last, label: Last name, kind: text}]}}
  - {id: given, type: name.generate, params: {policy: std, first_name: "=steps.ask.form.first", last_name: "=steps.ask.form.last"}}
edges: [{from: hired.started, to: names}, {from: names.error, to: ask}, {from: ask.approved, to: given}]
`)
	h.start()
	h.hire("1", map[string]any{"first_name": "小明", "last_name": "王"})
	d := h.until(run.Waiting)
	require.Contains(t, step(t, d, "names").Error, "no Latin form")
	require.Empty(t, h.names(postgres.NameFilter{}))
	var id string
	require.NoError(t, h.db.RawScan(t.Context(), &id, `SELECT id FROM signoffs`))
	_, err := h.db.DecideSignoff(t.Context(), ben, id, true, "", map[string]any{"first": "Xiaoming", "last": "Wang"})
	require.NoError(t, err)
	h.e.Kick()
	h.until(run.Succeeded)
	require.Equal(t, "held", stateOf(h.names(postgres.NameFilter{}))["login xwang"])
}

// A simulated run shows what would be held and holds nothing.
func TestNames_SimulatedHoldsNothing(t *testing.T) {
	t.Parallel()
	h := nameHouse(t)
	h.start()
	h.person("1", map[string]any{"first_name": "Ada", "last_name": "Byron"})
	_, err := h.db.StartRun(t.Context(), ben, "join", "1", run.Simulate)
	require.NoError(t, err)
	h.e.Kick()
	d := h.until(run.Succeeded)
	require.Contains(t, string(step(t, d, "names").Changes), "The name abyron would be held in login")
	require.Empty(t, h.names(postgres.NameFilter{}))
}

// An account by a name that is held for somebody else is refused before anything is
// sent; what lapsed while a run had failed is held again when it is retried.
func TestNames_LapsedAndRetried(t *testing.T) {
	t.Parallel()
	h := nameHouse(t)
	h.live(review.Flow, "join", strings.Replace(nameFlow, "name: =steps.names.login", `name: '=steps.names.login + (joiner.title == "" ? "" : "")'`, 1))
	h.start()
	h.hire("1", map[string]any{"first_name": "Ada", "last_name": "Byron", "start_date": h.clock.Now().AddDate(0, 0, 3).Format(time.DateOnly)})
	d := h.until(run.Waiting)
	require.NoError(t, h.db.CancelRun(t.Context(), ben, d.ID, "by mistake"))
	require.NoError(t, h.db.RawExec(t.Context(), `UPDATE reservations SET until = now() - interval '1 hour'`))
	n, err := h.db.SweepNames(t.Context())
	require.NoError(t, err)
	require.Equal(t, 4, n)
	require.Equal(t, "released", stateOf(h.names(postgres.NameFilter{}))["login abyron"])
	h.clock.Forward(4 * 24 * time.Hour)
	require.NoError(t, h.db.RetryRun(t.Context(), ben, d.ID))
	h.e.Kick()
	h.until(run.Succeeded)
	require.Equal(t, "confirmed", stateOf(h.names(postgres.NameFilter{}))["login abyron"])

	// The same again, but somebody else got the name meanwhile.
	h.hire("2", map[string]any{"first_name": "Bob", "last_name": "Lee", "start_date": h.clock.Now().AddDate(0, 0, 3).Format(time.DateOnly)})
	d = h.until(run.Waiting)
	require.NoError(t, h.db.CancelRun(t.Context(), ben, d.ID, "by mistake"))
	require.NoError(t, h.db.RawExec(t.Context(), `UPDATE reservations SET until = now() - interval '1 hour' WHERE state = 'held'`))
	_, err = h.db.SweepNames(t.Context())
	require.NoError(t, err)
	h.hire("3", map[string]any{"first_name": "Bob", "last_name": "Lee"})
	eventually(t, func() bool {
		return stateOf(h.names(postgres.NameFilter{Query: "blee", State: "confirmed"}))["login blee"] != ""
	})
	h.clock.Forward(4 * 24 * time.Hour)
	require.NoError(t, h.db.RetryRun(t.Context(), ben, d.ID))
	h.e.Kick()
	eventually(t, func() bool {
		r, err := h.db.RunDetail(t.Context(), d.ID)
		return err == nil && r.State == run.Failed && strings.Contains(r.Reason, "The name blee is used by worker 3 of hr")
	})
	require.Zero(t, h.state().Creates["hr:2"])
}
