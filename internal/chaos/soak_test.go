package chaos

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/pgtest"
	"joinery/internal/review"
)

// A day's worth of joiners of a large company with something going wrong in one call of
// a hundred, on two nodes: all invariants hold, and neither goroutines nor open files
// grow. Ten thousand in the campaign, as fast as the machine takes them: the clock is
// not sped up, the day's work is.
func TestFault_R40_Soak(t *testing.T) {
	need(t)
	t.Parallel()
	w := newWorld(t)
	random := dice(t, 40)
	w.dir.Plan(w.oneOfAHundred(random))
	nodes := []*process{w.node("one").start(t), w.node("two").start(t)}
	people := either(60, 10_000)
	part := people / 10
	var before [2][2]int
	for n := range 10 {
		w.many(n*part, (n+1)*part, func() string { return nodes[n%2].at() })
		w.rested(either(2*time.Minute, 20*time.Minute), (n+1)*part)
		for i, p := range nodes {
			now := [2]int{int(p.metric("go_goroutines")), p.files()}
			if n == 1 { // pools are filled by then
				before[i] = now
			}
			if n == 9 {
				t.Logf("node %d: goroutines and open files %v after two tenths, %v at the end", i+1, before[i], now)
				require.Less(t, now[0], before[i][0]+before[i][0]/4+40, "goroutines")
				require.Less(t, now[1], before[i][1]+before[i][1]/4+20, "open files")
			}
		}
	}
	w.check()
	require.Len(t, w.accounts(), people)
	require.Equal(t, people, w.count(`SELECT count(*) FROM runs WHERE state = 'succeeded'`))
}

// A day passes in seconds, or in minutes in the campaign: in each hour another part of
// the people has their first day, where they live. Their events came before. One call of
// a hundred goes wrong; each account is made on its day and not before.
func TestFault_R40_ADayPasses(t *testing.T) {
	need(t)
	t.Parallel()
	w := newWorld(t)
	w.fast = true
	w.live(review.Flow, strings.NewReplacer("{from: hired.started, to: create}", "{from: hired.started, to: start}\n  - {from: start.due, to: create}",
		"  - id: create\n", "  - {id: start, type: wait.until, params: {date: joiner.start_date, time: \"00:00\"}}\n  - id: create\n").Replace(joinFlow))
	w.dir.Plan(w.oneOfAHundred(dice(t, 41)))
	nodes := []*process{}
	for _, name := range []string{"one", "two"} {
		n := w.node(name)
		n.OwnClock, n.Speed = true, either(3600, 360) // 26 hours in 26 seconds, or in four minutes
		nodes = append(nodes, n.start(t))
	}
	people := either(48, 1000)
	for i := range people {
		id := fmt.Sprint(i)
		w.hris.Set(id, startsIn(2+i%24))
		w.deliver("hired-"+id, "worker.hired", id, nodes[i%2].at)
	}
	pgtest.Eventually(t, time.Minute, "all wait for their day", func() bool {
		return w.count(`SELECT count(*) FROM runs r JOIN steps s ON s.run_id = r.id AND s.node = 'start' WHERE r.state = 'waiting' AND s.state = 'waiting'`) == people
	})
	require.Empty(t, w.accounts(), "nobody's day has begun")
	before := nodes[0].files() + nodes[1].files()
	for _, n := range nodes {
		n.signal(syscall.SIGUSR1)
	}
	w.rested(10*time.Minute, people)
	w.check()
	w.succeeded(people)
	require.Len(t, w.accounts(), people)
	// The nodes were told a moment apart, which is a while by clocks that run so fast.
	require.Equal(t, people, w.count(`SELECT count(*) FROM runs r JOIN steps s ON s.run_id = r.id AND s.node = 'create'
		WHERE s.started_at > ((r.worker->'attributes'->>'start_date')::timestamp AT TIME ZONE (r.worker->'attributes'->>'time_zone')) - interval '30 minutes'`), "accounts that were made on the day or later")
	hours := w.count(`SELECT count(DISTINCT date_trunc('hour', s.started_at)) FROM steps s WHERE s.node = 'create'`)
	t.Logf("accounts were made in %d hours of the day; open files %d, then %d", hours, before, nodes[0].files()+nodes[1].files())
	require.Less(t, nodes[0].files()+nodes[1].files(), before+100, "open files")
}

// oneOfAHundred lets one call of a hundred go wrong.
func (w *world) oneOfAHundred(random *die) func(call) answer {
	troubles := []answer{{status: 503}, {status: 429, retryAfter: "1"}, {lose: true}, {late: 502}, {refuse: true}, {wait: 300 * time.Millisecond}}
	return func(call) answer {
		if random.IntN(100) == 0 {
			return troubles[random.IntN(len(troubles))]
		}
		return answer{}
	}
}

// files is how many files and connections a process has open.
func (p *process) files() int {
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	return len(all)
}
