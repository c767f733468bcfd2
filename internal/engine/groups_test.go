package engine_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/connector/fake"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
)

const groupTable = `
key: groups
name: Groups
type: groups
groups:
  directory: dir
  rows:
    - {groups: [all-staff], reason: Everybody}
    - {when: joiner.department == "Engineering", groups: [engineering], reason: Builds}
    - {when: joiner.department == "Sales", groups: [sales], reason: Sells, owner: sales-ops@x.example}
cases:
  - {name: Everybody, joiner: {}, expect: {groups: [all-staff]}}
`

const groupFlow = `
key: join
name: Join
trigger: hired
nodes:
  - {id: hired, type: hris.event, params: {connection: hr, events: [worker.hired, worker.updated]}}
  - {id: groups, type: groups.resolve, params: {policy: groups, directory: dir}}
  - id: create
    type: account.ensure
    params: {directory: dir, name: =Lower(joiner.last_name)}
  - {id: line, type: group.sync, params: {directory: dir, groups: =steps.groups.groups}}
edges:
  - {from: hired.started, to: groups}
  - {from: groups.done, to: create}
  - {from: create.created, to: line}
  - {from: create.existed, to: line}
`

func (h *house) groupsOf(stamp string) (string, []string) {
	h.t.Helper()
	for id, a := range h.state().Accounts {
		if a.Stamp == stamp {
			return id, a.Groups
		}
	}
	return "", nil
}

func output(t *testing.T, d postgres.RunDetail, id string) map[string]any {
	t.Helper()
	var out map[string]any
	require.NoError(t, json.Unmarshal(step(t, d, id).Output, &out))
	return out
}

// F1 case e and F10: the department changes, and what the flow granted follows it;
// what others granted stays.
func TestGroups_FollowTheDepartment(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Policy, "groups", groupTable)
	h.live(review.Flow, "join", groupFlow)
	h.start()
	h.hire("1", nil)
	d := h.until(run.Succeeded)
	require.Equal(t, "changed", step(t, d, "line").Port)
	id, groups := h.groupsOf("hr:1")
	require.Equal(t, []string{"all-staff", "engineering"}, groups)
	granted := output(t, d, "groups")["granted"].([]any)
	require.Equal(t, "Builds", granted[1].(map[string]any)["reason"])
	require.EqualValues(t, 2, granted[1].(map[string]any)["row"])

	// Somebody gives a group by hand, and engineering is taken and given back by hand.
	require.NoError(t, fake.Change(h.dir, func(s *fake.State) {
		s.Groups["vip"] = []string{id}
		a := s.Accounts[id]
		a.Groups = append(a.Groups, "vip")
		s.Accounts[id] = a
	}))
	h.person("1", map[string]any{"department": "Sales"})
	h.event("moved-1", "worker.updated", "1")
	h.twoRuns()
	d = h.until(run.Succeeded)
	_, groups = h.groupsOf("hr:1")
	require.ElementsMatch(t, []string{"all-staff", "sales", "vip"}, groups)
	out := output(t, d, "line")
	require.Equal(t, map[string]any{"added": []any{"sales"}, "removed": []any{"engineering"}, "already": []any{"all-staff"}, "kept": []any{"vip"}}, out)
	list, err := h.db.GrantedGroups(t.Context(), d.JoinerID, "dir", id)
	require.NoError(t, err)
	require.Equal(t, []string{"all-staff", "sales"}, list)
}

// twoRuns waits until the second run is there.
func (h *house) twoRuns() {
	h.t.Helper()
	require.Len(h.t, h.runs(), 2)
}

