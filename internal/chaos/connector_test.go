package chaos

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/faultproxy"
	"joinery/internal/pgtest"
	"joinery/internal/review"
)

func any1(call) bool { return true }

// many hires a range of people through one node.
func (w *world) many(from, to int, at func() string) {
	for i := from; i < to; i++ {
		w.hire(fmt.Sprint(i), at)
	}
}

// metric reads one number of a node.
func (p *process) metric(name string) float64 {
	resp, err := http.Get(p.url + "/metrics")
	if err != nil {
		return -1
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), name+" "); ok {
			n, err := strconv.ParseFloat(rest, 64)
			if err != nil {
				return -1
			}
			return n
		}
	}
	return -1
}

const resting = `joinery_connection_resting{connection="dir"}`

// lookedTwice sees in the call log that no account was asked for a second time
// before it was looked for twice by its mark.
func (w *world) lookedTwice() {
	w.t.Helper()
	looks := map[string]int{}
	for _, c := range w.dir.calls() {
		if c.method == http.MethodGet && strings.Contains(c.query, "externalId") {
			_, stamp, _ := strings.Cut(c.query, "%22")
			stamp, _, _ = strings.Cut(stamp, "%22")
			looks[strings.ReplaceAll(stamp, "%3A", ":")]++
		}
		if c.creates() {
			_, stamp, _ := strings.Cut(c.body, `"externalId":"`)
			stamp, _, _ = strings.Cut(stamp, `"`)
			require.GreaterOrEqual(w.t, looks[stamp], 2, "lookups of %s before it is asked for", stamp)
			looks[stamp] = 0
		}
	}
}

// Replies are lost, cut and turned into nonsense, connections end early: one
// account each, nothing confirmed that was not seen.
func TestFault_F05_F19_R01_R08_R19_RepliesThatSayNothing(t *testing.T) {
	need(t)
	t.Parallel()
	w := newWorld(t)
	n := w.node("one").start(t)
	i := 0
	for name, wrong := range map[string]answer{"lost": {lose: true}, "truncated": {truncate: true}, "never arrived": {refuse: true}, "a page of some proxy": {garbage: true}, "500 after the effect": {late: http.StatusInternalServerError}} {
		w.dir.Plan(first(call.creates, wrong, wrong))
		i++
		w.hire(fmt.Sprint(i), n.at)
		w.rested(60*time.Second, i)
		require.Equal(t, i, w.count(`SELECT count(*) FROM runs WHERE state = 'succeeded'`), name)
		w.check()
	}
	w.lookedTwice()
	require.Len(t, w.accounts(), i)
}

// A burst of server errors: the connection is given rest, its state is seen, one
// probe finds it well again, and every run ends.
func TestFault_F17_R18_ServerErrors(t *testing.T) {
	need(t)
	t.Parallel()
	w := newWorld(t)
	n := w.node("one").start(t)
	w.dir.Plan(func(call) answer { return answer{status: http.StatusBadGateway} })
	const people = 30
	w.many(0, people, n.at)
	pgtest.Eventually(t, 30*time.Second, "the connection is given rest", func() bool { return n.metric(resting) == 1 })
	// What was under way when it opened may still end; then nobody calls.
	time.Sleep(500 * time.Millisecond)
	before := len(w.dir.calls())
	require.Less(t, before, 3*people, "calls to a system that is down")
	time.Sleep(3 * time.Second)
	require.Equal(t, before, len(w.dir.calls()), "nobody calls while it rests")
	require.Zero(t, w.count(`SELECT count(*) FROM runs WHERE state IN ('failed', 'parked')`), "runs wait")
	w.dir.Plan(nil)
	w.rested(90*time.Second, people)
	require.Zero(t, n.metric(resting), "it is well again")
	w.check()
	require.Equal(t, people, w.count(`SELECT count(*) FROM runs WHERE state = 'succeeded'`))
	require.LessOrEqual(t, w.count(`SELECT max(attempts) FROM steps`), 30, "tries of a step, by its policy")
	w.lookedTwice()
}

