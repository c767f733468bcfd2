package luavm

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The tests below start this test binary as a worker that was taken over: it
// shuts itself in as workers do, and then does what it likes.
const evilCommand = "evil"

func evil(act string) int {
	layers := shutIn()
	debug.SetMaxStack(32 << 20)
	debug.SetGCPercent(100)
	go watchHeap(128 << 20)
	in := bufio.NewReader(os.Stdin)
	say := func(f frame) { _ = writeFrame(os.Stdout, f) }
	if act == "bare" { // as on a system that takes no system calls away
		for i := range layers {
			layers[i].Active, layers[i].Why = layers[i].Name == layerProcess, "this system has none"
		}
	}
	say(frame{Type: frameHello, Hello: &hello{Build: buildID(), Layers: layers}})
	if act == "deaf" {
		select {}
	}
	f, err := readFrame(in)
	if err != nil {
		return 0
	}
	fine := func(result string) int {
		raw, _ := json.Marshal([]string{result})
		say(frame{Type: frameDone, Nonce: f.Nonce, Done: &done{Kind: OK, Result: raw}})
		return 0
	}
	verdict := func(err error) int {
		if err == nil {
			return fine("REACHED")
		}
		return fine("refused")
	}
	name, arg, _ := strings.Cut(act, "=")
	switch name {
	case "open":
		_, err := os.ReadFile(arg)
		return verdict(err)
	case "write":
		return verdict(os.WriteFile(arg, []byte("x"), 0o600))
	case "tcp":
		_, err := net.Dial("tcp", arg)
		return verdict(err)
	case "udp":
		c, err := net.Dial("udp", arg)
		if err == nil {
			_, err = c.Write([]byte("x"))
		}
		return verdict(err)
	case "unix":
		_, err := net.Dial("unix", arg)
		return verdict(err)
	case "exec":
		return verdict(syscall.Exec(arg, []string{arg}, nil))
	case "fork":
		_, err := os.StartProcess(arg, []string{arg}, &os.ProcAttr{})
		return verdict(err)
	case "kill":
		return verdict(syscall.Kill(os.Getppid(), syscall.SIGTERM))
	case "environ":
		if len(os.Environ()) > 0 {
			return fine("REACHED " + os.Environ()[0])
		}
		return fine("refused")
	case "heap":
		var keep [][]byte
		for {
			b := make([]byte, 8<<20)
			for i := 0; i < len(b); i += 4096 { // a byte a page is enough to hold it
				b[i] = 1
			}
			keep = append(keep, b)
			runtime.KeepAlive(keep)
		}
	case "stack":
		var f func(int) int
		f = func(n int) int { return f(n+1) + 1 }
		return f(0)
	case "silence":
		select {}
	case "bare":
		return fine("ran")
	case "done twice":
		d := frame{Type: frameDone, Nonce: f.Nonce, Done: &done{Kind: OK, Result: json.RawMessage(`["first"]`)}}
		say(d)
		d.Done = &done{Kind: OK, Result: json.RawMessage(`["REACHED"]`), Plan: []Entry{{Do: "plan.add_group", Args: json.RawMessage(`["corp-ldap","admins"]`)}}}
		say(d)
		say(frame{Type: frameCall, Nonce: f.Nonce, Call: &hostCall{ID: 1, Name: "directory.find_account", Args: json.RawMessage(`["corp-ldap",{"uid":"x"}]`)}})
	case "calls":
		for i := range 100 {
			say(frame{Type: frameCall, Nonce: f.Nonce, Call: &hostCall{ID: i + 1, Name: "directory.find_account", Args: json.RawMessage(`["corp-ldap",{"uid":"x"}]`)}})
		}
		time.Sleep(time.Minute)
	case "result large":
		say(frame{Type: frameDone, Nonce: f.Nonce, Done: &done{Kind: OK, Result: json.RawMessage(`"` + strings.Repeat("x", 300<<10) + `"`)}})
	case "clone":
		_, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
		if errno == 0 {
			return fine("REACHED")
		}
		return fine("refused")
	case "noise":
		for range 10_000 {
			fmt.Fprintln(os.Stderr, strings.Repeat("x", 1000))
		}
		return 0
	case "quiet exit":
		return 0
	case "length":
		_ = binary.Write(os.Stdout, binary.BigEndian, uint32(1<<31))
		time.Sleep(time.Minute)
	case "not json":
		_, _ = os.Stdout.Write([]byte{0, 0, 0, 3, 'a', 'b', 'c'})
		time.Sleep(time.Minute)
	case "cut":
		_, _ = os.Stdout.Write([]byte{0, 0, 1, 0, '{'})
		return 0
	case "unknown":
		say(frame{Type: "sudo", Nonce: f.Nonce})
		time.Sleep(time.Minute)
	case "nonce":
		say(frame{Type: frameDone, Nonce: "other", Done: &done{Kind: OK, Result: json.RawMessage("1")}})
		time.Sleep(time.Minute)
	case "ungranted":
		say(frame{Type: frameCall, Nonce: f.Nonce, Call: &hostCall{ID: 1, Name: "directory.find_account", Args: json.RawMessage(`["corp-ldap",{"uid":"x"}]`)}})
		r, err := readFrame(in)
		if err != nil || r.Ret == nil || r.Ret.Fault == nil {
			return fine("REACHED")
		}
		return fine("refused")
	case "deaf":
		say(frame{Type: frameCall, Nonce: f.Nonce, Call: &hostCall{ID: 1, Name: "directory.find_account", Args: json.RawMessage(`["corp-ldap",{"uid":"x"}]`)}})
		select {}
	case "unknown call":
		say(frame{Type: frameCall, Nonce: f.Nonce, Call: &hostCall{ID: 1, Name: "os.execute", Args: json.RawMessage(`["corp-ldap"]`)}})
		r, err := readFrame(in)
		if err != nil || r.Ret == nil || r.Ret.Fault == nil {
			return fine("REACHED")
		}
		return fine("refused")
	case "no arguments":
		say(frame{Type: frameCall, Nonce: f.Nonce, Call: &hostCall{ID: 1, Name: "directory.find_account", Args: json.RawMessage(`["corp-ldap",`)}})
		time.Sleep(time.Minute)
	case "question as json":
		raw := fmt.Appendf(nil, `{"type":"call","nonce":%q,"call":{"id":1,"name":"directory.find_account","args":["corp-ldap",{}]}}`, f.Nonce)
		_, _ = os.Stdout.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(raw))), raw...))
		time.Sleep(time.Minute)
	case "wrong id":
		say(frame{Type: frameCall, Nonce: f.Nonce, Call: &hostCall{ID: 7, Name: "directory.find_account", Args: json.RawMessage(`["corp-ldap",{}]`)}})
		time.Sleep(time.Minute)
	case "plan":
		say(frame{Type: frameDone, Nonce: f.Nonce, Done: &done{Kind: OK, Result: json.RawMessage("1"), Plan: []Entry{{Do: "plan.add_group", Args: json.RawMessage(`["corp-ldap","admins"]`)}}}})
	case "plan nonsense":
		say(frame{Type: frameDone, Nonce: f.Nonce, Done: &done{Kind: OK, Result: json.RawMessage("1"), Plan: []Entry{{Do: "drop tables", Args: json.RawMessage(`["x"]`)}}}})
	case "plan after failure":
		say(frame{Type: frameDone, Nonce: f.Nonce, Done: &done{Kind: Failed, Plan: []Entry{{Do: "plan.add_group", Args: json.RawMessage(`["corp-ldap","staff"]`)}}}})
	case "kind":
		say(frame{Type: frameDone, Nonce: f.Nonce, Done: &done{Kind: "superb"}})
	case "message":
		say(frame{Type: frameDone, Nonce: f.Nonce, Done: &done{Kind: Error, Message: strings.Repeat("x", 100_000)}})
	case "log":
		for range 300 {
			say(frame{Type: frameLog, Nonce: f.Nonce, Log: &Line{Level: "info", Message: "x"}})
		}
		time.Sleep(time.Minute)
	case "hello twice":
		say(frame{Type: frameHello, Nonce: f.Nonce, Hello: &hello{}})
		time.Sleep(time.Minute)
	}
	return 0
}

