package bench

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// usage sums CPU milliseconds (own and reaped children) and PSS megabytes of a
// process and all below it, from /proc. Where there is no /proc both are 0.
func usage(root int) (cpuMS, pssMB float64) {
	for _, pid := range tree(root) {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
		for _, i := range []int{11, 12, 13, 14} { // utime stime cutime cstime, ticks of 10 ms
			v, _ := strconv.ParseFloat(fields[i], 64)
			cpuMS += v * 10
		}
		pssMB += pss(pid)
	}
	return cpuMS, pssMB
}

// ownCPU is what this process itself has used, milliseconds.
func ownCPU() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e6
}

func pss(pid int) float64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(raw)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "Pss:" {
			kb, _ := strconv.ParseFloat(f[1], 64)
			return kb / 1024
		}
	}
	return 0
}

func tree(root int) []int {
	if root == 0 {
		return nil
	}
	parents := map[int]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
		parents[pid], _ = strconv.Atoi(fields[1])
	}
	var out []int
	for pid := range parents {
		for up := pid; up > 1; up = parents[up] {
			if up == root {
				out = append(out, pid)
				break
			}
		}
	}
	return out
}

// percentiles of latencies, milliseconds.
type percentiles struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

func percentilesOf(x []float64) percentiles {
	if len(x) == 0 {
		return percentiles{}
	}
	slices.Sort(x)
	at := func(p float64) float64 {
		return math.Round(x[max(0, int(math.Ceil(p*float64(len(x))))-1)]*100) / 100
	}
	return percentiles{at(.5), at(.95), at(.99)}
}
