package luavm

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const nameSource = `return function(input)
  local first, last = text.ascii(input.first), text.ascii(input.last)
  local login = name.fit("ad-login", text.sub(first, 1, 1) .. last)
  return {login = login, mail = text.lower(first) .. "." .. text.lower(last) .. "@acme.example", groups = {"all-staff", "dept-" .. text.slug(input.department), "loc-" .. text.lower(input.site)}}
end`

var nameInput = json.RawMessage(`{"first":"Zoë","last":"Núñez","department":"Sales EMEA","site":"BER"}`)

// BenchmarkCall is a governed call at leisure: a worker is warm when it comes.
func BenchmarkCall(b *testing.B) {
	p := open(b, Config{})
	p.try(b, Call{Source: nameSource, Input: nameInput})
	var took []time.Duration
	for b.Loop() {
		b.StopTimer()
		time.Sleep(60 * time.Millisecond) // workers become warm again
		b.StartTimer()
		out := p.try(b, Call{Source: nameSource, Input: nameInput})
		if out.Kind != OK {
			b.Fatal(out.Sentence())
		}
		took = append(took, out.Took)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs/p50")
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds()), "µs/p95")
}

// BenchmarkCalls is as many as there can be.
func BenchmarkCalls(b *testing.B) {
	p := open(b, Config{Warm: 4, Most: 4})
	p.try(b, Call{Source: nameSource, Input: nameInput})
	var n atomic.Int64
	var hands sync.WaitGroup
	began := time.Now()
	ctx, cancel := context.WithTimeout(b.Context(), 5*time.Second)
	defer cancel()
	for range 4 {
		hands.Go(func() {
			for ctx.Err() == nil {
				if out, err := p.Call(ctx, Call{Source: nameSource, Input: nameInput}); err == nil && out.Kind == OK {
					n.Add(1)
				}
			}
		})
	}
	hands.Wait()
	b.ReportMetric(float64(n.Load())/time.Since(began).Seconds(), "calls/s")
}

// BenchmarkStart is how long a worker takes to say hello.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		w, err := startProcess([]string{self, SandboxCommand})
		if err != nil {
			b.Fatal(err)
		}
		w.kill()
		w.wait()
	}
}

// BenchmarkInProcess is the same work without a worker, for comparing.
func BenchmarkInProcess(b *testing.B) {
	for b.Loop() {
		proto, err := compileMutant(nameSource, 0)
		if err != nil {
			b.Fatal(err)
		}
		if d := newMachine(Defaults()).run(proto, nameInput); d.Kind != OK {
			b.Fatal(d.Message)
		}
	}
}
