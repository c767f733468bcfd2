package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
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

// realHouse is a house with a real HR system and a real Active Directory; change
// are settings of the HR system's connection.
func realHouse(t *testing.T, change map[string]any) *inReal {
	t.Helper()
	hr, ad := connectortest.SharedTryton(t), connectortest.SharedSamba(t)
	catalog := all.Of(tryton.Type{}, ldap.Type{})
	h := &inReal{hrHouse: &hrHouse{kinds: artifact.Kinds{Flows: node.All(), Connectors: catalog}}, hr: hr, ad: ad}
	h.house = &house{t: t, clock: &clock{now: time.Now().UTC()}, mails: &outbox{}}
	h.db = pgtest.Open(t, postgres.Config{Now: h.clock.Now, Artifacts: h.kinds})
	h.e = newEngine(t.Name(), h.db, catalog, h.clock.Now, h.mails)
	h.e.Pool = &connector.Pool{Catalog: catalog, Guard: &egress.Guard{}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Secret: func(_ context.Context, key, _ string) (secret.Value, error) {
			return secret.New(map[string]string{"hr": hr.Password, "ad": ad.Password}[key]), nil
		}}
	of := hr.Settings("hr")
	maps.Copy(of.Settings, change)
	for _, s := range []connector.Settings{of, ad.Settings("ad")} {
		text, err := yaml.Marshal(s)
		require.NoError(t, err)
		h.release(review.Connection, string(text))
	}
	return h
}

type inReal struct {
	*hrHouse
	hr *connectortest.Tryton
	ad *connectortest.Samba
}

// hires enters an employee and gives the worker's id.
func (h *inReal) hires(name string, company int) (worker string, party int) {
	h.t.Helper()
	party, err := h.hr.Make(h.t.Context(), "party.party", map[string]any{"name": name})
	require.NoError(h.t, err)
	id, err := h.hr.Make(h.t.Context(), "company.employee", map[string]any{"party": party, "company": company, "start_date": connectortest.TrytonDay("2026-12-01")})
	require.NoError(h.t, err)
	return strconv.Itoa(id), party
}

// worker reads an employee past the house.
func (h *inReal) worker(id string) joiner.Worker {
	h.t.Helper()
	conn, release, err := h.e.Pool.Use(h.t.Context(), h.hr.Settings("hr"), "test")
	require.NoError(h.t, err)
	defer release()
	w, err := conn.(connector.Workers).Worker(h.t.Context(), id)
	require.NoError(h.t, err)
	return w
}

// From a real HR system into a real Active Directory and back: names that are in
// use there by accounts, groups and mail addresses are not given again, and the
// finished e-mail address stands in Tryton.
func TestReal_TrytonToActiveDirectory(t *testing.T) {
	t.Parallel()
	h := realHouse(t, nil)
	ad := h.ad
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

	worker, _ := h.hires("Jörg Müller", 1)
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
	w := h.worker(worker)
	require.Equal(t, "joerg.mueller2@corp.example", w.Text(joiner.WorkEmail))

	// Told again, everything is as it is.
	version := w.Version
	_, err = h.db.AcceptEvent(t.Context(), postgres.Incoming{Connection: "hr", Event: joiner.Event{Key: "2", Type: "worker.updated", Worker: worker}})
	require.NoError(t, err)
	pgEventually(t, h.house, 2)
	require.Len(t, find(), 1)
	require.Equal(t, version, h.worker(worker).Version)
}

const polledReal = `
key: polled
name: Polled
trigger: hired
nodes:
  - {id: hired, type: schedule.poll, params: {connection: hr, events: [worker.hired, worker.updated], every: 1m}}
  - {id: back, type: hris.write_back, params: {connection: hr, policy: hr-write-back, values: {work_email: '=Lower(joiner.first_name + "." + joiner.last_name) + "@corp.example"'}}}
edges:
  - {from: hired.started, to: back}
`

// A real HR system that sends nothing: Joinery finds the hire by asking, what it
// writes back itself starts no run, and what HR changes does, also where that moves
// no date of the employee.
func TestReal_TrytonIsPolled(t *testing.T) {
	t.Parallel()
	h := realHouse(t, map[string]any{"company": "Other Corp"}) // the other tests hire for Corp
	h.release(review.Policy, realContract)
	h.release(review.Flow, polledReal)
	h.start()
	look := func(runs int) {
		t.Helper()
		h.clock.Forward(2 * time.Minute)
		require.NoError(t, h.e.PollDue(t.Context()))
		pgEventually(t, h.house, runs)
	}
	look(0)
	worker, party := h.hires("Zoë Quick", 2)
	look(1)
	require.Equal(t, "zoë.quick@corp.example", h.worker(worker).Text(joiner.WorkEmail))
	look(1)
	look(1)
	_, err := h.hr.Make(t.Context(), "party.contact_mechanism", map[string]any{"party": party, "type": "mobile", "value": "+49 170 7654321"})
	require.NoError(t, err)
	look(2)
	events, _, err := h.db.Events(t.Context(), postgres.EventFilter{Type: "worker.updated"})
	require.NoError(t, err)
	require.Contains(t, events[0].Changed, joiner.Phone)
	look(2)
}
