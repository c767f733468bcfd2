package luavm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
	"pgregory.net/rapid"

	"joinery/internal/fault"
)

// The names that code can reach are those of the catalogue and no others, also by
// walking every table from every name.
func TestGlobals_AreTheAllowList_S49(t *testing.T) {
	m := newMachine(Defaults())
	want := map[string]bool{concatName: true}
	modules := map[string]bool{}
	for _, f := range Catalogue() {
		want[f.Name] = true
		if mod := f.Module(); mod != "" {
			modules[mod] = true
		}
	}
	for _, constant := range []string{"math.huge", "math.pi"} {
		want[constant] = true
	}
	var walk func(path string, table *lua.LTable, depth int)
	walk = func(path string, table *lua.LTable, depth int) {
		for k, v := table.Next(lua.LNil); k != lua.LNil; k, v = table.Next(k) {
			name := path + k.String()
			if sub, ok := v.(*lua.LTable); ok {
				if depth > 0 || !modules[name] {
					t.Errorf("%s is a table that the catalogue does not have", name)
				}
				walk(name+".", sub, depth+1)
				continue
			}
			if !want[name] {
				t.Errorf("code can reach %s, which the catalogue does not have", name)
			}
			delete(want, name)
		}
	}
	walk("", m.state.G.Global, 0)
	for name := range want {
		t.Errorf("the catalogue has %s, and code cannot reach it", name)
	}
	if meta := m.state.GetMetatable(lua.LString("")); meta != lua.LFalse {
		t.Errorf("the metatable of strings is not locked: %s", meta.Type())
	}
}

// leave is a way to leave something behind, and look a way to find it again.
var leave = []string{
	`string.upper = function() return "MARK" end`, `string.mark = "MARK"`, `table.insert = nil`, `text.lower = function() return "MARK" end`,
	`mark = "MARK"`, `math.huge = "MARK"`, `local t = {} t.mark = "MARK" list.map({1}, function() return t end)`, `directory.mark = "MARK"`,
	`run.now = function() return "MARK" end`, `log.info("MARK")`, `regex.test("x", "MARK")`, `error("MARK")`, `fail("mark", "MARK")`, `plan.mark = {"MARK"}`, `rand.int(1, 9)`,
}

const look = `return function()
  local seen = {}
  local function see(v) seen[#seen + 1] = tostring(v) end
  see(("x"):upper()) see(string.mark) see(type(table.insert)) see(text.lower("X")) see(mark) see(math.huge) see(directory.mark) see(run.now()) see(plan.mark) see(rand.int(1, 1000000)) see(run.id())
  for _, m in ipairs({string, table, math, text, directory, plan, run, list}) do
    for k, v in pairs(m) do if type(v) == "string" or k == "mark" then see(k) see(v) end end
  end
  return seen
end`

// Whatever a call leaves behind, and however it ends, the next one finds what the very
// first one found. Calls run beside each other, as in the server.
func TestCalls_ShareNothing_S50(t *testing.T) {
	p := open(t, Config{Command: smallCommand(t)})
	call := Call{Source: look, Seed: "seed", RunID: "r", Now: time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)}
	first := p.try(t, call)
	if first.Kind != OK {
		t.Fatal(first.Sentence())
	}
	rapid.Check(t, func(r *rapid.T) {
		acts := rapid.SliceOfN(rapid.SampledFrom(leave), 1, 4).Draw(r, "acts")
		beside := make(chan struct{})
		go func() {
			defer close(beside)
			_, _ = p.Call(t.Context(), Call{Source: "return function() " + strings.Join(acts, " ") + " return {} end", Input: json.RawMessage(`{}`), Seed: "other", RunID: "other"})
		}()
		if rapid.Bool().Draw(r, "afterwards") {
			<-beside
		}
		out := p.try(t, call)
		<-beside
		if !bytes.Equal(out.Result, first.Result) || len(out.Plan)+len(out.Log) > 0 {
			r.Fatalf("after %q the next call found %s instead of %s", acts, out.Result, first.Result)
		}
	})
}

// The same source, input, moment, seed and answers give the same result, plan,
// questions, log and number of steps, whatever process it runs in.
func TestCalls_AreTheSameAgain_S54(t *testing.T) {
	p := open(t, Config{})
	again := func() Outcome {
		out := p.try(t, Call{
			Source: `return function(input)
  local out = {}
  for k, v in pairs(input) do out[#out + 1] = k .. "=" .. tostring(v) end
  for i = 1, rand.int(3, 6) do out[#out + 1] = rand.id(5) .. tostring(directory.group_exists("d", "g" .. i)) end
  log.info("made", {n = #out}) plan.add_group("d", rand.id(4))
  return {out = out, now = run.now(), day = run.today("Asia/Tokyo"), id = run.id()}
end`,
			Input: json.RawMessage(`{"b":1,"a":"x","c":true}`), Seed: "seed", RunID: "run_1", Now: time.Date(2026, 12, 1, 20, 0, 0, 0, time.UTC),
			Grants: []string{"directory:d:groups.find", "directory:d:groups.add"},
			Answer: func(_ context.Context, _ string, args []json.RawMessage) (json.RawMessage, *HostFault) {
				return json.RawMessage(strconv.FormatBool(bytes.Contains(args[1], []byte("2")))), nil
			},
		})
		if out.Kind != OK {
			t.Fatal(out.Sentence())
		}
		out.Took, out.Peak = 0, 0
		return out
	}
	first, _ := json.Marshal(again())
	for range 3 {
		if next, _ := json.Marshal(again()); !bytes.Equal(first, next) {
			t.Fatalf("%s became %s", first, next)
		}
	}
}

