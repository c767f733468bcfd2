package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/connector"
	"joinery/internal/connector/all"
	"joinery/internal/connector/fake"
	"joinery/internal/connector/ldap"
	"joinery/internal/connectortest"
	"joinery/internal/egress"
	"joinery/internal/engine"
	"joinery/internal/joiner"
	"joinery/internal/node"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
	"joinery/internal/secret"
)

const ldapMapping = `
key: ldap-attributes
name: LDAP attributes
type: mapping
mapping:
  directory: corp-ldap
  inputs: [{name: badge, optional: true}]
  rows:
    - {attribute: sn, value: =joiner.last_name}
    - {attribute: displayName, value: "{{ joiner.first_name }} {{ joiner.last_name }}"}
    - {attribute: title, value: =joiner.title, empty: clear}
    - {attribute: l, value: =joiner.location}
    - {attribute: roomNumber, value: =inputs.badge, apply: create}
    - {attribute: departmentNumber, value: '=joiner.department == "" ? [] : joiner.department.split("/")', empty: clear}
cases:
  - {name: No title, joiner: {last_name: L}, expect: {attributes: {sn: L, displayName: L, title: null, departmentNumber: null}}}
`

const mappingFlow = `
key: map
name: Map
trigger: hired
nodes:
  - {id: hired, type: hris.event, params: {connection: hris, events: [worker.hired, worker.updated]}}
  - {id: map, type: attributes.map, params: {policy: ldap-attributes, inputs: {badge: "=joiner.badge"}}}
  - id: create
    type: account.ensure
    params: {directory: corp-ldap, name: =Lower(joiner.last_name), mapped: =steps.map, attributes: {title: "=joiner.title == '' ? 'none' : joiner.title"}}
  - {id: update, type: account.update, params: {directory: corp-ldap, account: =steps.create.account_id, mapped: =steps.map}}
edges:
  - {from: hired.started, to: map}
  - {from: map.done, to: create}
  - {from: create.existed, to: update}
`

// mapper is a run of the mapping flow against a real OpenLDAP server.
type mapper struct {
	*scene
	events int
}

func newMapper(t *testing.T, flowText string) *mapper {
	t.Helper()
	slapd := connectortest.StartSlapd(t)
	file := filepath.Join(t.TempDir(), "state.json")
	types := all.Of(fake.HRIS{}, ldap.Type{})
	kinds := artifact.Kinds{Flows: node.All(), Connectors: types}
	app, _ := pgtest.URLs(t)
	db, err := postgres.Open(t.Context(), postgres.Config{URL: app, Conns: 5, Artifacts: kinds})
	require.NoError(t, err)
	t.Cleanup(db.Close)
	m := &mapper{scene: &scene{t: t, db: db, slapd: slapd, worker: "1", child: child{File: file}}}
	settings, err := yaml.Marshal(slapd.Settings("corp-ldap"))
	require.NoError(t, err)
	m.live(kinds, review.Connection, fmt.Sprintf(`{"key":"hris","name":"HR","type":"fake-hris","settings":{"path":%q}}`, file))
	m.live(kinds, review.Connection, string(settings))
	m.live(kinds, review.Policy, ldapMapping)
	m.live(kinds, review.Flow, flowText)
	log := slog.New(slog.DiscardHandler)
	run1(t, &engine.Engine{DB: db, Nodes: node.All(), Owner: "map", Now: time.Now, Log: log,
		Pool: &connector.Pool{Catalog: types, Guard: &egress.Guard{}, Now: time.Now, Log: log,
			Secret: func(context.Context, string, string) (secret.Value, error) { return secret.New(slapd.Password), nil }}})
	return m
}

// hire tells of the worker and gives what the directory then holds.
func (m *mapper) hire(attributes map[string]any) (postgres.RunDetail, func(name string) []string) {
	m.t.Helper()
	d := m.run(attributes)
	require.Equal(m.t, run.Succeeded, d.State, d.Reason)
	found := m.accounts()
	require.Len(m.t, found, 1)
	return d, found[0].GetAttributeValues
}

