package engine_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector/fake"
	"joinery/internal/joiner"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
)

// says changes what the HRIS says about a worker, now.
func (h *house) says(id string, attributes map[string]any) {
	h.t.Helper()
	a := maps.Clone(attributes)
	require.NoError(h.t, fake.Change(h.dir, func(s *fake.State) { s.Workers[id] = joiner.Worker{ID: id, Attributes: a, ChangedAt: h.clock.Now()} }))
}

// poll asks what is due, and lets the runs that come of it do what they can.
func (h *house) poll() {
	h.t.Helper()
	require.NoError(h.t, h.e.PollDue(h.t.Context()))
	if h.e.Beat().IsZero() {
		return
	}
	h.quiet()
}

func ada(start string) map[string]any {
	return map[string]any{"first_name": "Ada", "last_name": "Lovelace", "department": "Engineering", "start_date": start, "status": "planned", "time_zone": "UTC"}
}

var polledFlow = strings.NewReplacer("type: hris.event", "type: schedule.poll", "worker.rescinded]}", "worker.rescinded], every: 10m}").Replace(strings.Replace(waitingFlow,
	"{from: sales.done, to: ask}", "{from: sales.done, to: ask}", 1))

// An HRIS that sends nothing: the first look begins with what changes from now on,
// later ones tell what changed as the events that a webhook would have brought.
func TestPoll_SourceWithoutWebhooks(t *testing.T) {
	t.Parallel()
	h := open(t)
	start := h.clock.Now().AddDate(0, 0, 30).Format(time.DateOnly)
	h.says("old", map[string]any{"first_name": "Old", "status": "active", "start_date": "2011-01-01"})
	h.clock.Forward(time.Hour)
	h.live(review.Flow, "plan", polledFlow)
	h.start()
	require.True(t, h.e.Begun(t.Context()))
	h.poll()
	require.Empty(t, h.runs(), "the whole company is not taken in")
	h.says("1", ada(start))
	h.poll()
	require.Empty(t, h.runs(), "not due yet")
	h.clock.Forward(11 * time.Minute)
	h.poll()
	require.Len(t, h.runs(), 1)
	events, _, err := h.db.Events(t.Context(), postgres.EventFilter{})
	require.NoError(t, err)
	require.Equal(t, "worker.hired", events[0].Type)
	require.Equal(t, postgres.PollSigner, events[0].Signer)
	h.clock.Forward(11 * time.Minute)
	h.poll()
	require.Len(t, h.runs(), 1, "seen again in the overlap, and told once")

	for _, c := range []struct {
		attribute, value, event string
	}{{"department", "Sales", "worker.updated"}, {"start_date", h.clock.Now().AddDate(0, 0, 60).Format(time.DateOnly), "worker.start_moved"}, {"status", "rescinded", "worker.rescinded"}} {
		a := h.state().Workers["1"].Attributes
		a[c.attribute] = c.value
		h.says("1", a)
		h.clock.Forward(11 * time.Minute)
		h.poll()
		events, _, err = h.db.Events(t.Context(), postgres.EventFilter{})
		require.NoError(t, err)
		require.Equal(t, c.event, events[0].Type)
		require.Contains(t, events[0].Changed, c.attribute)
	}
	// Somebody who was there all along is changed, not hired.
	h.says("old", map[string]any{"first_name": "Older", "status": "active", "start_date": "2011-01-01"})
	h.clock.Forward(11 * time.Minute)
	h.poll()
	events, _, err = h.db.Events(t.Context(), postgres.EventFilter{})
	require.NoError(t, err)
	require.Equal(t, "worker.updated", events[0].Type)
	status, wanted, err := h.db.PollOf(t.Context(), "hr")
	require.NoError(t, err)
	require.True(t, wanted)
	require.Equal(t, 10*time.Minute, status.Every)
	require.Empty(t, status.Error)
	require.True(t, status.DueAt.After(h.clock.Now()))
	for _, raw := range readingsText(t, h) {
		require.NotContains(t, raw, "Lovelace", "no values are kept")
	}
}

func readingsText(t *testing.T, h *house) []string {
	r, err := h.db.Readings(t.Context(), "hr", []string{"1", "old"})
	require.NoError(t, err)
	require.Len(t, r, 2)
	var out []string
	for _, x := range r {
		for k, v := range x.Seen.Marks {
			out = append(out, k+v)
		}
	}
	return out
}

