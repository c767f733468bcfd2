package eval

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"joinery/internal/canon"
	"joinery/internal/function"
	"joinery/internal/luavm"
)

// anyFailure in a test means that a person is asked, in whatever words.
const anyFailure = string(luavm.Failed)

// Missed is a test that an answer does not pass.
type Missed struct {
	Test string `json:"test"`
	Why  string `json:"why"`
}

// Verdict is what the hidden tests say about an answer.
type Verdict struct {
	Tests  int      `json:"tests"`
	Missed []Missed `json:"missed,omitempty"`
	// Excess are grants beyond what the item allows, Forbidden effects that happened.
	Excess    []string `json:"excess,omitempty"`
	Forbidden []string `json:"forbidden,omitempty"`
}

// Right says whether the answer does what was asked and nothing that was not.
func (v Verdict) Right() bool {
	return len(v.Missed) == 0 && len(v.Excess) == 0 && len(v.Forbidden) == 0
}

// Judge runs the hidden tests on an answer. It reads the answer's own tests as little
// as an approval does: what they leave out shows here.
func (i Item) Judge(ctx context.Context, pool *luavm.Pool, answer function.Content) (Verdict, error) {
	v := Verdict{Tests: len(i.Tests)}
	reading, err := pool.Check(ctx, answer.Source)
	if err != nil {
		return v, err
	}
	for _, g := range append(slices.Clone(answer.Manifest.Grants), reading.Grants()...) {
		if !slices.Contains(i.Grants, g) && !slices.Contains(v.Excess, g) {
			v.Excess = append(v.Excess, g)
		}
	}
	for _, k := range i.Tests {
		why, out, err := i.try(ctx, pool, answer, k, 0)
		if err != nil {
			return v, err
		}
		if why != "" {
			v.Missed = append(v.Missed, Missed{k.Name, why})
		}
		for _, says := range i.forbidden(out.Plan) {
			if !slices.Contains(v.Forbidden, says) {
				v.Forbidden = append(v.Forbidden, says)
			}
		}
	}
	return v, nil
}

// try runs one hidden test, on the answer as it is or with a small change of it.
func (i Item) try(ctx context.Context, pool *luavm.Pool, answer function.Content, k function.Case, mutant int) (string, luavm.Outcome, error) {
	if wrong := function.Violations(answer.Manifest.Input, k.Input); len(wrong) > 0 {
		return "Its manifest refuses this input: " + strings.Join(wrong, "; ") + ".", luavm.Outcome{}, nil
	}
	r, err := pool.RunCase(ctx, answer, k, mutant)
	if err != nil {
		return "", luavm.Outcome{}, err
	}
	if sorted, ok := reordered(k.Plan, r.Outcome.Plan); !r.Passed && ok {
		k.Plan = sorted
		if r, err = pool.RunCase(ctx, answer, k, mutant); err != nil {
			return "", luavm.Outcome{}, err
		}
	}
	why, out := r.Why, r.Outcome
	switch {
	case k.Error == anyFailure && out.Kind != luavm.Failed && out.Kind != luavm.OK:
		why = "It should have asked a person, and ended with: " + out.Sentence()
	case out.Kind == luavm.Failed && (out.Code == "" || strings.TrimSpace(out.Message) == ""):
		why = "It asks a person without saying why."
	}
	return why, out, nil
}

// reordered brings what is expected into the order of what was planned; no test
// depends on the order of changes. It says no when they are not the same changes.
func reordered(want []function.Planned, got []luavm.Entry) ([]function.Planned, bool) {
	left := slices.Clone(want)
	var out []function.Planned
	for _, e := range got {
		at := slices.IndexFunc(left, func(p function.Planned) bool { return p.Do == e.Do && sameArgs(p.Args, e.Args) })
		if at < 0 {
			return nil, false
		}
		out = append(out, left[at])
		left = slices.Delete(left, at, at+1)
	}
	return out, len(left) == 0 && len(out) > 1
}

func sameArgs(want []any, got json.RawMessage) bool {
	var list []any
	if json.Unmarshal(got, &list) != nil {
		return false
	}
	a, err := canon.Value(want)
	if err != nil {
		return false
	}
	b, err := canon.Value(list)
	return err == nil && string(a) == string(b)
}

func (i Item) forbidden(plan []luavm.Entry) []string {
	var out []string
	for _, n := range i.Never {
		if at := slices.IndexFunc(plan, func(e luavm.Entry) bool {
			return strings.HasPrefix(e.Do, n.Do) && n.args.Match(e.Args)
		}); at >= 0 {
			out = append(out, fmt.Sprintf("%s It planned %s %s.", n.Says, plan[at].Do, plan[at].Args))
		}
	}
	return out
}
