package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/pgtest"
)

// A word that nearly all have and one that few have are found in different ways: both
// give the newest first, and nobody else.
func TestSearch_CommonAndRareWords(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ctx := t.Context()
	require.NoError(t, db.RawExec(ctx, `INSERT INTO joiners (id, connection, worker, label, attributes)
		SELECT 'j_' || lpad(i::text, 6, '0'), 'hr', 'w' || i, CASE WHEN i % 100 = 0 THEN 'Grace Hopper' ELSE 'Ada Lovelace' END, jsonb_build_object('department', CASE WHEN i > 500 THEN 'Finance' ELSE 'Engineering' END) FROM generate_series(1, 1000) i`))
	ids := func(q string, limit int) (out []string) {
		rows, _, err := db.Joiners(ctx, q, "", limit)
		require.NoError(t, err)
		for _, r := range rows {
			out = append(out, r.ID)
		}
		return out
	}
	require.Equal(t, []string{"j_000999", "j_000998", "j_000997"}, ids("ada", 3), "common among all")
	require.Equal(t, []string{"j_001000", "j_000900", "j_000800"}, ids("hop", 3), "rare")
	require.Len(t, ids("grace hopper", 200), 10)
	require.Equal(t, []string{"j_000500", "j_000499"}, ids("engineer", 2), "common among the older, rare among the newest")
	require.Equal(t, []string{"j_000500", "j_000400"}, ids("hopper engineering", 2), "all words count")
	require.Empty(t, ids("turing", 10))
	require.Equal(t, []string{"j_000777"}, ids("w777", 10), "a worker's id")
}
