package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/connector"
	"joinery/internal/connector/all"
	"joinery/internal/connector/ldap"
	"joinery/internal/connector/tryton"
	"joinery/internal/connectortest"
	"joinery/internal/egress"
	"joinery/internal/joiner"
	"joinery/internal/node"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
	"joinery/internal/secret"
)

const realNames = `
key: std
name: Names for Active Directory
type: naming
naming:
  spaces:
    - {space: login, kind: ad-login, connections: [ad]}
    - {space: mail, kind: mail, domain: corp.example, connections: [ad], attributes: [mail]}
    - {space: upn, kind: upn, same_as: mail, domain: ad.joinery.test, connections: [ad], attributes: [userPrincipalName]}
    - {space: cn, kind: cn, within: "OU=people,DC=ad,DC=joinery,DC=test", connections: [ad], attributes: [cn]}
  candidates:
    - {space: login, pattern: "{f}{last}"}
    - {space: login, pattern: "{f}{last}{n}"}
    - {space: mail, pattern: "{first}.{last}"}
    - {space: mail, pattern: "{first}.{last}{n}"}
    - {space: cn, pattern: "{first} {last}"}
    - {space: cn, pattern: "{first} {last} ({worker})"}
  profile: de
cases:
  - {name: plain, joiner: {first_name: Ada, last_name: Byron}, expect: {login: abyron}}
`

const realContract = `
key: hr-write-back
name: What goes back to Tryton
type: write-back
write_back:
  fields:
    - {connection: hr, field: work_email, owner: joinery, write: overwrite_own}
`

const realFlow = `
key: join
name: Join
trigger: hired
nodes:
  - {id: hired, type: hris.event, params: {connection: hr, events: [worker.hired, worker.updated]}}
  - {id: names, type: name.generate, params: {policy: std}}
  - id: create
    type: account.ensure
    params:
      directory: ad
      name: =steps.names.login
      attributes: {cn: "=steps.names.cn", sn: =joiner.last_name, givenName: =joiner.first_name, mail: "=steps.names.mail", userPrincipalName: "=steps.names.upn"}
  - {id: give, type: group.add, params: {directory: ad, groups: [engineering]}}
  - {id: back, type: hris.write_back, params: {connection: hr, policy: hr-write-back, values: {work_email: "=steps.names.mail"}}}
edges:
  - {from: hired.started, to: names}
  - {from: names.done, to: create}
  - {from: create.created, to: give}
  - {from: create.existed, to: give}
  - {from: give.done, to: back}
`

// From a real HR system into a real Active Directory and back: names that are in
// use there by accounts, groups and mail addresses are not given again, and the
// finished e-mail address stands in Tryton.
func TestReal_TrytonToActiveDirectory(t *testing.T) {
	t.Parallel()
	hr, ad := connectortest.SharedTryton(t), connectortest.SharedSamba(t)
	catalog := all.Of(tryton.Type{}, ldap.Type{})
	h := &hrHouse{kinds: artifact.Kinds{Flows: node.All(), Connectors: catalog}}
	h.house = &house{t: t, clock: &clock{now: time.Now().UTC()}, mails: &outbox{}}
	h.db = pgtest.Open(t, postgres.Config{Now: h.clock.Now, Artifacts: h.kinds})
	h.e = newEngine(t.Name(), h.db, catalog, h.clock.Now, h.mails)
	h.e.Pool = &connector.Pool{Catalog: catalog, Guard: &egress.Guard{}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Secret: func(_ context.Context, key, _ string) (secret.Value, error) {
			return secret.New(map[string]string{"hr": hr.Password, "ad": ad.Password}[key]), nil
		}}
	for _, s := range []connector.Settings{hr.Settings("hr"), ad.Settings("ad")} {
		text, err := yaml.Marshal(s)
		require.NoError(t, err)
		h.release(review.Connection, string(text))
	}
	for _, text := range []string{realNames, realContract} {
		h.release(review.Policy, text)
	}
	h.release(review.Flow, realFlow)
	h.start()

	// What is there already: a group with the login, a contact with the address, a
	// stranger with the common name, written in capitals.
	require.NoError(t, ad.Add("CN=jmueller,"+ad.GroupsBase, map[string][]string{"objectClass": {"group"}, "sAMAccountName": {"JMueller"}}))
	require.NoError(t, ad.Add("CN=Old Jörg,"+ad.GroupsBase, map[string][]string{"objectClass": {"contact"}, "proxyAddresses": {"SMTP:Joerg.Mueller@corp.example"}}))
	require.NoError(t, ad.Add("CN=JÖRG MÜLLER,"+ad.PeopleBase, map[string][]string{"objectClass": {"user"}, "sAMAccountName": {"oldjm"}}))

	party, err := hr.Make(t.Context(), "party.party", map[string]any{"name": "Jörg Müller"})
	require.NoError(t, err)
	id, err := hr.Make(t.Context(), "company.employee", map[string]any{"party": party, "company": 1, "start_date": connectortest.TrytonDay("2026-12-01")})
	require.NoError(t, err)
	worker := strconv.Itoa(id)
	tell := func(key, kind string) postgres.RunDetail {
		t.Helper()
		_, err := h.db.AcceptEvent(t.Context(), postgres.Incoming{Connection: "hr", Event: joiner.Event{Key: key, Type: kind, Worker: worker}})
		require.NoError(t, err)
		return h.until(run.Succeeded)
	}
	d := tell("1", "worker.hired")
	require.Equal(t, "created", step(t, d, "create").Port)
	require.Equal(t, "done", step(t, d, "back").Port)
	require.Contains(t, fmt.Sprint(step(t, d, "names").Log), "in use in ad by a group")
	require.Contains(t, fmt.Sprint(step(t, d, "names").Log), "in use in ad by a contact")

	l, err := ad.Admin()
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	find := func() []*goldap.Entry {
		t.Helper()
		res, err := l.Search(goldap.NewSearchRequest(ad.PeopleBase, goldap.ScopeWholeSubtree, goldap.NeverDerefAliases, 0, 0, false, "(employeeNumber=hr:"+worker+")", []string{"*", "memberOf"}, nil))
		require.NoError(t, err)
		return res.Entries
	}
	found := find()
	require.Len(t, found, 1)
	for name, want := range map[string]string{"sAMAccountName": "jmueller2", "mail": "joerg.mueller2@corp.example", "userPrincipalName": "joerg.mueller2@ad.joinery.test", "cn": "Jörg Müller (" + worker + ")",
		"memberOf": "CN=engineering," + ad.GroupsBase, "givenName": "Jörg", "sn": "Müller"} {
		require.Equal(t, want, found[0].GetAttributeValue(name), name)
	}
	conn, release, err := h.e.Pool.Use(t.Context(), hr.Settings("hr"), "test")
	require.NoError(t, err)
	defer release()
	w, err := conn.(connector.Workers).Worker(t.Context(), worker)
	require.NoError(t, err)
	require.Equal(t, "joerg.mueller2@corp.example", w.Text(joiner.WorkEmail))

	// Told again, everything is as it is.
	version := w.Version
	_, err = h.db.AcceptEvent(t.Context(), postgres.Incoming{Connection: "hr", Event: joiner.Event{Key: "2", Type: "worker.updated", Worker: worker}})
	require.NoError(t, err)
	pgEventually(t, h.house, 2)
	require.Len(t, find(), 1)
	w, err = conn.(connector.Workers).Worker(t.Context(), worker)
	require.NoError(t, err)
	require.Equal(t, version, w.Version)
}
