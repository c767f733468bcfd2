package luavm

import (
	"math"
	"sort"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// openTable gives Lua's table library (Reference Manual 5.1, section 5.5).
func (m *machine) openTable() {
	m.module("table", map[string]lua.LGFunction{
		"concat": m.tabConcat, "insert": m.tabInsert, "remove": m.tabRemove, "sort": m.tabSort,
		"maxn": func(L *lua.LState) int {
			L.Push(lua.LNumber(L.CheckTable(1).MaxN()))
			return 1
		},
	})
}

func (m *machine) tabConcat(L *lua.LState) int {
	t := L.CheckTable(1)
	sep := ""
	if L.Get(2) != lua.LNil {
		sep = argText(L, 2)
	}
	from, to := L.OptInt(3, 1), L.OptInt(4, t.Len())
	if to-from >= maxList {
		raise(L, "too many values to concatenate")
	}
	var b strings.Builder
	for i := from; i <= to; i++ {
		v := t.RawGetInt(i)
		s, ok := text(v)
		if !ok {
			raise(L, "invalid value ("+v.Type().String()+") in table for 'concat'")
		}
		if b.Len()+len(s)+len(sep) > maxString {
			raise(L, "string too long")
		}
		b.WriteString(s)
		if i < to {
			b.WriteString(sep)
		}
	}
	m.charge(L, b.Len()/64+max(to-from, 0))
	L.Push(lua.LString(b.String()))
	return 1
}

func (m *machine) tabInsert(L *lua.LState) int {
	t := L.CheckTable(1)
	n := t.Len()
	switch L.GetTop() {
	case 2:
		t.RawSetInt(n+1, L.Get(2))
	case 3:
		at := L.CheckInt(2)
		if at > n+1 {
			n = at - 1
		}
		if n-at > maxList || at < math.MinInt32 {
			raise(L, "too many values to move")
		}
		m.charge(L, max(n-at, 0))
		for i := n; i >= at; i-- {
			t.RawSetInt(i+1, t.RawGetInt(i))
		}
		t.RawSetInt(at, L.Get(3))
	default:
		raise(L, "wrong number of arguments to 'insert'")
	}
	return 0
}

func (m *machine) tabRemove(L *lua.LState) int {
	t := L.CheckTable(1)
	n := t.Len()
	at := L.OptInt(2, n)
	if at < 1 || at > n {
		return 0
	}
	if n-at > maxList {
		raise(L, "too many values to move")
	}
	m.charge(L, n-at)
	L.Push(t.RawGetInt(at))
	for i := at; i < n; i++ {
		t.RawSetInt(i, t.RawGetInt(i+1))
	}
	t.RawSetInt(n, lua.LNil)
	return 1
}

// tabSort sorts a copy, in an order that does not depend on chance, and puts
// it back when the order was found.
func (m *machine) tabSort(L *lua.LState) int {
	t := L.CheckTable(1)
	n := t.Len()
	if n > maxList {
		raise(L, "too many values to sort")
	}
	less := L.Get(2)
	if less != lua.LNil && less.Type() != lua.LTFunction {
		L.ArgError(2, "function expected")
	}
	list := make([]lua.LValue, n)
	for i := range list {
		list[i] = t.RawGetInt(i + 1)
	}
	m.charge(L, n)
	sort.SliceStable(list, func(i, j int) bool {
		m.charge(L, 1)
		if less == lua.LNil {
			return m.less(L, list[i], list[j])
		}
		L.Push(less)
		L.Push(list[i])
		L.Push(list[j])
		L.Call(2, 1)
		r := L.ToBool(-1)
		L.Pop(1)
		return r
	})
	for i, v := range list {
		t.RawSetInt(i+1, v)
	}
	return 0
}

func (m *machine) less(L *lua.LState, a, b lua.LValue) bool {
	if x, ok := a.(lua.LNumber); ok {
		if y, ok := b.(lua.LNumber); ok {
			return x < y
		}
	}
	if x, ok := a.(lua.LString); ok {
		if y, ok := b.(lua.LString); ok {
			return x < y
		}
	}
	if a.Type() == b.Type() {
		raise(L, "attempt to compare two "+a.Type().String()+" values")
	}
	raise(L, "attempt to compare "+a.Type().String()+" with "+b.Type().String())
	return false
}

// openMath gives the part of Lua's math library (section 5.6) that joiner
// rules use; there is no random in it.
func (m *machine) openMath() {
	one := func(f func(float64) float64) lua.LGFunction {
		return func(L *lua.LState) int {
			L.Push(lua.LNumber(f(argNumber(L, 1))))
			return 1
		}
	}
	fold := func(f func(a, b float64) float64) lua.LGFunction {
		return func(L *lua.LState) int {
			v := argNumber(L, 1)
			for i := 2; i <= L.GetTop(); i++ {
				v = f(v, argNumber(L, i))
			}
			L.Push(lua.LNumber(v))
			return 1
		}
	}
	t := m.module("math", map[string]lua.LGFunction{
		"abs": one(math.Abs), "floor": one(math.Floor), "ceil": one(math.Ceil), "sqrt": one(math.Sqrt),
		"min": fold(func(a, b float64) float64 {
			if b < a {
				return b
			}
			return a
		}),
		"max": fold(func(a, b float64) float64 {
			if b > a {
				return b
			}
			return a
		}),
		"fmod": func(L *lua.LState) int {
			L.Push(lua.LNumber(math.Mod(argNumber(L, 1), argNumber(L, 2))))
			return 1
		},
	})
	t.RawSetString("huge", lua.LNumber(math.Inf(1)))
	t.RawSetString("pi", lua.LNumber(math.Pi))
}
