package postgres_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/connector/all"
	"joinery/internal/fault"
	"joinery/internal/pgserver"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/secret"
)

// A hundred calls that want one credential ask the database for it once: otherwise
// they would take the sessions that pages use. Its end is seen here at once.
func TestSecret_ManyCallsAskOnce(t *testing.T) {
	t.Parallel()
	db, _, _, anna := trust(t)
	ctx := t.Context()
	doc, err := artifact.Kinds{Connectors: all.New()}.Read(review.Connection, "one", []byte(`{"key":"one","name":"C","type":"scim"}`))
	require.NoError(t, err)
	_, err = db.SaveRevision(ctx, anna.Actor(), postgres.Save{Doc: doc})
	require.NoError(t, err)
	set, err := db.SetCredential(ctx, anna.Actor(), postgres.NewCredential{Connection: "one", Name: "token", Value: secret.New("a-value-of-some-length"), Owner: anna.Email, Purpose: "p", ExpiresAt: db.Now().AddDate(0, 1, 0)})
	require.NoError(t, err)
	var name string
	pgtest.Scan(t, db, &name, `SELECT current_database()`)
	fresh, err := postgres.Open(ctx, postgres.Config{URL: pgtest.Server(t).URL(pgserver.App, name), Sealer: pgtest.Sealer(t), Now: db.Now})
	require.NoError(t, err)
	t.Cleanup(fresh.Close)
	all := func() {
		t.Helper()
		var calls sync.WaitGroup
		for range 100 {
			calls.Go(func() {
				_, err := fresh.Secret(ctx, "one", "token")
				if err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
	}
	all()
	sessions := 0.0
	for _, r := range fresh.PoolUse() {
		if r.Key == "idle" || r.Key == "used" || r.Key == "opening" {
			sessions += r.Value
		}
	}
	require.LessOrEqual(t, sessions, 3.0, "sessions that a hundred calls opened")

	// Kept values are read anew before they are too old, and what is revoked here
	// opens nothing any more, whatever is being read meanwhile.
	stop := make(chan struct{})
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, _ = fresh.Secret(ctx, "one", "token")
				}
			}
		})
	}
	require.NoError(t, fresh.RevokeCredential(ctx, anna.Actor(), set.ID, "it was seen in a log"))
	_, err = fresh.Secret(ctx, "one", "token")
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
	close(stop)
	calls.Wait()
	_, err = fresh.Secret(ctx, "one", "token")
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
	pgtest.Eventually(t, 5*time.Second, "the other process sees it", func() bool {
		_, err := db.Secret(ctx, "one", "token")
		return fault.Is(err, fault.Invalid)
	})
}
