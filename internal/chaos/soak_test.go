package chaos

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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
	var mu sync.Mutex
	troubles := []answer{{status: 503}, {status: 429, retryAfter: "1"}, {lose: true}, {late: 502}, {refuse: true}, {wait: 300 * time.Millisecond}}
	w.dir.Plan(func(call) answer {
		mu.Lock()
		defer mu.Unlock()
		if random.IntN(100) == 0 {
			return troubles[random.IntN(len(troubles))]
		}
		return answer{}
	})
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

// files is how many files and connections a process has open.
func (p *process) files() int {
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	return len(all)
}
