package engine_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/demo"
	"joinery/internal/engine"
	"joinery/internal/exception"
	"joinery/internal/fault"
	"joinery/internal/joiner"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
)

// F1: the finished work e-mail goes back to HR, is read back, and our own echo
// starts no run; HR's own employee number stays.
func TestWriteBack_F1_R24_EchoStartsNoRun(t *testing.T) {
	t.Parallel()
	h := openHR(t, "", "", "")
	id := h.hires()
	d := h.until(run.Succeeded)
	s := step(t, d, "back")
	require.Equal(t, "done", s.Port)
	require.Equal(t, "zoe.meyer@x.example", h.email(id))
	var out map[string]any
	require.NoError(t, json.Unmarshal(s.Output, &out))
	require.Equal(t, []any{"work_email"}, out["written"])
	require.Equal(t, []any{"employee_number"}, out["kept"])
	require.Contains(t, string(s.Changes), `"before": null`)
	pgtest.Eventually(t, 20*time.Second, "the echo is recorded", func() bool {
		events, _, err := h.db.Events(t.Context(), postgres.EventFilter{Type: "worker.updated"})
		require.NoError(t, err)
		return len(events) == 1 && events[0].EchoOf != "" && len(events[0].Runs) == 0
	})
	require.Len(t, h.runs(), 1)

	// A change of HR's starts a run, which finds nothing to write and causes nothing more.
	h.edits(id, "title", "Lead", "work_email", "zoe.meyer@x.example")
	pgtest.Eventually(t, 20*time.Second, "a second run", func() bool { h.e.Kick(); return len(h.runs()) == 2 && h.ended(run.Succeeded) })
	require.Equal(t, "nothing", step(t, h.until(run.Succeeded), "back").Port)
	require.Equal(t, 1, h.vendor.sent(), "a value that is there already is not written")
}

// F1 c, R-24: HR types another address between our reading and our writing. HR's
// stays, and however often it comes there is one exception with both values.
func TestWriteBack_F1c_R24_HREditWins(t *testing.T) {
	t.Parallel()
	h := openHR(t, "", "", "")
	var id string
	h.vendor.set(func(v *vendor) {
		v.before = func() { h.edits(id, "work_email", "zoe@hr.example") }
	})
	h.vendor.mu.Lock() // the edit needs the worker's id first
	id = h.hires()
	h.vendor.mu.Unlock()
	d := h.until(run.Succeeded)
	pgtest.Eventually(t, 20*time.Second, "HR's edit has had its run", func() bool { h.e.Kick(); return len(h.runs()) == 2 && h.ended(run.Succeeded) })
	require.Equal(t, "zoe@hr.example", h.email(id), "HR's value stays")
	all := h.exceptions()
	require.Len(t, all, 1, "two runs met the same conflict")
	require.Equal(t, exception.WriteBack, all[0].Kind)
	require.Equal(t, "zoe.meyer@x.example", all[0].Ours)
	require.Equal(t, "zoe@hr.example", all[0].Theirs)
	require.Equal(t, 2, all[0].Seen)
	for _, r := range h.runs() {
		d, err := h.db.RunDetail(t.Context(), r.ID)
		require.NoError(t, err)
		require.Equal(t, "exception", step(t, d, "back").Port)
	}
	require.NotEmpty(t, d.ID)
}

// a vendor that says yes and silently ignores the field is found out.
func TestWriteBack_R19_IgnoredFieldIsShown(t *testing.T) {
	t.Parallel()
	h := openHR(t, ", verify_after: 10s, verify_tries: 2", "", "")
	h.vendor.set(func(v *vendor) { v.ignores = []string{"work_email"} })
	id := h.hires()
	h.until(run.Waiting)
	h.later("the run ends", 11*time.Second, func() bool { return h.ended(run.Succeeded) })
	require.Equal(t, "exception", step(t, h.until(run.Succeeded), "back").Port)
	require.Empty(t, h.email(id))
	all := h.exceptions()
	require.Len(t, all, 1)
	require.Contains(t, all[0].Reason, "does not have the value after 2 readings")
	require.Nil(t, all[0].Theirs)
}

