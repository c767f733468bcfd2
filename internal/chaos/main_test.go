package chaos

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// childVariable makes this test binary one node instead of a test.
const childVariable = "JOINERY_CHAOS_NODE"

func TestMain(m *testing.M) {
	if text := os.Getenv(childVariable); text != "" {
		var n node
		err := json.Unmarshal([]byte(text), &n)
		if err == nil {
			err = n.run()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "node:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// Most of these tests wait for leases and rests, not for a processor.
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(m.Run())
}

// long reports whether this is the campaign (make chaos) and how long its loops
// last: JOINERY_CHAOS is a duration, such as 10m for one loop.
func long() (time.Duration, bool) {
	d, err := time.ParseDuration(os.Getenv("JOINERY_CHAOS"))
	return d, err == nil && d > 0
}

// either gives the length for the campaign or the one for every day.
func either[T any](everyday, campaign T) T {
	if _, ok := long(); ok {
		return campaign
	}
	return everyday
}

// seed is JOINERY_CHAOS_SEED, or a new one; it is printed by each test that draws.
var seed = sync.OnceValue(func() uint64 {
	if n, err := strconv.ParseUint(os.Getenv("JOINERY_CHAOS_SEED"), 10, 64); err == nil {
		return n
	}
	return rand.Uint64() % 1_000_000
})

// die is a test's own randomness, the same for the same seed.
type die struct {
	mu sync.Mutex
	r  *rand.Rand
}

func dice(t *testing.T, n uint64) *die {
	t.Logf("seed: JOINERY_CHAOS_SEED=%d (loop %d)", seed(), n)
	return &die{r: rand.New(rand.NewPCG(seed(), n))}
}

// IntN gives a number below n.
func (d *die) IntN(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.r.IntN(n)
}

// need skips what cannot run under -short.
func need(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs PostgreSQL and processes of its own")
	}
}