// The credential is refused in the middle: after three refusals nobody calls any
// more, what waits goes on by itself when it is accepted again, and the runs that
// were refused say why.
func TestFault_F20_R18_RefusedCredential(t *testing.T) {
	need(t)
	t.Parallel()
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			n := w.node("one").start(t)
			w.many(0, 3, n.at)
			w.rested(60*time.Second, 3)
			w.dir.Plan(func(call) answer { return answer{status: status} })
			// One after another, so that it is seen which ones are refused.
			for i := 3; i < 6; i++ {
				w.hire(fmt.Sprint(i), n.at)
				pgtest.Eventually(t, 20*time.Second, "the run fails", func() bool { return w.count(`SELECT count(*) FROM runs WHERE state = 'failed'`) == i-2 })
			}
			require.Equal(t, 1.0, n.metric(resting))
			before := len(w.dir.calls())
			w.many(6, 12, n.at)
			pgtest.Eventually(t, 20*time.Second, "the others wait and say for what", func() bool {
				return w.count(`SELECT count(*) FROM runs WHERE state = 'waiting' AND waiting_for LIKE 'the connection dir to answer again: %'`) == 6
			})
			require.Equal(t, before, len(w.dir.calls()), "a refused credential is not tried on and on")
			w.dir.Plan(nil)
			w.rested(90*time.Second, 12)
			w.check()
			require.Equal(t, 3, w.count(`SELECT count(*) FROM runs WHERE state = 'failed'`))
			require.Equal(t, 9, w.count(`SELECT count(*) FROM runs WHERE state = 'succeeded'`))
		})
	}
}

// The system asks for time: nobody calls before it, and afterwards they do not
// come back all at once.
func TestFault_F18_R17_RetryAfter(t *testing.T) {
	need(t)
	t.Parallel()
	w := newWorld(t)
	n := w.node("one").start(t)
	const people, ask = 20, 4
	// Calls that were on their way when it asked are answered well after it is heard.
	busy := first(any1, answer{status: http.StatusTooManyRequests, retryAfter: fmt.Sprint(ask)})
	start := sync.OnceValue(time.Now)
	w.dir.Plan(func(c call) answer {
		a := busy(c)
		if time.Since(start()) < time.Second && a.status == 0 {
			a.wait = 2 * time.Second
		}
		return a
	})
	w.many(0, people, n.at)
	w.rested(90*time.Second, people)
	// At most one of each run was on its way.
	all := w.dir.calls()
	require.Greater(t, len(all), people)
	require.GreaterOrEqual(t, all[people].at.Sub(all[0].at), ask*time.Second, "the first call after it was asked for time")
	w.check()
	// Without a time: each step waits by its own policy.
	w.dir.Plan(first(call.creates, answer{status: http.StatusTooManyRequests}, answer{status: http.StatusTooManyRequests}))
	w.many(people, people+4, n.at)
	w.rested(90*time.Second, people+4)
	w.check()
	w.lookedTwice()
	require.Equal(t, people+4, w.count(`SELECT count(*) FROM runs WHERE state = 'succeeded'`))
}