// TestWorkerTakenOver_S50 is about a worker that an attacker runs code in.
func TestWorkerTakenOver_S51_S52(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	linux := runtime.GOOS == "linux"
	for _, a := range []struct {
		act  string
		want []Kind
		os   bool // what the system refuses, on Linux
	}{
		{"open=/etc/passwd", []Kind{OK, Security}, true}, {"open=/proc/self/environ", []Kind{OK, Security}, true}, {"open=" + secret, []Kind{OK, Security}, true},
		{fmt.Sprintf("open=/proc/%d/environ", os.Getpid()), []Kind{OK, Security}, true}, {fmt.Sprintf("open=/proc/%d/mem", os.Getpid()), []Kind{OK, Security}, true},
		{"write=" + filepath.Join(dir, "w"), []Kind{OK, Security}, true}, {"tcp=" + l.Addr().String(), []Kind{Security}, true}, {"udp=127.0.0.1:9", []Kind{Security}, true},
		{"unix=/run/x", []Kind{Security}, true}, {"exec=/bin/true", []Kind{Security}, true}, {"fork=/bin/true", []Kind{OK, Security, Crashed}, true}, {"kill", []Kind{Security}, true},
		{"environ", []Kind{OK}, false}, {"heap", []Kind{Memory}, false}, {"stack", []Kind{Memory}, false}, {"silence", []Kind{Timeout}, false}, {"deaf", []Kind{Timeout}, false}, {"done twice", []Kind{OK}, false},
		{"calls", []Kind{Security, Timeout}, false}, {"result large", []Kind{Security}, false}, {"clone", []Kind{OK, Security}, true}, {"noise", []Kind{Crashed}, false},
		{"quiet exit", []Kind{Crashed}, false}, {"length", []Kind{Security}, false}, {"not json", []Kind{Security}, false}, {"cut", []Kind{Crashed}, false},
		{"unknown", []Kind{Security}, false}, {"nonce", []Kind{Security}, false}, {"ungranted", []Kind{OK}, false}, {"unknown call", []Kind{OK}, false},
		{"no arguments", []Kind{Security}, false}, {"question as json", []Kind{Security}, false},
		{"wrong id", []Kind{Security}, false}, {"plan", []Kind{Denied}, false}, {"plan nonsense", []Kind{Security}, false}, {"plan after failure", []Kind{Security}, false},
		{"kind", []Kind{Security}, false}, {"message", []Kind{Security}, false}, {"log", []Kind{Security}, false}, {"hello twice", []Kind{Security}, false},
	} {
		if a.os && !linux {
			continue
		}
		t.Run(a.act, func(t *testing.T) {
			command := exe
			if self != "" {
				command = self
			}
			p := open(t, Config{Command: []string{command, evilCommand, a.act}, Warm: 1})
			asked := false
			limits := Limits{Compute: 300 * time.Millisecond}
			if raceDetector && !slices.Contains(a.want, Timeout) {
				limits.Compute = Most().Compute // a heap without the system's limit takes its time to grow
			}
			out := p.try(t, Call{Source: "return function() end", Limits: limits,
				Answer: func(context.Context, string, []json.RawMessage) (json.RawMessage, *HostFault) {
					asked = true
					return json.RawMessage("1"), nil
				}})
			ok := false
			for _, k := range a.want {
				ok = ok || out.Kind == k
			}
			if !ok || strings.Contains(string(out.Result), "REACHED") || asked || len(out.Plan) > 0 {
				t.Errorf("ended as %s %s: %s (asked %v, plan %v)", out.Kind, out.Result, out.Sentence(), asked, out.Plan)
			}
			if _, err := os.Stat(filepath.Join(dir, "w")); err == nil {
				t.Error("a file was written")
			}
		})
	}
}

