package luavm

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// openBase gives the functions of Lua's base library (Reference Manual 5.1,
// section 5.1) that reach nothing outside the call.
func (m *machine) openBase() {
	m.set("assert", func(L *lua.LState) int {
		L.CheckAny(1)
		if lua.LVIsFalse(L.Get(1)) {
			if L.GetTop() > 1 {
				L.Error(L.Get(2), 0)
			}
			L.Error(lua.LString("assertion failed!"), 0)
		}
		return L.GetTop()
	})
	m.set("error", func(L *lua.LState) int {
		v, level := L.Get(1), L.OptInt(2, 1)
		if s, ok := text(v); ok && level > 0 {
			v = lua.LString(position(L, level) + s)
		}
		L.Error(v, 0)
		return 0
	})
	m.set("pcall", m.pcall)
	m.set("type", func(L *lua.LState) int {
		L.CheckAny(1)
		L.Push(lua.LString(L.Get(1).Type().String()))
		return 1
	})
	m.set("tostring", func(L *lua.LState) int {
		L.CheckAny(1)
		L.Push(lua.LString(show(L.Get(1))))
		return 1
	})
	m.set("tonumber", toNumber)
	m.set("rawequal", func(L *lua.LState) int {
		L.CheckAny(1)
		L.CheckAny(2)
		L.Push(lua.LBool(L.Get(1) == L.Get(2)))
		return 1
	})
	m.set("select", func(L *lua.LState) int {
		if s, ok := L.Get(1).(lua.LString); ok && s == "#" {
			L.Push(lua.LNumber(L.GetTop() - 1))
			return 1
		}
		n, top := L.CheckInt(1), L.GetTop()
		if n < 0 {
			n = top + n
		} else if n > top {
			n = top
		}
		if n < 1 {
			L.ArgError(1, "index out of range")
		}
		return top - n
	})
	m.set("unpack", func(L *lua.LState) int {
		t := L.CheckTable(1)
		from := L.OptInt(2, 1)
		to := L.OptInt(3, t.Len())
		if from > to {
			return 0
		}
		if to-from >= maxUnpack || to-from < 0 {
			raise(L, "too many results to unpack")
		}
		for i := from; i <= to; i++ {
			L.Push(t.RawGetInt(i))
		}
		return to - from + 1
	})
	next := m.state.NewFunction(func(L *lua.LState) int {
		t := L.CheckTable(1)
		k, v := t.Next(L.Get(2))
		if k == lua.LNil {
			L.Push(lua.LNil)
			return 1
		}
		L.Push(k)
		L.Push(v)
		return 2
	})
	m.state.G.Global.RawSetString("next", next)
	m.set("pairs", func(L *lua.LState) int {
		t := L.CheckTable(1)
		L.Push(next)
		L.Push(t)
		L.Push(lua.LNil)
		return 3
	})
	step := m.state.NewFunction(func(L *lua.LState) int {
		i := L.CheckInt(2) + 1
		v := L.CheckTable(1).RawGetInt(i)
		if v == lua.LNil {
			L.Push(lua.LNil)
			return 1
		}
		L.Push(lua.LNumber(i))
		L.Push(v)
		return 2
	})
	m.set("ipairs", func(L *lua.LState) int {
		t := L.CheckTable(1)
		L.Push(step)
		L.Push(t)
		L.Push(lua.LNumber(0))
		return 3
	})
	m.set(concatName, m.concat)
}

// pcall cannot catch the end of a budget.
func (m *machine) pcall(L *lua.LState) int {
	L.CheckAny(1)
	if m.protected >= maxProtected {
		raise(L, "stack overflow")
	}
	args := make([]lua.LValue, 0, L.GetTop()-1)
	for i := 2; i <= L.GetTop(); i++ {
		args = append(args, L.Get(i))
	}
	m.protected++
	defer func() { m.protected-- }()
	out := m.protect(L, L.Get(1), args...)
	m.charge(L, 50)
	if out.failed {
		L.Push(lua.LFalse)
		L.Push(out.value)
		return 2
	}
	L.Push(lua.LTrue)
	for _, v := range out.values {
		L.Push(v)
	}
	return 1 + len(out.values)
}

