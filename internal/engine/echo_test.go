package engine_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/demo"
	"joinery/internal/joiner"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/run"
)

// an hour after a write-back nothing has looped, whether the vendor tells what
// changed and who did it, or nothing at all: then the echo's run finds nothing to
// write, and that is the end.
func TestWriteBack_R24_NoLoopInAnHour(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		silent bool
		runs   int
	}{"a vendor that tells": {false, 1}, "a vendor that tells nothing": {true, 2}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := openHR(t, "", "", "")
			h.silent.Store(c.silent)
			h.hires()
			pgtest.Eventually(t, 20*time.Second, "all is done", func() bool {
				h.e.Kick()
				events, _, err := h.db.Events(t.Context(), postgres.EventFilter{Type: "worker.updated"})
				return err == nil && len(events) == 1 && len(h.runs()) == c.runs && h.ended(run.Succeeded)
			})
			for range 12 {
				h.clock.Forward(5 * time.Minute)
				h.e.Kick()
				require.NoError(t, h.e.PushRound(t.Context()))
				require.NoError(t, h.e.DriftRound(t.Context(), 0))
			}
			require.Len(t, h.runs(), c.runs)
			require.Equal(t, 1, h.vendor.sent())
			events, _, err := h.db.Events(t.Context(), postgres.EventFilter{})
			require.NoError(t, err)
			require.Len(t, events, 2, "hired, and one update")
		})
	}
}

// S-74: what a body says that nobody signed hides no change: whatever it names as
// changed, as value or as actor, there is a run. Our own reading is believed, and
// so is a signed body.
func TestWriteBack_S74_UnsignedBodiesHideNothing(t *testing.T) {
	t.Parallel()
	h := openHR(t, "", "", "")
	h.deaf.Store(true) // its own webhooks are of no interest here
	id := h.hires()
	accept := func(key string, in postgres.Incoming) postgres.Accepted {
		in.Connection, in.Event.Key, in.Event.Worker = demo.HRISKey, key, id
		if in.Event.Type == "" {
			in.Event.Type = "worker.updated"
		}
		a, err := h.db.AcceptEvent(t.Context(), in)
		require.NoError(t, err)
		h.e.Kick()
		return a
	}
	accept("hired", postgres.Incoming{Event: joiner.Event{Type: "worker.hired"}})
	h.until(run.Succeeded)
	require.Equal(t, "zoe.meyer@x.example", h.email(id))
	pick := func(of ...string) string { return of[rand.IntN(len(of))] }
	for n := range 40 {
		e := joiner.Event{Actor: pick("", joiner.ActorOurs, joiner.ActorOther), At: time.Now()}
		for range rand.IntN(3) {
			e.Changed = append(e.Changed, pick("work_email", "title", "employee_number", "odd\"; field"))
		}
		if rand.IntN(2) == 0 {
			e.Values = map[string]any{"work_email": pick("zoe.meyer@x.example", "other@x.example")}
		}
		require.Len(t, accept(fmt.Sprint("unsigned", n), postgres.Incoming{Event: e}).Runs, 1, "%+v", e)
	}
	ours := joiner.Event{Changed: []string{"work_email"}, Values: map[string]any{"work_email": "zoe.meyer@x.example"}}
	require.Empty(t, accept("signed", postgres.Incoming{Event: ours, Signer: "cr_1"}).Runs, "a signed body")
	require.Empty(t, accept("read", postgres.Incoming{Event: ours, Read: true}).Runs, "our own reading")
	mixed := joiner.Event{Changed: []string{"title", "work_email"}}
	require.Len(t, accept("mixed", postgres.Incoming{Event: mixed, Signer: "cr_1"}).Runs, 1, "ours and HR's")
	again := joiner.Event{Changed: []string{"work_email"}, Values: map[string]any{"work_email": "hr@x.example"}}
	require.Len(t, accept("again", postgres.Incoming{Event: again, Signer: "cr_1"}).Runs, 1, "HR's value")
	h.clock.Forward(2 * time.Hour)
	require.Len(t, accept("late", postgres.Incoming{Event: ours, Signer: "cr_1"}).Runs, 1, "after the window")
}

// One delivery that comes again and again is the same echo, in one batch too.
func TestWriteBack_EchoComesThreeTimes(t *testing.T) {
	t.Parallel()
	h := openHR(t, "", "", "")
	h.deaf.Store(true)
	id := h.hires()
	in := postgres.Incoming{Connection: demo.HRISKey, Signer: "cr_1", Event: joiner.Event{Key: "hired", Type: "worker.hired", Worker: id}}
	_, err := h.db.AcceptEvent(t.Context(), in)
	require.NoError(t, err)
	h.e.Kick()
	h.until(run.Succeeded)
	in.Event = joiner.Event{Key: "u1", Type: "worker.updated", Worker: id, Changed: []string{"work_email"}}
	for n := range 3 {
		a, err := h.db.AcceptEvent(t.Context(), in)
		require.NoError(t, err)
		require.Empty(t, a.Runs)
		require.Equal(t, n > 0, a.Duplicate)
	}
	in.Event.Key = "u2"
	a, err := h.db.AcceptEvent(t.Context(), in)
	require.NoError(t, err)
	require.Len(t, a.Runs, 1, "another event about the field is HR's doing")
}
