//go:build !worker

package luavm

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"joinery/internal/canon"
	"joinery/internal/function"
)

// Report is what reading a function and running its cases showed.
type Report struct {
	Analysis
	// Asked are the grants of the manifest, Found those that the source calls,
	// Observed those that the cases used.
	Asked    []string     `json:"asked,omitempty"`
	Found    []string     `json:"found,omitempty"`
	Observed []string     `json:"observed,omitempty"`
	Cases    []CaseResult `json:"cases,omitempty"`
	// Lines hold code, Missed are those of them that no case ran.
	Lines  []int `json:"lines,omitempty"`
	Missed []int `json:"missed,omitempty"`
	// Survivors are small changes of the source that no case noticed; nil when that was not tried.
	Survivors []Mutant `json:"survivors,omitempty"`
	Tried     int      `json:"tried,omitempty"`
	// Varied is what it gave for inputs that no case has; nil when that was not tried.
	Varied []function.Varied `json:"varied,omitempty"`
}

// CaseResult is how one case went.
type CaseResult struct {
	Name    string  `json:"name"`
	Passed  bool    `json:"passed"`
	Why     string  `json:"why,omitempty"`
	Outcome Outcome `json:"outcome"`
}

// Passed says whether the function may be submitted.
func (r Report) Passed() bool {
	return !r.Wrong() && len(r.Ungranted()) == 0 && !slices.ContainsFunc(r.Cases, func(c CaseResult) bool { return !c.Passed })
}

// Ungranted are grants that the source needs and the manifest does not ask for.
func (r Report) Ungranted() []string { return without(r.Found, r.Asked) }

// Unused are grants that are asked for and that the source does not call.
func (r Report) Unused() []string {
	if slices.ContainsFunc(r.Uses, func(u Use) bool { return u.Connection == "?" }) {
		return nil // which connections are called is not known
	}
	return without(r.Asked, r.Found)
}

func without(list, others []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(others, s) {
			out = append(out, s)
		}
	}
	return out
}

// Test reads a function and runs its cases in workers; deep also tries them
// against small changes of the source.
func (p *Pool) Test(ctx context.Context, c function.Content, deep bool) (Report, error) {
	a, err := p.Check(ctx, c.Source)
	if err != nil {
		return Report{}, err
	}
	r := Report{Analysis: a, Asked: c.Manifest.Grants, Found: a.Grants()}
	if r.Wrong() {
		return r, nil
	}
	covered, observed := map[int]bool{}, map[string]bool{}
	for _, k := range c.Cases {
		result, err := p.RunCase(ctx, c, k, 0)
		if err != nil {
			return Report{}, err
		}
		for _, l := range result.Outcome.Covered {
			covered[l] = true
		}
		r.Lines = result.Outcome.Lines
		for _, asked := range result.Outcome.Asked {
			if f, ok := p.calls[asked.Name]; ok {
				if _, connection, ok := arguments(asked.Args); ok {
					observed[f.Grant(connection)] = true
				}
			}
		}
		for _, e := range result.Outcome.Plan {
			if f, ok := p.calls[e.Do]; ok {
				if _, connection, ok := arguments(e.Args); ok {
					observed[f.Grant(connection)] = true
				}
			}
		}
		r.Cases = append(r.Cases, result)
	}
	r.Observed = sortedKeys(observed)
	for _, l := range r.Lines {
		if !covered[l] {
			r.Missed = append(r.Missed, l)
		}
	}
	if deep && r.Passed() && len(c.Cases) > 0 {
		if err := p.mutate(ctx, c, &r); err != nil {
			return r, err
		}
		return r, p.vary(ctx, c, &r)
	}
	return r, nil
}

// vary runs the function with inputs that no case has.
func (p *Pool) vary(ctx context.Context, c function.Content, r *Report) error {
	for _, v := range function.Variations(c) {
		result, err := p.RunCase(ctx, c, v.Case, 0)
		if err != nil {
			return err
		}
		got, _ := c.Read(result.Outcome.Result)
		output, ok := got.(map[string]any)
		if result.Outcome.Kind != OK || !ok {
			continue
		}
		one := function.Varied{Of: v.Of, With: v.With, Input: v.Case.Input, Output: output}
		for _, e := range result.Outcome.Plan {
			planned := function.Planned{Do: e.Do}
			if err := json.Unmarshal(e.Args, &planned.Args); err != nil {
				return fmt.Errorf("read plan: %w", err)
			}
			one.Plan = append(one.Plan, planned)
		}
		r.Varied = append(r.Varied, one)
	}
	return nil
}

