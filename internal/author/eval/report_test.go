package eval

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/author"
)

// The figures of a report are of what ended, and no text of a model or a provider is
// more than text in it.
func TestReport(t *testing.T) {
	t.Parallel()
	r := Report{At: time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC), Model: "m|<b>", Address: "http://x", Setting: author.DefaultSetting(), Asked: 5, Results: []Result{
		{Item: "a", Ending: Right, Calls: 3, In: 100, Out: 10, Took: time.Second, Verdict: Verdict{Tests: 10}},
		{Item: "b", Ending: Wrong, Calls: 4, In: 200, Out: 20, Took: 2 * time.Second, Verdict: Verdict{Tests: 10, Missed: []Missed{{"no | last name", "x"}}, Excess: []string{"hris:people:workers.get"}}},
		{Item: "c", Ending: Gated, Calls: 9, Repairs: 2, Took: 3 * time.Second, Gaps: []author.Gap{{Gate: author.GateTests}, {Gate: author.GateTests}, {Gate: author.GateGrants}}, Verdict: Verdict{Tests: 10}},
		{Item: "d", Ending: Trouble, Calls: 1, Guessed: true, Stage: author.CodeStage, Trouble: &author.Trouble{Kind: author.Refused, Says: "<script>"}},
	}}
	r.count()
	require.Equal(t, 25, r.PassRate())
	c := r.Counts
	require.Equal(t, map[Ending]int{Right: 1, Wrong: 1, Gated: 1, Trouble: 1}, c.Endings)
	require.Equal(t, map[author.Gate]int{author.GateTests: 1, author.GateGrants: 1}, c.Gates)
	require.Equal(t, map[author.TroubleKind]int{author.Refused: 1}, c.Troubles)
	require.Equal(t, 1, c.GatedRight)
	require.Equal(t, []int{1, 1, 30, 1}, []int{c.Forbidden, c.Escaped, c.Tests, c.Missed})
	require.Equal(t, Spread{Sum: 17, Median: 3, P90: 9, Most: 9}, c.Calls)
	require.Equal(t, Spread{Sum: 6, Median: 1, P90: 3, Most: 3}, c.Seconds)
	text := r.Markdown()
	for _, want := range []string{"| right: gates and hidden tests pass | 1 (25 %) |", "The evaluation ended early", "tokens (estimated) in", `m\|\<b\>`, "| b | wrong | asks for hris:people:workers.get |", "| c | gated | tests, grants; 10 of 10 hidden tests pass |", "| d | trouble | code: refused |"} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, "<script>")
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, "| b ") {
			require.Equal(t, 7, strings.Count(line, "|"), "one row")
		}
	}
	require.Zero(t, Report{}.PassRate())
	require.NotPanics(t, func() { empty := Report{}; empty.count(); _ = empty.Markdown() })
}
