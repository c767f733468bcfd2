package luavm

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// TestAttacks runs hostile code through the workers that ship: each ends as it should,
// in time, and the next call is none the worse.
func TestAttacks_S48_S51_S52_S53(t *testing.T) {
	p := open(t, Config{Command: smallCommand(t)})
	limits := Limits{Steps: 2_000_000, Compute: 700 * time.Millisecond}
	fn := func(body string) string { return "return function(input)\n" + body + "\nend" }
	rep := strings.Repeat
	cpu, mem, bad, comp := []Kind{Steps, Timeout, Memory}, []Kind{Memory, Steps, Timeout, Error}, []Kind{Error}, []Kind{Compile}
	for _, a := range []struct {
		name, source string
		want         []Kind
	}{
		{"while true", fn(`while true do end`), cpu},
		{"tail call loop", fn(`local function f() return f() end return f()`), cpu},
		{"comparator loop", fn(`table.sort({1,2,3}, function() while true do end end)`), cpu},
		{"pcall swallow", fn(`while true do pcall(function() while true do end end) end`), cpu},
		{"pcall nested", fn(`local function f(n) if n > 0 then while true do pcall(f, n - 1) end end end f(100)`), cpu},
		{"pcall fail", fn(`pcall(fail, "x", "y") return 1`), []Kind{Failed}},
		{"sort always true", fn(`local t = {} for i = 1, 99999 do t[i] = i end table.sort(t, function() return true end)`), cpu},
		{"insert in front", fn(`local t = {} while true do table.insert(t, 1, 1) end`), cpu},
		{"growing pairs", fn(`local t = {1} for k in pairs(t) do t[#t + 1] = 1 end while true do t[#t+1] = 1 end`), mem},
		{"key churn", fn(`local t = {} local i = 0 while true do i = i + 1 t["k" .. i] = ("v"):rep(100) t["k" .. i - 1] = nil end`), mem},
		{"tostring bomb", fn(`local t = {} while true do t[#t + 1] = tostring(#t) .. "x" end`), mem},
		{"s..s", fn(`local s = "x" while true do s = s .. s end`), bad},
		{"kept strings", fn(`local t = {} for i = 1, 1e7 do t[i] = ("x"):rep(1000) .. i end`), mem},
		{"tables", fn(`local t = {} while true do t = {t, {}, {}} end`), mem},
		{"hash growth", fn(`local t = {} local i = 0 while true do i = i + 1 t["k" .. i] = i end`), mem},
		{"closures", fn(`local t = {} while true do t[#t + 1] = function() return t end end`), mem},
		{"sparse", fn(`for i = 1, 1000 do local t = {} t[67108863 - i] = 1 end return {1}`), []Kind{OK, Memory, Steps, Timeout}},
		{"rep huge", fn(`return ("x"):rep(2^31)`), bad},
		{"rep infinite", fn(`return ("x"):rep(1/0)`), bad},
		{"rep nested", fn(`return ((("x"):rep(1000)):rep(1000)):rep(1000)`), bad},
		{"format width", fn(`return string.format("%1000000d", 1)`), bad},
		{"format precision", fn(`return string.format("%.1000000f", 1)`), bad},
		{"format plus v", fn(`return string.format("%+v", {})`), bad},
		{"char loop", fn(`local s = "" while true do s = s .. string.char(65, 66, 67) end`), append(bad, Steps, Timeout, Memory)},
		{"format index", fn(`return string.format("%[1]d", 1)`), bad},
		{"format v", fn(`return string.format("%v", {})`), bad},
		{"format sharp v", fn(`return string.format("%#v", {})`), bad},
		{"format T", fn(`return string.format("%T", {})`), bad},
		{"format p", fn(`return string.format("%p", {})`), bad},
		{"format d table", fn(`return string.format("%d", {})`), bad},
		{"concat huge", fn(`local t = {} for i = 1, 100 do t[i] = ("x"):rep(1000000) end return table.concat(t)`), append(bad, Memory, Timeout)},
		{"concat separator", fn(`return table.concat({1, 2, 3}, ("x"):rep(900000))`), bad},
		{"unpack", fn(`return unpack({}, 1, 1e8)`), bad},
		{"unpack negative", fn(`return unpack({}, -1e8, 1)`), bad},
		{"byte", fn(`return ("x"):rep(100000):byte(1, -1)`), bad},
		{"upper large", fn(`local s = ("x"):rep(1000000) for i = 1, 1e6 do s = s:upper() end`), cpu},
		{"pattern a?", fn(`return (("a"):rep(30)):match(("a?"):rep(30) .. ("a"):rep(30))`), append(bad, OK)},
		{"pattern dots", fn(`return (("a"):rep(5000)):match(".-.-.-.-.-.-b$")`), append(bad, Timeout, Steps)},
		{"pattern long", fn(`return (("a"):rep(900000)):match(".-b")`), append(bad, Timeout, Steps)},
		{"pattern a*b", fn(`return (("a"):rep(1000000)):match("a*b")`), append(bad, OK, Timeout, Steps)},
		{"pattern frontier", fn(`return {("THE (quick) fox"):find("%f[%a]%a+%f[%A]")}`), []Kind{OK}},
		{"gmatch large", fn(`local n = 0 for _ in (("a"):rep(1000000)):gmatch("a") do n = n + 1 end return {n}`), append(cpu, OK)},
		{"pattern parens", fn(`return ("x"):match(("("):rep(2000000))`), bad},
		{"pattern 500 parens", fn(`return ("x"):match(("("):rep(500))`), bad},
		{"gsub large", fn(`return {#(("a"):rep(1000000)):gsub("a", "b")}`), append(bad, OK, Steps, Timeout)},
		{"gsub blow-up", fn(`return (("a"):rep(100000)):gsub("a", ("b"):rep(1000))`), bad},
		{"gsub %1", fn(`return (("a"):rep(100000)):gsub("(a+)", ("%1"):rep(200))`), bad},
		{"pattern broken", fn(`return ("x"):match("[")`), bad},
		{"pattern percent", fn(`return ("x"):match("%")`), bad},
		{"pattern capture", fn(`return ("x"):match("%3")`), bad},
		{"pattern %b", fn(`return ("x"):match("%b")`), bad},
		{"regex nested", fn(`return regex.test(("a"):rep(900000), "(a*)*b")`), append(bad, OK, Timeout, Steps)},
		{"regex repeat", fn(`return regex.test("a", "((a{100}){100}){100}")`), bad},
		{"recursion", fn(`local function f() return 1 + f() end return f()`), bad},
		{"recursion mutual", fn(`local f local function g() return 1 + f() end f = function() return 1 + g() end return f()`), bad},
		{"recursion by pcall", fn(`local function f() return (pcall(f)) end return tostring(f())`), append(bad, OK)},
		{"recursion by sort", fn(`local function f() table.sort({1, 2}, f) return true end f()`), bad},
		{"recursion by gsub", fn(`local function f(s) return (("ab"):gsub(".", f)) end return f("a")`), bad},
		{"varargs", fn(`local function f(...) return f(1, ...) end return f()`), append(bad, Steps, Timeout, Memory)},
		{"parser (", "return " + rep("(", 32000), comp},
		{"parser {", "return " + rep("{", 32000), comp},
		{"parser functions", rep("return function() ", 3500), comp},
		{"parser do", rep("do ", 10000) + rep("end ", 10000), comp},
		{"parser if", rep("if x then ", 4000) + rep("end ", 4000), comp},
		{"parser not", "return " + rep("not ", 16000) + "x", comp},
		{"parser minus", "return " + rep("- ", 30000) + "1", comp},
		{"parser plus", "return 1" + rep("+1", 32000), comp},
		{"parser concat", "return a" + rep("..a", 21000), comp},
		{"parser elseif", "if x then " + rep("elseif x then ", 4600) + "end", comp},
		{"parser calls", "return f" + rep("()", 32000), comp},
		{"parser index", "return a" + rep(".x", 32000), comp},
		{"parser locals", "local " + rep("a,", 30000) + "a", []Kind{Compile}},
		{"parser fors", rep("for i = 1, 2 do ", 3000) + rep("end ", 3000), comp},
		{"parser constants", "return function() return {" + manyConstants(7000) + "} end", []Kind{OK, Compile, Result}},
		{"parser 300 locals", "return function() " + manyLocals(300) + " return 1 end", comp},
		{"parser 300 arguments", "return function(" + manyNames(300) + ") return 1 end", comp},
		{"parser beyond 64 kB", "return function() return 1 end --" + rep("x", 64<<10), comp},
		{"bytecode", "\x1bLua\x51\x00\x01\x04\x08\x04\x08\x00", comp},
		{"parser zero byte", "return\x00 1", comp},
		{"parser open string", "return [[", comp},
		{"bare break", "break", comp},
		{"goto", "goto x ::x:: return function() end", comp},
		{"not Lua", "return function(", comp},
		{"no function", "return 1", bad},
		{"result many", fn(`local t = {} for i = 1, 90000 do t[i] = "x" end return t`), []Kind{Result}},
		{"result laughs", fn(`local t = {"x"} for i = 1, 30 do t = {t, t} end return t`), []Kind{Result}},
		{"result shared", fn(`local t = {} for i = 1, 100 do t[i] = i end local u = {} for i = 1, 1000 do u[i] = t end return u`), []Kind{Result}},
		{"result large", fn(`return {("x"):rep(300000)}`), []Kind{Result}},
		{"result deep", fn(`local t = {} for i = 1, 100000 do t = {t} end return t`), []Kind{Result}},
		{"result cyclic", fn(`local t = {} t.t = t return t`), []Kind{Result}},
		{"result NaN", fn(`return {0/0}`), []Kind{Result}},
		{"result infinite", fn(`return {1/0}`), []Kind{Result}},
		{"NaN key", fn(`local t = {} t[0/0] = 1 return t`), bad},
		{"result function", fn(`return {function() end}`), []Kind{Result}},
		{"result mixed", fn(`return {1, a = 2}`), []Kind{Result}},
		{"result not UTF-8", fn(`return {"\255"}`), []Kind{Result}},
		{"result too exact", fn(`return {2^53 + 2}`), []Kind{Result}},
		{"error nil", fn(`error(nil)`), bad},
		{"error table", fn(`error({1})`), bad},
		{"error cyclic", fn(`local t = {} t.t = t error(t)`), bad},
		{"error large", fn(`error(("x"):rep(1000000))`), bad},
		{"error in error", fn(`pcall(error, {}) error(("y"):rep(10) .. {})`), bad},
		{"os", fn(`return os.time()`), bad},
		{"io", fn(`return io.open("/etc/passwd")`), bad},
		{"require", fn(`return require("os")`), bad},
		{"load", fn(`return load("return 1")`), bad},
		{"loadfile", fn(`return loadfile("/etc/passwd")`), bad},
		{"debug", fn(`return debug.getinfo(1)`), bad},
		{"_G", fn(`return _G.os`), bad},
		{"getfenv", fn(`return getfenv(0)`), bad},
		{"setmetatable", fn(`return setmetatable({}, {})`), bad},
		{"getmetatable", fn(`return getmetatable("")`), bad},
		{"coroutine", fn(`return coroutine.create(function() end)`), bad},
		{"newproxy", fn(`return newproxy()`), bad},
		{"print", fn(`print("x")`), bad},
		{"collectgarbage", fn(`collectgarbage()`), bad},
		{"string.dump", fn(`return string.dump(function() end)`), bad},
		{"math.random", fn(`return math.random()`), bad},
		{"rawset", fn(`rawset({}, 1, 1)`), bad},
		{"setfenv", fn(`setfenv(1, {})`), bad},
		{"dofile", fn(`dofile("/etc/passwd")`), bad},
		{"loadstring", fn(`return loadstring("return 1")()`), bad},
		{"module", fn(`module("x")`), bad},
		{"package", fn(`return package.loaded`), bad},
		{"channel", fn(`return channel.make(1e9)`), bad},
		{"_printregs", fn(`_printregs()`), bad},
		{"string metatable", fn(`local s = "x" s.upper = 1 return 1`), bad},
		{"string metatable by index", fn(`return {("x").__index == nil, ("x").format == string.format}`), []Kind{OK}},
		{"alias", fn(`local d = directory return d.find_account("corp-ldap", {uid = "x"})`), []Kind{Denied}},
		{"alias by table", fn(`local t = {directory} return t[1]["find_" .. "account"]("corp-ldap", {uid = "x"})`), []Kind{Denied}},
		{"alias by pairs", fn(`for _, f in pairs(directory) do f("corp-ldap", {uid = "x"}) end`), []Kind{Denied}},
		{"alias by method", fn(`return directory:find_account({uid = "x"})`), append(bad, Denied)},
		{"library replaced", fn(`directory.find_account = function() return {login = "root"} end return directory.find_account("x", {})`), []Kind{OK, Error}},
		{"argument large", fn(`return directory.group_exists("granted", ("x"):rep(70000))`), bad},
		{"argument cyclic", fn(`local t = {} t.t = t return directory.find_account("granted", t)`), bad},
		{"argument function", fn(`return directory.find_account("granted", {a = print, b = function() end})`), bad},
		{"51 questions", fn(`for i = 1, 51 do directory.group_exists("granted", "x") end return 1`), []Kind{Denied}},
		{"51 questions caught", fn(`for i = 1, 60 do pcall(directory.group_exists, "granted", "x") end return 1`), []Kind{Denied}},
		{"51 plans", fn(`for i = 1, 51 do plan.add_group("granted", "x" .. i) end return 1`), append(bad, Denied)},
		{"plan large", fn(`for i = 1, 40 do plan.set("granted", "title", ("x"):rep(60000)) end return 1`), append(bad, Denied, OK)},
		{"string table", fn(`string.upper = function() return "pwned" end return {("x"):upper()}`), []Kind{OK}},
		{"ungranted read", fn(`return directory.find_account("corp-ldap", {uid = "x"})`), []Kind{Denied}},
		{"ungranted read in pcall", fn(`pcall(directory.find_account, "corp-ldap", {uid = "x"}) return 1`), []Kind{Denied}},
		{"ungranted plan", fn(`plan.add_group("corp-ldap", "admins") return 1`), []Kind{Denied}},
		{"log flood", fn(`for i = 1, 5000 do log.info(("x"):rep(5000)) end return {1}`), []Kind{OK}},
		{"log address", fn(`log.info("x", {f = function() end})`), bad},
		{"time bomb", fn(`return time.work_days("2026-12-01", 1e9)`), bad},
		{"slug loop", fn(`local s = ("ü"):rep(400000) while true do text.ascii(s) end`), cpu},
	} {
		t.Run(a.name, func(t *testing.T) {
			began := time.Now()
			out := p.try(t, Call{Source: a.source, Limits: limits,
				Grants: []string{"directory:granted:groups.find", "directory:granted:accounts.find", "directory:granted:groups.add", "directory:granted:accounts.set"},
				Answer: func(_ context.Context, _ string, args []json.RawMessage) (json.RawMessage, *HostFault) {
					if string(args[0]) != `"granted"` {
						t.Errorf("asked %s", args)
					}
					return json.RawMessage("true"), nil
				}})
			took := time.Since(began)
			for _, e := range out.Plan {
				if !strings.Contains(string(e.Args), `"granted"`) {
					t.Errorf("planned %s", e.Args)
				}
			}
			ok := false
			for _, k := range a.want {
				ok = ok || out.Kind == k
			}
			if !ok {
				t.Errorf("ended as %s (%s), want %v", out.Kind, clip(out.Sentence(), 300), a.want)
			}
			if most := limits.Compute + compileTime + grace + time.Second; out.Took > most {
				t.Errorf("took %s, want at most %s", took, most)
			}
			if len(out.Message) > maxErrorText+8 || !utf8.ValidString(out.Message) {
				t.Errorf("a message of %d bytes", len(out.Message))
			}
			for _, secret := range []string{"0x", "goroutine", "runtime error", "gopher", ".go:"} {
				if strings.Contains(out.Message, secret) {
					t.Errorf("the message tells of the machine: %s", out.Message)
				}
			}
			if a.name == "string table" && string(out.Result) != `["X"]` {
				t.Errorf("a method of strings was replaced: %s", out.Result)
			}
			if next := p.try(t, Call{Source: fn(`return {n = input.n + 1}`), Input: json.RawMessage(`{"n":1}`)}); string(next.Result) != `{"n":2}` {
				t.Errorf("the next call: %s %s", next.Sentence(), next.Result)
			}
		})
	}
}

func manyConstants(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d.5,", i)
	}
	return b.String()
}

func manyNames(n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("a%d", i)
	}
	return strings.Join(names, ",")
}

func manyLocals(n int) string {
	return "local " + strings.Join(strings.Split(manyNames(n), ","), " local ")
}
