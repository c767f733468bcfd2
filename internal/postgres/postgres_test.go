package postgres_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/pgtest"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	app, err := db.RunsAsApp(context.Background())
	require.NoError(t, err)
	require.True(t, app)
	have, want, err := db.SchemaState(context.Background())
	require.NoError(t, err)
	require.Equal(t, want, have)
}