// Everybody is taken in when the flow says so.
func TestPoll_TakesEverybodyWhenAsked(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.says("old", map[string]any{"first_name": "Old", "status": "active", "start_date": "2011-01-01"})
	h.clock.Forward(time.Hour)
	h.live(review.Flow, "plan", strings.Replace(polledFlow, "every: 10m}", "every: 10m, since: all}", 1))
	h.poll()
	require.Len(t, h.runs(), 1)
}

// a hire whose webhook was never sent is found within an interval; one that a
// webhook told is not told twice, whichever comes first.
func TestR38_PollRecoversLostEvents(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "plan", strings.Replace(waitingFlow, "worker.rescinded]}", "worker.rescinded], poll_every: 1h}", 1))
	h.start()
	require.True(t, h.e.Begun(t.Context()))
	h.poll()
	start := h.clock.Now().AddDate(0, 0, 30).Format(time.DateOnly)
	h.says("lost", ada(start))
	h.says("told", ada(start))
	h.event("e1", "worker.hired", "told")
	h.until(run.Waiting) // its run has read the worker
	h.clock.Forward(time.Hour)
	h.poll()
	require.Len(t, h.runs(), 2)
	rows, _, err := h.db.Events(t.Context(), postgres.EventFilter{})
	require.NoError(t, err)
	require.Len(t, rows, 2)
	require.Equal(t, "lost", rows[0].Worker)
	// The webhook comes after all, late: it starts nothing more.
	a, err := h.db.AcceptEvent(t.Context(), postgres.Incoming{Connection: "hr", Event: joiner.Event{Key: "late", Type: "worker.hired", Worker: "lost", At: h.clock.Now().Add(-30 * time.Minute)}})
	require.NoError(t, err)
	require.Len(t, a.Runs, 1)
	require.Len(t, h.runs(), 2)
	// A change after the last webhook is found, although a webhook told of an earlier one.
	h.clock.Forward(time.Hour)
	w := ada(start)
	w["department"] = "Sales"
	h.says("told", w)
	h.clock.Forward(time.Hour)
	h.poll()
	rows, _, err = h.db.Events(t.Context(), postgres.EventFilter{})
	require.NoError(t, err)
	require.Equal(t, "worker.updated", rows[0].Type)
	require.Equal(t, "told", rows[0].Worker)
}

// the late webhook of a change that a poll has told starts no second run, even
// when the first run has ended.
func TestR38_LateWebhookAfterTheRun(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "join", strings.Replace(joinerFlow, "worker.updated]}", "worker.updated], poll_every: 1h}", 1))
	h.start()
	h.poll()
	h.says("1", map[string]any{"first_name": "Ada", "last_name": "L", "department": "Engineering", "status": "planned"})
	changed := h.clock.Now()
	h.clock.Forward(time.Hour)
	h.poll()
	h.until(run.Succeeded)
	a, err := h.db.AcceptEvent(t.Context(), postgres.Incoming{Connection: "hr", Event: joiner.Event{Key: "late", Type: "worker.hired", Worker: "1", At: changed}})
	require.NoError(t, err)
	require.Equal(t, []string{string(h.runs()[0].ID)}, a.Runs)
	require.Len(t, h.runs(), 1)
	// A newer change is another matter.
	a, err = h.db.AcceptEvent(t.Context(), postgres.Incoming{Connection: "hr", Event: joiner.Event{Key: "new", Type: "worker.hired", Worker: "1", At: h.clock.Now().Add(time.Minute)}})
	require.NoError(t, err)
	require.NotEqual(t, []string{string(h.runs()[1].ID)}, a.Runs)
	require.Len(t, h.runs(), 2)
}