// mutate runs the cases against every small change until one notices it.
func (p *Pool) mutate(ctx context.Context, c function.Content, r *Report) error {
	r.Survivors = []Mutant{}
	for i, m := range r.Mutants {
		noticed := false
		for _, k := range c.Cases {
			result, err := p.RunCase(ctx, c, k, i+1)
			if err != nil {
				return err
			}
			if noticed = !result.Passed; noticed {
				break
			}
		}
		r.Tried++
		if !noticed {
			r.Survivors = append(r.Survivors, m)
		}
	}
	return nil
}

// RunCase runs one case, on the source as it is or with its n-th small change.
func (p *Pool) RunCase(ctx context.Context, c function.Content, k function.Case, mutant int) (CaseResult, error) {
	now, err := k.At()
	if err != nil {
		return CaseResult{Name: k.Name, Why: "The moment of the case cannot be read."}, nil
	}
	input := k.Input
	if input == nil {
		input = map[string]any{}
	}
	raw, err := json.Marshal(input)
	if err != nil {
		return CaseResult{}, fmt.Errorf("write input: %w", err)
	}
	missing := ""
	out, err := p.Call(ctx, Call{
		Source: c.Source, Input: raw, Now: now, Seed: seedOf(nil, c.Key, k.Name), RunID: "test", DryRun: true, Limits: LimitsOf(c.Manifest.Limits),
		Grants: c.Manifest.Grants, Cover: mutant == 0, Mutant: mutant,
		Answer: func(_ context.Context, name string, args []json.RawMessage) (json.RawMessage, *HostFault) {
			for _, s := range k.Stubs {
				if s.Call != name || s.Args != nil && !sameList(s.Args, args) {
					continue
				}
				if s.Fails != "" {
					return nil, &HostFault{Code: "unavailable", Message: s.Fails, Retryable: true}
				}
				answer, _ := json.Marshal(s.Answer)
				return answer, nil
			}
			if missing == "" {
				list, _ := json.Marshal(args)
				missing = fmt.Sprintf("No stub answers %s(%s).", name, strings.Trim(string(list), "[]"))
			}
			return nil, &HostFault{Code: "not_found", Message: "No stub answers this."}
		},
	})
	if err != nil {
		return CaseResult{}, err
	}
	result := CaseResult{Name: k.Name, Outcome: out}
	result.Why = judge(c, k, out)
	if missing != "" {
		result.Why = missing
	}
	result.Passed = result.Why == ""
	return result, nil
}

// judge says why an outcome is not what a case expects, "" when it is.
func judge(c function.Content, k function.Case, out Outcome) string {
	if k.Error != "" {
		switch {
		case out.Kind == OK:
			return fmt.Sprintf("It should have ended with %q, and gave %s.", k.Error, clip(string(out.Result), 300))
		case out.Code == k.Error, strings.Contains(out.Sentence(), k.Error), string(out.Kind) == k.Error:
			return ""
		}
		return fmt.Sprintf("It should have ended with %q, and ended with: %s", k.Error, out.Sentence())
	}
	if out.Kind != OK {
		return out.Sentence()
	}
	got, violations := c.Read(out.Result)
	if len(violations) > 0 {
		return "The result is not what the manifest says: " + strings.Join(violations, "; ") + "."
	}
	if !same(got, k.Output) {
		want, _ := json.Marshal(k.Output)
		text, _ := canon.Value(got)
		return fmt.Sprintf("It gave %s instead of %s.", clip(string(text), 400), clip(string(want), 400))
	}
	return judgePlan(k.Plan, out.Plan)
}

func judgePlan(want []function.Planned, got []Entry) string {
	for i := range max(len(want), len(got)) {
		switch {
		case i >= len(got):
			return fmt.Sprintf("It did not plan %s %s.", want[i].Do, shown(want[i].Args))
		case i >= len(want):
			return fmt.Sprintf("It planned %s %s, which no one expected.", got[i].Do, got[i].Args)
		}
		var args []json.RawMessage
		_ = json.Unmarshal(got[i].Args, &args)
		if got[i].Do != want[i].Do || !sameList(want[i].Args, args) {
			return fmt.Sprintf("It planned %s %s instead of %s %s.", got[i].Do, got[i].Args, want[i].Do, shown(want[i].Args))
		}
	}
	return ""
}

func shown(v any) string {
	raw, _ := json.Marshal(v)
	return string(raw)
}

func sameList(want []any, got []json.RawMessage) bool {
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if !same(want[i], got[i]) {
			return false
		}
	}
	return true
}

// same compares two values as canonical JSON.
func same(a, b any) bool {
	x, err := canon.Value(a)
	if err != nil {
		return false
	}
	y, err := canon.Value(b)
	return err == nil && bytes.Equal(x, y)
}

// LimitsOf are the limits that a manifest asks for.
func LimitsOf(l function.Limits) Limits {
	return Limits{Compute: time.Duration(l.Milliseconds) * time.Millisecond, Heap: int64(l.MemoryMB) << 20, HostCalls: l.HostCalls}.Within()
}