// A group the account was in before is not of our making, so it stays when the
// rules do not give it any more.
func TestGroups_GrantedByOthersBefore(t *testing.T) {
	t.Parallel()
	h := open(t)
	require.NoError(t, fake.Change(h.dir, func(s *fake.State) {
		s.Accounts["a1"] = connector.Account{ID: "a1", Name: "lovelace1", Stamp: "hr:1", Enabled: true, Groups: []string{"engineering"}}
		s.Groups["engineering"] = []string{"a1"}
	}))
	h.live(review.Policy, "groups", groupTable)
	h.live(review.Flow, "join", groupFlow)
	h.start()
	h.hire("1", nil)
	d := h.until(run.Succeeded)
	require.Equal(t, []any{"engineering"}, output(t, d, "line")["already"])
	h.person("1", map[string]any{"department": "Sales"})
	h.event("moved-1", "worker.updated", "1")
	h.twoRuns()
	d = h.until(run.Succeeded)
	_, groups := h.groupsOf("hr:1")
	require.ElementsMatch(t, []string{"engineering", "all-staff", "sales"}, groups)
	require.Equal(t, []any{"engineering"}, output(t, d, "line")["kept"])
}

// F4: somebody who comes back starts anew; groups from before are not restored.
func TestGroups_StartAnew(t *testing.T) {
	t.Parallel()
	h := open(t)
	require.NoError(t, fake.Change(h.dir, func(s *fake.State) {
		s.Accounts["a1"] = connector.Account{ID: "a1", Name: "lovelace1", Stamp: "hr:1", Groups: []string{"engineering", "old-gone"}}
		s.Groups["engineering"] = []string{"a1"}
	}))
	h.live(review.Policy, "groups", groupTable)
	h.live(review.Flow, "join", strings.Replace(groupFlow, "groups: =steps.groups.groups", "groups: =steps.groups.groups, others: remove", 1))
	h.start()
	h.hire("1", map[string]any{"department": "Sales"})
	d := h.until(run.Succeeded)
	require.Equal(t, []any{"engineering"}, output(t, d, "line")["removed"])
	_, groups := h.groupsOf("hr:1")
	require.ElementsMatch(t, []string{"all-staff", "sales", "old-gone"}, groups)
}

// A lost answer does not make a membership somebody else's.
func TestGroups_LostAnswerIsOurs(t *testing.T) {
	t.Parallel()
	h := open(t, "EnsureMember#1:lose")
	h.live(review.Policy, "groups", groupTable)
	h.live(review.Flow, "join", groupFlow)
	h.start()
	h.hire("1", nil)
	h.until(run.Waiting)
	h.clock.Forward(time.Minute)
	d := h.until(run.Succeeded)
	id, _ := h.groupsOf("hr:1")
	list, err := h.db.GrantedGroups(t.Context(), d.JoinerID, "dir", id)
	require.NoError(t, err)
	require.Equal(t, []string{"all-staff", "engineering"}, list)
}

// A simulated run shows what would come and go, and changes nothing.
func TestGroups_Simulated(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Policy, "groups", groupTable)
	h.live(review.Flow, "join", groupFlow)
	h.start()
	h.hire("1", nil)
	h.until(run.Succeeded)
	h.person("1", map[string]any{"department": "Sales"})
	_, err := h.db.StartRun(t.Context(), ben, "join", "1", run.Simulate)
	require.NoError(t, err)
	h.twoRuns()
	d := h.until(run.Succeeded)
	require.Contains(t, string(step(t, d, "line").Changes), "would be removed from group engineering")
	_, groups := h.groupsOf("hr:1")
	require.Equal(t, []string{"all-staff", "engineering"}, groups)
}

// Undoing takes back what the run granted, and it is not counted as granted any more.
func TestGroups_Undone(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Policy, "groups", groupTable)
	h.live(review.Flow, "join", groupFlow)
	h.start()
	h.hire("1", nil)
	d := h.until(run.Succeeded)
	require.NoError(t, h.db.CompensateRun(t.Context(), ben, d.ID, "wrong person"))
	d = h.until(run.Compensated)
	id, groups := h.groupsOf("hr:1")
	require.Empty(t, groups)
	list, err := h.db.GrantedGroups(t.Context(), d.JoinerID, "dir", id)
	require.NoError(t, err)
	require.Empty(t, list)
}
