package author

import (
	"fmt"
	"maps"
	"slices"

	"joinery/internal/function"
)

// shownBreaks is how many tests a gap names for one effect.
const shownBreaks = 3

// forbiddenGaps finds the effects that the intent forbids: in grants, in what tests plan,
// and in what the function gives for its tests and for inputs that no test has.
func forbiddenGaps(c function.Content, r function.Examination, grants []string, in Intent) []Gap {
	var out []Gap
	for _, f := range in.Forbidden {
		for _, text := range grants {
			if g, ok := function.ParseGrant(text); ok && f.covers(g) {
				out = append(out, grantBreak(c, r, f, g))
			}
		}
		if f.Kind().OfOutput() {
			out = append(out, outputBreaks(c, r, f)...)
		}
	}
	return out
}

// grantBreak tells of a grant with a forbidden effect: the line that uses it, and the
// test that shows it.
func grantBreak(c function.Content, r function.Examination, f Forbidden, g function.Grant) Gap {
	out := Gap{Gate: GateForbidden}
	for _, at := range r.Calls {
		if used, ok := function.CallGrant(at.Name, at.Connection); ok && used == g && out.Line == 0 {
			out.Line = at.Line
		}
	}
	for _, k := range c.Cases {
		if out.Test == "" && usesGrant(k, g) {
			out.Test = k.Name
		}
	}
	shown := "."
	if out.Test != "" {
		shown = fmt.Sprintf(", as the test %q shows.", out.Test)
	}
	out.Says = fmt.Sprintf("The function %s%s The intent forbids it: %s", g.Says(), shown, f.Whole())
	return out
}

// usesGrant says whether a test plans a change, or answers a question, that takes a grant.
func usesGrant(k function.Case, g function.Grant) bool {
	return slices.ContainsFunc(k.Plan, func(p function.Planned) bool {
		used, ok := p.Grant()
		return ok && used == g
	}) || slices.ContainsFunc(k.Stubs, func(s function.Stub) bool {
		used, ok := (function.Planned{Do: s.Call, Args: s.Args}).Grant()
		return ok && used == g
	})
}

// outputBreaks tells which tests, and which inputs that no test has, have the effect.
func outputBreaks(c function.Content, r function.Examination, f Forbidden) []Gap {
	var out []Gap
	broken := 0
	add := func(test, how, where string) {
		if broken++; broken <= shownBreaks {
			out = append(out, Gap{Gate: GateForbidden, Test: test, Says: fmt.Sprintf("%s in %s. The intent forbids it: %s", how, where, f.Whole())})
		}
	}
	for _, k := range c.Cases {
		if k.Output == nil {
			continue
		}
		if how := f.broken(k.Input, k.Output, k.Plan); how != "" {
			add(k.Name, how, fmt.Sprintf("the test %q", k.Name))
		}
	}
	for _, v := range r.Varied {
		if how := f.broken(v.Input, v.Output, v.Plan); how != "" {
			add(v.Of, how, fmt.Sprintf("the test %q with another input (%s)", v.Of, v.With))
		}
	}
	if more := broken - shownBreaks; more > 0 {
		out[len(out)-1].Says += fmt.Sprintf(" %d more show it.", more)
	}
	return out
}

// limitGaps holds what is asked for to what there is; where a model wrote it, also to
// what the tests show.
func limitGaps(c function.Content, r function.Examination, written bool) []Gap {
	var out []Gap
	add := func(format string, args ...any) {
		out = append(out, Gap{Gate: GateLimits, Says: fmt.Sprintf(format, args...)})
	}
	l, usual, most := c.Manifest.Limits, function.UsualLimits(), function.MostLimits()
	for _, x := range []struct {
		what      string
		asks, has int
	}{{"ms of computing", l.Milliseconds, most.Milliseconds}, {"MB of memory", l.MemoryMB, most.MemoryMB}, {"questions to systems", l.HostCalls, most.HostCalls}} {
		if x.asks > x.has {
			add("The manifest asks for %d %s, and no function gets more than %d.", x.asks, x.what, x.has)
		}
	}
	if !written || len(out) > 0 || len(r.Wrong) > 0 {
		return out
	}
	calls, steps := 0, int64(0)
	for _, k := range r.Cases {
		calls, steps = max(calls, k.Calls), max(steps, k.Steps)
	}
	if l.HostCalls > usual.HostCalls && l.HostCalls > 2*calls {
		add("The manifest asks for %d questions to systems; the test that asks most asks %d. Ask for at most twice of what a test shows, or for the usual %d.", l.HostCalls, calls, usual.HostCalls)
	}
	if l.Milliseconds > usual.Milliseconds && steps < function.UsualSteps/10 {
		add("The manifest asks for %d ms of computing; the test that computes most takes %d of the %d steps that a call has. Ask for the usual %d ms, or add a test that shows why.", l.Milliseconds, steps, function.UsualSteps, usual.Milliseconds)
	}
	return out
}

// MoreThanUsual says whether limits ask for more than a function has that asks for none.
func MoreThanUsual(l function.Limits) bool {
	usual := function.UsualLimits()
	return l.Milliseconds > usual.Milliseconds || l.MemoryMB > usual.MemoryMB || l.HostCalls > usual.HostCalls
}

func sortedNames(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