// TestWorker_Hygiene looks at a warm worker from outside.
func TestWorker_Hygiene_S55(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("looks into /proc")
	}
	t.Setenv("JOINERY_CANARY", "canary-of-the-environment")
	w, err := startProcess([]string{self, SandboxCommand})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { w.kill(); w.wait() }()
	at := fmt.Sprintf("/proc/%d/", w.cmd.Process.Pid)
	status, err := os.ReadFile(at + "status")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"NoNewPrivs:\t1", "Seccomp:\t2"} {
		if !strings.Contains(string(status), want) {
			t.Errorf("status lacks %q", want)
		}
	}
	if os.Geteuid() == 0 && !strings.Contains(string(status), "Uid:\t65534") {
		t.Error("the worker runs as root")
	}
	if dir, err := os.Readlink(at + "cwd"); err == nil && dir != "/" {
		t.Errorf("it stands in %s", dir)
	}
	env, _ := os.ReadFile(at + "environ")
	if strings.Contains(string(env), "canary") || strings.Contains(string(env), "PATH=") {
		t.Errorf("environment: %q", env)
	}
	if nice, ours := statField(t, at+"stat", 19), statField(t, "/proc/self/stat", 19); nice != 5 && nice != max(ours, 5) {
		t.Errorf("its niceness is %d, and the server's %d", nice, ours)
	}
	if pid := w.cmd.Process.Pid; statField(t, at+"stat", 6) != pid {
		t.Error("it is in the session of the server")
	}
	fds, _ := os.ReadDir(at + "fd")
	for _, f := range fds {
		to, _ := os.Readlink(at + "fd/" + f.Name())
		switch {
		case f.Name() <= "2" && len(f.Name()) == 1, strings.HasPrefix(to, "anon_inode:[event"), strings.HasPrefix(to, "/sys/fs/cgroup"), strings.HasPrefix(to, "anon_inode:[pidfd"):
		default:
			t.Errorf("descriptor %s is %s", f.Name(), to)
		}
	}
}