// A vendor that shows old values for a while: the run waits without holding
// anything, and the write counts as done when it is seen.
func TestWriteBack_LagIsWaitedFor(t *testing.T) {
	t.Parallel()
	h := openHR(t, ", verify_after: 5m, verify_tries: 4", "", "")
	h.vendor.set(func(v *vendor) { v.stale = 2 })
	id := h.hires()
	d := h.until(run.Waiting)
	require.Contains(t, d.WaitingFor, "the HRIS to show what was written: work_email")
	pgtest.Eventually(t, 10*time.Second, "no process holds it", func() bool { return h.e.InHand() == 0 })
	h.later("the run ends", 5*time.Minute, func() bool { return h.ended(run.Succeeded) })
	require.Equal(t, "done", step(t, h.until(run.Succeeded), "back").Port)
	require.Equal(t, "zoe.meyer@x.example", h.email(id))
	require.Equal(t, 1, h.vendor.sent())
	require.Empty(t, h.exceptions())
}

// 429 is tried again and ends as if nothing had been.
func TestWriteBack_BusyVendorIsTriedAgain(t *testing.T) {
	t.Parallel()
	h := openHR(t, "", "", "")
	h.vendor.set(func(v *vendor) { v.busy = 2 })
	id := h.hires()
	h.later("the run ends", time.Second, func() bool { return h.ended(run.Succeeded, run.Failed) })
	require.Equal(t, "done", step(t, h.until(run.Succeeded), "back").Port)
	require.Equal(t, "zoe.meyer@x.example", h.email(id))
}

// The contract may ask a person each time; what they agreed to is what is written,
// and not when HR changed the value meanwhile.
func TestWriteBack_SignoffPerContract(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		approve bool
		edit    string
		port    string
		email   string
	}{
		"agreed":                {true, "", "done", "zoe.meyer@x.example"},
		"not agreed":            {false, "", "exception", ""},
		"HR changed meanwhile":  {true, "zoe@hr.example", "exception", "zoe@hr.example"},
		"HR did the same thing": {true, "zoe.meyer@x.example", "nothing", "zoe.meyer@x.example"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := openHR(t, ", approve: each, role: reviewer", "", "")
			id := h.hires()
			h.until(run.Waiting)
			open, err := h.db.OpenSignoffs(t.Context())
			require.NoError(t, err)
			require.Len(t, open, 1)
			require.Contains(t, open[0].Question, "zoe.meyer@x.example would be written")
			if c.edit != "" {
				h.edits(id, "work_email", c.edit)
			}
			require.Equal(t, 0, h.vendor.sent())
			_, err = h.db.DecideSignoff(t.Context(), ben, open[0].ID, c.approve, "", nil)
			require.NoError(t, err)
			first := open[0].RunID
			h.later("the run ends", time.Second, func() bool {
				d, err := h.db.RunDetail(t.Context(), first)
				return err == nil && d.State == run.Succeeded
			})
			d, err := h.db.RunDetail(t.Context(), first)
			require.NoError(t, err)
			require.Equal(t, c.port, step(t, d, "back").Port)
			require.Equal(t, c.email, h.email(id))
		})
	}
}

// A simulated run lists what would be written, with the values before and after.
func TestWriteBack_SimulateWritesNothing(t *testing.T) {
	t.Parallel()
	h := openHR(t, ", approve: each", "", "")
	id := h.workers()[0].ID
	rn, err := h.db.StartRun(t.Context(), ben, "back", id, run.Simulate)
	require.NoError(t, err)
	h.e.Kick()
	d := h.until(run.Succeeded)
	require.Equal(t, string(rn), d.ID)
	require.Equal(t, 0, h.vendor.sent())
	var changes []engine.Change
	require.NoError(t, json.Unmarshal(step(t, d, "back").Changes, &changes))
	require.NotEmpty(t, changes)
	require.True(t, changes[0].Planned)
	require.Empty(t, h.exceptions())
}

