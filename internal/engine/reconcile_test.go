package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/exception"
	"joinery/internal/fault"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/run"
)

func (h *hrHouse) act(x postgres.ExceptionRow, by auth.Actor, w exception.Wish) (exception.State, error) {
	h.t.Helper()
	return h.db.ResolveException(h.t.Context(), by, x.ID, postgres.Resolution{Wish: w, Seen: x.Hash()})
}

func (h *hrHouse) exception(id string) postgres.ExceptionRow {
	h.t.Helper()
	x, err := h.db.Exception(h.t.Context(), id)
	require.NoError(h.t, err)
	return x
}

// conflicted has a person hired whom HR gave a work e-mail: one open exception.
func (h *hrHouse) conflicted() (worker string, x postgres.ExceptionRow) {
	h.t.Helper()
	worker = h.hires2("zoe@hr.example")
	require.Equal(h.t, "exception", step(h.t, h.until(run.Succeeded), "back").Port)
	all := h.exceptions()
	require.Len(h.t, all, 1)
	return worker, all[0]
}

// Push again: by the contract's role, only over the value that was seen, read
// back, and its echo starts no run.
func TestException_Push(t *testing.T) {
	t.Parallel()
	h := openHR(t, ", approve: on_conflict, role: reviewer, verify_after: 1m", "", "")
	operator := auth.Actor{Kind: auth.User, ID: "u_olga", UserID: "u_olga", Name: "Olga", Roles: []auth.Role{auth.Operator}}
	worker := h.hires2("zoe@hr.example")
	h.until(run.Waiting) // on conflict the contract asks a person in the run
	open, err := h.db.OpenSignoffs(t.Context())
	require.NoError(t, err)
	_, err = h.db.DecideSignoff(t.Context(), ben, open[0].ID, false, "", nil)
	require.NoError(t, err)
	h.e.Kick()
	require.Equal(t, "exception", step(t, h.until(run.Succeeded), "back").Port)
	x := h.exceptions()[0]

	state, err := h.act(x, operator, exception.Wish{Act: exception.Push})
	require.NoError(t, err)
	require.Equal(t, exception.Asked, state, "the contract wants a reviewer")
	_, err = h.act(x, ben, exception.Wish{Act: exception.Push})
	require.Equal(t, fault.Conflict, fault.KindOf(err), "what was seen is not what is")
	x = h.exception(x.ID)
	state, err = h.act(x, ben, exception.Wish{Act: exception.Push})
	require.NoError(t, err)
	require.Equal(t, exception.Pushing, state)
	h.later("it is resolved", 10*time.Second, func() bool {
		require.NoError(t, h.e.PushRound(t.Context()))
		return h.exception(x.ID).State == exception.Resolved
	})
	require.Equal(t, "push", h.exception(x.ID).Resolution)
	require.Equal(t, "zoe.meyer@x.example", h.email(worker))
	pgtest.Eventually(t, 20*time.Second, "the echo came", func() bool {
		events, _, err := h.db.Events(t.Context(), postgres.EventFilter{Type: "worker.updated"})
		return err == nil && len(events) == 1 && events[0].EchoOf != ""
	})
	require.Len(t, h.runs(), 1)
	story, err := h.db.ExceptionStory(t.Context(), x.ID)
	require.NoError(t, err)
	var acts []string
	for _, a := range story {
		acts = append(acts, a.Act+" by "+a.Actor)
	}
	require.Equal(t, []string{"open by Joinery", "ask_push by Olga", "push by Ben", "resolved by Joinery"}, acts)
}

// HR changes the field again before it is pushed: it is not overwritten, and the
// exception is open again with HR's new value.
func TestException_PushLosesAgainstHR(t *testing.T) {
	t.Parallel()
	h := openHR(t, "", "", "")
	worker, x := h.conflicted()
	// The flow is paused, so nobody brings the exception up to date before the push.
	require.NoError(t, h.db.RawExec(t.Context(), `UPDATE artifacts SET paused = true WHERE kind = 'flow'`))
	h.edits(worker, "work_email", "zoe2@hr.example")
	_, err := h.act(x, ben, exception.Wish{Act: exception.Push})
	require.NoError(t, err)
	h.later("it is open again", 5*time.Second, func() bool {
		require.NoError(t, h.e.PushRound(t.Context()))
		return h.exception(x.ID).State == exception.Open
	})
	require.Equal(t, "zoe2@hr.example", h.exception(x.ID).Theirs)
	require.Contains(t, h.exception(x.ID).Reason, "HR changed the field again")
	require.Equal(t, "zoe2@hr.example", h.email(worker))
	require.Zero(t, h.vendor.sent())
}

// A vendor that ignores the field ignores it when pushed again, too: that is said.
func TestException_PushIgnored(t *testing.T) {
	t.Parallel()
	h := openHR(t, ", verify_tries: 2", "", "")
	worker, x := h.conflicted()
	h.vendor.set(func(v *vendor) { v.ignores = []string{"work_email"} })
	_, err := h.act(x, ben, exception.Wish{Act: exception.Push})
	require.NoError(t, err)
	h.later("it is open again", 5*time.Second, func() bool {
		require.NoError(t, h.e.PushRound(t.Context()))
		return h.exception(x.ID).State == exception.Open
	})
	require.Contains(t, h.exception(x.ID).Reason, "does not have the value after 2 readings")
	require.Equal(t, "zoe@hr.example", h.email(worker))
}

