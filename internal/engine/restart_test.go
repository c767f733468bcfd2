package engine_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/connector/fake"
	"joinery/internal/joiner"
	"joinery/internal/node"
	"joinery/internal/pgserver"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
)

// PostgreSQL restarts in the middle: runs go on, and nothing is made twice.
func TestPostgresRestart(t *testing.T) {
	if testing.Short() {
		t.Skip("needs PostgreSQL")
	}
	t.Parallel()
	dir, err := os.MkdirTemp("", "joinery-restart-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o711))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	ctx := t.Context()
	where := pgserver.Config{Dir: filepath.Join(dir, "pg"), Fast: false}
	server, err := pgserver.Start(ctx, where)
	require.NoError(t, err)
	stop := func() {
		c, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		require.NoError(t, server.Stop(c))
	}
	defer func() { stop() }()
	require.NoError(t, postgres.Migrate(ctx, server.URL(pgserver.Owner, "postgres"), true))
	app := server.URL(pgserver.App, "postgres")
	c := child{URL: app, File: filepath.Join(dir, "state.json"), Outbox: filepath.Join(dir, "mails"), Owner: "one"}
	kinds := artifact.Kinds{Flows: node.All(), Connectors: childTypes(c.File, nil)}
	db, err := postgres.Open(ctx, postgres.Config{URL: app, Conns: 4, Artifacts: kinds})
	require.NoError(t, err)
	defer db.Close()
	s := &scene{t: t, db: db}
	s.live(kinds, review.Connection, fmt.Sprintf(`{"key":"hr","name":"HR","type":"fake-hris","settings":{"path":%q}}`, c.File))
	s.live(kinds, review.Connection, fmt.Sprintf(`{"key":"dir","name":"Directory","type":"fake-directory","settings":{"path":%q}}`, c.File))
	s.live(kinds, review.Flow, joinerFlow)
	const n = 40
	require.NoError(t, fake.Change(c.File, func(st *fake.State) {
		st.Groups["all-staff"], st.Groups["engineering"] = nil, nil
		for i := range n {
			id := fmt.Sprint(i)
			st.Workers[id] = joiner.Worker{ID: id, Attributes: map[string]any{"first_name": "Ada", "last_name": "No" + id, "department": "Engineering"}}
		}
	}))
	for i := range n {
		_, err := db.AcceptEvent(ctx, postgres.Incoming{Connection: "hr", Event: joiner.Event{Key: fmt.Sprint("e", i), Type: "worker.hired", Worker: fmt.Sprint(i)}})
		require.NoError(t, err)
	}
	c.start(t)
	pgtest.Eventually(t, 60*time.Second, "some accounts are made", func() bool { return len(look(t, c).Accounts) > 3 })
	stop()
	server, err = pgserver.Start(ctx, where)
	require.NoError(t, err)
	allDone(t, db, c, n)
}
