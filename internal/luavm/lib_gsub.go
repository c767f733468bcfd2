package luavm

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"joinery/internal/luavm/pattern"
)

func (m *machine) strGsub(L *lua.LState) int {
	mt := m.matcher(L)
	with := L.Get(3)
	switch with.Type() {
	case lua.LTString, lua.LTNumber, lua.LTTable, lua.LTFunction:
	default:
		L.ArgError(3, "string/function/table expected")
	}
	most := L.OptInt(4, len(mt.Subject)+1)
	p := 0
	anchored := strings.HasPrefix(mt.Pattern, "^")
	if anchored {
		p = 1
	}
	var out strings.Builder
	count, s := 0, 0
	for count < most {
		end, captures := m.try(L, mt, s, p)
		if end >= 0 {
			count++
			m.replace(L, &out, mt, captures, s, end, with)
		}
		if end > s {
			s = end
		} else if s < len(mt.Subject) {
			out.WriteByte(mt.Subject[s])
			s++
		} else {
			break
		}
		m.long(L, out.Len())
		if anchored {
			break
		}
	}
	out.WriteString(mt.Subject[min(s, len(mt.Subject)):])
	m.long(L, out.Len())
	m.charge(L, out.Len()/64)
	L.Push(lua.LString(out.String()))
	L.Push(lua.LNumber(count))
	return 2
}

// replace writes what stands for one match.
func (m *machine) replace(L *lua.LState, out *strings.Builder, mt *pattern.Matcher, captures []pattern.Capture, s, end int, with lua.LValue) {
	captures = append([]pattern.Capture(nil), captures...) // a callback may match again
	var v lua.LValue
	switch w := with.(type) {
	case *lua.LTable:
		v = w.RawGet(captured(mt, captures, s, end, 0))
	case *lua.LFunction:
		L.Push(w)
		n := pushCaptures(L, mt, captures, s, end, true)
		L.Call(n, 1)
		v = L.Get(-1)
		L.Pop(1)
	default:
		form, _ := text(with)
		m.expand(L, out, form, mt, captures, s, end)
		return
	}
	if lua.LVIsFalse(v) {
		out.WriteString(mt.Subject[s:end])
		return
	}
	t, ok := text(v)
	if !ok {
		raise(L, "invalid replacement value (a "+v.Type().String()+")")
	}
	m.long(L, out.Len()+len(t))
	out.WriteString(t)
}

// expand writes a replacement string with its %0 to %9.
func (m *machine) expand(L *lua.LState, out *strings.Builder, form string, mt *pattern.Matcher, captures []pattern.Capture, s, end int) {
	for i := 0; i < len(form); i++ {
		c := form[i]
		if c != '%' {
			out.WriteByte(c)
			continue
		}
		i++
		switch {
		case i >= len(form):
			// PUC 5.1 reads the zero byte that ends a C string.
			out.WriteByte(0)
		case form[i] == '0':
			out.WriteString(mt.Subject[s:end])
		case form[i] >= '1' && form[i] <= '9':
			n := int(form[i] - '1')
			if n >= max(len(captures), 1) {
				raise(L, "invalid capture index")
			}
			t, _ := text(captured(mt, captures, s, end, n))
			out.WriteString(t)
		default:
			out.WriteByte(form[i])
		}
		m.long(L, out.Len())
	}
	m.charge(L, 1+len(form)/16)
}
