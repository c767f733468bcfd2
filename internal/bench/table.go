package bench

import (
	"cmp"
	"fmt"
	"slices"
)

type cell struct {
	scenario string
	lat      float64
	clients  int
	row      string
}

// table prints the median of every row over the repeats, and what it is as a
// multiple of river-plain and a share of batch.
func (b *Bench) table() {
	all := map[cell][]Result{}
	var order []cell
	for _, r := range b.results {
		c := cell{r.Scenario, r.LatencyMS, r.Clients, r.Row}
		if all[c] == nil {
			order = append(order, c)
		}
		all[c] = append(all[c], r)
	}
	fmt.Fprintln(b.Out, "\n| what | latency ms | clients | row | a second (min–max) | × river-plain | of batch | answer p50/p95/p99 ms | end to end p50/p95/p99 ms | CPU ms a run, engine + PostgreSQL | memory idle/peak MB |")
	fmt.Fprintln(b.Out, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	speed := func(c cell) float64 { return median(all[c], func(r Result) float64 { return r.PerSecond }) }
	for _, c := range order {
		rs := all[c]
		lo := slices.MinFunc(rs, func(x, y Result) int { return cmp.Compare(x.PerSecond, y.PerSecond) }).PerSecond
		hi := slices.MaxFunc(rs, func(x, y Result) int { return cmp.Compare(x.PerSecond, y.PerSecond) }).PerSecond
		river, batch := c, c
		river.row, batch.row = "river-plain", "batch"
		m := func(f func(Result) float64) float64 { return median(rs, f) }
		fmt.Fprintf(b.Out, "| %s | %g | %d | %s | %.0f (%.0f–%.0f) | %s | %s | %.1f/%.1f/%.1f | %.1f/%.1f/%.1f | %.2f + %.2f | %.0f/%.0f |\n", c.scenario, c.lat, c.clients, c.row, speed(c), lo, hi,
			ratio(speed(c), speed(river), "%.2f", 1), ratio(speed(c), speed(batch), "%.0f %%", 100),
			m(func(r Result) float64 { return r.Answer.P50 }), m(func(r Result) float64 { return r.Answer.P95 }), m(func(r Result) float64 { return r.Answer.P99 }),
			m(func(r Result) float64 { return r.EndToEnd.P50 }), m(func(r Result) float64 { return r.EndToEnd.P95 }), m(func(r Result) float64 { return r.EndToEnd.P99 }),
			m(func(r Result) float64 { return r.EngineCPU }), m(func(r Result) float64 { return r.PgCPU }), m(func(r Result) float64 { return r.IdleMB }), m(func(r Result) float64 { return r.PeakMB }))
	}
}

func median(rs []Result, f func(Result) float64) float64 {
	if len(rs) == 0 {
		return 0
	}
	v := make([]float64, len(rs))
	for i, r := range rs {
		v[i] = f(r)
	}
	slices.Sort(v)
	return v[len(v)/2]
}

func ratio(a, b float64, format string, times float64) string {
	if a == 0 || b == 0 {
		return ""
	}
	return fmt.Sprintf(format, a/b*times)
}
