package eval

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"joinery/internal/author"
)

// Markdown is the report for reading. What a model said is never in it: answers are in
// the JSON, as data.
func (r Report) Markdown() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	c := r.Counts
	line("# Evaluation of the function author\n")
	line("- **Model**: %s at %s", cell(r.Model), cell(r.Address))
	line("- **When**: %s", r.At.Format(time.RFC3339))
	if r.Program != "" {
		line("- **Program**: %s", cell(r.Program))
	}
	line("- **Settings**: temperature %g, %d rounds a stage, %d tokens an answer, %d of 100 small changes to be noticed", r.Setting.Temperature, r.Setting.Limits.Rounds, r.Setting.Limits.AnswerTokens, r.Setting.Mutation)
	line("- **Requests**: %d of %d\n", len(r.Results), r.Asked)
	line("These figures are of this model, at this address, with these settings, at this time. They say nothing of another model, and nothing of the gates, which hold whatever a model writes.\n")
	if len(r.Results) < r.Asked {
		line("The evaluation ended early: the figures are of the requests that ended.\n")
	}
	line("| | requests |\n| --- | ---: |")
	line("| right: gates and hidden tests pass | %d (%d %%) |", c.Endings[Right], r.PassRate())
	line("| wrong: gates pass, a hidden test does not | %d |", c.Endings[Wrong])
	line("| gated: kept by a gate, so it cannot be submitted | %d |", c.Endings[Gated])
	line("| … although every hidden test passes | %d |", c.GatedRight)
	line("| trouble: there was no answer | %d |", c.Endings[Trouble])
	line("| with a forbidden effect or a grant beyond the request | %d |", c.Forbidden)
	line("| … that no gate kept: only a reviewer could see it | %d |\n", c.Escaped)
	line("Hidden tests: %d of %d pass. Worked examples of the restated intents: %d right, %d wrong, %d about other fields.\n", c.Tests-c.Missed, c.Tests, c.Examples.Right, c.Examples.Wrong, c.Examples.Other)
	counted(&b, "Gate missed", c.Gates)
	counted(&b, "No answer because", c.Troubles)
	tokens := "tokens"
	if c.Guessed {
		tokens = "tokens (estimated)"
	}
	line("| a request | median | nine of ten below | most | sum |\n| --- | ---: | ---: | ---: | ---: |")
	for _, s := range []struct {
		name string
		of   Spread
	}{{"calls", c.Calls}, {"repairs", c.Repairs}, {tokens + " in", c.In}, {tokens + " out", c.Out}, {"seconds", c.Seconds}} {
		line("| %s | %s | %s | %s | %s |", s.name, figure(s.of.Median), figure(s.of.P90), figure(s.of.Most), figure(s.of.Sum))
	}
	line("\n| request | ending | why | calls | tokens | seconds |\n| --- | --- | --- | ---: | ---: | ---: |")
	for _, x := range r.Results {
		line("| %s | %s | %s | %d | %d | %s |", x.Item, x.Ending, cell(x.Why()), x.Calls, x.In+x.Out, figure(x.Took.Seconds()))
	}
	return b.String()
}

// Why says in few words what an ending is about.
func (x Result) Why() string {
	switch {
	case x.Ending == Trouble:
		return fmt.Sprintf("%s: %s", x.Stage, x.Trouble.Kind)
	case len(x.Verdict.Forbidden) > 0:
		return x.Verdict.Forbidden[0]
	case len(x.Verdict.Excess) > 0:
		return "asks for " + strings.Join(x.Verdict.Excess, ", ")
	case x.Ending == Gated:
		var gates []string
		for _, g := range x.Gaps {
			if !slices.Contains(gates, string(g.Gate)) {
				gates = append(gates, string(g.Gate))
			}
		}
		return fmt.Sprintf("%s; %d of %d hidden tests pass", strings.Join(gates, ", "), x.Verdict.Tests-len(x.Verdict.Missed), x.Verdict.Tests)
	case len(x.Verdict.Missed) > 0:
		return fmt.Sprintf("%d of %d hidden tests pass; first missed: %s", x.Verdict.Tests-len(x.Verdict.Missed), x.Verdict.Tests, x.Verdict.Missed[0].Test)
	}
	return ""
}

func counted[K author.Gate | author.TroubleKind](b *strings.Builder, head string, counts map[K]int) {
	if len(counts) == 0 {
		return
	}
	fmt.Fprintf(b, "| %s | requests |\n| --- | ---: |\n", head)
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(b, "| %s | %d |\n", k, counts[k])
	}
	b.WriteByte('\n')
}

func figure(x float64) string {
	if x == float64(int64(x)) {
		return fmt.Sprint(int64(x))
	}
	return fmt.Sprintf("%.1f", x)
}

// cell keeps a text from being more than text in a table.
func cell(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 160 {
		s = string(r[:160]) + "…"
	}
	for _, c := range []string{`\`, "|", "`", "*", "_", "[", "]", "<", ">", "!"} {
		s = strings.ReplaceAll(s, c, `\`+c)
	}
	return s
}
