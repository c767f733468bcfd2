package web

import (
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/connector/all"
	"joinery/internal/node"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
)

// Readiness is refused with the reason for each thing without which this process
// cannot do its work; the process lives all the while.
func TestReady_SaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	app, owner := pgtest.URLs(t)
	db, err := postgres.Open(t.Context(), postgres.Config{URL: app, Conns: 3, Artifacts: artifact.Kinds{Flows: node.All(), Connectors: all.New()}})
	require.NoError(t, err)
	beat := time.Now()
	s := &Server{DB: db, BaseURL: "http://localhost:1", Catalog: all.New(), Nodes: node.All(), Beat: func() time.Time { return beat }, InHand: func() int { return 0 }}
	site, err := s.App()
	require.NoError(t, err)
	k := &console{server: s, app: site}
	ready := func(want string) {
		t.Helper()
		a := k.stranger().get(t, "/readyz")
		if want == "" {
			require.Equal(t, http.StatusOK, a.status, a.body)
			return
		}
		require.Equal(t, http.StatusServiceUnavailable, a.status)
		require.Equal(t, "not ready: "+want+"\n", a.body)
		require.Equal(t, http.StatusOK, k.stranger().get(t, "/healthz").status)
	}
	ready("")
	own, err := pgx.Connect(t.Context(), owner)
	require.NoError(t, err)
	defer own.Close(context.Background())
	exec := func(sql string) {
		t.Helper()
		_, err := own.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)`)
	ready("The database was migrated by a newer program. Start the newer one in place of this one.")
	exec(`DELETE FROM goose_db_version WHERE version_id = 99999 OR version_id = (SELECT max(version_id) FROM goose_db_version WHERE version_id < 99999)`)
	ready("The database is older than this program. Run: joinery migrate")
	exec(`INSERT INTO goose_db_version (version_id, is_applied) SELECT ` + strconv.FormatInt(postgres.NewestMigration(), 10) + `, true`)
	ready("")
	beat = time.Now().Add(-beatWithin - time.Second)
	ready("The engine stands still.")
	beat = time.Now()
	ready("")
	db.Close()
	ready("The database does not answer.")
	a := k.stranger().get(t, "/metrics")
	require.NotEqual(t, http.StatusOK, a.status, "the numbers are not for everybody")
	require.NotContains(t, a.body, "joinery_")
}

// While it drains, a process says that it is not ready and still answers; then its
// door closes.
func TestReady_IsRefusedBeforeTheDoorCloses(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:1")
	s := k.server
	s.Drain = time.Second
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	ask := func(path string) (int, string, bool, error) {
		resp, err := client.Get("http://" + ln.Addr().String() + path)
		if err != nil {
			return 0, "", false, err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body), resp.Close, err
	}
	pgtest.Eventually(t, 5*time.Second, "ready", func() bool { code, _, _, err := ask("/readyz"); return err == nil && code == http.StatusOK })
	stop()
	pgtest.Eventually(t, 5*time.Second, "not ready while the door is open", func() bool {
		code, body, closes, err := ask("/readyz")
		return err == nil && code == http.StatusServiceUnavailable && body == "not ready: This process is stopping.\n" && closes
	})
	code, _, closes, err := ask("/sign-in")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, code, "people are still answered")
	require.True(t, closes, "their next request goes to another process")
	require.NoError(t, <-done)
	_, _, _, err = ask("/healthz")
	require.Error(t, err, "the door is closed")
}
