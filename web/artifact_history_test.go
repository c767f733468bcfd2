package web

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/postgres"
	"joinery/internal/review"
)

// What one person drew in one sitting is one line of the history; nothing that was
// approved, live, said or done by another way is hidden in it.
func TestDrawings(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	rev := func(n int, who, via, message string, ago time.Duration) postgres.Revision {
		return postgres.Revision{Number: n, AuthorID: who, Via: via, Message: message, At: at.Add(-ago)}
	}
	approved := rev(4, "ada", viaCanvas, "", 12*time.Minute)
	approved.Approved = true
	revs := []postgres.Revision{
		rev(12, "ada", viaCanvas, "", 0), rev(11, "ada", viaCanvas, "", time.Minute), rev(10, "ada", viaCanvas, "", 2*time.Minute),
		rev(9, "bo", viaCanvas, "", 3*time.Minute), rev(8, "bo", viaCanvas, "", 4*time.Minute), rev(7, "bo", "console", "why", 5*time.Minute),
		rev(6, "ada", viaCanvas, "", 10*time.Minute), rev(5, "ada", viaCanvas, "said", 11*time.Minute), approved, rev(3, "ada", viaCanvas, "", 13*time.Minute),
		rev(2, "ada", viaCanvas, "", 5*time.Hour), rev(1, "ada", viaCanvas, "", 5*time.Hour),
	}
	got := [][2]int{}
	for _, d := range drawings(revs, postgres.Artifact{Kind: review.Flow, Live: &review.Release{Revision: 8}}) {
		got = append(got, [2]int{d.first, d.Number})
	}
	require.Equal(t, [][2]int{{10, 12}, {9, 9}, {8, 8}, {7, 7}, {6, 6}, {5, 5}, {3, 4}, {1, 2}}, got)
}
