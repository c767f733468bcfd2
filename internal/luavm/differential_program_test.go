package luavm

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// gen writes random programs, heavy on what compilers get wrong.
type gen struct {
	r     *rand.Rand
	b     strings.Builder
	names []string
	depth int
	loops int
	fns   int
}

func program(seed uint64) string {
	g := &gen{r: rand.New(rand.NewPCG(seed, 51))}
	g.b.WriteString("local a, b, c, t = 1, 2, \"x\", {3, 4, k = 5}\nglob = 7\n")
	g.names = []string{"a", "b", "c", "glob"}
	for range 3 + g.r.IntN(5) {
		g.stmt(1)
	}
	g.b.WriteString("out(a, b, c, glob, t[1], t[2], t.k)\n")
	return g.b.String()
}

func (g *gen) pick(s ...string) string { return s[g.r.IntN(len(s))] }

func (g *gen) line(depth int, format string, args ...any) {
	fmt.Fprintf(&g.b, strings.Repeat("  ", depth-1)+format+"\n", args...)
}

func (g *gen) target() string {
	if g.r.IntN(3) == 0 {
		return g.pick("t[1]", "t[2]", "t.k", "t[(a == 1) and 1 or 2]")
	}
	return g.names[g.r.IntN(len(g.names))]
}

func (g *gen) expr(d int) string {
	if d <= 0 {
		return g.pick("1", "2", "0", "-3", "2.5", `"s"`, `"10"`, "nil", "true", "false", "a", "b", "c", "glob", "t[1]", "t.k", `#"abc"`, `("Ab"):lower()`)
	}
	switch g.r.IntN(9) {
	case 0, 1:
		return fmt.Sprintf("(%s %s %s)", g.expr(d-1), g.pick("and", "or"), g.expr(d-1))
	case 2:
		return fmt.Sprintf("not %s", g.expr(d-1))
	case 3:
		return fmt.Sprintf("(%s == %s)", g.expr(d-1), g.expr(d-1))
	case 4:
		return fmt.Sprintf("(tostring(%s) .. %s)", g.expr(d-1), g.pick(`"y"`, "1", "2.5", "tostring(b)", "(1/4)"))
	case 5:
		return fmt.Sprintf("(num(%s) %s num(%s))", g.expr(d-1), g.pick("+", "-", "*", "<", ">=", "%"), g.expr(d-1))
	case 6:
		return fmt.Sprintf("(function(...) return %s end)(%s, %s)", g.pick("...", "select('#', ...)", "(...)", "a"), g.expr(d-1), g.expr(d-1))
	case 7:
		return fmt.Sprintf("({%s, k = %s})[%s]", g.expr(d-1), g.expr(d-1), g.pick("1", `"k"`))
	default:
		return g.expr(0)
	}
}

func (g *gen) stmt(d int) {
	if g.fns == 0 {
		g.fns++
		g.b.WriteString("local function num(v) if type(v) == \"number\" then return v end if v then return 1 end return 0 end\n")
	}
	if d > 4 {
		g.line(d, "%s = %s", g.target(), g.expr(1))
		return
	}
	switch g.r.IntN(14) {
	case 0, 1, 2:
		x, y := g.target(), g.target()
		if x == y {
			y = "t.other"
		}
		g.line(d, "%s, %s = %s, %s", x, y, g.pick(y, g.expr(2)), g.pick(x, g.expr(2)))
	case 3:
		n := fmt.Sprintf("v%d", len(g.names))
		g.line(d, "local %s, %sb = %s, %s", n, n, g.expr(2), g.expr(1))
		g.line(d, "%s, %sb = %sb, %s", n, n, n, n)
		g.line(d, "out(%s, %sb)", n, n)
	case 4:
		g.line(d, "if %s then", g.pick("false", "true", "nil", "not nil", "1", "not (true or false)", g.expr(2)))
		g.stmt(d + 1)
		if g.r.IntN(2) == 0 {
			g.line(d, "else")
			g.stmt(d + 1)
		}
		g.line(d, "end")
	case 5:
		g.loops++
		v := fmt.Sprintf("i%d", g.loops)
		g.line(d, "for %s = %s do", v, g.pick("1, 3", "3, 1, -1", "1, 2, 0.5", "2, 1"))
		g.stmt(d + 1)
		g.line(d+1, "if %s then break end", g.pick("false", v+" == 2", g.expr(1)))
		g.line(d, "end")
	case 6:
		g.line(d, "for k, v in %s do", g.pick("ipairs({5, 6, 7})", "ipairs(t)"))
		g.stmt(d + 1)
		g.line(d+1, "c = ((%s or %s) and %s)", g.pick("true", "false", "nil"), g.pick("true", "v"), g.pick("v", "k", "c"))
		g.line(d, "end")
	case 7:
		g.loops++
		v := fmt.Sprintf("w%d", g.loops)
		g.line(d, "local %s = 0", v)
		g.line(d, "while %s do", g.pick("true", v+" < 3", "not false", "(true and "+v+" < 2)"))
		g.line(d+1, "%s = %s + 1", v, v)
		g.stmt(d + 1)
		g.line(d+1, "if %s > 2 then break end", v)
		g.line(d, "end")
	case 8:
		g.loops++
		v := fmt.Sprintf("r%d", g.loops)
		g.line(d, "local %s = 0", v)
		g.line(d, "repeat")
		g.line(d+1, "local inner = %s", g.expr(1))
		g.line(d+1, "%s = %s + 1", v, v)
		g.stmt(d + 1)
		g.line(d, "until %s > 2 or %s", v, g.pick("false", "inner == nil", "true"))
	case 9:
		g.line(d, "out(pcall(function(...)")
		g.stmt(d + 1)
		g.line(d+1, "%s", g.pick("error({})", "a = a + 1", "local q = a; a = function() return q end; a = a()", "return ...", "if glob then return 1, nil end"))
		g.line(d, "end, %s) == true)", g.expr(1))
	case 10:
		g.fns++
		f := fmt.Sprintf("f%d", g.fns)
		g.line(d, "local function %s(x, y, ...)", f)
		g.line(d+1, "x, y = y, x")
		g.stmt(d + 1)
		g.line(d+1, "return %s", g.pick("x, y", "y, ...", "(x)", "select('#', ...)", "x and y", "not x"))
		g.line(d, "end")
		g.line(d, "out(%s(%s, %s, %s))", f, g.expr(1), g.expr(1), g.expr(0))
		g.line(d, "%s, %s = %s(%s)", g.target(), "t.z", f, g.expr(1))
	case 11:
		g.line(d, "do local up = %s", g.expr(0))
		g.line(d+1, "local get, set = function() return up end, function(v) up = v end")
		g.stmt(d + 1)
		g.line(d+1, "pcall(function() set(%s) error('e') end)", g.expr(1))
		g.line(d+1, "up, a = a, up")
		g.line(d+1, "out(get(), up, a)")
		g.line(d, "end")
	case 12:
		g.line(d, "out(%s, %s)", g.expr(3), g.expr(2))
	default:
		g.line(d, "%s = %s", g.target(), g.expr(3))
	}
}

