package luavm

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"joinery/internal/luavm/pattern"
)

// openString gives Lua's string library (Reference Manual 5.1, section 5.4)
// with every result bounded and every pattern within a budget of steps.
func (m *machine) openString() {
	fns := map[string]lua.LGFunction{
		"byte": m.strByte, "char": m.strChar, "find": m.strFind, "match": m.strMatch, "gmatch": m.strGmatch,
		"gsub": m.strGsub, "format": m.strFormat, "rep": m.strRep, "sub": m.strSub,
		"len": func(L *lua.LState) int {
			L.Push(lua.LNumber(len(argText(L, 1))))
			return 1
		},
		"lower": m.mapped(asciiLower), "upper": m.mapped(asciiUpper), "reverse": m.mapped(reverse),
	}
	// Strings reach the library by s:upper() too; what they reach is a table of their own, so that nothing a
	// script does to one is seen by the other, and no script can see it.
	m.module("string", fns)
	methods := m.state.NewTable()
	for _, k := range sortedKeys(fns) {
		methods.RawSetString(k, m.state.NewFunction(fns[k]))
	}
	meta := m.state.NewTable()
	meta.RawSetString("__index", m.state.NewFunction(func(L *lua.LState) int {
		L.Push(methods.RawGet(L.Get(2)))
		return 1
	}))
	meta.RawSetString("__metatable", lua.LFalse)
	m.state.SetMetatable(lua.LString(""), meta)
}

func (m *machine) mapped(f func(string) string) lua.LGFunction {
	return func(L *lua.LState) int {
		s := argText(L, 1)
		m.long(L, len(s))
		m.charge(L, len(s)/16)
		L.Push(lua.LString(f(s)))
		return 1
	}
}

// long refuses to make a string that is too long.
func (m *machine) long(L *lua.LState, n int) {
	if n > maxString {
		raise(L, "string too long")
	}
}

func asciiLower(s string) string {
	return mapBytes(s, func(c byte) byte {
		if c >= 'A' && c <= 'Z' {
			return c + 32
		}
		return c
	})
}

func asciiUpper(s string) string {
	return mapBytes(s, func(c byte) byte {
		if c >= 'a' && c <= 'z' {
			return c - 32
		}
		return c
	})
}

func mapBytes(s string, f func(byte) byte) string {
	out := make([]byte, len(s))
	for i := range len(s) {
		out[i] = f(s[i])
	}
	return string(out)
}

func reverse(s string) string {
	out := make([]byte, len(s))
	for i := range len(s) {
		out[len(s)-1-i] = s[i]
	}
	return string(out)
}

// span turns Lua's from and to (1 is the first, -1 the last) into Go's.
func span(from, to, n int) (int, int) {
	if from < 0 {
		from = max(n+from+1, 1)
	} else if from == 0 {
		from = 1
	}
	if to < 0 {
		to = n + to + 1
	} else if to > n {
		to = n
	}
	if from > to {
		return 0, 0
	}
	return from - 1, to
}

func (m *machine) strSub(L *lua.LState) int {
	s := argText(L, 1)
	from, to := span(L.CheckInt(2), L.OptInt(3, -1), len(s))
	L.Push(lua.LString(s[from:to]))
	return 1
}

func (m *machine) strByte(L *lua.LState) int {
	s := argText(L, 1)
	first := L.OptInt(2, 1)
	from, to := span(first, L.OptInt(3, first), len(s))
	if to-from > maxUnpack {
		raise(L, "string slice too long")
	}
	for i := from; i < to; i++ {
		L.Push(lua.LNumber(s[i]))
	}
	return to - from
}

func (m *machine) strChar(L *lua.LState) int {
	out := make([]byte, L.GetTop())
	for i := range out {
		c := L.CheckInt(i + 1)
		if c < 0 || c > 255 {
			L.ArgError(i+1, "invalid value")
		}
		out[i] = byte(c)
	}
	L.Push(lua.LString(out))
	return 1
}

