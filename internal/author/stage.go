package author

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"joinery/internal/function"
)

// mostCases bounds the tests of one function.
const mostCases = 60

// restate asks what was understood.
func (j *job) restate(ctx context.Context) (Intent, error) {
	var out Intent
	ask := j.asked()
	for i := len(j.earlier) - 1; i >= 0; i-- {
		if s := j.earlier[i].At(IntentStage); s != nil && s.State == Done {
			ask += "\n" + j.data("The intent that was confirmed before this request", string(s.Result)) + "\n"
			break
		}
	}
	err := j.converse(ctx, j.system(true), ask+"\n"+intentForm, func(answer string) (string, error) {
		out = Intent{}
		if complaint := object(answer, &out); complaint != "" {
			return complaint, nil
		}
		if j.base != nil {
			out.Key = j.base.Key
		}
		return correct("The intent is not right yet:", problemOf(out.Check())), nil
	})
	return out, err
}

func correct(head, list string) string {
	if list == "" {
		return ""
	}
	return head + list
}

// writeTests asks for tests. The examples of the intent, or the tests there are when only
// more are wanted, come first and stay.
func (j *job) writeTests(ctx context.Context) (Tests, error) {
	c := j.content()
	if j.intent != nil {
		c.Manifest.Input, c.Manifest.Output = schemaOf(j.intent.Inputs, c.Manifest.Input), schemaOf(j.intent.Outputs, c.Manifest.Output)
	}
	out := Tests{Input: c.Manifest.Input, Output: c.Manifest.Output}
	form := testsForm
	if j.turn.Kind == MoreTests {
		form = strings.Replace(form, "The examples of the intent are tests already; do not repeat them.", "The tests there are stay; do not repeat them.", 1)
	} else if j.base != nil {
		form += "\n" + keptForm
	}
	ask := fmt.Sprintf("%s%s\nThe input's schema: %s\nThe output's schema: %s\n\n%s", j.asked(), j.confirmed(), pretty(out.Input), pretty(out.Output), form)
	err := j.converse(ctx, j.system(true), ask, func(answer string) (string, error) {
		var own struct {
			Cases    []function.Case `json:"cases"`
			Obsolete []string        `json:"obsolete"`
		}
		if complaint := object(answer, &own); complaint != "" {
			return complaint, nil
		}
		out.Cases, out.Obsolete = j.fixed(), nil
		if j.intent != nil && j.base != nil {
			for _, k := range j.base.Cases {
				if slices.Contains(own.Obsolete, k.Name) {
					out.Obsolete = append(out.Obsolete, k.Name)
				} else {
					out.Cases = together(out.Cases, []function.Case{k})
				}
			}
		}
		out.Cases = together(out.Cases, own.Cases)
		return j.badCases(out), nil
	})
	return out, err
}

// badCases says what is wrong with tests as such.
func (j *job) badCases(t Tests) string {
	if len(t.Cases) == len(j.fixed()) && j.turn.Kind == MoreTests {
		return "There is no test in it that was not there before."
	}
	if len(t.Cases) > mostCases {
		return fmt.Sprintf("There are %d tests; up to %d are of use.", len(t.Cases), mostCases)
	}
	c := j.content()
	c.Source, c.Manifest.Input, c.Manifest.Output, c.Cases = "return function(input) return {} end", t.Input, t.Output, t.Cases
	list := ""
	for _, p := range function.Check(c) {
		if gateOf(p.Path) == GateTests {
			list += "\n- " + p.Path + " (" + nameOf(t.Cases, p.Path) + "): " + p.Detail
		}
	}
	return correct("The tests are not right yet:", clipped(list, 4000))
}

func nameOf(cases []function.Case, path string) string {
	var i int
	if _, err := fmt.Sscanf(path, "cases.%d", &i); err != nil || i < 0 || i >= len(cases) {
		return "all"
	}
	return cases[i].Name
}

// fixed are the tests that the model cannot change.
func (j *job) fixed() []function.Case {
	switch {
	case j.intent != nil:
		return j.intent.Examples
	case j.base != nil:
		return j.base.Cases
	}
	return nil
}

// together puts the model's own tests after those that stay, each name once.
func together(fixed, own []function.Case) []function.Case {
	out := slices.Clone(fixed)
	for _, k := range own {
		if slices.ContainsFunc(out, func(x function.Case) bool { return sameCase(x, k) }) {
			continue
		}
		name := k.Name
		for n := 2; slices.ContainsFunc(out, func(x function.Case) bool { return x.Name == k.Name }); n++ {
			k.Name = fmt.Sprintf("%s (%d)", name, n)
		}
		out = append(out, k)
	}
	return out
}

// writeCode asks for Lua that can be read; whether it is right is for the checks.
func (j *job) writeCode(ctx context.Context) (Code, error) {
	var out Code
	ask := fmt.Sprintf("%s%s\nTESTS (the first %d are the confirmed examples):\n%s\n\n%s", j.asked(), j.confirmed(), len(j.fixed()), pretty(j.tests.Cases), codeForm)
	err := j.converse(ctx, j.system(true), ask, func(answer string) (complaint string, err error) {
		out = Code{}
		if out.Source, complaint = only(answer, "lua"); complaint != "" {
			return complaint, nil
		}
		if complaint = object(answer, &out); complaint != "" {
			return complaint, nil
		}
		out.Source, _ = only(answer, "lua")
		if complaint = unexplained(out.Limits, out.LimitsWhy); complaint != "" {
			return complaint, nil
		}
		return j.unreadable(ctx, out.Source)
	})
	return out, err
}

