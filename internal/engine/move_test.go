package engine_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/connector"
	"joinery/internal/connector/fake"
	"joinery/internal/connector/ldap"
	"joinery/internal/connectortest"
	"joinery/internal/node"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
)

// moveFlow gives the account another common name between two groups; the second is
// given by the id from before.
const moveFlow = `
key: move
name: Move
trigger: hired
nodes:
  - {id: hired, type: hris.event, params: {connection: %[1]s, events: [worker.updated]}}
  - {id: find, type: account.find, params: {directory: %[2]s}}
  - {id: first, type: group.add, params: {directory: %[2]s, account: =steps.find.account_id, groups: [all-staff]}}
  - {id: move, type: account.rename, params: {directory: %[2]s, account: =steps.find.account_id, common_name: "=joiner.first_name + ' ' + joiner.last_name"}}
  - {id: second, type: group.add, params: {directory: %[2]s, account: =steps.find.account_id, groups: [sales]}}
edges:
  - {from: hired.started, to: find}
  - {from: find.found, to: first}
  - {from: first.done, to: move}
  - {from: move.changed, to: second}
`

// F10: the account's id changes with its common name; what names the account by the
// old one goes on with it, and undoing gives both back.
func TestMove_F10_FollowedAndUndone(t *testing.T) {
	t.Parallel()
	h := open(t)
	require.NoError(t, fake.Change(h.dir, func(s *fake.State) {
		s.Groups["all-staff"], s.Groups["sales"] = nil, nil
		s.Accounts["a1"] = connector.Account{ID: "a1", Name: "ann", Stamp: "hr:1", Enabled: true, Attributes: map[string]any{"cn": "Ann Smiht"}}
		s.Accounts["a2"] = connector.Account{ID: "a2", Name: "bob", Stamp: "hr:2", Attributes: map[string]any{"cn": "Bob", "manager": "a1"}}
	}))
	h.live(review.Flow, "move", fmt.Sprintf(moveFlow, "hr", "dir"))
	h.start()
	h.person("1", map[string]any{"first_name": "Ann", "last_name": "Smith"})

	_, err := h.db.StartRun(t.Context(), ben, "move", "1", run.Simulate)
	require.NoError(t, err)
	h.e.Kick()
	d := h.until(run.Succeeded)
	require.Contains(t, string(step(t, d, "move").Changes), "The common name of ann would be Ann Smith in dir")
	require.Contains(t, h.state().Accounts, "a1", "a simulated run changes nothing")

	h.event("mend", "worker.updated", "1")
	require.Eventually(t, func() bool { return len(h.runs()) == 2 }, time.Minute, 10*time.Millisecond)
	d = h.until(run.Succeeded)
	require.Contains(t, string(step(t, d, "move").Output), `"cn=Ann Smith"`)
	s := h.state()
	require.Equal(t, []string{"cn=Ann Smith"}, s.Groups["all-staff"])
	require.Equal(t, []string{"cn=Ann Smith"}, s.Groups["sales"], "given by the id from before")
	require.Equal(t, "cn=Ann Smith", s.Accounts["a2"].Attributes["manager"])
	j, err := h.db.Joiner(t.Context(), d.JoinerID)
	require.NoError(t, err)
	require.Len(t, j.Accounts, 1)
	require.Equal(t, []string{"all-staff", "sales"}, j.Accounts[0].Groups)

	require.NoError(t, h.db.CompensateRun(t.Context(), ben, d.ID, "not her name"))
	h.e.Kick()
	h.until(run.Compensated)
	s = h.state()
	require.Equal(t, "ann", s.Accounts["cn=Ann Smiht"].Name)
	require.Empty(t, s.Groups["all-staff"], "what was given by the first id is taken from the account as it is")
	require.Empty(t, s.Groups["sales"])
}

