package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector/all"
	"joinery/internal/connector/fake"
	"joinery/internal/pgtest"
	"joinery/internal/review"
	"joinery/internal/run"
)

// A directory shows a new account only after 20 seconds, and lets a name be taken
// twice until then. The reply to the first creation is lost: still one account.
func TestLateDirectory_R08_R12_OneAccount(t *testing.T) {
	t.Parallel()
	h := open(t)
	late := fake.Directory{Hides: 20 * time.Second, Now: h.clock.Now}
	h.e.Pool.Catalog = all.Of(fake.Mishaps{Type: late, File: h.dir, Plan: []string{"EnsureAccount#1:lose"}}, fake.HRIS{})
	h.e.Settle = 0 // as in production
	h.live(review.Flow, "join", joinerFlow)
	h.start()
	h.hire("1", nil)
	// forward moves both clocks: ours, and the database's by making the intent older.
	forward := func(d time.Duration) {
		h.clock.Forward(d)
		require.NoError(t, h.db.RawExec(t.Context(), `UPDATE intents SET at = at - make_interval(secs => $1), tried_at = tried_at - make_interval(secs => $1)`, d.Seconds()))
	}
	h.until(run.Waiting)
	forward(2 * time.Second)
	pgtest.Eventually(t, 20*time.Second, "the second creation is held back", func() bool {
		h.e.Kick()
		return h.runs()[0].WaitingFor == "dir to show what an earlier try may have made"
	})
	require.Equal(t, map[string]int{"hr:1": 1}, h.state().Creates)
	pgtest.Eventually(t, 30*time.Second, "the run succeeds", func() bool {
		forward(time.Second)
		h.e.Kick()
		return h.runs()[0].State == run.Succeeded
	})
	require.Equal(t, map[string]int{"hr:1": 1}, h.state().Creates)
	d := h.until(run.Succeeded)
	require.Equal(t, "created", step(t, d, "create").Port)
}

// When the first creation never arrived, it is made after it was looked for
// twice, the second time when it must have been visible.
func TestLateDirectory_R08_LooksTwiceBeforeItCreatesAgain(t *testing.T) {
	t.Parallel()
	h := open(t, "EnsureAccount#1:fail")
	h.e.Settle = 3 * time.Second
	h.live(review.Flow, "join", joinerFlow)
	h.start()
	h.hire("1", nil)
	began := time.Now()
	pgtest.Eventually(t, 30*time.Second, "the run succeeds", func() bool {
		h.clock.Forward(time.Second)
		h.e.Kick()
		return h.runs()[0].State == run.Succeeded
	})
	require.Greater(t, time.Since(began), 2500*time.Millisecond)
	require.Equal(t, map[string]int{"hr:1": 1}, h.state().Creates)
	calls := map[string]int{}
	require.NoError(t, fake.Calls(h.dir, calls))
	// Once before the first intent, and at least twice before the second creation.
	require.GreaterOrEqual(t, calls["FindAccount"], 3)
	require.Equal(t, 2, calls["EnsureAccount"])
	// What it waited for in between is no try, and takes no failed one's place.
	var tries []string
	for _, a := range h.until(run.Succeeded).Attempts {
		if a.Node == "create" {
			tries = append(tries, fmt.Sprint(a.Number, " ", a.Outcome))
		}
	}
	require.Equal(t, []string{"1 retries", "2 created"}, tries)
}