// unexplained says what is missing where more than the usual limits are asked for.
func unexplained(l function.Limits, why string) string {
	if !MoreThanUsual(l) || strings.TrimSpace(why) != "" {
		return ""
	}
	return `The limits are above the usual ones. Say why in "limits_why", or leave "limits" out.`
}

// unreadable says why source cannot be run; "" when it can be.
func (j *job) unreadable(ctx context.Context, source string) (string, error) {
	if len(source) > function.MaxSource {
		return fmt.Sprintf("The code is larger than %d kB.", function.MaxSource>>10), nil
	}
	r, err := j.look(ctx, function.Content{Key: j.key(), Name: j.key(), Source: source}, false)
	if err != nil {
		return asComplaint(err)
	}
	list := ""
	for _, l := range r.Wrong[:min(len(r.Wrong), 20)] {
		list += fmt.Sprintf("\n- line %d: %s", l.Line, l.Text)
	}
	return correct("The code cannot be run:", list), nil
}

// check judges the function by the gates, and lets the model repair what is missed, a
// bounded number of times. What is missed then is shown.
func (j *job) check(ctx context.Context) (Checks, error) {
	out := Checks{Content: j.content(), LimitsWhy: j.code.LimitsWhy}
	first := out.Content.Cases
	if err := j.judge(ctx, &out); err != nil {
		return out, err
	}
	for len(out.Gaps) > 0 && out.Repairs < j.setting.Limits.Rounds {
		before := out
		out.Repairs++
		if err := j.repair(ctx, &out); err != nil {
			if asTrouble(err).Kind == Malformed {
				before.Repairs = out.Repairs
				out = before
				break
			}
			return out, err
		}
		if err := j.judge(ctx, &out); err != nil {
			return out, err
		}
	}
	for _, k := range first {
		if !slices.ContainsFunc(out.Content.Cases, func(x function.Case) bool { return sameCase(x, k) }) {
			out.Replaced = append(out.Replaced, k.Name)
		}
	}
	return out, nil
}

func (j *job) judge(ctx context.Context, out *Checks) (err error) {
	if out.Report, err = j.look(ctx, out.Content, true); err != nil {
		return err
	}
	if out.Known, err = KnownGaps(ctx, j.a.Filter, out.Content, j.setting.Words); err != nil {
		return err
	}
	if out.Gaps = out.Rejudged(Agreed(j.earlier, j.turn), j.setting.Mutation); out.Gaps == nil {
		out.Gaps = []Gap{}
	}
	return nil
}

// repair asks once for something better.
func (j *job) repair(ctx context.Context, out *Checks) error {
	form := repairForm
	if j.turn.Kind == MoreTests {
		form = moreForm
	}
	ask := fmt.Sprintf("%s%s\n%s\n\nWHAT THE GATES MISS:\n%s\n%s", j.asked(), j.confirmed(), j.data("The function now", describe(out.Content)), j.data("Findings", listed(out.Gaps)), form)
	return j.converse(ctx, j.system(true), ask, func(answer string) (string, error) {
		return j.repaired(ctx, out, answer)
	})
}

// repaired takes a repair into the content. What it does not mention stays.
func (j *job) repaired(ctx context.Context, out *Checks, answer string) (string, error) {
	next := out.Content
	var beside struct {
		Grants    []string         `json:"grants"`
		Limits    function.Limits  `json:"limits"`
		LimitsWhy string           `json:"limits_why"`
		Cases     *[]function.Case `json:"cases"`
	}
	beside.Grants, beside.Limits, beside.LimitsWhy = next.Manifest.Grants, next.Manifest.Limits, out.LimitsWhy
	if all, _ := blocks(answer); slices.ContainsFunc(all, func(b block) bool { return b.language == "json" }) || j.turn.Kind == MoreTests {
		if complaint := object(answer, &beside); complaint != "" {
			return complaint, nil
		}
	}
	if j.turn.Kind != MoreTests {
		source, complaint := only(answer, "lua")
		if complaint != "" {
			return complaint, nil
		}
		if complaint, err := j.unreadable(ctx, source); complaint != "" || err != nil {
			return complaint, err
		}
		if complaint := unexplained(beside.Limits, beside.LimitsWhy); complaint != "" {
			return complaint, nil
		}
		next.Source, next.Manifest.Grants, next.Manifest.Limits = source, beside.Grants, beside.Limits
	}
	if beside.Cases != nil {
		next.Cases = together(j.fixed(), *beside.Cases)
		if complaint := j.badCases(Tests{Input: next.Manifest.Input, Output: next.Manifest.Output, Cases: next.Cases}); complaint != "" {
			return complaint, nil
		}
	}
	out.Content, out.LimitsWhy = next, beside.LimitsWhy
	return "", nil
}
