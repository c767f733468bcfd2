//go:build linux

package luavm

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// childrenOf gives the workers of this process.
func childrenOf(t *testing.T) (ids []int) {
	t.Helper()
	stats, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range stats {
		raw, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(raw), ") ")
		if f := strings.Fields(rest); len(f) < 2 || f[0] == "Z" || f[1] != strconv.Itoa(os.Getpid()) {
			continue
		}
		if id, err := strconv.Atoi(e.Name()); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// childrenAside counts the workers of this process, and those of them that keep off the
// first processor with every thread.
func childrenAside(t *testing.T, first int) (all, off int) {
	t.Helper()
	for _, child := range childrenOf(t) {
		all++
		threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", child))
		moved := 0
		for _, th := range threads {
			id, _ := strconv.Atoi(th.Name())
			var set unix.CPUSet
			if unix.SchedGetaffinity(id, &set) == nil && !set.IsSet(first) && set.Count() > 0 {
				moved++
			}
		}
		if len(threads) > 0 && moved == len(threads) {
			off++
		}
	}
	return all, off
}

// Code that computes for long leaves a processor to the server, with all its threads;
// workers that wait use all.
func TestBombs_LeaveAProcessor_S48(t *testing.T) {
	var ours unix.CPUSet
	if err := unix.SchedGetaffinity(0, &ours); err != nil || ours.Count() < 2 {
		t.Skip("one processor")
	}
	first := 0
	for !ours.IsSet(first) {
		first++
	}
	p := open(t, Config{Most: 1, Warm: 1})
	w, err := startProcess(p.from.command)
	if err != nil {
		t.Fatal(err)
	}
	all, off := childrenAside(t, first)
	w.kill()
	w.wait()
	if all != 1 || off != 0 {
		t.Fatalf("%d of %d workers were moved before any computed for long", off, all)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan Outcome, 1)
	go func() {
		out, _ := p.Call(ctx, Call{Source: "return function() while true do end end", Input: json.RawMessage(`{}`), Limits: Limits{Compute: 2 * time.Second, Steps: 1_000_000_000}})
		ended <- out
	}()
	seen := ""
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-look.C:
			all, off := childrenAside(t, first)
			if off == 1 {
				stop()
				<-ended
				return
			}
			seen = fmt.Sprintf("%d of %d", off, all)
		case out := <-ended:
			stop()
			t.Fatalf("a call computed until it was ended (%s), and %s workers were moved", out.Kind, seen)
		}
	}
}

// A worker that waits, for an answer or on a busy machine for a processor, is not put
// behind everybody: only what was computed counts.
func TestBombs_WaitingIsNoComputing_S48(t *testing.T) {
	w, err := startProcess(open(t, Config{Most: 1}).from.command)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { w.kill(); w.wait() }()
	before, _ := computed(w.cmd.Process.Pid)
	stop := w.asideAfter(100 * time.Millisecond)
	defer stop()
	<-time.After(500 * time.Millisecond)
	after, known := computed(w.cmd.Process.Pid)
	left, err := unix.Getpriority(unix.PRIO_PROCESS, w.cmd.Process.Pid) // 20 less the niceness
	if !known || err != nil || left <= 20-far && after-before < 100*time.Millisecond {
		t.Fatalf("it computed %s (%v) and has a niceness of %d (%v)", after-before, known, 20-left, err)
	}
}
