package engine

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/postgres"
	"joinery/internal/run"
)

// holding is a log whose writer waits until it may go on. Without a database each
// run stops at its release, which is logged: so a run stays in hand as long as the
// test wants.
type holding struct {
	slog.Handler
	at    chan struct{}
	goOns chan chan struct{}
}

func (h holding) Handle(context.Context, slog.Record) error {
	goOn := <-h.goOns
	h.at <- struct{}{}
	<-goOn
	return nil
}

// A run that is due again at once may be in new hands before the old ones have let
// go: what the old ones clear away at their end must not be the new ones.
func TestHands_OldOnesLeaveTheNewOnesAlone(t *testing.T) {
	log := holding{slog.NewTextHandler(t.Output(), nil), make(chan struct{}), make(chan chan struct{}, 2)}
	e := &Engine{Log: slog.New(log), inHand: map[run.ID]*hand{}}
	old, next := make(chan struct{}), make(chan struct{})
	until := time.Now().Add(time.Hour)

	log.goOns <- old
	e.start(t.Context(), postgres.Claimed{ID: "rn_1", Epoch: 1}, until)
	<-log.at
	log.goOns <- next
	e.start(t.Context(), postgres.Claimed{ID: "rn_1", Epoch: 2}, until)
	<-log.at

	close(old)
	<-e.kicks() // the last thing that hands do
	require.Equal(t, 1, e.InHand(), "the run is in the new hands")
	require.True(t, e.holds("rn_1"), "and may call outside")

	close(next)
	<-e.kicks()
	require.Zero(t, e.InHand())
}
