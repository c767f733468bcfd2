package luavm

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// workersUsed is what workers that are gone used of a processor.
func workersUsed(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// plainCalls is what a call that does nothing uses of a processor, with its worker's start.
func plainCalls(t *testing.T) time.Duration {
	const calls = 6
	p, used := open(t, Config{Most: 1, Warm: 1}), workersUsed(t)
	for range calls {
		if out := p.try(t, Call{Source: "return function() return 1 end"}); out.Kind != OK {
			t.Fatal(out.Sentence())
		}
	}
	p.Close()
	return (workersUsed(t) - used) / calls
}

// While bombs run, others' calls in the host take what they took before: twice as long
// is far beyond what is measured, and far below what a bomb in the host would cost.
func TestBombs_DoNotSlowTheHost_S48(t *testing.T) {
	const limit = 50 * time.Millisecond // well before the most steps that there may be
	start := plainCalls(t)
	p := open(t, Config{Most: 2})
	used, calls := workersUsed(t), atomic.Int64{}
	work := func() time.Duration { // what a request of the server does, on its own goroutine
		best := time.Hour
		for range 40 {
			began := time.Now()
			var v any
			for range 200 {
				_ = json.Unmarshal([]byte(`{"a":[1,2,3,{"b":"c"}],"d":"e"}`), &v)
			}
			best = min(best, time.Since(began))
			time.Sleep(time.Millisecond)
		}
		return best
	}
	calm := work()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan Kind, 2)
	for _, bomb := range []string{`while true do end`, `local t = {} while true do t[#t + 1] = {t, {}, {}} end`} {
		go func() {
			kind := Kind("")
			for n := 0; n < 10 || ctx.Err() == nil; n++ {
				began := time.Now()
				calls.Add(1)
				out, err := p.Call(t.Context(), Call{Source: "return function() " + bomb + " end", Input: json.RawMessage(`{}`), Limits: Limits{Compute: limit, Steps: 20_000_000}})
				if err != nil {
					t.Error(err)
					break
				}
				kind = out.Kind
				if took := time.Since(began); out.Took > 2*limit+compileTime+grace {
					t.Errorf("a bomb with %s ran for %s of %s", limit, out.Took, took)
				}
			}
			ended <- kind
		}()
	}
	under := work()
	t.Logf("a request's work took %s in the calm and %s under bombs (%+.0f %%)", calm, under, 100*(float64(under)/float64(calm)-1))
	if under > 2*calm+5*time.Millisecond {
		t.Errorf("work took %s in the calm and %s under bombs", calm, under)
	}
	stop()
	for range 2 {
		if kind := <-ended; kind != Timeout && kind != Steps && kind != Memory {
			t.Errorf("a bomb ended as %s", kind)
		}
	}
	// By the processor's time, which others on the machine cannot take from them: a bomb ends
	// by its own limit, and not only when the host's patience is over, seconds later.
	p.Close()
	n := time.Duration(calls.Load())
	each := (workersUsed(t) - used) / n
	t.Logf("%d bombs used %s of a processor each, a plain call %s", n, each, start)
	if each > 2*limit+2*start { // a worker that waited to the end was started too
		t.Errorf("bombs with %s used %s of a processor each", limit, each)
	}
}
