package luavm

import (
	"regexp"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// compileMutant turns source into code, with its n-th small change; 0 is without one.
// Its time is not bounded from within: a process that does it must be one that may
// be killed.
func compileMutant(source string, n int) (*lua.FunctionProto, error) {
	chunk, err := parseSource(source)
	if err != nil {
		return nil, err
	}
	if n > 0 {
		chunk, _ = mutants(chunk, n)
	}
	proto, err := lua.Compile(rewrite(chunk), "function")
	if err != nil {
		if c, ok := err.(*lua.CompileError); ok {
			return nil, &CompileError{Line: c.Line, Detail: clip(c.Message, 300)}
		}
		return nil, &CompileError{Detail: clip(err.Error(), 300)}
	}
	return proto, nil
}

// machine is one fresh Lua state under a budget.
type machine struct {
	state     *lua.LState
	budget    *budget
	protected int // depth of pcall
	given     given
	regexes   map[string]*regexp.Regexp
	finished  *ended
	stacks    []*lua.LState // the running one is the last
	// unavailable is what the host said when a system did not answer, so that an
	// error that nobody caught is known to be worth another try.
	unavailable string
}

// raised is a Lua error on its way up. The library's own unwinding is not
// used: it closes variables of callers that go on, or none at all, and writes
// a line for every tail call.
type raised struct{ value lua.LValue }

func newMachine(l Limits) *machine {
	m := &machine{budget: newBudget(l), regexes: map[string]*regexp.Regexp{}}
	m.state = lua.NewState(lua.Options{
		SkipOpenLibs: true, CallStackSize: maxCalls, MinimizeStackMemory: true,
		RegistrySize: 2048, RegistryMaxSize: maxRegistry, RegistryGrowStep: 2048,
	})
	m.under(m.state)
	m.openBase()
	m.openString()
	m.openTable()
	m.openMath()
	m.openLibrary()
	return m
}

func (m *machine) under(L *lua.LState) {
	L.SetContext(m.budget)
	L.Panic = func(L *lua.LState) { panic(raised{L.Get(-1)}) }
}

// current is the stack that runs.
func (m *machine) current() *lua.LState {
	if n := len(m.stacks); n > 0 {
		return m.stacks[n-1]
	}
	return m.state
}

// outcome is how a protected call ended.
type outcome struct {
	values []lua.LValue
	failed bool
	value  lua.LValue // of the error
}

// protect calls fn on a stack of its own, so that an error leaves the stacks
// of its callers as they are.
func (m *machine) protect(from *lua.LState, fn lua.LValue, args ...lua.LValue) (out outcome) {
	L, cancel := from.NewThread()
	if cancel != nil {
		cancel()
	}
	m.under(L)
	m.stacks = append(m.stacks, L)
	defer func() {
		m.stacks = m.stacks[:len(m.stacks)-1]
		r := recover()
		switch r := r.(type) {
		case nil:
		case raised:
			if m.finished != nil && m.protected > 0 {
				panic(r) // fail ends the whole function
			}
			out = outcome{failed: true, value: r.value}
		default:
			// A fault of the machine says nothing that code could use.
			out = outcome{failed: true, value: lua.LString("internal error")}
		}
	}()
	L.Push(fn)
	for _, a := range args {
		L.Push(a)
	}
	L.Call(len(args), lua.MultRet)
	for i := 1; i <= L.GetTop(); i++ {
		out.values = append(out.values, L.Get(i))
	}
	return out
}

// raise ends the running code with an error at the line of the caller.
func raise(L *lua.LState, message string) {
	L.Error(lua.LString(position(L, 1)+message), 0)
}

// position is "function:12: ", empty where no Lua code is.
func position(L *lua.LState, level int) string {
	where := L.Where(level)
	if where == "" || strings.HasPrefix(where, "[G]") {
		return ""
	}
	return where + " "
}

// charge counts work and ends the call when it is too much.
func (m *machine) charge(L *lua.LState, n int) {
	if !m.budget.charge(n) {
		raise(L, "limit reached")
	}
}

// end ends the whole call; no pcall catches it.
func (m *machine) end(kind Kind, code, message string, line int) {
	m.finished = &ended{kind: kind, code: code, message: message, line: line}
	panic(raised{lua.LString(message)})
}

func (m *machine) set(name string, fn lua.LGFunction) {
	m.state.G.Global.RawSetString(name, m.state.NewFunction(fn))
}

func (m *machine) module(name string, fns map[string]lua.LGFunction) *lua.LTable {
	t := m.state.NewTable()
	for _, k := range sortedKeys(fns) {
		t.RawSetString(k, m.state.NewFunction(fns[k]))
	}
	m.state.G.Global.RawSetString(name, t)
	return t
}

// lineOf takes the place off an error's text.
func lineOf(message string) (int, string) {
	rest, ok := strings.CutPrefix(message, "function:")
	if !ok {
		return 0, message
	}
	digits, text, ok := strings.Cut(rest, ": ")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil {
		return 0, message
	}
	return n, text
}
