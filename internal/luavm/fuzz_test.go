package luavm

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// FuzzFrame reads whatever a worker may write: a frame or an error, never more room
// than a frame may take, and what is read can be written and read again.
func FuzzFrame_S52(f *testing.F) {
	for _, s := range []string{"", "\x00\x00\x00\x02{}", "\x80\x00\x00\x00", "\x00\x00\x00\x00", "\x00\x10\x00\x01", "\x00\x00\x00\x03abc", "\x00\x00\x01\x00{"} {
		f.Add([]byte(s))
	}
	for _, g := range framesToSeed() {
		var b bytes.Buffer
		_ = writeFrame(&b, g)
		f.Add(b.Bytes())
		f.Add(b.Bytes()[:b.Len()-1])
	}
	f.Add([]byte("\x00\x00\x00\x06c\xff\xff\xff\xff\x0f"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := bytes.NewReader(raw)
		g, err := readFrame(r)
		if err != nil {
			return
		}
		if n := len(raw) - r.Len(); n > 4+maxFrame {
			t.Fatalf("a frame of %d bytes was read", n)
		}
		var b bytes.Buffer
		if err := writeFrame(&b, g); err != nil {
			return // what JSON writes longer than it was may be too long
		}
		again, err := readFrame(&b)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if !reflect.DeepEqual(g, again) {
			t.Fatalf("%+v became %+v", g, again)
		}
	})
}

