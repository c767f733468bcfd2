package luavm

import (
	"context"
	"runtime"
	"runtime/metrics"
	"syscall"
	"time"
)

// Kind is how a call ended.
type Kind string

// How calls end.
const (
	OK       Kind = "ok"
	Error    Kind = "error"      // the code raised an error
	Failed   Kind = "failed"     // the code called fail
	Compile  Kind = "compile"    // it is not Lua that runs here
	Steps    Kind = "steps"      // too many instructions
	Timeout  Kind = "timeout"    // too long
	Memory   Kind = "memory"     // too much memory
	Denied   Kind = "denied"     // a host call that no grant allows
	Result   Kind = "result"     // a result that cannot be given on
	Host     Kind = "host_error" // the host could not answer
	Crashed  Kind = "crashed"    // the worker ended by itself
	Security Kind = "security"   // the worker broke the protocol or touched what it may not
)

// budget counts instructions. It is the context of the Lua state: the machine
// asks Done before every instruction. What ended it stays: no pcall goes on.
type budget struct {
	limits   Limits
	steps    int64
	began    time.Time
	used     time.Duration // of the processor when it began
	waited   time.Duration // for answers of the host
	ended    Kind
	closed   chan struct{}
	sample   []metrics.Sample
	baseline uint64
	cover    func()
}

func newBudget(l Limits) *budget {
	b := &budget{limits: l, began: time.Now(), used: processorTime(), closed: make(chan struct{}), sample: []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}}
	close(b.closed)
	b.baseline = b.heap()
	return b
}

var _ context.Context = (*budget)(nil)

func (b *budget) Deadline() (time.Time, bool) { return time.Time{}, false }
func (b *budget) Value(any) any               { return nil }

func (b *budget) Err() error {
	if b.ended == "" {
		return nil
	}
	return context.Canceled
}

// Done is asked before each instruction; a nil channel is never ready.
func (b *budget) Done() <-chan struct{} {
	b.steps++
	if b.cover != nil {
		b.cover()
	}
	if b.steps&1023 == 0 {
		b.look()
	}
	if b.ended != "" {
		return b.closed
	}
	return nil
}

// charge counts work of a library function and says whether the call may go on.
func (b *budget) charge(n int) bool {
	before := b.steps
	b.steps += int64(n)
	if b.steps>>10 != before>>10 {
		b.look()
	}
	return b.ended == ""
}

func (b *budget) look() {
	switch {
	case b.ended != "":
	case b.steps > b.limits.Steps:
		b.ended = Steps
	case b.late():
		b.ended = Timeout
	case b.steps&(8<<10-1) < 1024 && b.tooMuch():
		b.ended = Memory
	}
}

// late says whether the call has computed for too long. On a busy machine it may wait
// for the processor, which is not its fault: up to compileTime of that is forgiven.
func (b *budget) late() bool {
	all := time.Since(b.began)
	ran := all - b.waited
	return all > b.limits.Total || ran > b.limits.Compute+compileTime || ran > b.limits.Compute && processorTime()-b.used > b.limits.Compute
}

// processorTime is what this process has taken so far, see getrusage(2).
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (b *budget) heap() uint64 {
	metrics.Read(b.sample)
	return b.sample[0].Value.Uint64()
}

// heapInUse is what the process holds, garbage counted, in bytes.
func heapInUse() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// tooMuch collects garbage before it judges: the figure counts what is dead too.
func (b *budget) tooMuch() bool {
	limit := b.baseline + uint64(b.limits.Heap)
	if b.heap() <= limit {
		return false
	}
	runtime.GC()
	return b.heap() > limit
}
