package flow_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/expr"
	"joinery/internal/flow"
	"joinery/internal/node"
)

const contractors = `
key: contractors
name: Contractors
trigger: start
nodes:
  - {id: start, type: manual, params: {connection: hr}}
  - {id: make, type: account.ensure, params: {directory: ad, name: x}}
  - {id: give, type: group.add, params: {directory: ad, groups: [contractors]}}
edges:
  - {from: start.started, to: make}
  - {from: make.created, to: give}
invariants:
  - name: Contractors never get all-staff
    when: joiner.worker_type == "contractor"
    never_groups: [all-staff, prod-*]
    say: Ask iam@x.example
`

func TestInvariant_ReadAndWritten(t *testing.T) {
	t.Parallel()
	c, err := flow.Parse([]byte(contractors))
	require.NoError(t, err)
	require.Empty(t, flow.Check(c, node.All(), flow.Known{}))
	text, err := c.YAML()
	require.NoError(t, err)
	again, err := flow.Parse(text)
	require.NoError(t, err)
	require.Equal(t, c, again)
	require.Contains(t, string(text), "never_groups")
}

func TestInvariant_Forbids(t *testing.T) {
	t.Parallel()
	v := flow.Invariant{Name: "n", NeverGroups: []string{"All-Staff", "prod-*", "*-admins", "a*b*c"}, Directory: "ad", NeverAccounts: []string{"erp"}}
	for name, want := range map[string]bool{"all-staff": true, " ALL-STAFF": true, "all-staff2": false, "prod-": true, "prod-db": true, "preprod-db": false, "db-admins": true, "admins": false, "abc": true, "axxbyyc": true, "acb": false, "ab": false, "": false} {
		require.Equal(t, want, v.Forbids("ad", name), name)
		require.False(t, v.Forbids("apps", name), name)
		require.Equal(t, want, v.Forbids("", name), "a directory that is not known may be this one")
	}
	require.True(t, v.Forbids("ad", "x", "cn=y", "all-staff"), "under any of its names")
	require.True(t, v.ForbidsAccount("erp"))
	require.False(t, v.ForbidsAccount("ad"))
	require.Equal(t, "The invariant “n” stopped this run: x. Do y.", flow.Invariant{Name: "n", Say: "Do y"}.Breach("x"))
}

func TestInvariant_Check(t *testing.T) {
	t.Parallel()
	for want, change := range map[string][2]string{
		"Say in a few words":         {"name: Contractors never get all-staff", "name: ' '"},
		"Name the groups":            {"never_groups: [all-staff, prod-*]", "never_groups: []"},
		"A group needs a name":       {"[all-staff, prod-*]", "['']"},
		"invariants.0.when":          {`joiner.worker_type == "contractor"`, "joiner.worker_typ"},
		"does not run before":        {`joiner.worker_type == "contractor"`, "steps.make.created"},
		"invariants.0.directory: Th": {"never_groups:", "directory: add\n    never_groups:"},
		"invariants.0.never_accounts.0: The connection hr has no accounts":              {"never_groups:", "never_accounts: [hr]\n    never_groups:"},
		"nodes.give.params.groups.0: This breaks the invariant “Contractors never":      {"when: joiner.worker_type == \"contractor\"\n    never_groups: [all-staff", "never_groups: [CONTRACTORS"},
		"nodes.make.params.directory: This breaks the invariant “Contractors never get": {"when: joiner.worker_type == \"contractor\"", "never_accounts: [ad]"},
	} {
		require.Contains(t, contractors, change[0])
		c, err := flow.Parse([]byte(strings.Replace(contractors, change[0], change[1], 1)))
		require.NoError(t, err, want)
		var all string
		for _, p := range flow.Check(c, node.All(), flow.Known{Connections: map[string][]string{"hr": {"workers"}, "ad": {"directory"}}}) {
			all += p.Path + ": " + p.Detail + "\n"
		}
		require.Contains(t, all, want)
	}
}

func TestInvariant_Differences(t *testing.T) {
	t.Parallel()
	before, err := flow.Parse([]byte(contractors))
	require.NoError(t, err)
	after := before
	after.Invariants = nil
	require.Contains(t, flow.Differences(before, after, node.All()),
		`The invariant “Contractors never get all-staff” is gone: never the groups all-staff, prod-*, when joiner.worker_type == "contractor" is not kept from happening any more.`)
	require.Contains(t, strings.Join(flow.Differences(after, before, node.All()), "\n"), "New invariant: Contractors never get all-staff (never the groups")
	v := before.Invariants[0]
	v.NeverGroups = []string{"all-staff"}
	after.Invariants = []flow.Invariant{v}
	require.Contains(t, strings.Join(flow.Differences(before, after, node.All()), "\n"), "changed: it was never the groups all-staff, prod-*, when")
}

// Where it cannot be told whether an invariant holds, that is no permission.
func TestInvariant_Holding(t *testing.T) {
	t.Parallel()
	c, err := flow.Parse([]byte(contractors))
	require.NoError(t, err)
	p, problems := flow.Compile(c, node.All())
	require.Empty(t, problems)
	for kind, want := range map[string]int{"contractor": 1, "employee": 0, "": 0} {
		got, err := p.Holding(t.Context(), expr.Scope{Joiner: map[string]any{"worker_type": kind}})
		require.NoError(t, err)
		require.Len(t, got, want)
	}
	c.Invariants[0].When = `joiner.badge.level > 3`
	p, problems = flow.Compile(c, node.All())
	require.Empty(t, problems)
	_, err = p.Holding(t.Context(), expr.Scope{Joiner: map[string]any{}})
	require.ErrorContains(t, err, "cannot be computed")
}
