package chaos

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/engine"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/web"
)

// A process is killed at each place that an event or a run passes. Another one
// goes on, and the world is as if nothing had happened.
func TestFault_F01_F08_R01_R03_R07_KilledAtEachPlace(t *testing.T) {
	need(t)
	t.Parallel()
	type kill struct {
		id, at string
		// slow cases wait for the lease instead of moving it back.
		slow bool
		// then is where the one that takes over is killed too.
		then string
	}
	all := []kill{
		{id: "F-01", at: postgres.BeforeAccept + "#1"},
		{id: "F-02", at: web.AfterAccept + "#1"},
		{id: "lease claimed", at: engine.AtClaimed + "#1"},
		{id: "lease before renewal", at: engine.BeforeRenew + "#1"},
		{id: "lease after renewal", at: engine.AfterRenew + "#1"},
		{id: "lease taken over", at: engine.AfterEffect + "#1", then: engine.AtTakenOver + "#1"},
		{id: "waking", at: engine.AtWake + "#1"},
		{id: "within a commit", at: postgres.BeforeCommit + "#3"},
	}
	for n, op := range []string{"account", "group 1", "group 2", "enable", "mail"} {
		if n%2 == 0 || either(false, true) {
			all = append(all, kill{id: "before intent: " + op, at: fmt.Sprintf("%s#%d", engine.BeforeIntent, n+1)})
		}
		all = append(all, kill{id: "F-03 F-04 " + op, at: fmt.Sprintf("%s#%d", engine.AfterIntent, n+1), slow: n == 0},
			kill{id: "F-05 F-06 " + op, at: fmt.Sprintf("%s#%d", engine.AfterEffect, n+1)})
	}
	all = append(all, kill{id: "F-07 read and not kept", at: engine.Riding + "#1"})
	for n := 1; n <= 5; n++ {
		if n%3 == 0 || either(false, true) {
			all = append(all, kill{id: fmt.Sprintf("F-07 step %d before", n), at: fmt.Sprintf("%s#%d", engine.BeforeCheckpoint, n)})
		}
		all = append(all, kill{id: fmt.Sprintf("F-07 step %d after", n), at: fmt.Sprintf("%s#%d", engine.AfterCheckpoint, n), slow: n == 3})
	}
	for _, k := range all {
		t.Run(k.id, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if strings.HasPrefix(k.at, engine.AtWake) {
				w.dir.Plan(first(func(c call) bool { return strings.HasSuffix(c.path, "/Groups") }, answer{status: http.StatusServiceUnavailable}))
			}
			if strings.Contains(k.at, "renew") {
				w.dir.Plan(first(call.creates, answer{wait: 4 * time.Second}, answer{wait: 4 * time.Second}))
			}
			one := w.node("first", k.at+":kill").start(t)
			w.hris.Set("1", nil)
			status := w.send(one.url, "hired-1", "worker.hired", "1")
			for status == http.StatusServiceUnavailable { // a busy machine
				status = w.send(one.url, "hired-1", "worker.hired", "1")
			}
			one.died(30 * time.Second)
			began := time.Now()
			if k.then != "" {
				w.loseLeases("first")
				w.node("between", k.then+":kill").start(t).died(30 * time.Second)
				w.loseLeases("between")
			}
			two := w.node("second").start(t)
			switch {
			case strings.HasPrefix(k.id, "F-01"), strings.HasPrefix(k.id, "F-02"):
				require.Zero(t, status, "nobody may have been answered")
			case k.id == "lease claimed":
				// A new joiner's run is claimed by the transaction that accepts it; the
				// answer is on its way then, or not.
				require.Contains(t, []int{0, http.StatusAccepted}, status)
			default:
				require.Equal(t, http.StatusAccepted, status)
			}
			w.deliver("hired-1", "worker.hired", "1", two.at)
			if !k.slow {
				w.loseLeases("first")
			}
			w.rested(60*time.Second, 1)
			if k.slow {
				t.Logf("taken over and done after %s", time.Since(began).Round(100*time.Millisecond))
			}
			w.check()
			require.Len(t, w.accounts(), 1)
			w.succeeded(1)
			require.Equal(t, 1, w.count(`SELECT count(*) FROM steps WHERE node = 'create' AND port = 'created'`), "what the killed process made counts as created")
		})
	}
}

// first lets the first calls that match go wrong, one answer each.
func first(which func(call) bool, wrong ...answer) func(call) answer {
	var mu sync.Mutex
	return func(c call) answer {
		mu.Lock()
		defer mu.Unlock()
		if len(wrong) == 0 || !which(c) {
			return answer{}
		}
		a := wrong[0]
		wrong = wrong[1:]
		return a
	}
}

// The process is killed while it takes back what a run did: before an effect is
// taken back, and after it. All is undone, and nothing that was there before.
func TestFault_F08_R23_KilledWhileUndoing(t *testing.T) {
	need(t)
	t.Parallel()
	for _, at := range []string{engine.BeforeUndo + "#2", engine.AfterUndo + "#1", engine.AfterUndo + "#3"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			one := w.node("first", at+":kill").start(t)
			w.hire("1", one.at)
			w.rested(30*time.Second, 1)
			w.check()
			rows, _, err := w.db.Runs(t.Context(), postgres.RunFilter{})
			require.NoError(t, err)
			require.NoError(t, w.db.CompensateRun(t.Context(), ben, rows[0].ID, "wrong person"))
			one.died(30 * time.Second)
			w.node("second").start(t)
			w.loseLeases("first")
			pgtest.Eventually(t, 30*time.Second, "the run is undone", func() bool { return w.count(`SELECT count(*) FROM runs WHERE state = 'compensated'`) == 1 })
			a := w.accounts()
			require.Len(t, a, 1)
			require.False(t, a[0].Active)
			require.Empty(t, a[0].Groups)
			require.Equal(t, 1, w.count(`SELECT count(*) FROM audit_events WHERE action = 'run.compensated'`))
			require.Zero(t, w.count(`SELECT count(*) FROM intents WHERE undone_at IS NULL`))
			w.checkAudit()
		})
	}
}