// An HRIS that fails is asked again, from the same watermark.
func TestPoll_FailureKeepsTheWatermark(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "plan", polledFlow)
	h.poll()
	before, _, err := h.db.PollOf(t.Context(), "hr")
	require.NoError(t, err)
	h.says("1", ada("2030-01-01"))
	require.NoError(t, h.db.RawExec(t.Context(), `UPDATE artifacts SET paused = true WHERE kind = 'connection' AND key = 'hr'`))
	h.clock.Forward(time.Hour)
	h.poll()
	failed, _, err := h.db.PollOf(t.Context(), "hr")
	require.NoError(t, err)
	require.Contains(t, failed.Error, "paused")
	require.Equal(t, before.Watermark, failed.Watermark)
	require.True(t, failed.DueAt.Before(h.clock.Now().Add(6*time.Minute)))
	require.NoError(t, h.db.RawExec(t.Context(), `UPDATE artifacts SET paused = false WHERE kind = 'connection' AND key = 'hr'`))
	require.NoError(t, h.db.PollNow(t.Context(), ben, "hr"))
	h.poll()
	require.Len(t, h.runs(), 1)
	require.Error(t, h.db.PollNow(t.Context(), ben, "dir"), "nobody asks the directory")
}

// F3: a record that vanishes is looked for twice, a day apart; then a person says,
// and only then what was made is undone, newest first.
func TestF3_VanishedRecord(t *testing.T) {
	t.Parallel()
	for _, off := range []bool{true, false} {
		h := open(t)
		flow := strings.Replace(strings.Replace(waitingFlow, "worker.rescinded]}", "worker.rescinded], poll_every: 1h}", 1), "params: {reason: Not coming}", "params: {outcome: undone, reason: Not coming}", 1)
		h.live(review.Flow, "plan", strings.Replace(flow, "{from: eng.done, to: ask}", "{from: eng.done, to: first_day}", 1))
		h.start()
		h.says("1", ada(h.clock.Now().AddDate(0, 0, 30).Format(time.DateOnly)))
		h.event("e1", "worker.hired", "1")
		h.settles(func() bool { return len(h.runs()) > 0 && h.waitsAt("first_day") })
		require.NoError(t, fake.Change(h.dir, func(s *fake.State) { delete(s.Workers, "1") }))
		look := func() int {
			require.NoError(t, h.db.PollNow(t.Context(), ben, "hr"))
			h.poll()
			open, err := h.db.OpenSignoffs(t.Context())
			require.NoError(t, err)
			return len(open)
		}
		h.clock.Forward(25 * time.Hour)
		require.Zero(t, look(), "one look proves nothing")
		h.clock.Forward(5 * time.Hour)
		require.Zero(t, look(), "nor do two on the same day")
		h.clock.Forward(20 * time.Hour)
		require.Equal(t, 1, look())
		_, _, enabled := h.only()
		require.False(t, enabled)
		asked, err := h.db.OpenSignoffs(t.Context())
		require.NoError(t, err)
		require.Contains(t, asked[0].Title, "no record of Ada Lovelace")
		_, err = h.db.DecideSignoff(t.Context(), ben, asked[0].ID, off, "HR says so", nil)
		require.NoError(t, err)
		h.e.Kick()
		if !off {
			h.settles(func() bool { return h.waitsAt("first_day") })
			h.clock.Forward(25 * time.Hour)
			require.Zero(t, look(), "it begins anew")
			continue
		}
		h.until(run.Compensated)
		groups, _, enabled := h.only()
		require.Empty(t, groups)
		require.False(t, enabled)
		d, err := h.db.Joiner(t.Context(), h.runs()[0].JoinerID)
		require.NoError(t, err)
		require.Empty(t, d.Accounts[0].Groups)
	}
}

// F3: "rescinded" with a new date in the future is a move.
func TestF3_RescindedWithNewDateIsAMove(t *testing.T) {
	t.Parallel()
	h, w := waiting(t, "rescinded_moves: true")
	w["status"], w["start_date"] = "rescinded", h.clock.Now().AddDate(0, 0, 90).Format(time.DateOnly)
	h.person("1", w)
	h.event("r", "worker.rescinded", "1")
	h.settles(func() bool {
		r := h.runs()[0]
		return r.State == run.Waiting && r.WakeAt.Format(time.DateOnly) == w["start_date"]
	})
	// Told again, it is still a move; with the date gone it is rescinded.
	reads := h.state().Reads
	h.event("r2", "worker.rescinded", "1")
	h.settles(func() bool { return h.state().Reads > reads && h.waitsAt("first_day") })
	w["start_date"] = "2020-01-01"
	h.person("1", w)
	h.event("r3", "worker.rescinded", "1")
	d := h.until(run.Succeeded)
	require.Equal(t, "Not coming", d.Reason)
}
