package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/pgtest"
	"joinery/internal/review"
)

// Two hundred past joiners are worked out by both revisions, names and directory
// included, in well under thirty seconds.
func TestBacktest_TwoHundredJoiners(t *testing.T) {
	pgtest.WithoutRaceDetector(t)
	t.Parallel()
	h := open(t)
	h.live(review.Policy, "std", namePolicy)
	h.live(review.Flow, "join", nameFlow)
	h.start()
	const people = 200
	for i := range people {
		h.hire(fmt.Sprint(i), map[string]any{"last_name": fmt.Sprintf("Person%d", i%50)})
	}
	pgtest.Eventually(t, 3*time.Minute, "all are there", func() bool {
		h.e.Kick()
		var n int
		pgtest.Scan(t, h.db, &n, `SELECT count(*) FROM runs WHERE state = 'succeeded'`)
		return n == people
	})
	n := h.draft(review.Flow, "join", strings.Replace(nameFlow, "name: Join", "name: Joins", 1))
	b := h.backtested("join", n, people)
	require.Equal(t, review.BacktestDone, b.State, b.Error)
	require.Equal(t, people, b.Report.People)
	require.Zero(t, b.Report.Differing)
	require.Less(t, b.Milliseconds, int64(30_000))
	t.Logf("%d joiners in %d ms; %d of them asked a system, %d strange", people, b.Milliseconds, b.Report.Asked, b.Report.Strange)
}