// concat is the operator "..".
func (m *machine) concat(L *lua.LState) int {
	var b strings.Builder
	for i := 1; i <= L.GetTop(); i++ {
		s, ok := text(L.Get(i))
		if !ok {
			raise(L, "attempt to concatenate a "+L.Get(i).Type().String()+" value")
		}
		if b.Len()+len(s) > maxString {
			raise(L, "string too long")
		}
		b.WriteString(s)
	}
	m.charge(L, b.Len()/64)
	L.Push(lua.LString(b.String()))
	return 1
}

// text is a string, or a number as Lua writes it.
func text(v lua.LValue) (string, bool) {
	switch v := v.(type) {
	case lua.LString:
		return string(v), true
	case lua.LNumber:
		return number(float64(v)), true
	}
	return "", false
}

// show is tostring: no addresses, so that it is the same each time.
func show(v lua.LValue) string {
	if s, ok := text(v); ok {
		return s
	}
	switch v := v.(type) {
	case *lua.LNilType:
		return "nil"
	case lua.LBool:
		return strconv.FormatBool(bool(v))
	}
	return v.Type().String()
}

// number writes a number as C's "%.14g" does.
func number(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f):
		return "nan"
	}
	return general(f, 14, false)
}

// general is C's %.{precision}g.
func general(f float64, precision int, keepZeros bool) string {
	if precision == 0 {
		precision = 1
	}
	if f == 0 {
		s := "0"
		if keepZeros && precision > 1 {
			s += "." + strings.Repeat("0", precision-1)
		}
		return s
	}
	e := strconv.FormatFloat(f, 'e', precision-1, 64)
	exponent, _ := strconv.Atoi(e[strings.IndexByte(e, 'e')+1:])
	if exponent < -4 || exponent >= precision {
		mantissa, exp, _ := strings.Cut(e, "e")
		return trimZeros(mantissa, keepZeros) + "e" + exp
	}
	return trimZeros(strconv.FormatFloat(f, 'f', precision-1-exponent, 64), keepZeros)
}

func trimZeros(s string, keep bool) string {
	if keep || !strings.Contains(s, ".") {
		return s
	}
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}

func toNumber(L *lua.LState) int {
	base := L.OptInt(2, 10)
	if base == 10 {
		L.CheckAny(1)
		switch v := L.Get(1).(type) {
		case lua.LNumber:
			L.Push(v)
		case lua.LString:
			L.Push(parseNumber(string(v)))
		default:
			L.Push(lua.LNil)
		}
		return 1
	}
	if base < 2 || base > 36 {
		L.ArgError(2, "base out of range")
	}
	s := strings.ToLower(strings.TrimSpace(argText(L, 1)))
	negative := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(strings.TrimPrefix(s, "-"), "+")
	if base == 16 {
		s = strings.TrimPrefix(s, "0x")
	}
	n, err := strconv.ParseUint(s, base, 64)
	if err != nil {
		L.Push(lua.LNil)
		return 1
	}
	f := float64(n)
	if negative {
		f = -f
	}
	L.Push(lua.LNumber(f))
	return 1
}

// parseNumber reads what C's strtod reads of a whole string, without its
// words for infinity.
func parseNumber(s string) lua.LValue {
	s = strings.Trim(s, " \t\n\v\f\r")
	digits := strings.TrimLeft(s, "+-")
	if len(s)-len(digits) > 1 || digits == "" || strings.ContainsAny(s, "_pPnN") {
		return lua.LNil
	}
	if len(digits) > 1 && digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X') {
		n, err := strconv.ParseUint(digits[2:], 16, 64)
		if err != nil {
			return lua.LNil
		}
		f := float64(n)
		if s[0] == '-' {
			f = -f
		}
		return lua.LNumber(f)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(f, 0) {
		return lua.LNil
	}
	return lua.LNumber(f)
}

// argText is a string argument; numbers become text as Lua writes them.
func argText(L *lua.LState, i int) string {
	if s, ok := text(L.Get(i)); ok {
		return s
	}
	L.TypeError(i, lua.LTString)
	return ""
}
