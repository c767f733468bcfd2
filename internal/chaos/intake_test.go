package chaos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector/hrisrest"
	"joinery/internal/engine"
	"joinery/internal/pgtest"
	"joinery/internal/review"
	"joinery/internal/run"
)

// A thousand deliveries of the same event, at once, to two nodes: all are
// answered yes, and there is one run. The same hire under other ids and by hand
// makes runs that find the account.
func TestFault_F21_R04_R05_Duplicates(t *testing.T) {
	need(t)
	t.Parallel()
	w := newWorld(t)
	nodes := []*process{w.node("a").start(t), w.node("b").start(t)}
	w.hris.Set("1", nil)
	var senders sync.WaitGroup
	var mu sync.Mutex
	yes := 0
	for s := range 20 {
		senders.Go(func() {
			for i := range 50 {
				for w.send(nodes[(s+i)%2].url, "hired-1", "worker.hired", "1") != http.StatusAccepted {
					time.Sleep(20 * time.Millisecond)
				}
				mu.Lock()
				yes++
				mu.Unlock()
			}
		})
	}
	senders.Wait()
	require.Equal(t, 1000, yes)
	w.rested(60*time.Second, 1)
	w.check()
	require.Equal(t, 1, w.count(`SELECT count(*) FROM runs`))
	// A delivery whose answer came too late for its sender was sent once more.
	require.GreaterOrEqual(t, w.count(`SELECT repeats FROM events`), 999)
	// Other ids, as a vendor that sends the same hire again and a sweep do.
	for i := range 5 {
		w.deliver(fmt.Sprint("other-", i), "worker.hired", "1", nodes[i%2].at)
	}
	_, err := w.db.StartRun(t.Context(), ben, "join", "1", run.Live)
	require.NoError(t, err)
	w.rested(60*time.Second, 7)
	w.check()
	require.Equal(t, 1, w.dir.count(call.creates), "calls that make an account")
	require.Equal(t, 6, w.count(`SELECT count(*) FROM steps WHERE node = 'create' AND port = 'existed'`))
}

// Events come in any order and late: what counts is what the HRIS says when it is
// asked. A hire that is taken back ends the wait.
func TestFault_F22_R06_AnyOrder(t *testing.T) {
	need(t)
	t.Parallel()
	w := newWorld(t)
	n := w.node("one").start(t)
	w.hris.Set("1", map[string]any{"title": "Newest"})
	w.deliver("updated-2", "worker.updated", "1", n.at) // before its hire
	w.deliver("hired-1", "worker.hired", "1", n.at)
	w.deliver("updated-1", "worker.updated", "1", n.at) // older than updated-2
	w.rested(60*time.Second, 3)
	w.check()
	require.Equal(t, "Newest", w.accounts()[0].Title)
	require.Equal(t, 1, w.dir.count(call.creates))
	// Taken back while it waits.
	w.live(review.Flow, strings.Replace(dayFlow, `time: "00:00"`, `time: "00:00", cancel_when: joiner.status == "rescinded"`, 1))
	w.hris.Set("2", startsIn(2))
	w.deliver("moved-2", "worker.start_moved", "2", n.at)
	pgtest.Eventually(t, 20*time.Second, "the wait", func() bool { return w.count(`SELECT count(*) FROM runs WHERE state = 'waiting'`) == 1 })
	w.hris.Set("2", map[string]any{"status": "rescinded"})
	w.deliver("gone-2", "worker.rescinded", "2", n.at)
	w.rested(60*time.Second, 4)
	require.Len(t, w.accounts(), 1, "nobody was made for a hire that was taken back")
	w.check()
}