// An account without a mark, beside the joiner's own: steps that name it stay with it,
// also once it is on record. A DN that came free and was given to somebody else is theirs,
// and the joiner's steps that name it go on with the joiner's account.
func TestMove_F10_NeverSomebodyElses(t *testing.T) {
	t.Parallel()
	h := open(t)
	require.NoError(t, fake.Change(h.dir, func(s *fake.State) {
		s.Groups["all-staff"], s.Groups["sales"] = nil, nil
		s.Accounts["a1"] = connector.Account{ID: "a1", Name: "ann", Stamp: "hr:1", Enabled: true, Attributes: map[string]any{"cn": "Ann Smiht"}}
		s.Accounts["a9"] = connector.Account{ID: "a9", Name: "admin-ann", Enabled: true, Attributes: map[string]any{"cn": "Admin"}}
	}))
	h.live(review.Flow, "move", strings.Replace(fmt.Sprintf(moveFlow, "hr", "dir"), "edges:", `  - {id: other, type: group.add, params: {directory: dir, account: a9, groups: [all-staff]}}
  - {id: again, type: group.add, params: {directory: dir, account: a9, groups: [sales]}}
  - {id: pause, type: wait.until, params: {date: joiner.start_date, time: "00:00"}}
  - {id: late, type: group.add, params: {directory: dir, account: =steps.find.account_id, groups: [engineering]}}
edges:
  - {from: second.done, to: other}
  - {from: other.done, to: again}
  - {from: again.done, to: pause}
  - {from: pause.due, to: late}`, 1))
	h.start()
	h.person("1", map[string]any{"first_name": "Ann", "last_name": "Smith", "start_date": h.clock.Now().AddDate(0, 0, 2).Format(time.DateOnly), "time_zone": "UTC"})
	h.event("mend", "worker.updated", "1")
	h.until(run.Waiting)
	require.Equal(t, []string{"cn=Ann Smith", "a9"}, h.state().Groups["all-staff"])
	require.Equal(t, []string{"cn=Ann Smith", "a9"}, h.state().Groups["sales"])
	require.NoError(t, fake.Change(h.dir, func(s *fake.State) {
		s.Accounts["a1"] = connector.Account{ID: "a1", Name: "heir", Stamp: "hr:5", Attributes: map[string]any{"cn": "Ann Smiht"}}
	}))
	h.clock.Forward(72 * time.Hour)
	h.e.Kick()
	h.until(run.Succeeded)
	require.Equal(t, []string{"cn=Ann Smith"}, h.state().Groups["engineering"])
}

// A process that dies around the renaming of an entry: one entry, by the new name, in
// both groups, and the record names it.
func TestKilledMoving(t *testing.T) {
	if testing.Short() {
		t.Skip("needs slapd and PostgreSQL")
	}
	t.Parallel()
	slapd := connectortest.StartSlapd(t)
	for i, when := range []string{fake.DieBefore, fake.DieAfter} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			app, _ := pgtest.URLs(t)
			dir := t.TempDir()
			s := &scene{t: t, slapd: slapd, worker: fmt.Sprint("m", i), child: child{URL: app, File: filepath.Join(dir, "state.json"), Outbox: filepath.Join(dir, "mails"), Password: slapd.Password}}
			kinds := artifact.Kinds{Flows: node.All(), Connectors: childTypes(s.child.File, nil)}
			var err error
			s.db, err = postgres.Open(t.Context(), postgres.Config{URL: app, Conns: 3, Artifacts: kinds})
			require.NoError(t, err)
			t.Cleanup(s.db.Close)
			set := slapd.Settings("corp-ldap")
			set.Settings["rdn_attribute"] = "cn"
			raw, err := json.Marshal(set)
			require.NoError(t, err)
			s.live(kinds, review.Connection, fmt.Sprintf(`{"key":"hris","name":"HR","type":"fake-hris","settings":{"path":%q}}`, s.child.File))
			s.live(kinds, review.Connection, string(raw))
			s.live(kinds, review.Flow, fmt.Sprintf(moveFlow, "hris", "corp-ldap"))
			s.person(nil)
			conn := connectortest.Open(t, ldap.Type{}, set, map[string]string{"bind_password": slapd.Password})
			_, err = conn.(connector.Directory).EnsureAccount(t.Context(), connector.Ensure{Stamp: "hris:" + s.worker, Name: "kim." + s.worker, Enabled: true, Attributes: map[string]any{"cn": "Kim Old" + s.worker, "sn": "Case"}})
			require.NoError(t, err)
			s.event("mend", "worker.updated")
			first := s.child
			first.Owner, first.Plan = "first", []string{"MoveAccount#1:" + when}
			first.start(t).died(t, 60*time.Second)
			s.takeOver(true)
			d := s.until(60*time.Second, run.Succeeded, run.Failed)
			s.right(d, true)
			require.Equal(t, "changed", step(t, d, "move").Port, "the lost try's renaming counts")
			dn := s.accounts()[0].DN
			require.True(t, strings.HasPrefix(dn, "cn=Kim Case"+s.worker+","), dn)
			var id, was string
			require.NoError(t, s.db.RawScan(t.Context(), &id, `SELECT account_id FROM joiner_accounts`))
			require.NoError(t, s.db.RawScan(t.Context(), &was, `SELECT former[1] FROM joiner_accounts`))
			require.Equal(t, dn, id)
			require.True(t, strings.HasPrefix(was, "cn=Kim Old"), was)
		})
	}
}