// FuzzArguments reads lists as the general reader of JSON does.
func FuzzArguments_S52(f *testing.F) {
	for _, s := range []string{`[]`, `["corp-ldap"]`, ` [ "corp-ldap" , {"a":[1,"],"]} ] `, `["a\\",2]`, `["a\"]",[]]`, `["\u00e9",null]`, `["Zoë"]`, `{"a":1}`, `["x",[[],[{}]],"\\"]`, `null`, `[1,"a"]`, `[null]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) {
			return
		}
		args, connection, ok := arguments(raw)
		var list []json.RawMessage
		var first string
		want := json.Unmarshal(raw, &list) == nil && len(list) > 0 && list[0][0] == '"' && json.Unmarshal(list[0], &first) == nil
		if ok != want || ok && connection != first {
			t.Fatalf("%q: %v %q, not %v %q", raw, ok, connection, want, first)
		}
		if ok && !slices.EqualFunc(args, list, func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
			t.Fatalf("%q became %q, not %q", raw, args, list)
		}
	})
}

func framesToSeed() []frame {
	plan := []Entry{{Do: "plan.add_group", Args: json.RawMessage(`["corp-ldap","staff"]`)}}
	return []frame{
		{Type: frameHello, Hello: &hello{Build: buildID(), Layers: []Layer{{Name: layerCalls, Active: true}}}},
		{Type: frameLog, Nonce: "n", Log: &Line{Level: "info", Message: "x", Fields: json.RawMessage(`{"a":1}`)}},
		{Type: frameCall, Nonce: "n", Call: &hostCall{ID: 1, Name: "directory.group_exists", Args: json.RawMessage(`["corp-ldap","staff"]`)}},
		{Type: frameCall, Nonce: "n", Call: &hostCall{ID: 1, Name: "directory.group_exists", Args: json.RawMessage(`["other","staff"]`)}},
		{Type: frameRet, Nonce: "n", Ret: &hostReturn{ID: 1, OK: json.RawMessage("true")}},
		{Type: frameRet, Nonce: "n", Ret: &hostReturn{ID: 2, Fault: &HostFault{Code: "unavailable", Message: "x", Retryable: true}}},
		{Type: frameDone, Nonce: "n", Done: &done{Kind: OK, Result: json.RawMessage(`{"a":[1,2.5,"x",null]}`), Plan: plan, Covered: []int{1}, Lines: []int{1, 2}}},
		{Type: frameDone, Nonce: "n", Done: &done{Kind: Failed, Code: "c", Message: "m"}},
		{Type: frameDone, Nonce: "n", Done: &done{Kind: OK, Result: json.RawMessage(`1`), Plan: []Entry{{Do: "plan.add_group", Args: json.RawMessage(`["other","admins"]`)}}}},
		{Type: frameDone, Nonce: "n", Done: &done{Kind: OK, Result: json.RawMessage(`1`), Plan: []Entry{{Do: "directory.group_exists", Args: json.RawMessage(`["corp-ldap","x"]`)}}}},
	}
}

// said is a frame as a text that a fuzzer can change: JSON, also where it is packed on its way.
type said struct {
	frame
	Call *struct {
		ID, Line   int
		Name, Args string
	} `json:"call,omitempty"`
}

func (s said) frames(raw []byte) []byte {
	var b bytes.Buffer
	if s.Call == nil {
		_ = binary.Write(&b, binary.BigEndian, uint32(len(raw)))
		b.Write(raw)
		return b.Bytes()
	}
	s.frame.Call = &hostCall{ID: s.Call.ID, Name: s.Call.Name, Line: s.Call.Line, Args: json.RawMessage(s.Call.Args)}
	_ = writeFrame(&b, s.frame)
	return b.Bytes()
}

type deaf struct{ io.Writer }

func (deaf) Close() error { return nil }

// FuzzTalk lets a worker that was taken over say whatever it likes: the host asks no
// system and takes no plan but what was granted, and never falls over.
func FuzzTalk_S51_S52(f *testing.F) {
	for _, g := range framesToSeed()[1:] {
		s := said{frame: g}
		if c := g.Call; c != nil {
			s.Call = &struct {
				ID, Line   int
				Name, Args string
			}{c.ID, c.Line, c.Name, string(c.Args)}
		}
		raw, _ := json.Marshal(s)
		f.Add(raw)
		f.Add(append(append([]byte{}, raw...), raw...))
	}
	f.Add([]byte(`{"type":"call","nonce":"n","call":{"ID":1,"Name":"directory.group_exists","Args":"[\"corp-ldap\","}}`))
	f.Add([]byte(`{"type":"log","nonce":"n","log":{"level":"root","message":"x"}}`))
	f.Add([]byte(`{"type":"done","nonce":"n","done":{"kind":"ok","check":{"uses":[{"name":"x"}]}}}`))
	calls := map[string]Func{}
	for _, e := range library() {
		calls[e.Name] = e.Func
	}
	grants := map[string]bool{"directory:corp-ldap:groups.find": true, "directory:corp-ldap:groups.add": true}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var stream bytes.Buffer
		for dec := json.NewDecoder(bytes.NewReader(raw)); ; {
			var m json.RawMessage
			if dec.Decode(&m) != nil {
				break
			}
			var s said
			_ = json.Unmarshal(m, &s)
			stream.Write(s.frames(m))
		}
		w := &process{cmd: &exec.Cmd{Process: &os.Process{}, ProcessState: &os.ProcessState{}}, in: deaf{io.Discard}, out: bufio.NewReader(&stream), errs: &head{}, exited: make(chan struct{})}
		call := &Call{Answer: func(_ context.Context, name string, args []json.RawMessage) (json.RawMessage, *HostFault) {
			var connection string
			if name != "directory.group_exists" || json.Unmarshal(args[0], &connection) != nil || connection != "corp-ldap" {
				t.Errorf("a system was asked %s %s", name, args)
			}
			return json.RawMessage("true"), nil
		}}
		k := &talk{w: w, calls: calls, order: order{Mode: modeRun, Limits: Defaults()}, grants: grants, call: call, nonce: "n"}
		for {
			g, err := readFrame(w.out)
			if k.heard(t.Context(), heard{g, err}) {
				break
			}
		}
		for _, e := range k.out.Plan {
			if _, connection, ok := arguments(e.Args); e.Do != "plan.add_group" || !ok || connection != "corp-ldap" {
				t.Errorf("planned %s %s", e.Do, e.Args)
			}
		}
		if k.out.Kind != OK && (len(k.out.Plan) > 0 || len(k.out.Result) > 0) {
			t.Errorf("ended as %s with %s and %v", k.out.Kind, k.out.Result, k.out.Plan)
		}
		for _, a := range k.out.Asked {
			if !json.Valid(a.Args) {
				t.Errorf("a question was taken whose arguments are %q", a.Args)
			}
		}
		if k.out.Kind == OK && !json.Valid(k.out.Result) || len(k.out.Log) > maxLogLines || len(k.out.Asked) > k.order.Limits.HostCalls+1 {
			t.Errorf("taken: %s, %d lines, %d questions", k.out.Result, len(k.out.Log), len(k.out.Asked))
		}
	})
}

// FuzzValue takes JSON into Lua and back: what comes back is JSON, within the bounds,
// and the same when it makes the way once more.
func FuzzValue_S52(f *testing.F) {
	for _, s := range []string{`null`, `{}`, `[]`, `{"a":{"b":[1,2.5,-0,1e300,"x",true,null]}}`, `9007199254740993`, `1e400`, `-0.0`, `"\ud800"`, `{"1":1,"a":2}`,
		`[null,1]`, `{"":0}`, strings.Repeat("[", 40) + strings.Repeat("]", 40), `"Zoë Ångström 小明"`, `[1,[2,[3,{"k":"v"}]]] `, `1 2`, `{"a":1,"a":2}`} {
		f.Add([]byte(s))
	}
	m := newMachine(Defaults())
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := m.fromJSON(raw)
		if err != nil {
			return
		}
		once, err := toJSON(v, maxResult)
		if err != nil {
			return
		}
		if !json.Valid(once) {
			t.Fatalf("%q became %q, which is no JSON", raw, once)
		}
		if v, err = m.fromJSON(once); err != nil {
			t.Fatalf("%s cannot be read again: %v", once, err)
		}
		twice, err := toJSON(v, maxResult)
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%s became %s (%v)", once, twice, err)
		}
	})
}

// FuzzAnalyze reads any source. Code in which nothing is wrong asks and plans nothing
// that reading it did not find, and uses no name that the library does not have.
func FuzzAnalyze_S51_S53(f *testing.F) {
	for _, s := range []string{
		"", "return function(input) return 1 end", "\x1bLua", "return function() local d = directory end",
		`return function(input) if directory.group_exists("corp-ldap", "x") then plan.add_group("corp-ldap", "x") end return {} end`,
		`return function() return pcall(directory.username_taken, "corp-ldap", "x") end`,
		`return function() local c = "a" .. "b" hris.get_worker(c, "1") end`,
		`return function() for i = 1, 3 do log.info("x", {i = i}) end local a, b = 1, 2 a, b = b, a return {a, b} end`,
		`return function() return ({directory})[1].find_account end`, `return function() return directory["find_" .. "account"]("x", {a = "b"}) end`,
		`local function f(...) return select("#", ...) end return function() return f(f) end`,
		`return function() local pcall = 1 end`, `return function() repeat local x = true until x while false do end end`,
		`return function() fail("a", "b") end`, `return (directory).group_exists("a", "b")`, `return function() return pcall(pcall, plan.add_group, "a", "b") end`,
		`return function() local t = {f = 1} function t.g(x) return x end return t.g(t:g()) end`, "return function() return [==[x]==], 0x1F, 1e9, 'a\\065' end",
	} {
		f.Add(s)
	}
	known := map[string]bool{concatName: true}
	globals := newMachine(Defaults()).state.G.Global
	for n, _ := globals.Next(lua.LNil); n != lua.LNil; n, _ = globals.Next(n) {
		known[n.String()] = true
	}
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) > 4<<10 {
			return
		}
		a := analyze(source)
		proto, err := compileMutant(source, 0)
		if err != nil || a.Wrong() {
			return
		}
		for _, n := range globalNames(proto) {
			if !known[n] {
				t.Fatalf("reading found nothing wrong, and the code uses %s", n)
			}
		}
		m := newMachine(Limits{Steps: 20_000, Compute: 200 * time.Millisecond}.Within())
		m.given = given{seed: "s", run: "r", granted: map[string]bool{}}
		for _, e := range library() {
			m.given.granted[e.Name] = true
		}
		m.given.tell = func(Line) {}
		m.given.ask = func(name string, _ json.RawMessage, _ int) (json.RawMessage, *HostFault) {
			if !slices.ContainsFunc(a.Uses, func(u Use) bool { return u.Name == name }) {
				t.Errorf("the code asked %s, which reading did not find", name)
			}
			return json.RawMessage(`true`), nil
		}
		d := m.run(proto, json.RawMessage(`{"a":"x","n":1,"t":["y"]}`))
		for _, e := range d.Plan {
			if !slices.ContainsFunc(a.Uses, func(u Use) bool { return u.Name == e.Do }) {
				t.Errorf("the code planned %s, which reading did not find", e.Do)
			}
		}
	})
}

// globalNames are the global names that compiled code reads or sets.
func globalNames(p *lua.FunctionProto) []string {
	var out []string
	for _, i := range p.Code {
		if op := int(i >> 26); op == lua.OP_GETGLOBAL || op == lua.OP_SETGLOBAL {
			out = append(out, p.Constants[int(i&0x3ffff)].String())
		}
	}
	for _, f := range p.FunctionPrototypes {
		out = append(out, globalNames(f)...)
	}
	return out
}