// One person's data is poison among many. The others are done; the one is put
// right by a person, and its run ends with the same account key.
func TestFault_F23_R21_Poison(t *testing.T) {
	need(t)
	t.Parallel()
	w := newWorld(t)
	n := w.node("one").start(t)
	people := either(60, 400)
	poison := people / 2
	for i := range people {
		id := fmt.Sprint(i)
		w.hris.Set(id, nil)
		if i == poison {
			w.hris.Set(id, map[string]any{"last_name": strings.Repeat("x", 3000)})
		}
		w.deliver("hired-"+id, "worker.hired", id, n.at)
	}
	// And a delivery that is signed and says nothing.
	body := []byte(`{"type":"worker.hired","data":{}}`)
	signed, err := hrisrest.Sign(hookKey, "empty", time.Now(), body)
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.url+"/hooks/hr", bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	for k, v := range signed {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	w.rested(either(3*time.Minute, 8*time.Minute), people)
	w.check()
	require.Equal(t, 1, w.count(`SELECT count(*) FROM events WHERE state = 'dead'`), "dead letters")
	require.Equal(t, people-1, w.count(`SELECT count(*) FROM runs WHERE state = 'succeeded'`))
	var id, reason string
	require.NoError(t, w.db.RawScan(t.Context(), &id, `SELECT id FROM runs WHERE state = 'failed'`))
	require.NoError(t, w.db.RawScan(t.Context(), &reason, `SELECT reason FROM runs WHERE state = 'failed'`))
	require.NotEmpty(t, reason)
	w.hris.Set(fmt.Sprint(poison), map[string]any{"last_name": "Cured"})
	require.NoError(t, w.db.RetryRun(t.Context(), ben, id))
	w.rested(60*time.Second, people)
	w.check()
	require.Equal(t, people, w.count(`SELECT count(*) FROM runs WHERE state = 'succeeded'`))
	require.Len(t, w.accounts(), people)
}

// Thousands are hired at once by mistake. At the limit everything stops: not one
// account more is made, nothing is lost, and a person lets go or cancels.
func TestFault_F24_R22_MassEvent(t *testing.T) {
	need(t)
	t.Parallel()
	const limit = 20
	w := newWorld(t)
	w.live(review.Flow, joinFlow+fmt.Sprintf("\nlimits: {creates_per_hour: %d}\n", limit))
	nodes := []*process{w.node("a").start(t), w.node("b").start(t)}
	people := either(150, 5000)
	var senders sync.WaitGroup
	for s := range 8 {
		senders.Go(func() {
			for i := s; i < people; i += 8 {
				w.hire(fmt.Sprint(i), nodes[i%2].at)
			}
		})
	}
	senders.Wait()
	w.rested(10*time.Minute, people)
	w.check()
	require.Len(t, w.accounts(), limit)
	require.Equal(t, limit, w.dir.count(call.creates), "calls that make an account")
	require.Equal(t, people-limit, w.count(`SELECT count(*) FROM runs WHERE state = 'parked' AND reason LIKE 'The limit of %'`))
	// Canceled runs leave nothing; a resumed one is judged anew.
	var id string
	require.NoError(t, w.db.RawScan(t.Context(), &id, `SELECT min(id) FROM runs WHERE state = 'parked'`))
	require.NoError(t, w.db.CancelRun(t.Context(), ben, id, "by mistake"))
	require.NoError(t, w.db.RawScan(t.Context(), &id, `SELECT min(id) FROM runs WHERE state = 'parked'`))
	require.NoError(t, w.db.ResumeRun(t.Context(), ben, id, "this one is right"))
	w.rested(60*time.Second, people)
	require.Len(t, w.accounts(), limit, "the hour is not over")
	require.NoError(t, w.db.RawExec(t.Context(), `UPDATE intents SET at = at - interval '61 minutes'`))
	require.NoError(t, w.db.ResumeRun(t.Context(), ben, id, "this one is right"))
	w.rested(60*time.Second, people)
	require.Len(t, w.accounts(), limit+1)
}

// More comes than the database takes: the door says 503 and keeps nothing in
// memory; what was answered yes is kept.
func TestFault_R35_Overload(t *testing.T) {
	need(t)
	t.Parallel()
	c := newCluster(t, "")
	p, app := c.door()
	w := worldAt(t, c.app())
	one := w.node("one")
	one.URL = app
	n := one.start(t)
	w.hris.Set("0", nil)
	w.deliver("first", "worker.hired", "0", n.at)
	w.rested(60*time.Second, 1)
	// The database is far away all of a sudden: each piece takes its time.
	p.Slow(30*time.Millisecond, 0)
	send := func(round int) (yes, no int) {
		var senders sync.WaitGroup
		var mu sync.Mutex
		for s := range 100 {
			senders.Go(func() {
				for i := range either(3, 12) {
					id := fmt.Sprintf("%d-%d-%d", round, s, i)
					status := w.send(n.url, "hired-"+id, "worker.hired", "0")
					mu.Lock()
					switch status {
					case http.StatusAccepted:
						yes++
					case http.StatusServiceUnavailable, 0: // 0: this test's patience ended first
						no++
					default:
						w.blame("a delivery at overload was answered %d", status)
					}
					mu.Unlock()
				}
			})
		}
		senders.Wait()
		return yes, no
	}
	yes, no := send(1)
	before := n.memory()
	yes2, no2 := send(2)
	after := n.memory()
	// Memory settles; one that grows with each round does not.
	for round := 3; round < 6 && after >= before+48<<20; round++ {
		y, n2 := send(round)
		yes2, no2 = yes2+y, no2+n2
		before, after = after, n.memory()
	}
	// The campaign goes on as long as its loops are; thirty minutes with CHAOS=30m.
	if lasts, campaign := long(); campaign {
		for end, round := time.Now().Add(lasts), 6; time.Now().Before(end); round++ {
			y, n := send(round)
			yes2, no2 = yes2+y, no2+n
		}
		after = n.memory()
	}
	t.Logf("answered yes %d, 503 %d; memory %d MB, then %d MB", yes+yes2, no+no2, before>>20, after>>20)
	require.Positive(t, no+no2, "the door says no")
	require.Less(t, after, before+48<<20, "memory of the node")
	p.Slow(0, 0)
	pgtest.Eventually(t, 60*time.Second, "what was answered yes is kept", func() bool {
		return w.count(`SELECT count(*) FROM events WHERE state = 'accepted'`) >= yes+yes2+1
	})
	w.checkEvents()
	w.mu.Lock()
	defer w.mu.Unlock()
	require.Empty(t, w.wrong)
}

// memory is what a process holds in memory.
func (p *process) memory() int {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	pages, _ := strconv.Atoi(strings.Fields(string(raw))[1])
	return pages * os.Getpagesize()
}

// A simulated run calls nothing that changes anything, and plans what the real
// one does.
func TestFault_R37_SimulatedRunsChangeNothing(t *testing.T) {
	need(t)
	t.Parallel()
	w := newWorld(t)
	w.node("one").start(t)
	w.hris.Set("1", nil)
	changes := func(mode run.Mode, runs int) (out []string) {
		id, err := w.db.StartRun(t.Context(), ben, "join", "1", mode)
		require.NoError(t, err)
		w.rested(60*time.Second, runs)
		d, err := w.db.RunDetail(t.Context(), string(id))
		require.NoError(t, err)
		require.Equal(t, run.Succeeded, d.State, d.Reason)
		for _, s := range d.Steps {
			var cs []engine.Change
			require.NoError(t, json.Unmarshal(s.Changes, &cs))
			for _, c := range cs {
				out = append(out, c.Operation+" in "+c.Connection)
			}
		}
		return out
	}
	planned := changes(run.Simulate, 1)
	require.Zero(t, w.dir.count(func(c call) bool { return c.method != http.MethodGet }), "calls that change something")
	require.Zero(t, w.count(`SELECT count(*) FROM intents`))
	_, err := os.Stat(w.outbox)
	require.ErrorIs(t, err, os.ErrNotExist, "no message was sent")
	require.Equal(t, planned, changes(run.Live, 2))
	require.Len(t, planned, 5)
	w.check()
}

// A new build takes over from an old one in the middle of runs: they end on the
// release they began with, no step is done twice, and new ones take the new release.
func TestFault_F31_R30_R33_Upgrade(t *testing.T) {
	need(t)
	t.Parallel()
	binary := os.Args[0]
	if _, campaign := long(); campaign {
		binary = otherBuild(t)
	}
	w := newWorld(t)
	// Without this the first build's runs would be over before the second has started.
	going := make(chan struct{})
	w.dir.Plan(func(c call) answer {
		if c.creates() || w.dir.count(call.creates) < 3 {
			return answer{}
		}
		return answer{until: going, wait: 50 * time.Millisecond}
	})
	old := w.node("old").start(t)
	const people = 10
	w.many(0, people, old.at)
	pgtest.Eventually(t, 20*time.Second, "runs are under way", func() bool { return w.dir.count(call.creates) >= 3 })
	w.live(review.Flow, strings.Replace(joinFlow, "name: Join", "name: Join another way", 1))
	fresh := w.node("new").startBinary(t, binary)
	began := time.Now()
	old.signal(syscall.SIGTERM)
	pgtest.Eventually(t, 20*time.Second, "the old one is ending", func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(old.at(), "http://"))
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	close(going)
	old.died(30 * time.Second)
	t.Logf("the old one ended after %s", time.Since(began).Round(10*time.Millisecond))
	w.dir.Plan(nil)
	w.many(people, people+5, fresh.at)
	w.rested(60*time.Second, people+5)
	w.check()
	require.Equal(t, people, w.count(`SELECT count(*) FROM runs WHERE revision = 1 AND state = 'succeeded'`), "on the release they began with")
	require.Equal(t, 5, w.count(`SELECT count(*) FROM runs WHERE revision = 2 AND state = 'succeeded'`))
	w.createdOnce(people + 5)
	require.Positive(t, w.count(`SELECT count(*) FROM runs WHERE epoch > 1`), "runs that changed hands")
}