// Past the limit of write-backs runs park; nothing is written until somebody says so.
func TestWriteBack_R22_LimitParks(t *testing.T) {
	t.Parallel()
	h := openHR(t, "", "", "limits: {write_backs_per_hour: 1}\n")
	h.hires()
	h.until(run.Succeeded)
	second := h.hires()
	d := h.until(run.Parked)
	require.Contains(t, d.Reason, "hris.write_back")
	require.Equal(t, 1, h.vendor.sent())
	require.Empty(t, h.email(second))
	require.NoError(t, h.db.RawExec(t.Context(), `UPDATE intents SET at = at - interval '2 hours'`))
	require.NoError(t, h.db.ResumeRun(t.Context(), ben, d.ID, "they are right"))
	h.until(run.Succeeded)
	require.Equal(t, "zoe.meyer@x.example", h.email(second))
}

// F3, R-23: undoing a run clears what it wrote, where it is still ours.
func TestWriteBack_F3_R23_UndoClearsWhatIsStillOurs(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]string{"still ours": "", "HR changed it": "zoe@hr.example"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := openHR(t, "", "", "")
			id := h.hires()
			d := h.until(run.Succeeded)
			if edit != "" {
				h.edits(id, "work_email", edit)
				pgtest.Eventually(t, 20*time.Second, "HR's edit had its run", func() bool { h.e.Kick(); return len(h.runs()) == 2 && h.ended(run.Succeeded) })
			}
			require.NoError(t, h.db.CompensateRun(t.Context(), ben, d.ID, "rescinded"))
			h.e.Kick()
			pgtest.Eventually(t, 20*time.Second, "undone", func() bool {
				h.e.Kick()
				d, err := h.db.RunDetail(t.Context(), d.ID)
				return err == nil && d.State == run.Compensated
			})
			require.Equal(t, edit, h.email(id))
			// The echo of clearing starts no run either.
			want := 2
			if edit != "" {
				want = 3 // its own echo, HR's edit, and none of clearing
			}
			pgtest.Eventually(t, 20*time.Second, "events came", func() bool {
				events, _, err := h.db.Events(t.Context(), postgres.EventFilter{Type: "worker.updated"})
				return err == nil && len(events) == min(want, 2)
			})
			require.Len(t, h.runs(), map[bool]int{true: 1, false: 2}[edit == ""])
		})
	}
}

// With wait_for_exception the run goes on when a person has decided.
func TestWriteBack_WaitsForTheException(t *testing.T) {
	t.Parallel()
	h := openHR(t, "", "      wait_for_exception: true", "")
	id := h.hires2("zoe@hr.example")
	d := h.until(run.Waiting)
	require.Contains(t, d.WaitingFor, "a person to reconcile work_email")
	all := h.exceptions()
	require.Len(t, all, 1)
	_, err := h.db.ResolveException(t.Context(), ben, all[0].ID, postgres.Resolution{Wish: exception.Wish{Act: exception.AcceptHR, Reason: "HR is right"}, Seen: all[0].Hash()})
	require.NoError(t, err)
	h.e.Kick()
	require.Equal(t, "done", step(t, h.until(run.Succeeded), "back").Port)
	require.Equal(t, "zoe@hr.example", h.email(id))

	// What was accepted is not raised again, until HR changes it once more.
	h.edits(id, "title", "Lead", "work_email", "zoe@hr.example")
	pgtest.Eventually(t, 20*time.Second, "a second run", func() bool { h.e.Kick(); return len(h.runs()) == 2 && h.ended(run.Succeeded) })
	require.Empty(t, h.exceptions())
	_, err = h.db.ResolveException(t.Context(), ben, all[0].ID, postgres.Resolution{Wish: exception.Wish{Act: exception.Push}})
	require.Equal(t, fault.Conflict, fault.KindOf(err))
}