func (m *machine) strRep(L *lua.LState) int {
	s, n := argText(L, 1), float64(L.CheckNumber(2))
	if n < 1 || s == "" || n != n {
		L.Push(lua.LString(""))
		return 1
	}
	if n*float64(len(s)) > maxString {
		raise(L, "string too long")
	}
	m.charge(L, len(s)*int(n)/64)
	L.Push(lua.LString(strings.Repeat(s, int(n))))
	return 1
}

// matcher reads the subject and the pattern of a call.
func (m *machine) matcher(L *lua.LState) *pattern.Matcher {
	s, p := argText(L, 1), argText(L, 2)
	if len(p) > pattern.MaxLength {
		raise(L, pattern.ErrTooLong.Error())
	}
	left := 2_000_000
	return &pattern.Matcher{Subject: s, Pattern: p, Charge: func(n int) error {
		if left -= n; left < 0 || !m.budget.charge(n) {
			return pattern.ErrTooComplex
		}
		return nil
	}}
}

// try matches at s; an error of the pattern ends the running code.
func (m *machine) try(L *lua.LState, mt *pattern.Matcher, s, p int) (int, []pattern.Capture) {
	end, captures, err := mt.At(s, p)
	if err != nil {
		raise(L, err.Error())
	}
	return end, captures
}

// captured is the i-th capture, the whole match when there is none.
func captured(mt *pattern.Matcher, captures []pattern.Capture, s, end, i int) lua.LValue {
	if i >= len(captures) {
		return lua.LString(mt.Subject[s:end])
	}
	c := captures[i]
	if c.Len < 0 {
		return lua.LNumber(c.Start + 1)
	}
	return lua.LString(mt.Subject[c.Start : c.Start+c.Len])
}

func pushCaptures(L *lua.LState, mt *pattern.Matcher, captures []pattern.Capture, s, end int, whole bool) int {
	n := len(captures)
	if n == 0 && whole {
		n = 1
	}
	for i := range n {
		L.Push(captured(mt, captures, s, end, i))
	}
	return n
}

func (m *machine) strFind(L *lua.LState) int  { return m.search(L, true) }
func (m *machine) strMatch(L *lua.LState) int { return m.search(L, false) }

func (m *machine) search(L *lua.LState, find bool) int {
	mt := m.matcher(L)
	init := L.OptInt(3, 1)
	if init < 0 {
		init = max(len(mt.Subject)+init+1, 1)
	}
	s := max(init-1, 0)
	if s > len(mt.Subject) {
		// PUC 5.1 begins at the end then.
		s = len(mt.Subject)
	}
	if find && (L.ToBool(4) || !strings.ContainsAny(mt.Pattern, "^$*+?.([%-")) {
		m.charge(L, len(mt.Subject)/16)
		i := strings.Index(mt.Subject[s:], mt.Pattern)
		if i < 0 {
			L.Push(lua.LNil)
			return 1
		}
		L.Push(lua.LNumber(s + i + 1))
		L.Push(lua.LNumber(s + i + len(mt.Pattern)))
		return 2
	}
	p := 0
	anchored := strings.HasPrefix(mt.Pattern, "^")
	if anchored {
		p = 1
	}
	for ; s <= len(mt.Subject); s++ {
		if end, captures := m.try(L, mt, s, p); end >= 0 {
			if !find {
				return pushCaptures(L, mt, captures, s, end, true)
			}
			L.Push(lua.LNumber(s + 1))
			L.Push(lua.LNumber(end))
			return 2 + pushCaptures(L, mt, captures, s, end, false)
		}
		if anchored {
			break
		}
	}
	L.Push(lua.LNil)
	return 1
}

func (m *machine) strGmatch(L *lua.LState) int {
	mt := m.matcher(L)
	at := 0
	L.Push(L.NewFunction(func(L *lua.LState) int {
		for ; at <= len(mt.Subject); at++ {
			end, captures := m.try(L, mt, at, 0)
			if end < 0 {
				continue
			}
			s := at
			at = end
			if end == s {
				at++
			}
			return pushCaptures(L, mt, captures, s, end, true)
		}
		L.Push(lua.LNil)
		return 1
	}))
	return 1
}