// An exception until a date is not raised again before, and comes back then.
func TestException_UntilADate(t *testing.T) {
	t.Parallel()
	h := openHR(t, "", "", "")
	require.NoError(t, h.db.RawExec(t.Context(), `INSERT INTO users (id, email, name, password_hash, roles) VALUES ('u_ben', 'ben@x.example', 'Ben', 'x', '{operator}')`))
	worker, x := h.conflicted()
	_, err := h.act(x, ben, exception.Wish{Act: exception.Until, Reason: "their merger", Owner: "ben@x.example", Until: h.clock.Now().AddDate(0, 0, 7)})
	require.NoError(t, err)
	h.edits(worker, "title", "Lead", "work_email", "zoe@hr.example")
	pgtest.Eventually(t, 20*time.Second, "a second run", func() bool { h.e.Kick(); return len(h.runs()) == 2 && h.ended(run.Succeeded) })
	require.Equal(t, "nothing", step(t, h.until(run.Succeeded), "back").Port, "it may stay so")
	require.Equal(t, exception.Excepted, h.exception(x.ID).State)
	require.NoError(t, h.e.PushRound(t.Context()))
	require.Equal(t, exception.Excepted, h.exception(x.ID).State)
	h.clock.Forward(8 * 24 * time.Hour)
	require.NoError(t, h.e.PushRound(t.Context()))
	require.Equal(t, exception.Open, h.exception(x.ID).State)
	require.Len(t, h.exceptions(), 1)
}

// What we wrote and own is looked at again: a drift opens one exception, however
// often it is seen, and ends when the values agree again.
func TestDrift_OneException(t *testing.T) {
	t.Parallel()
	h := openHR(t, ", drift: 1h", "", "")
	worker := h.hires()
	h.until(run.Succeeded)
	require.NoError(t, h.e.DriftRound(t.Context(), 0))
	require.Empty(t, h.exceptions(), "it is not its turn yet")
	// HR changes it, and no event comes: the flow does not hear of it.
	require.NoError(t, h.db.RawExec(t.Context(), `UPDATE artifacts SET paused = true WHERE kind = 'flow'`))
	h.edits(worker, "work_email", "zoe@hr.example")
	for range 3 {
		h.clock.Forward(61 * time.Minute)
		require.NoError(t, h.e.DriftRound(t.Context(), 0))
	}
	all := h.exceptions()
	require.Len(t, all, 1)
	require.Equal(t, exception.Drift, all[0].Kind)
	require.Equal(t, "zoe.meyer@x.example", all[0].Ours)
	require.Equal(t, "zoe@hr.example", all[0].Theirs)
	require.Equal(t, 1, all[0].Seen)

	h.edits(worker, "work_email", "zoe.meyer@x.example")
	h.clock.Forward(61 * time.Minute)
	require.NoError(t, h.e.DriftRound(t.Context(), 0))
	require.Empty(t, h.exceptions())
	require.Equal(t, "agrees", h.exception(all[0].ID).Resolution)
}

// What a person accepted is not looked at any more.
func TestDrift_NotAfterHRWasAccepted(t *testing.T) {
	t.Parallel()
	h := openHR(t, ", drift: 1h", "", "")
	worker := h.hires()
	h.until(run.Succeeded)
	h.edits(worker, "work_email", "zoe@hr.example")
	pgtest.Eventually(t, 20*time.Second, "an exception", func() bool { h.e.Kick(); return len(h.exceptions()) == 1 && h.ended(run.Succeeded) })
	_, err := h.act(h.exceptions()[0], ben, exception.Wish{Act: exception.AcceptHR})
	require.NoError(t, err)
	h.clock.Forward(2 * time.Hour)
	require.NoError(t, h.e.DriftRound(t.Context(), 0))
	require.Empty(t, h.exceptions())
	var due int
	require.NoError(t, h.db.RawScan(t.Context(), &due, `SELECT count(*) FROM write_backs WHERE check_at IS NOT NULL`))
	require.Zero(t, due)
}

// Only one process has the duty to look, until it stops asking for it.
func TestDrift_OneProcessAtATime(t *testing.T) {
	t.Parallel()
	h := open(t)
	first, err := h.db.TakeDuty(t.Context(), "drift", "a", time.Minute)
	require.NoError(t, err)
	second, err := h.db.TakeDuty(t.Context(), "drift", "b", time.Minute)
	require.NoError(t, err)
	again, err := h.db.TakeDuty(t.Context(), "drift", "a", time.Minute)
	require.NoError(t, err)
	require.Equal(t, []bool{true, false, true}, []bool{first, second, again})
	require.NoError(t, h.db.RawExec(t.Context(), `UPDATE duties SET until = now() - interval '1 second'`))
	second, err = h.db.TakeDuty(t.Context(), "drift", "b", time.Minute)
	require.NoError(t, err)
	require.True(t, second)
}
