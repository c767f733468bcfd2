package engine_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/joiner"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
)

// Intake takes for granted what was so a moment ago, and must notice when it is
// not: a flow that was paused meanwhile, a joiner who is known, an event that came.
func TestAccept_WhatIsTakenForGrantedIsLookedAt(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "join", joinerFlow)
	n := 0
	hire := func(worker, key string) postgres.Accepted {
		n++
		a, err := h.db.AcceptEvent(t.Context(), postgres.Incoming{Connection: "hr", Event: joiner.Event{Key: key, Type: "worker.hired", Worker: worker}})
		require.NoError(t, err)
		return a
	}
	state := func(a postgres.Accepted) run.State {
		require.Len(t, a.Runs, 1)
		d, err := h.db.RunDetail(t.Context(), a.Runs[0])
		require.NoError(t, err)
		return d.State
	}
	for i := range 3 {
		require.Equal(t, run.Queued, state(hire(fmt.Sprint("w", i), fmt.Sprint("k", i))), "nobody carries runs here")
	}
	require.NoError(t, h.db.SetPaused(t.Context(), ben, review.Flow, "join", true, "Too many at once."))
	require.Equal(t, run.Parked, state(hire("w10", "k10")), "the flow is paused since the last batch")
	for range 40 { // long enough to take things for granted again
		hire(fmt.Sprint("x", n), fmt.Sprint("x", n))
	}
	require.NoError(t, h.db.SetPaused(t.Context(), ben, review.Flow, "join", false, ""))
	require.Equal(t, run.Queued, state(hire("w11", "k11")), "it is not paused any more")
	for range 40 {
		hire(fmt.Sprint("y", n), fmt.Sprint("y", n))
	}
	first := hire("w12", "k12")
	require.Equal(t, first.Event, hire("w12", "k12").Event)
	for range 40 {
		hire(fmt.Sprint("z", n), fmt.Sprint("z", n))
	}
	again := hire("w12", "k13")
	a, err := h.db.RunDetail(t.Context(), first.Runs[0])
	require.NoError(t, err)
	b, err := h.db.RunDetail(t.Context(), again.Runs[0])
	require.NoError(t, err)
	require.Equal(t, a.JoinerID, b.JoinerID, "one joiner for one worker")
}
