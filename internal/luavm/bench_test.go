package luavm

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"joinery/internal/workertest"
)

const nameSource = `return function(input)
  local first, last = text.ascii(input.first), text.ascii(input.last)
  local login = name.fit("ad-login", text.sub(first, 1, 1) .. last)
  return {login = login, mail = text.lower(first) .. "." .. text.lower(last) .. "@acme.example", groups = {"all-staff", "dept-" .. text.slug(input.department), "loc-" .. text.lower(input.site)}}
end`

var nameInput = json.RawMessage(`{"first":"Zoë","last":"Núñez","department":"Sales EMEA","site":"BER"}`)

// shapes are what calls are measured in: the worker that ships, the same started
// from this whole test program, and the least that a process of its own costs.
func shapes(b *testing.B, f func(b *testing.B, command []string)) {
	b.Run("worker", func(b *testing.B) { f(b, smallCommand(b)) })
	b.Run("whole", func(b *testing.B) { f(b, []string{self, SandboxCommand}) })
	b.Run("bare", func(b *testing.B) { f(b, bareCommand(b)) })
	if at := os.Getenv("JOINERY_PROGRAM"); at != "" { // a joinery without its small program
		b.Run("joinery", func(b *testing.B) { f(b, []string{at, SandboxCommand}) })
	}
}

// bareCommand starts a process of a worker's shape that does nothing.
func bareCommand(t testing.TB) []string {
	t.Helper()
	dir := t.TempDir()
	at := filepath.Join(dir, "bare")
	if err := workertest.Build(at, "", "./testdata/bare"); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{filepath.Dir(dir), dir} { // as root, a worker runs as another account
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return []string{at}
}

// processor is what this process and its ended children have used.
func processor() time.Duration {
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return sum
}

// BenchmarkCall is a governed call at leisure: a worker is warm when it comes.
func BenchmarkCall(b *testing.B) { shapes(b, calm) }

func calm(b *testing.B, command []string) {
	p := open(b, Config{Command: command})
	p.try(b, Call{Source: nameSource, Input: nameInput})
	var took []time.Duration
	for b.Loop() {
		b.StopTimer()
		time.Sleep(60 * time.Millisecond) // workers become warm again
		b.StartTimer()
		began := time.Now()
		if out := p.try(b, Call{Source: nameSource, Input: nameInput}); out.Kind != OK {
			b.Fatal(out.Sentence())
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs/p50")
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds()), "µs/p95")
}

// BenchmarkCalls is as many as there can be, and what one of them costs.
func BenchmarkCalls(b *testing.B) { shapes(b, crowd) }

func crowd(b *testing.B, command []string) {
	p := open(b, Config{Command: command})
	p.try(b, Call{Source: nameSource, Input: nameInput})
	var n atomic.Int64
	var hands sync.WaitGroup
	began, used := time.Now(), processor()
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
	took := time.Since(began)
	p.Close()
	b.ReportMetric(float64(n.Load())/took.Seconds(), "calls/s")
	b.ReportMetric(float64((processor()-used).Microseconds())/float64(n.Load())/1000, "ms-CPU/call")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkQuestion is what one more question to the host costs within a call.
func BenchmarkQuestion(b *testing.B) {
	const many = 400
	source := `return function(input) for i = 1, input.n do directory.group_exists("corp", "sales") end return 1 end`
	p := open(b, Config{Command: smallCommand(b)})
	ask := func(n int) time.Duration {
		out := p.try(b, Call{Source: source, Input: json.RawMessage(fmt.Sprintf(`{"n":%d}`, n)), Limits: Limits{HostCalls: 500}, Grants: []string{"directory:corp:groups.find"},
			Answer: func(context.Context, string, []json.RawMessage) (json.RawMessage, *HostFault) {
				return json.RawMessage("true"), nil
			}})
		if out.Kind != OK || len(out.Asked) != n {
			b.Fatal(out.Sentence())
		}
		return out.Took
	}
	var more []time.Duration
	var spent [2]time.Duration // of calls with one question, and with many
	ask(1)
	for b.Loop() {
		var took [2]time.Duration
		for i, n := range []int{1, many + 1} {
			used := processor()
			took[i] = ask(n)
			for len(p.slots) > 0 { // until the system has told what the worker used
				time.Sleep(time.Millisecond)
			}
			spent[i] += processor() - used
		}
		more = append(more, (took[1]-took[0])/many)
	}
	slices.Sort(more)
	b.ReportMetric(float64((spent[1]-spent[0]).Microseconds())/float64(len(more)*many), "µs-CPU/question")
	b.ReportMetric(float64(more[len(more)/2].Nanoseconds())/1000, "µs/question-p50")
}

// BenchmarkStart is how long a worker takes to say hello, what that costs, and
// what it holds while it waits.
func BenchmarkStart(b *testing.B) { shapes(b, starts) }

func starts(b *testing.B, command []string) {
	var took []time.Duration
	used := processor()
	for b.Loop() {
		began := time.Now()
		w, err := startProcess(command)
		if err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
		w.kill()
		w.wait()
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/p50")
	b.ReportMetric(float64((processor()-used).Microseconds())/float64(b.N)/1000, "ms-CPU")
	w, err := startProcess(command)
	if err != nil {
		b.Fatal(err)
	}
	rss, pss := holds(b, w.cmd.Process.Pid)
	b.ReportMetric(float64(rss)/1024, "MB-RSS")
	b.ReportMetric(float64(pss)/1024, "MB-PSS")
	w.kill()
	w.wait()
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