// Runs under kills at random moments, for ten minutes in the campaign: nothing
// is lost and nothing is made twice.
func TestFault_F10_R02_RandomKills(t *testing.T) {
	need(t)
	t.Parallel()
	each, _ := long()
	for loop := range either(1, 2) {
		t.Run(fmt.Sprint("loop ", loop+1), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			random := dice(t, uint64(loop+1))
			var mu sync.Mutex
			current := w.node("p0").start(t)
			at := func() string { mu.Lock(); defer mu.Unlock(); return current.url }
			var senders sync.WaitGroup
			next, people := make(chan int), either(40, 200)
			for range 4 {
				senders.Go(func() {
					for i := range next {
						w.hire(fmt.Sprint(i), at)
					}
				})
			}
			end := time.Now().Add(either(12*time.Second, each))
			gap := time.Until(end) / time.Duration(people+1)
			var feed sync.WaitGroup
			feed.Go(func() {
				defer close(next)
				for i := range people {
					next <- i
					time.Sleep(gap)
				}
			})
			kills := 0
			for ; time.Now().Before(end); kills++ {
				time.Sleep(time.Duration(50+random.IntN(1500)) * time.Millisecond)
				mu.Lock()
				old := current
				mu.Unlock()
				old.kill()
				w.loseLeases(fmt.Sprint("p", kills))
				p := w.node(fmt.Sprint("p", kills+1)).start(t)
				mu.Lock()
				current = p
				mu.Unlock()
			}
			feed.Wait()
			senders.Wait()
			w.rested(either(2*time.Minute, 8*time.Minute), people)
			w.check()
			require.Len(t, w.accounts(), people)
			w.succeeded(people)
			t.Logf("%d kills over %d joiners", kills, people)
		})
	}
}

// A process is stopped past its lease and wakes up again: another one has taken
// its run over, and the first makes no further call and changes nothing.
func TestFault_F28_R29_StoppedPastItsLease(t *testing.T) {
	need(t)
	t.Parallel()
	for _, at := range either([]string{engine.AfterIntent + "#1", engine.AfterCheckpoint + "#2"}, []string{engine.BeforeIntent + "#1", engine.AfterIntent + "#1", engine.AfterEffect + "#1", engine.BeforeCheckpoint + "#2", engine.AfterCheckpoint + "#2"}) {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			one := w.node("first", at+":stop").start(t)
			w.hris.Set("1", nil)
			status := w.send(one.url, "hired-1", "worker.hired", "1")
			for status == http.StatusServiceUnavailable { // a busy machine
				status = w.send(one.url, "hired-1", "worker.hired", "1")
			}
			pgtest.Eventually(t, 20*time.Second, "the first stands still", one.stopped)
			w.node("second").start(t)
			w.rested(60*time.Second, 1)
			before := w.dir.calls()
			version := w.count(`SELECT epoch::int FROM runs`)
			one.signal(syscall.SIGCONT)
			// The first is given time to do harm: past its next renewal.
			time.Sleep(7 * time.Second)
			require.Len(t, w.dir.calls(), len(before), "calls of a process that lost its lease")
			require.Equal(t, version, w.count(`SELECT epoch::int FROM runs`))
			w.check()
			// It is of use again.
			w.hire("2", one.at)
			w.rested(60*time.Second, 2)
			w.check()
		})
	}
}

// stopped reports whether the process is in the state of a stopped one.
func (p *process) stopped() bool {
	return processState(p.cmd.Process.Pid) == 'T'
}

// Two processes look for work at the same moment, again and again: a run is in
// the hands of one.
func TestFault_F29_R39_TwoProcessesOneRun(t *testing.T) {
	need(t)
	t.Parallel()
	w := newWorld(t)
	const people = 40
	for i := range people {
		w.hris.Set(fmt.Sprint(i), nil)
	}
	a, b := w.node("a", engine.AtClaimed+"#1:wait").start(t), w.node("b", engine.AtClaimed+"#1:wait").start(t)
	nodes := []*process{a, b}
	var senders sync.WaitGroup
	for n := range 4 {
		senders.Go(func() {
			for i := n; i < people; i += 4 {
				// Two events of each person: two runs that may not overlap.
				w.deliver(fmt.Sprint("hired-", i), "worker.hired", fmt.Sprint(i), nodes[i%2].at)
				w.deliver(fmt.Sprint("again-", i), "worker.updated", fmt.Sprint(i), nodes[(i+1)%2].at)
			}
		})
	}
	senders.Wait()
	w.rested(90*time.Second, 2*people)
	w.check()
	require.Len(t, w.accounts(), people)
	w.succeeded(2 * people)
	w.keptLeases()
	w.createdOnce(people)
}
