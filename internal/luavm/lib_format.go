package luavm

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// strFormat is string.format with C's verbs and no others, and widths and
// precisions of two digits at most.
func (m *machine) strFormat(L *lua.LState) int {
	form := argText(L, 1)
	arg := 1
	var out strings.Builder
	for i := 0; i < len(form); i++ {
		if form[i] != '%' {
			out.WriteByte(form[i])
			continue
		}
		i++
		if i < len(form) && form[i] == '%' {
			out.WriteByte('%')
			continue
		}
		v, next := readVerb(form, i)
		if v.letter == 0 {
			raise(L, "invalid option to 'format'")
		}
		i = next
		arg++
		out.WriteString(m.formatted(L, v, arg))
		m.long(L, out.Len())
	}
	m.charge(L, out.Len()/16+arg)
	L.Push(lua.LString(out.String()))
	return 1
}

type verb struct {
	flags            string
	width, precision int // precision -1: none given
	letter           byte
}

func readVerb(form string, i int) (verb, int) {
	v := verb{precision: -1}
	for i < len(form) && strings.IndexByte("-+ #0", form[i]) >= 0 {
		v.flags += form[i : i+1]
		i++
	}
	if len(v.flags) > 5 {
		return verb{}, i
	}
	v.width, i = readTwo(form, i)
	if i < len(form) && form[i] == '.' {
		v.precision, i = readTwo(form, i+1)
	}
	if i < len(form) {
		v.letter = form[i]
	}
	if strings.IndexByte("cdiouxXeEfgGqs", v.letter) < 0 {
		v.letter = 0
	}
	return v, i
}

func readTwo(form string, i int) (n, next int) {
	for k := 0; k < 2 && i < len(form) && form[i] >= '0' && form[i] <= '9'; k++ {
		n = n*10 + int(form[i]-'0')
		i++
	}
	return n, i
}

func (v verb) has(flag string) bool { return strings.Contains(v.flags, flag) }

func (m *machine) formatted(L *lua.LState, v verb, arg int) string {
	switch v.letter {
	case 's':
		s := show(argAny(L, arg))
		if v.precision >= 0 && v.precision < len(s) {
			s = s[:v.precision]
		}
		return v.pad(s, "")
	case 'q':
		return quote(argText(L, arg))
	case 'c':
		return v.pad(string([]byte{byte(int64(argNumber(L, arg)))}), "")
	}
	f := argNumber(L, arg)
	switch v.letter {
	case 'd', 'i', 'u', 'o', 'x', 'X':
		return v.integer(f)
	}
	return v.float(f)
}

func (v verb) integer(f float64) string {
	n := int64(f)
	negative := n < 0 && (v.letter == 'd' || v.letter == 'i')
	u := uint64(n)
	if negative {
		u = uint64(-n)
	}
	base := map[byte]int{'o': 8, 'x': 16, 'X': 16}[v.letter]
	if base == 0 {
		base = 10
	}
	digits := strconv.FormatUint(u, base)
	if v.letter == 'X' {
		digits = strings.ToUpper(digits)
	}
	if v.precision == 0 && u == 0 {
		digits = ""
	}
	if len(digits) < v.precision {
		digits = strings.Repeat("0", v.precision-len(digits)) + digits
	}
	sign := ""
	if v.letter == 'd' || v.letter == 'i' {
		sign = v.sign(negative)
	} else if v.has("#") && v.letter == 'o' && !strings.HasPrefix(digits, "0") {
		digits = "0" + digits
	} else if v.has("#") && u != 0 {
		sign = map[byte]string{'x': "0x", 'X': "0X"}[v.letter]
	}
	if v.precision >= 0 {
		v.flags = strings.ReplaceAll(v.flags, "0", "")
	}
	return v.pad(digits, sign)
}

func (v verb) sign(negative bool) string {
	switch {
	case negative:
		return "-"
	case v.has("+"):
		return "+"
	case v.has(" "):
		return " "
	}
	return ""
}

func (v verb) float(f float64) string {
	precision := v.precision
	if precision < 0 {
		precision = 6
	}
	negative := math.Signbit(f) && !math.IsNaN(f)
	a := math.Abs(f)
	var s string
	switch {
	case math.IsInf(a, 0):
		s = "inf"
	case math.IsNaN(a):
		s = "nan"
	case v.letter == 'f':
		s = v.point(strconv.FormatFloat(a, 'f', precision, 64))
	case v.letter == 'e' || v.letter == 'E':
		s = v.point(strconv.FormatFloat(a, 'e', precision, 64))
	default:
		s = v.point(general(a, precision, v.has("#")))
	}
	if math.IsInf(a, 0) || math.IsNaN(a) {
		v.flags = strings.ReplaceAll(v.flags, "0", "")
	}
	if v.letter == 'E' || v.letter == 'G' {
		s = strings.ToUpper(s)
	}
	return v.pad(s, v.sign(negative))
}

// point keeps the decimal point of a number without decimals, as the flag # asks.
func (v verb) point(s string) string {
	if !v.has("#") || strings.Contains(s, ".") {
		return s
	}
	mantissa, exponent, e := strings.Cut(s, "e")
	if e {
		return mantissa + ".e" + exponent
	}
	return mantissa + "."
}

func (v verb) pad(s, sign string) string {
	missing := v.width - len(s) - len(sign)
	switch {
	case missing <= 0:
		return sign + s
	case v.has("-"):
		return sign + s + strings.Repeat(" ", missing)
	case v.has("0") && v.letter != 's' && v.letter != 'c':
		return sign + strings.Repeat("0", missing) + s
	}
	return strings.Repeat(" ", missing) + sign + s
}

// quote is %q: a string that Lua reads back.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\', '\n':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\r':
			b.WriteString("\\r")
		case 0:
			b.WriteString("\\000")
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// argNumber is a number argument; text that is a number counts.
func argNumber(L *lua.LState, i int) float64 {
	switch v := L.Get(i).(type) {
	case lua.LNumber:
		return float64(v)
	case lua.LString:
		if n, ok := parseNumber(string(v)).(lua.LNumber); ok {
			return float64(n)
		}
	}
	raise(L, fmt.Sprintf("bad argument #%d (number expected, got %s)", i, L.Get(i).Type()))
	return 0
}

func argAny(L *lua.LState, i int) lua.LValue {
	if i > L.GetTop() {
		raise(L, fmt.Sprintf("bad argument #%d (no value)", i))
	}
	return L.Get(i)
}