func (m *mapper) run(attributes map[string]any) postgres.RunDetail {
	m.t.Helper()
	m.events++
	m.person(attributes)
	kind := "worker.hired"
	if m.events > 1 {
		kind = "worker.updated"
	}
	_, err := m.db.AcceptEvent(m.t.Context(), postgres.Incoming{Connection: "hris", Event: joiner.Event{Key: fmt.Sprint(m.events), Type: kind, Worker: m.worker}})
	require.NoError(m.t, err)
	rows, _, err := m.db.Runs(m.t.Context(), postgres.RunFilter{})
	require.NoError(m.t, err)
	require.Len(m.t, rows, m.events)
	return m.until(60*time.Second, run.Succeeded, run.Failed)
}

// In a real directory: a value is set, an empty one is removed where the mapping says
// so and left where it does not, and what belongs to new accounts is not touched again.
func TestMapping_OnRealLDAP(t *testing.T) {
	if testing.Short() {
		t.Skip("needs slapd and PostgreSQL")
	}
	t.Parallel()
	m := newMapper(t, mappingFlow)
	_, have := m.hire(map[string]any{"last_name": "Lovelace", "title": "Seller", "location": "HAM", "badge": "B-1", "department": "Sales/EMEA"})
	require.Equal(t, []string{"Kim Lovelace"}, have("displayName"))
	require.Equal(t, []string{"Seller"}, have("title"))
	require.Equal(t, []string{"B-1"}, have("roomNumber"))
	require.ElementsMatch(t, []string{"Sales", "EMEA"}, have("departmentNumber"))

	d, have := m.hire(map[string]any{"last_name": "Lovelace", "title": "", "location": "", "badge": "B-2", "department": "Sales"})
	require.Equal(t, "changed", step(t, d, "update").Port)
	require.Empty(t, have("title"), "an empty title removes it")
	require.Equal(t, []string{"HAM"}, have("l"), "an empty location leaves it")
	require.Equal(t, []string{"B-1"}, have("roomNumber"), "the badge is written once")
	require.Equal(t, []string{"Sales"}, have("departmentNumber"))
	require.Contains(t, string(step(t, d, "update").Changes), `"title"`)

	d, have = m.hire(map[string]any{"last_name": "Lovelace", "title": "", "location": "", "badge": "B-2", "department": ""})
	require.Empty(t, have("departmentNumber"))
	require.Equal(t, []any{"departmentNumber"}, output(t, d, "update")["changed"])
	d, _ = m.hire(map[string]any{"last_name": "Lovelace", "title": "", "location": "", "badge": "B-2", "department": ""})
	require.Equal(t, "unchanged", step(t, d, "update").Port)
}

// A group has a name and a distinguished name. Whichever the flow and the invariant
// use, the grant is stopped where it would leave.
func TestInvariant_OnRealLDAP(t *testing.T) {
	if testing.Short() {
		t.Skip("needs slapd and PostgreSQL")
	}
	for _, names := range [][2]string{{"cn=all-staff,ou=groups,dc=joinery,dc=test", "All-Staff"}, {"all-staff", "CN=All-Staff, OU=Groups, dc=joinery, dc=test"}} {
		t.Run(names[0], func(t *testing.T) {
			t.Parallel()
			m := newMapper(t, fmt.Sprintf(`
key: map
name: Map
trigger: hired
nodes:
  - {id: hired, type: hris.event, params: {connection: hris, events: [worker.hired, worker.updated]}}
  - {id: create, type: account.ensure, params: {directory: corp-ldap, name: =Lower(joiner.last_name), attributes: {sn: =joiner.last_name}}}
  - {id: give, type: group.add, params: {directory: corp-ldap, groups: [sales, %q]}}
edges:
  - {from: hired.started, to: create}
  - {from: create.created, to: give}
invariants:
  - {name: Contractors never get all-staff, when: joiner.worker_type == "contractor", never_groups: [%q]}
`, names[0], names[1]))
			d := m.run(map[string]any{"worker_type": "contractor"})
			require.Equal(t, run.Failed, d.State)
			require.Contains(t, d.Reason, "it would give the group "+names[0]+" in corp-ldap")
			require.Equal(t, []string{"sales"}, m.groups())
		})
	}
}