// One system does not answer at all. The runs of another one go on as fast as
// before, the console answers, and the dead one's runs end when it is back.
func TestFault_F15_F16_R16_R20_OneDeadConnection(t *testing.T) {
	need(t)
	t.Parallel()
	w := newWorld(t)
	proxy, err := faultproxy.New("tcp", strings.TrimPrefix(w.company.DirectoryURL, "http://"))
	require.NoError(t, err)
	t.Cleanup(proxy.Close)
	w.connection("far", "scim", fmt.Sprintf("http://%s/scim/v2", proxy.Addr()), map[string]string{"token": w.token})
	w.live(review.Flow, `
key: move
name: Move
trigger: moved
nodes:
  - {id: moved, type: hris.event, params: {connection: hr, events: [worker.start_moved]}}
  - {id: look, type: account.find, params: {directory: far, by: joiner}, retry: {first: 1s, max: 5s, attempts: 30}}
edges: [{from: moved.started, to: look}]
`)
	one := w.node("one")
	one.Slots = 16
	n := one.start(t)
	// In the campaign the directory takes as long as real ones do, so that a fifth of a
	// run's time is more than what other work on this machine takes.
	_, campaign := long()
	if campaign {
		w.dir.Plan(func(call) answer { return answer{wait: 400 * time.Millisecond} })
	}
	baseline := w.timed(0, 20, n)
	proxy.Mute()
	const dead = 60
	var senders sync.WaitGroup
	for s := range 6 {
		senders.Go(func() {
			for i := s; i < dead; i += 6 {
				w.hris.Set(fmt.Sprint("m", i), nil)
				w.deliver(fmt.Sprint("moved-", i), "worker.start_moved", fmt.Sprint("m", i), n.at)
			}
		})
	}
	pgtest.Eventually(t, 60*time.Second, "its calls hang", func() bool { return n.metric("joinery_engine_runs_in_hand") >= 8 })
	senders.Wait()
	// The first calls need two seconds until they are known to be slow.
	time.Sleep(2500 * time.Millisecond)
	beside := w.timed(20, 40, n)
	resp, err := (&http.Client{Timeout: pgtest.Hang}).Get(n.url + "/sign-in")
	require.NoError(t, err, "the console answers while the system still does not")
	resp.Body.Close()
	proxy.Up()
	proxy.CutAll()
	w.rested(either(2*time.Minute, 8*time.Minute), 40+dead)
	w.check()
	require.Equal(t, 40+dead, w.count(`SELECT count(*) FROM runs WHERE state = 'succeeded'`))
	// What this machine does besides comes and goes, so the time alone is that before or after.
	again := w.timed(40, 60, n)
	t.Logf("a run, p50 and p95: %s alone, %s beside a dead system, %s alone again", baseline, beside, again)
	if campaign {
		require.Less(t, beside[1], max(baseline[1], again[1])*12/10, "p95 of the others: a fifth more at most")
	} else {
		// Runs that wait for the dead one's answers take ten seconds more; with other
		// tests beside this one, only the middle one says something.
		require.Less(t, beside[0], max(baseline[0], again[0])*12/10+time.Second, "the middle one of the others")
	}
}

// timed hires people one after another and gives the median and the 95th percentile
// of how long their runs took, from the event to the end.
func (w *world) timed(from, to int, n *process) [2]time.Duration {
	w.t.Helper()
	var took []time.Duration
	for i := from; i < to; i++ {
		id := fmt.Sprint(i)
		began := time.Now()
		w.hire(id, n.at)
		pgtest.Eventually(w.t, 30*time.Second, "the run of "+id, func() bool {
			return w.count(`SELECT count(*) FROM runs r JOIN joiners j ON j.id = r.joiner_id WHERE j.worker = $1 AND r.state = 'succeeded'`, id) == 1
		})
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return [2]time.Duration{took[len(took)/2], took[len(took)*95/100]}
}

// The network between the engine and a directory delays, slices and cuts.
func TestFault_F16_SlowAndCutConnections(t *testing.T) {
	need(t)
	t.Parallel()
	w := newWorld(t)
	proxy, err := faultproxy.New("tcp", strings.TrimPrefix(w.dir.URL, "http://"))
	require.NoError(t, err)
	t.Cleanup(proxy.Close)
	w.connection("dir", "scim", fmt.Sprintf("http://%s/scim/v2", proxy.Addr()), nil)
	w.live(review.Flow, strings.Replace(joinFlow, "name: Join", "name: Join again", 1)) // pins the new address
	n := w.node("one").start(t)
	random := dice(t, 16)
	proxy.Judge(func(c faultproxy.Chunk) faultproxy.Verdict {
		switch random.IntN(12) {
		case 0:
			return faultproxy.Cut
		case 1:
			return faultproxy.PassCut
		}
		return faultproxy.Pass
	})
	proxy.Slow(time.Millisecond, 200)
	people := either(10, 40)
	w.many(0, people, n.at)
	time.Sleep(either(3*time.Second, 30*time.Second))
	proxy.Judge(nil)
	proxy.Slow(0, 0)
	w.rested(either(2*time.Minute, 8*time.Minute), people)
	w.check()
	require.Equal(t, people, w.count(`SELECT count(*) FROM runs WHERE state = 'succeeded'`))
	require.Len(t, w.accounts(), people)
}
