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

	"joinery/flows"
	"joinery/internal/artifact"
	"joinery/internal/connector"
	"joinery/internal/connector/all"
	"joinery/internal/connector/fake"
	"joinery/internal/connector/scim"
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

// The shipped flow against a SCIM 2.0 server that nobody here wrote.
func TestEmployeeJoinerOnRealSCIM(t *testing.T) {
	if testing.Short() {
		t.Skip("needs node and PostgreSQL")
	}
	t.Parallel()
	server := connectortest.StartSCIM(t, "contractors", "finance", "people", "it")
	file := filepath.Join(t.TempDir(), "state.json")
	types := all.Of(fake.HRIS{}, scim.Type{})
	kinds := artifact.Kinds{Flows: node.All(), Connectors: types}
	app, _ := pgtest.URLs(t)
	db, err := postgres.Open(t.Context(), postgres.Config{URL: app, Conns: 5, Artifacts: kinds})
	require.NoError(t, err)
	t.Cleanup(db.Close)
	s := &scene{t: t, db: db, worker: "1", child: child{File: file}}
	settings, err := yaml.Marshal(server.Settings("demo-scim"))
	require.NoError(t, err)
	text, err := flows.Flow("employee-joiner")
	require.NoError(t, err)
	s.live(kinds, review.Connection, fmt.Sprintf(`{"key":"demo-hris","name":"HR","type":"fake-hris","settings":{"path":%q}}`, file))
	s.live(kinds, review.Connection, string(settings))
	keys, policies, err := flows.Policies("employee-joiner")
	require.NoError(t, err)
	for _, own := range keys {
		s.live(kinds, review.Policy, string(policies[own]))
	}
	s.live(kinds, review.Flow, string(text))
	s.person(nil)
	mails := &outbox{}
	log := slog.New(slog.DiscardHandler)
	e := &engine.Engine{DB: db, Nodes: node.All(), Owner: "scim", Now: time.Now, Log: log, Mail: mails.send,
		Pool: &connector.Pool{Catalog: types, Guard: &egress.Guard{}, Now: time.Now, Log: log,
			Secret: func(context.Context, string, string) (secret.Value, error) { return secret.New(server.Token), nil }}}
	run1(t, e)
	_, err = db.AcceptEvent(t.Context(), postgres.Incoming{Connection: "demo-hris", Event: joiner.Event{Key: "hired", Type: "worker.hired", Worker: "1"}})
	require.NoError(t, err)
	d := s.until(60*time.Second, run.Succeeded, run.Failed)
	require.Equal(t, run.Succeeded, d.State, d.Reason)
	require.Equal(t, 1, mails.count())

	dir := connectortest.Open(t, scim.Type{}, server.Settings("demo-scim"), map[string]string{"token": server.Token}).(connector.Directory)
	a, found, err := dir.FindAccount(t.Context(), connector.Lookup{Stamp: "demo-hris:1"})
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, "kim.case1", a.Name)
	require.True(t, a.Enabled)
	j, err := db.Joiner(t.Context(), d.JoinerID)
	require.NoError(t, err)
	require.Equal(t, []string{"all-staff", "sales"}, j.Accounts[0].Groups)

	// The same person once more: nothing is made twice, and what differs is brought up to date.
	s.person(map[string]any{"title": "Head of Sales"})
	_, err = db.AcceptEvent(t.Context(), postgres.Incoming{Connection: "demo-hris", Event: joiner.Event{Key: "again", Type: "worker.hired", Worker: "1"}})
	require.NoError(t, err)
	pgtest.Eventually(t, 60*time.Second, "the second run ends", func() bool {
		rows, _, err := db.Runs(t.Context(), postgres.RunFilter{})
		return err == nil && len(rows) == 2 && rows[0].State.Terminal()
	})
	d = s.until(5*time.Second, run.Succeeded)
	require.Equal(t, "existed", step(t, d, "create").Port)
	require.Equal(t, "changed", step(t, d, "update").Port)
}
