package author

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"joinery/internal/canon"
	"joinery/internal/function"
)

// Judge finds the gates that a function misses. The report has to be a deep one of this
// content. in is the confirmed intent; nil for what was written by hand, which has the
// same gates but those two that compare with it.
func Judge(c function.Content, r function.Examination, in *Intent, threshold int) []Gap {
	out := slices.Concat(codeGaps(c, r), testGaps(c, r), grantGaps(r), limitGaps(c, r, in != nil))
	if n := r.Noticed(); n < threshold && len(out) == 0 {
		out = append(out, mutationGap(r, n, threshold))
	}
	if in != nil {
		out = append(out, intentGaps(c, r, *in)...)
	}
	return append(out, literalGaps(c)...)
}

func codeGaps(c function.Content, r function.Examination) []Gap {
	var out []Gap
	for _, l := range r.Wrong {
		out = append(out, Gap{Gate: GateCode, Line: l.Line, Says: l.Text})
	}
	for _, p := range function.Check(c) {
		if gate := gateOf(p.Path); gate != GateTests {
			out = append(out, Gap{Gate: gate, Says: p.Path + ": " + p.Detail})
		}
	}
	return out
}

func gateOf(path string) Gate {
	switch {
	case strings.HasPrefix(path, "cases"):
		return GateTests
	case strings.HasPrefix(path, "manifest.grants"):
		return GateGrants
	case strings.HasPrefix(path, "manifest.limits"):
		return GateLimits
	}
	return GateCode
}

func testGaps(c function.Content, r function.Examination) []Gap {
	var out []Gap
	for _, p := range function.Check(c) {
		if gateOf(p.Path) == GateTests {
			out = append(out, Gap{Gate: GateTests, Says: p.Path + ": " + p.Detail})
		}
	}
	for _, k := range r.Cases {
		if !k.Passed {
			out = append(out, Gap{Gate: GateTests, Test: k.Name, Says: fmt.Sprintf("The test %q fails: %s", k.Name, k.Why)})
		}
	}
	return out
}

// shownSurvivors is how many unnoticed changes a gap names.
const shownSurvivors = 10

func mutationGap(r function.Examination, noticed, threshold int) Gap {
	var at []string
	for _, s := range r.Survivors[:min(len(r.Survivors), shownSurvivors)] {
		at = append(at, fmt.Sprintf("line %d: %s", s.Line, s.Text))
	}
	if more := len(r.Survivors) - len(at); more > 0 {
		at = append(at, fmt.Sprintf("and %d more", more))
	}
	return Gap{Gate: GateMutation, Line: r.Survivors[0].Line,
		Says: fmt.Sprintf("The tests notice %d of 100 small changes of the code; %d are needed. Not noticed: %s.", noticed, threshold, strings.Join(at, "; "))}
}

// grantGaps holds what is asked for to what the source uses.
func grantGaps(r function.Examination) []Gap {
	if len(r.Wrong) > 0 {
		return nil
	}
	var out []Gap
	for _, g := range r.Found {
		if !slices.Contains(r.Asked, g) {
			out = append(out, Gap{Gate: GateGrants, Says: "The code needs the grant " + g + ", and the manifest does not ask for it."})
		}
	}
	open := slices.IndexFunc(r.Calls, func(c function.CallAt) bool { return c.Connection == "?" })
	if open >= 0 {
		return append(out, Gap{Gate: GateGrants, Line: r.Calls[open].Line, Says: r.Calls[open].Name + " works out its connection. Write the connection's key as plain text, so that what the code may touch can be read."})
	}
	for _, g := range r.Asked {
		if !slices.Contains(r.Found, g) {
			out = append(out, Gap{Gate: GateGrants, Says: "The manifest asks for the grant " + g + ", and the code does not use it."})
		}
	}
	return out
}

func intentGaps(c function.Content, r function.Examination, in Intent) []Gap {
	var out []Gap
	grants := slices.Concat(r.Asked, r.Found, r.Observed, c.Manifest.Grants)
	slices.Sort(grants)
	grants = slices.Compact(grants)
	for _, text := range grants {
		g, ok := function.ParseGrant(text)
		if !ok {
			continue
		}
		if !slices.Contains(in.Writes, text) && !slices.Contains(in.Reads, text) {
			out = append(out, Gap{Gate: GateIntent, Says: fmt.Sprintf("The function %s, and the confirmed intent does not say so.", g.Says())})
		}
	}
	out = append(out, forbiddenGaps(c, r, grants, in)...)
	for _, k := range in.Examples {
		if !slices.ContainsFunc(c.Cases, func(x function.Case) bool { return sameCase(x, k) }) {
			out = append(out, Gap{Gate: GateTests, Says: fmt.Sprintf("The example %q of the intent is not among the tests as it was confirmed.", k.Name)})
		}
	}
	return out
}

func sameCase(a, b function.Case) bool {
	x, err := canon.Value(a)
	if err != nil {
		return false
	}
	y, err := canon.Value(b)
	return err == nil && bytes.Equal(x, y)
}