// patterns is a program that matches random patterns and formats random numbers.
func patterns(seed uint64) string {
	g := &gen{r: rand.New(rand.NewPCG(seed, 7))}
	g.b.WriteString("local function try(f, ...) local r = {pcall(f, ...)} if r[1] then out(unpack(r, 2, 5)) else out('error') end end\n")
	subject := func() string {
		var b strings.Builder
		for range g.r.IntN(12) {
			b.WriteString(g.pick("a", "b", "ab", "A", "1", "20", " ", ".", "(", ")", "-", "_", "]", "^", "%%"[:1]))
		}
		return strings.ReplaceAll(b.String(), `"`, "")
	}
	pattern := func() string {
		var b strings.Builder
		if g.r.IntN(5) == 0 {
			b.WriteString("^")
		}
		for range 1 + g.r.IntN(5) {
			switch g.r.IntN(9) {
			case 0:
				b.WriteString("(" + g.pick("", "a", ".", "%d+", "%a*", ".-") + ")")
			case 1:
				b.WriteString(g.pick("%b()", "%f[%w]", "%f[%W]", "%1", "[^ab]", "[a-c]", "[]]", "[%a_]", "[%d-]", "[^]a]", "%%", "%.", "$"))
			default:
				b.WriteString(g.pick("a", "b", "A", ".", "%a", "%d", "%s", "%w", "%u", "%l", "%p", "%x", "%A", "[ab1]", " "))
			}
			b.WriteString(g.pick("", "", "", "*", "+", "-", "?"))
		}
		if g.r.IntN(5) == 0 {
			b.WriteString("$")
		}
		return b.String()
	}
	for range 6 {
		s, p := subject(), pattern()
		switch g.r.IntN(6) {
		case 0:
			fmt.Fprintf(&g.b, "try(string.find, %q, %q, %d)\n", s, p, g.r.IntN(9)-3)
		case 1:
			fmt.Fprintf(&g.b, "try(string.match, %q, %q)\n", s, p)
		case 2:
			fmt.Fprintf(&g.b, "try(string.gsub, %q, %q, %s)\n", s, p, g.pick(`"<%0>"`, `"<%1>"`, `""`, `"x", 2`, `function(c) return c .. "!" end`, `{a = "z", b = false}`, `"%%"`))
		case 3:
			fmt.Fprintf(&g.b, "try(function() local n = 0 for x, y in string.gmatch(%q, %q) do out(x, y) n = n + 1 if n > 20 then break end end end)\n", s, p)
		case 4:
			fmt.Fprintf(&g.b, "try(string.format, \"%%%s%s%s|\", %s)\n", g.pick("", "-", "0", "+", " ", "#"), g.pick("", "8", ".3", "8.2", "3.0"), g.pick("d", "x", "g", "f", "e", "s", "X", "o", "i", "u", "q", "G"), g.pick("65", "3.75", "12", `"abc"`, `"7"`, "1e10", "0"))
		default:
			fmt.Fprintf(&g.b, "try(function() return tostring(%s), tonumber(%s), (%q):sub(%d, %d), (%q):byte(%d), (%q):rep(%d) end)\n",
				g.pick("1/3", "1e15", "1e14", "123456789012345678", "2^53", "0.1", "-1.5e-7", "100", "1e100"),
				g.pick(`"1e3"`, `"0x10"`, `" 5 "`, `"5x"`, `""`, `"9223372036854775808"`, `"10", 2`, `"zz", 36`, `"8", 8`, `"."`, `"1."`, `".5"`, `"- 1"`),
				s, g.r.IntN(9)-4, g.r.IntN(9)-4, s, g.r.IntN(5), s, g.r.IntN(4)-1)
		}
	}
	return g.b.String()
}
