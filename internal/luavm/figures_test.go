package luavm

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestFunctions_Figures prints the figures of docs/performance.md, Functions, as they
// stand there. JOINERY_PROGRAM is a joinery without its small program, for the row of that.
func TestFunctions_Figures(t *testing.T) {
	if os.Getenv("JOINERY_MEASURE") == "" {
		t.Skip("measures for minutes; set JOINERY_MEASURE=1")
	}
	measured := func(f func(b *testing.B)) testing.BenchmarkResult {
		r := testing.Benchmark(f)
		if r.N == 0 {
			t.Fatal("a measurement failed; run the benchmarks to see why")
		}
		return r
	}
	var out strings.Builder
	out.WriteString("\n| started from | start, CPU ms | waiting, MB resident (PSS) | a call, all in, CPU ms | warm call, p50 ms (p95) | calls a second, four callers |\n| --- | --- | --- | --- | --- | --- |\n")
	rows := []struct {
		name    string
		command []string
	}{{"`joinery-worker`, as `make build` makes it", smallCommand(t)}, {"a process of the same shape that does nothing", bareCommand(t)}}
	if at := os.Getenv("JOINERY_PROGRAM"); at != "" {
		rows = append(rows, struct {
			name    string
			command []string
		}{"`joinery` itself, where `joinery-worker` is not beside it", []string{at, SandboxCommand}})
	}
	for _, r := range rows {
		start := measured(func(b *testing.B) { starts(b, r.command) }).Extra
		call := measured(func(b *testing.B) { calm(b, r.command) }).Extra
		calls := measured(func(b *testing.B) { crowd(b, r.command) }).Extra
		fmt.Fprintf(&out, "| %s | %.1f | %.1f (%.1f) | %.1f | %.2f (%.2f) | %.0f |\n", r.name, start["ms-CPU"], start["MB-RSS"], start["MB-PSS"], calls["ms-CPU/call"], call["µs/p50"]/1000, call["µs/p95"]/1000, calls["calls/s"])
	}
	fmt.Fprintf(&out, "| no process: gopher-lua within this one | – | – | %.1f | – | – |\n", float64(measured(BenchmarkInProcess).NsPerOp())/1e6)
	question := measured(BenchmarkQuestion).Extra
	fmt.Fprintf(&out, "\nOne more question to the host within a call: **%.1f µs** at p50, %.1f µs of CPU on both sides together.\n", question["µs/question-p50"], question["µs-CPU/question"])
	t.Log(out.String())
}