// F1 b: the mailbox is not there for 40 minutes; the write-back waits, then succeeds.
func TestWriteBack_F1b_WaitsForTheMailbox(t *testing.T) {
	t.Parallel()
	h := openHR(t, "", "      mailbox_directory: dir\n      mailbox_account: acc-1\n      mailbox_attribute: mail", "")
	id := h.hires()
	d := h.until(run.Waiting)
	require.Contains(t, d.WaitingFor, "the account in dir to have mail")
	for range 7 {
		h.clock.Forward(5*time.Minute + time.Second)
		h.e.Kick()
		h.until(run.Waiting)
	}
	require.Equal(t, 0, h.vendor.sent())
	h.account("acc-1", "zoe.meyer@x.example")
	h.later("the run ends", 6*time.Minute, func() bool { return h.ended(run.Succeeded) })
	require.Equal(t, "done", step(t, h.until(run.Succeeded), "back").Port)
	require.Equal(t, "zoe.meyer@x.example", h.email(id))
}

// F3: a flow takes back what it wrote when the hire is off; what HR changed stays.
func TestWriteBack_F3_FlowTakesBack(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]string{"still ours": "", "HR changed it": "zoe@hr.example"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := openHR(t, ", verify_after: 1m", "", "")
			h.deaf.Store(true)
			id := h.hires()
			send := func(key, kind string) {
				_, err := h.db.AcceptEvent(t.Context(), postgres.Incoming{Connection: demo.HRISKey, Signer: "cr_1", Event: joiner.Event{Key: key, Type: kind, Worker: id}})
				require.NoError(t, err)
				h.e.Kick()
			}
			send("hired", "worker.hired")
			h.later("the run ends", time.Minute, func() bool { return h.ended(run.Succeeded) })
			require.Equal(t, "zoe.meyer@x.example", h.email(id))
			if edit != "" {
				h.edits(id, "work_email", edit)
			}
			h.release(review.Flow, offFlow)
			send("off", "worker.rescinded")
			h.later("the second run ends", time.Minute, func() bool { return len(h.runs()) == 2 && h.ended(run.Succeeded, run.Failed) })
			d := h.until(run.Succeeded)
			require.Equal(t, map[bool]string{true: "done", false: "nothing"}[edit == ""], step(t, d, "back").Port)
			require.Equal(t, edit, h.email(id))
			require.Empty(t, h.exceptions())
			var ours int
			require.NoError(t, h.db.RawScan(t.Context(), &ours, `SELECT count(*) FROM write_backs WHERE state NOT IN ('undone', 'replaced')`))
			require.Equal(t, map[bool]int{true: 0, false: 1}[edit == ""], ours, "what was taken back is not ours any more")
		})
	}
}

const offFlow = `
key: off
name: The hire is off
trigger: off
nodes:
  - id: "off"
    type: hris.event
    params: {connection: demo-hris, events: [worker.rescinded]}
  - id: back
    type: hris.write_back
    params: {connection: demo-hris, policy: hr-write-back, do: take_back}
edges:
  - {from: off.started, to: back}
`

// F10: HR corrects the surname; the new work e-mail goes back only after a person
// agreed, because HR's field is not empty any more. HR flips back: no net change.
func TestWriteBack_F10_NewAddressAfterApproval(t *testing.T) {
	t.Parallel()
	h := openHR(t, ", approve: each", "", "")
	id := h.hires()
	agree := func() {
		t.Helper()
		pgtest.Eventually(t, 20*time.Second, "a question", func() bool {
			h.e.Kick()
			open, err := h.db.OpenSignoffs(t.Context())
			require.NoError(t, err)
			if len(open) != 1 {
				return false
			}
			_, err = h.db.DecideSignoff(t.Context(), ben, open[0].ID, true, "", nil)
			return err == nil
		})
	}
	agree()
	h.until(run.Succeeded)
	require.Equal(t, "zoe.meyer@x.example", h.email(id))
	h.edits(id, "last_name", "Maier", "work_email", "zoe.meyer@x.example")
	pgtest.Eventually(t, 20*time.Second, "the run of the correction asks", func() bool { h.e.Kick(); return len(h.runs()) == 2 && h.ended(run.Waiting) })
	require.Equal(t, "zoe.meyer@x.example", h.email(id), "not before somebody agreed")
	agree()
	h.until(run.Succeeded)
	require.Equal(t, "zoe.maier@x.example", h.email(id))
	require.Equal(t, 2, h.vendor.sent())
	require.Empty(t, h.exceptions())
}
