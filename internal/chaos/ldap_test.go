package chaos

import (
	"fmt"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"joinery/internal/connectortest"
	"joinery/internal/faultproxy"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/secret"
)

const ldapFlow = `
key: ldap
name: LDAP
trigger: moved
nodes:
  - {id: moved, type: hris.event, params: {connection: hr, events: [worker.start_moved]}, retry: {first: 200ms, max: 2s, attempts: 100}}
  - id: create
    type: account.ensure
    retry: {first: 200ms, max: 2s, attempts: 100}
    params: {directory: ldap, name: =Lower(joiner.first_name + "." + joiner.last_name), attributes: {cn: =joiner.first_name, sn: =joiner.last_name}}
  - {id: basic, type: group.add, params: {directory: ldap, account: =steps.create.account_id, groups: [all-staff]}, retry: {first: 200ms, max: 2s, attempts: 100}}
edges:
  - {from: moved.started, to: create}
  - {from: create.created, to: basic}
  - {from: create.existed, to: basic}
`

// The network to a real OpenLDAP cuts requests and answers, and then goes silent.
func TestFault_F05_F15_CutAndSilentLDAP(t *testing.T) {
	need(t)
	t.Parallel()
	slapd := connectortest.StartSlapd(t)
	proxy, err := faultproxy.New("tcp", strings.TrimPrefix(slapd.LDAPS, "ldaps://"))
	require.NoError(t, err)
	t.Cleanup(proxy.Close)
	w := newWorld(t)
	settings := slapd.Settings("ldap")
	settings.Settings["urls"] = []any{fmt.Sprintf("ldaps://%s", proxy.Addr())}
	settings.Settings["timeout"] = "3s"
	text, err := yaml.Marshal(settings)
	require.NoError(t, err)
	w.live(review.Connection, string(text))
	_, err = w.db.SetCredential(t.Context(), anna, postgres.NewCredential{Connection: "ldap", Name: "bind_password", Value: secret.New(slapd.Password), Owner: "a@x.example", Purpose: "chaos", ExpiresAt: time.Now().AddDate(0, 1, 0)})
	require.NoError(t, err)
	w.live(review.Flow, ldapFlow)
	n := w.node("one").start(t)
	random := dice(t, 15)
	proxy.Judge(func(c faultproxy.Chunk) faultproxy.Verdict {
		switch random.IntN(40) {
		case 0:
			return faultproxy.Cut
		case 1:
			return faultproxy.PassCut
		}
		return faultproxy.Pass
	})
	people := either(12, 60)
	for i := range people {
		id := fmt.Sprint(i)
		w.hris.Set(id, nil)
		w.deliver("moved-"+id, "worker.start_moved", id, n.at)
	}
	proxy.Mute()
	time.Sleep(4 * time.Second)
	proxy.Judge(nil)
	proxy.Up()
	proxy.CutAll()
	w.rested(either(2*time.Minute, 8*time.Minute), people)
	w.check()
	w.succeeded(people)
	root, err := slapd.Root()
	require.NoError(t, err)
	defer root.Close()
	for i := range people {
		found, err := root.Search(goldap.NewSearchRequest(slapd.PeopleBase, goldap.ScopeWholeSubtree, goldap.NeverDerefAliases, 0, 0, false, fmt.Sprintf("(employeeNumber=hr:%d)", i), []string{"memberOf"}, nil))
		require.NoError(t, err)
		require.Len(t, found.Entries, 1, "accounts of worker %d", i)
		require.Len(t, found.Entries[0].GetAttributeValues("memberOf"), 1)
	}
}
