//go:build !worker

package luavm

import (
	"context"

	"joinery/internal/function"
)

// Examine reads a function, runs its cases, and runs them once more against every
// small change of the source. It takes as long as all these calls do.
func (p *Pool) Examine(ctx context.Context, c function.Content) (function.Examination, error) {
	return p.Look(ctx, c, true)
}

// Look reads a function and runs its cases; deep also tries small changes.
func (p *Pool) Look(ctx context.Context, c function.Content, deep bool) (function.Examination, error) {
	r, err := p.Test(ctx, c, deep)
	if err != nil {
		return function.Examination{}, err
	}
	return r.Examination(), nil
}

// Examination is what of a report is kept.
func (r Report) Examination() function.Examination {
	out := function.Examination{Asked: r.Asked, Found: r.Found, Observed: r.Observed, Lines: r.Lines, Missed: r.Missed, Tried: r.Tried, Varied: r.Varied}
	for _, u := range r.Uses {
		if u.Effect == Reads || u.Effect == Plans {
			out.Calls = append(out.Calls, function.CallAt{Name: u.Name, Connection: u.Connection, Line: u.Line, Loop: u.Loop})
		}
	}
	for _, p := range r.Problems {
		if said := (function.Line{Line: p.Line, Text: p.Detail}); p.Warning {
			out.Warnings = append(out.Warnings, said)
		} else {
			out.Wrong = append(out.Wrong, said)
		}
	}
	for _, k := range r.Cases {
		out.Cases = append(out.Cases, function.Shown{Name: k.Name, Passed: k.Passed, Why: k.Why, Steps: k.Outcome.Steps, Calls: len(k.Outcome.Asked)})
	}
	for _, m := range r.Survivors {
		out.Survivors = append(out.Survivors, function.Line{Line: m.Line, Text: m.Change})
	}
	return out
}