// statField is a number of a process, counted from 1 as proc(5) does.
func statField(t *testing.T, path string, n int) (v int) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	after := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:])) // the name may hold spaces
	if v, err = strconv.Atoi(after[n-3]); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestPool_Recovers kills workers one after another: no descriptor, no goroutine and no zombie is left.
func TestPool_Recovers_S48(t *testing.T) {
	p := open(t, Config{})
	count := func() (fds, zombies int) {
		list, _ := os.ReadDir("/proc/self/fd")
		out, _ := exec.Command("ps", "--ppid", fmt.Sprint(os.Getpid()), "-o", "stat=").Output()
		return len(list), strings.Count(string(out), "Z")
	}
	p.try(t, Call{Source: "return function() return 1 end"})
	fds, _ := count()
	hands := runtime.NumGoroutine()
	for range 60 {
		p.try(t, Call{Source: `return function() local s = "x" while true do s = s .. s end end`, Limits: Limits{Compute: 100 * time.Millisecond}})
	}
	if out := p.try(t, Call{Source: "return function() return 1 end"}); out.Kind != OK {
		t.Fatal(out.Sentence())
	}
	for len(p.slots) > 0 { // the last worker is taken off the list beside its caller
		time.Sleep(time.Millisecond)
	}
	nowFDs, zombies := count()
	if nowFDs > fds+8 || zombies > 0 || runtime.NumGoroutine() > hands+8 {
		t.Errorf("%d descriptors (%d before), %d zombies, %d goroutines (%d before)", nowFDs, fds, zombies, runtime.NumGoroutine(), hands)
	}
}
