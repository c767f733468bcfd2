package luavm

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// SandboxCommand is the hidden command that turns the program into a worker. main
// looks for it before anything else.
const SandboxCommand = "sandbox"

// heapDeath is the exit code of a worker that held too much memory.
const heapDeath = 42

// Serve is a worker's life: it shuts itself in, says hello, does one thing and ends.
func Serve() int {
	layers := shutIn()
	lua.MaxArrayIndex = maxArrayIndex
	debug.SetMaxStack(32 << 20)
	w := &worker{in: bufio.NewReaderSize(os.Stdin, 8<<10), out: os.Stdout}
	if err := writeFrame(w.out, frame{Type: frameHello, Hello: &hello{Build: buildID(), Layers: layers}}); err != nil {
		return 1
	}
	return w.serve()
}

// watchHeap ends the process when it holds too much: one instruction can make
// any amount, and no budget sees it in time.
func watchHeap(most uint64) {
	var s runtime.MemStats
	for {
		time.Sleep(2 * time.Millisecond)
		if heapInUse() > most {
			if runtime.ReadMemStats(&s); s.HeapAlloc > most {
				os.Exit(heapDeath)
			}
		}
	}
}

type worker struct {
	in   io.Reader
	out  io.Writer
	err  error
	room []byte // for questions on their way out
}

func (w *worker) serve() int {
	f, err := readFrame(w.in)
	if err != nil {
		return 0 // the host went away, or needs this worker no more
	}
	if f.Type != frameExec || f.Exec == nil {
		return 1
	}
	// Only from here on is there work: a worker that waits uses no processor. The
	// second one is for the watch, which must not queue behind a loop of the code.
	runtime.GOMAXPROCS(2)
	debug.SetGCPercent(100)
	go watchHeap(128 << 20)
	d := w.do(f.Nonce, *f.Exec)
	if w.err != nil || writeFrame(w.out, frame{Type: frameDone, Nonce: f.Nonce, Done: &d}) != nil {
		return 1
	}
	return 0
}

func (w *worker) do(nonce string, o order) (d done) {
	defer func() {
		if r := recover(); r != nil {
			d = done{Kind: Error, Message: "internal error"}
		}
	}()
	if o.Mode == modeCheck {
		a := analyze(o.Source)
		if chunk, err := parseSource(o.Source); err == nil {
			_, a.Mutants = mutants(chunk, 0)
		}
		return done{Kind: OK, Check: &a}
	}
	proto, err := compileMutant(o.Source, o.Mutant)
	if err != nil {
		c, _ := err.(*CompileError)
		d := done{Kind: Compile, Message: err.Error()}
		if c != nil {
			d.Line, d.Message = c.Line, c.Detail
		}
		return d
	}
	m := newMachine(o.Limits.Within())
	now, _ := time.Parse(time.RFC3339Nano, o.Now)
	m.given = given{now: now, seed: o.Seed, run: o.RunID, dryRun: o.DryRun, granted: map[string]bool{}}
	for _, n := range o.Host {
		m.given.granted[n] = true
	}
	id := 0
	m.given.ask = func(name string, args json.RawMessage, line int) (json.RawMessage, *HostFault) {
		id++
		return w.ask(nonce, hostCall{ID: id, Name: name, Args: args, Line: line})
	}
	m.given.tell = func(l Line) {
		if w.err == nil {
			w.err = writeFrame(w.out, frame{Type: frameLog, Nonce: nonce, Log: &l})
		}
	}
	var seen *coverage
	if o.Cover {
		seen = cover(m, proto)
	}
	d = m.run(proto, o.Input)
	if seen != nil {
		d.Covered, d.Lines = seen.lines(), codeLines(proto)
	}
	return d
}