// A secret of the host is nowhere in a worker's memory; the same search finds it in the host.
func TestWorker_HoldsNoSecret_S55_S61(t *testing.T) {
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("reads the memory of a process that closed it, which takes root on Linux")
	}
	token := make([]byte, 0, 40)
	for i := range 40 {
		token = append(token, "0123456789abcdef"[(i*7+os.Getpid())%16])
	}
	keep := make([]string, 200)
	for i := range keep {
		keep[i] = "canary-" + string(token)
	}
	w, err := startProcess([]string{self, SandboxCommand})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { w.kill(); w.wait() }()
	if n, err := inMemory(os.Getpid(), token); err != nil || n == 0 {
		t.Skipf("the search does not find it where it is: %d, %v", n, err)
	}
	n, err := inMemory(w.cmd.Process.Pid, token)
	if err != nil {
		t.Skip("the worker's memory cannot be read:", err)
	}
	if n != 0 {
		t.Errorf("the worker holds it %d times", n)
	}
	runtime.KeepAlive(keep)
}

// inMemory counts a token in the writable memory of a process.
func inMemory(pid int, token []byte) (n int, err error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, err
	}
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return 0, err
	}
	defer func() { _ = mem.Close() }()
	read := 0
	for _, line := range strings.Split(string(maps), "\n") {
		var from, to int64
		var perms string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &perms); err != nil || !strings.HasPrefix(perms, "rw") || to-from > 512<<20 {
			continue
		}
		page := make([]byte, 1<<20)
		for at := from; at < to; at += int64(len(page)) {
			k, _ := mem.ReadAt(page[:min(int64(len(page)), to-at)], at)
			read += k
			n += bytes.Count(page[:k], token)
		}
	}
	if read == 0 {
		return 0, errors.New("nothing could be read")
	}
	return n, nil
}

// A host that is killed leaves no worker behind.
func TestHost_KilledLeavesNoWorker_S55(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("looks into /proc")
	}
	host := exec.Command(os.Args[0], hostCommand)
	out, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	var pids [2]int
	if _, err := fmt.Fscan(out, &pids[0], &pids[1]); err != nil {
		t.Fatal("the host did not say who its workers are:", err)
	}
	_ = host.Process.Kill()
	_ = host.Wait()
	for _, pid := range pids {
		ended := func() bool {
			err := syscall.Kill(pid, 0)
			stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			return err != nil || bytes.Contains(stat, []byte(") Z "))
		}
		for deadline := time.Now().Add(3 * time.Minute); !ended(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				_ = syscall.Kill(pid, syscall.SIGKILL)
				t.Fatalf("the worker %d goes on without its host", pid)
			}
		}
	}
}

// hostCommand makes the test binary a host with one worker that waits and one that is
// in a loop for ever.
const hostCommand = "host"

func hostOnly() int {
	idle, err := startProcess([]string{self, SandboxCommand})
	if err != nil {
		return 1
	}
	busy, err := startProcess([]string{self, SandboxCommand})
	if err != nil {
		return 1
	}
	_ = writeFrame(busy.in, frame{Type: frameExec, Nonce: "n", Exec: &order{Mode: modeRun, Source: "return function() while true do end end", Input: json.RawMessage("{}"), Limits: Most()}})
	fmt.Println(idle.cmd.Process.Pid, busy.cmd.Process.Pid)
	select {}
}

// Where workers cannot be shut in fully, no function runs, with a sentence that says
// what is missing and what to do; unless that is allowed, which is asked each time.
func TestPool_RefusesReduced_S55(t *testing.T) {
	exe := self
	if exe == "" {
		exe = os.Args[0]
	}
	allowed := false
	p, err := Open(Config{Command: []string{exe, evilCommand, "bare"}, Warm: 1, MayReduce: func(context.Context) bool { return allowed }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	c := Call{Source: "return function() return 1 end", Input: json.RawMessage(`{}`)}
	_, err = p.Call(t.Context(), c)
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(fault.Sentence(err), "seccomp") || !strings.Contains(fault.Sentence(err), "System, Functions") {
		t.Fatalf("it ran: %v", err)
	}
	level, layers, err := p.Sheltered(t.Context())
	if level != Reduced || err != nil || slices.ContainsFunc(layers, func(l Layer) bool { return l.Active && l.Name == layerCalls }) {
		t.Errorf("%s %v %v", level, layers, err)
	}
	allowed = true
	if out, err := p.Call(t.Context(), c); err != nil || out.Kind != OK {
		t.Errorf("allowed, and did not run: %v %s", err, out.Sentence())
	}
	allowed = false
	if _, err := p.Call(t.Context(), c); err == nil {
		t.Error("it ran after that was taken back")
	}
}
