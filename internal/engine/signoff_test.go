package engine_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"joinery/internal/engine"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
)

const askFlow = `
key: ask
name: Ask
trigger: hired
nodes:
  - {id: hired, type: hris.event, params: {connection: hr, events: [worker.hired]}}
  - {id: ok, type: signoff, params: {title: "Access for {{ joiner.last_name }}", role: operator}}
edges:
  - {from: hired.started, to: ok}
`

// While HR's news has a step ask again, the answer to its question may come at any
// moment, also just before what it asks is kept. It counts for the same words, and for
// no others.
func TestSignoff_AnsweredWhileAskedAgain(t *testing.T) {
	t.Parallel()
	for _, lastName := range []string{"Lovelace1", "Byron"} {
		for nth := range 3 { // checkpoint after the news
			t.Run(fmt.Sprint(lastName, nth), func(t *testing.T) {
				t.Parallel()
				h := open(t)
				h.live(review.Flow, "ask", askFlow)
				answers := make(chan string, 1)
				var passed int // by the one run there is
				h.e.Reached = func(place string) {
					if place != engine.BeforeCheckpoint || len(answers) == 0 {
						return
					}
					if passed++; passed > nth {
						_, err := h.db.DecideSignoff(context.Background(), ben, <-answers, true, "fine", nil)
						assert.NoError(t, err)
					}
				}
				h.start()
				h.hire("1", nil)
				asked := h.until(run.Waiting)
				pgtest.Eventually(t, 20*time.Second, "nobody holds it", func() bool { return h.e.InHand() == 0 })
				answers <- asked.Signoffs[0].ID
				h.person("1", map[string]any{"last_name": lastName, "title": "Countess"})
				h.event("news", "worker.updated", "1")
				var d postgres.RunDetail
				pgtest.Eventually(t, 20*time.Second, "the answer counts, or the other question is asked", func() bool {
					if len(answers) > 0 && nth > 0 {
						h.event(fmt.Sprint("more", time.Now()), "worker.updated", "1")
					}
					h.e.Kick()
					var err error
					d, err = h.db.RunDetail(t.Context(), asked.ID)
					require.NoError(t, err)
					return len(answers) == 0 && (d.State == run.Succeeded || len(d.Signoffs) == 2)
				})
				if lastName == "Byron" && len(d.Signoffs) == 2 {
					require.Equal(t, "Access for Byron", d.Signoffs[0].Title)
					return
				}
				require.Len(t, d.Signoffs, 1, "nobody is asked the same twice")
				require.Equal(t, "approved", step(t, d, "ok").Port)
			})
		}
	}
}
