package luavm

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// call is one call of a library function: its arguments by place, and its results.
type call struct {
	m    *machine
	L    *lua.LState
	name string
	out  int
}

// openLibrary gives the modules of the catalogue to the state. Host functions
// that are not granted are there too: calling one tells which grant is missing.
func (m *machine) openLibrary() {
	modules := map[string]*lua.LTable{}
	for _, e := range library() {
		fn := e.run
		name := e.Name
		g := m.state.NewFunction(func(L *lua.LState) int {
			m.charge(L, 5)
			c := &call{m: m, L: L, name: name}
			fn(c)
			return c.out
		})
		module, short, ok := strings.Cut(name, ".")
		if !ok {
			m.state.G.Global.RawSetString(name, g)
			continue
		}
		t := modules[module]
		if t == nil {
			t = m.state.NewTable()
			modules[module] = t
			m.state.G.Global.RawSetString(module, t)
		}
		t.RawSetString(short, g)
	}
}

// wrong ends the code: the argument is not what the function takes.
func (c *call) wrong(i int, wants string) {
	got := "nothing"
	if i <= c.L.GetTop() && c.L.Get(i) != lua.LNil {
		got = "a " + c.L.Get(i).Type().String()
	}
	c.fail(fmt.Sprintf("%s wants %s as argument %d and got %s", c.name, wants, i, got))
}

func (c *call) fail(message string) { raise(c.L, message) }

func (c *call) has(i int) bool { return i <= c.L.GetTop() && c.L.Get(i) != lua.LNil }

func (c *call) text(i int) string {
	s, ok := text(c.L.Get(i))
	if !ok {
		c.wrong(i, "text")
	}
	c.m.charge(c.L, len(s)/32)
	return s
}

func (c *call) textOr(i int, other string) string {
	if !c.has(i) {
		return other
	}
	return c.text(i)
}

func (c *call) int(i int) int {
	n, ok := c.L.Get(i).(lua.LNumber)
	if !ok || float64(n) != math.Trunc(float64(n)) || math.Abs(float64(n)) > exact {
		c.wrong(i, "a whole number")
	}
	return int(n)
}

func (c *call) intOr(i, other int) int {
	if !c.has(i) {
		return other
	}
	return c.int(i)
}

func (c *call) table(i int) *lua.LTable {
	t, ok := c.L.Get(i).(*lua.LTable)
	if !ok {
		c.wrong(i, "a table")
	}
	return t
}

func (c *call) list(i int) []lua.LValue {
	t := c.table(i)
	n := t.Len()
	if n > maxList {
		c.fail(c.name + " takes lists of up to 100,000 elements")
	}
	c.m.charge(c.L, n)
	out := make([]lua.LValue, n)
	for k := range out {
		out[k] = t.RawGetInt(k + 1)
	}
	return out
}

func (c *call) fn(i int) *lua.LFunction {
	f, ok := c.L.Get(i).(*lua.LFunction)
	if !ok {
		c.wrong(i, "a function")
	}
	return f
}

// invoke calls a function of the code with one argument and gives its first result.
func (c *call) invoke(f *lua.LFunction, args ...lua.LValue) lua.LValue {
	c.L.Push(f)
	for _, a := range args {
		c.L.Push(a)
	}
	c.L.Call(len(args), 1)
	v := c.L.Get(-1)
	c.L.Pop(1)
	return v
}

// json is an argument as JSON for the host.
func (c *call) json(v lua.LValue, most int) json.RawMessage {
	raw, err := toJSON(v, most)
	if err != nil {
		c.fail(c.name + ": " + err.Error())
	}
	return raw
}

func (c *call) give(v lua.LValue) {
	if s, ok := v.(lua.LString); ok {
		c.m.long(c.L, len(s))
		c.m.charge(c.L, len(s)/32)
	}
	c.L.Push(v)
	c.out++
}

func (c *call) giveText(s string) { c.give(lua.LString(s)) }
func (c *call) giveInt(n int)     { c.give(lua.LNumber(n)) }
func (c *call) giveBool(b bool)   { c.give(lua.LBool(b)) }
func (c *call) giveNothing()      { c.give(lua.LNil) }
func (c *call) giveTexts(s []string) {
	t := c.L.NewTable()
	for i, v := range s {
		t.RawSetInt(i+1, lua.LString(v))
	}
	c.m.charge(c.L, len(s))
	c.give(t)
}

func (c *call) giveList(list []lua.LValue) {
	t := c.L.NewTable()
	for i, v := range list {
		t.RawSetInt(i+1, v)
	}
	c.m.charge(c.L, len(list))
	c.give(t)
}

// line is where in the source the call stands.
func (c *call) line() int {
	for level := 1; level < 20; level++ {
		d, ok := c.L.GetStack(level)
		if !ok {
			return 0
		}
		if _, err := c.L.GetInfo("l", d, lua.LNil); err == nil && d.CurrentLine > 0 {
			return d.CurrentLine
		}
	}
	return 0
}
