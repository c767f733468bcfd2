package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/fault"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
)

// The list of runs comes in the turn that finds who asks, and only to who is there.
func TestSession_ReadsAhead(t *testing.T) {
	t.Parallel()
	db, h, _, anna := trust(t)
	ctx := t.Context()
	session, err := db.SignIn(ctx, h, anna.Email, goodPassword, "10.0.0.1", "test")
	require.NoError(t, err)
	pgtest.Exec(t, db, `INSERT INTO artifacts (kind, key, name) VALUES ('flow', 'join', 'Join')`)

	l := &postgres.RunList{Filter: postgres.RunFilter{Limit: 50}}
	before := postgres.Turns(db)
	s, _, err := db.ActorAndWaiting(ctx, session.Token, "10.0.0.1", l)
	require.NoError(t, err)
	require.Equal(t, anna.Email, s.Actor.Email)
	require.NoError(t, db.ReadRuns(ctx, l))
	require.Equal(t, before+1, postgres.Turns(db), "turns of the database")
	require.Equal(t, []postgres.FlowChoice{{Key: "join", Name: "Join"}}, l.Flows)

	// What cannot be read ahead keeps nobody out, and is read by itself later.
	broken := &postgres.Broken{}
	s, _, err = db.ActorAndWaiting(ctx, session.Token, "10.0.0.1", broken)
	require.NoError(t, err)
	require.Equal(t, anna.Email, s.Actor.Email)
	require.False(t, broken.Settled)

	pgtest.Exec(t, db, `UPDATE users SET active = false WHERE email = $1`, anna.Email)
	for _, ahead := range []postgres.Ahead{&postgres.RunList{}, &postgres.Broken{}, nil} {
		_, _, err = db.ActorAndWaiting(ctx, session.Token, "10.0.0.1", ahead)
		require.True(t, fault.Is(err, fault.Unauthenticated), "%v", err)
	}
}