// ask is one question to the host; there is never a second one under way.
func (w *worker) ask(nonce string, c hostCall) (json.RawMessage, *HostFault) {
	if w.err == nil {
		w.room, w.err = sendFrame(w.out, frame{Type: frameCall, Nonce: nonce, Call: &c}, w.room)
	}
	if w.err != nil {
		os.Exit(1)
	}
	f, err := readFrame(w.in)
	if err != nil || f.Type != frameRet || f.Nonce != nonce || f.Ret == nil || f.Ret.ID != c.ID {
		os.Exit(1)
	}
	return f.Ret.OK, f.Ret.Fault
}

// run calls the function that the source gives with the input.
func (m *machine) run(proto *lua.FunctionProto, input json.RawMessage) done {
	arg, err := m.fromJSON(input)
	if err != nil {
		return done{Kind: Result, Message: "The input cannot be read: " + clip(err.Error(), 200)}
	}
	out := m.protect(m.state, m.state.NewFunctionFromProto(proto))
	if d, over := m.ending(out); over {
		return d
	}
	if len(out.values) != 1 || out.values[0].Type() != lua.LTFunction {
		return m.closing(done{Kind: Error, Message: `The source gives no function. End it with "return function(input) … end".`})
	}
	out = m.protect(m.state, out.values[0], arg)
	if d, over := m.ending(out); over {
		return d
	}
	var result lua.LValue = lua.LNil
	if len(out.values) > 0 {
		result = out.values[0]
	}
	raw, err := toJSON(result, maxResult)
	if err != nil {
		return m.closing(done{Kind: Result, Message: "The result cannot be given on: " + err.Error() + "."})
	}
	return m.closing(done{Kind: OK, Result: raw, Plan: m.given.plan})
}

// ending says how the code ended when it did not simply return.
func (m *machine) ending(out outcome) (done, bool) {
	switch {
	case m.budget.ended != "":
		return m.closing(done{Kind: m.budget.ended}), true
	case m.finished != nil:
		f := m.finished
		return m.closing(done{Kind: f.kind, Code: f.code, Message: f.message, Line: f.line}), true
	case !out.failed:
		return done{}, false
	}
	d := done{Kind: Error, Message: clip(errorText(out.value), maxErrorText)}
	d.Line, d.Message = lineOf(d.Message)
	if m.unavailable != "" {
		d.Kind, d.Message = Host, m.unavailable
	}
	return m.closing(d), true
}

func (m *machine) closing(d done) done {
	d.Steps = m.budget.steps
	d.Peak = int64(heapInUse())
	return d
}

// errorText is what an error says: text, or the message of an error table.
func errorText(v lua.LValue) string {
	if t, ok := v.(*lua.LTable); ok {
		if s, ok := text(t.RawGetString("message")); ok {
			return s
		}
		return "an error that is a table"
	}
	return show(v)
}

// coverage counts lines that ran.
type coverage struct{ seen map[int]bool }

func cover(m *machine, proto *lua.FunctionProto) *coverage {
	c := &coverage{seen: map[int]bool{}}
	m.budget.cover = func() {
		if d, ok := m.current().GetStack(0); ok {
			if _, err := m.current().GetInfo("l", d, lua.LNil); err == nil && d.CurrentLine > 0 {
				c.seen[d.CurrentLine] = true
			}
		}
	}
	return c
}

func (c *coverage) lines() []int {
	var out []int
	for l := range c.seen {
		out = append(out, l)
	}
	slices.Sort(out)
	return out
}

// codeLines are the lines of a compiled source that hold instructions. The return that
// the compiler puts at the end of every function is none that anybody wrote.
func codeLines(p *lua.FunctionProto) []int {
	set := map[int]bool{}
	var walk func(p *lua.FunctionProto)
	walk = func(p *lua.FunctionProto) {
		for _, l := range p.DbgSourcePositions[:max(len(p.DbgSourcePositions)-1, 0)] {
			if l > 0 {
				set[l] = true
			}
		}
		for _, f := range p.FunctionPrototypes {
			walk(f)
		}
	}
	walk(p)
	var out []int
	for l := range set {
		out = append(out, l)
	}
	slices.Sort(out)
	return out
}
