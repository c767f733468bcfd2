package eval

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/author"
	"joinery/internal/function"
)

func find(t *testing.T, key string) Item {
	t.Helper()
	items, err := Items()
	require.NoError(t, err)
	at := slices.IndexFunc(items, func(i Item) bool { return i.Key == key })
	require.GreaterOrEqual(t, at, 0, key)
	return items[at]
}

// An answer is judged by what it does, not by what its own tests or its author say.
func TestJudge(t *testing.T) {
	t.Parallel()
	pool := open(t)
	item := find(t, "groups-of-a-mover")
	for name, c := range map[string]struct {
		change  func(*function.Content)
		missed  string
		excess  []string
		forbids string
	}{
		"right": {change: func(c *function.Content) {}},
		"another order of changes is as right": {change: func(c *function.Content) {
			add := `  plan.add_group("corp-ad", "dept-" .. new)` + "\n"
			require.Contains(t, c.Source, add)
			c.Source = strings.Replace(c.Source, add, "", 1)
			c.Source = strings.Replace(c.Source, "  return {changed = true}", add+"  return {changed = true}", 1)
		}},
		"a change too many": {change: func(c *function.Content) {
			c.Source = strings.Replace(c.Source, "  return {changed = true}", `  plan.add_group("corp-ad", "vpn")`+"\n  return {changed = true}", 1)
		}, missed: "which no one expected"},
		"a change that nobody allowed": {change: func(c *function.Content) {
			c.Source = strings.Replace(c.Source, "  return {changed = true}", `  plan.set("corp-ad", "title", "x")`+"\n  return {changed = true}", 1)
			c.Manifest.Grants = append(slices.Clone(c.Manifest.Grants), "directory:corp-ad:accounts.set")
		}, missed: "which no one expected", excess: []string{"directory:corp-ad:accounts.set"}, forbids: "No attribute is written. It planned plan.set"},
		"a grant that is only asked for": {change: func(c *function.Content) {
			c.Manifest.Grants = append(slices.Clone(c.Manifest.Grants), "hris:people:workers.get")
		}, excess: []string{"hris:people:workers.get"}},
		"a call whose grant is not asked for": {change: func(c *function.Content) {
			c.Source = "local function other() return hris.get_worker(\"people\", \"1\") end\n" + c.Source
		}, excess: []string{"hris:people:workers.get"}},
		"an input that it refuses": {change: func(c *function.Content) {
			c.Manifest.Input = map[string]any{"type": "object", "required": []any{"old_department"}, "properties": map[string]any{"old_department": map[string]any{"type": "string", "minLength": 1}}}
		}, missed: "Its manifest refuses this input"},
		"a failure without a sentence": {change: func(c *function.Content) {
			c.Source = strings.Replace(c.Source, "The HRIS has no new department for this person. Fill it in and try again.", "", 1)
		}, missed: "without saying why"},
		"an error is nobody's question": {change: func(c *function.Content) {
			c.Source = strings.Replace(c.Source, `fail("no-department", `, `error(`, 1)
		}, missed: "It should have asked a person"},
		"no Lua": {change: func(c *function.Content) { c.Source = "Sure! Here is the function:" }, missed: "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := item.Solved()
			answer.Cases = nil
			c.change(&answer)
			v, err := item.Judge(t.Context(), pool, answer)
			require.NoError(t, err)
			require.Equal(t, c.missed == "" && c.excess == nil && c.forbids == "", v.Right())
			require.Equal(t, c.excess, v.Excess)
			require.Equal(t, c.missed != "", len(v.Missed) > 0, v.Missed)
			if c.missed != "" {
				require.True(t, slices.ContainsFunc(v.Missed, func(m Missed) bool { return strings.Contains(m.Why, c.missed) }), v.Missed)
			}
			require.Equal(t, c.forbids != "", len(v.Forbidden) > 0)
			if c.forbids != "" {
				require.Contains(t, v.Forbidden[0], c.forbids)
			}
		})
	}
}

// A right answer can be submitted: the solutions pass the gates under the intent that
// the evaluation confirms, and worked examples that are right stay in it.
func TestSolutions_PassTheGates(t *testing.T) {
	t.Parallel()
	pool := open(t)
	items, err := Items()
	require.NoError(t, err)
	for _, item := range items {
		t.Run(item.Key, func(t *testing.T) {
			t.Parallel()
			in := author.Intent{Key: "other", Name: "N", Inputs: []author.Value{{Name: "x", Type: "text"}}, Outputs: []author.Value{{Name: "y", Type: "text"}}, Examples: item.Tests[:2],
				Reads: []string{"hris:strange:workers.get"}, Questions: []author.Question{{Ask: "Why?"}}}
			settled, restated, err := item.settle(t.Context(), pool, in)
			require.NoError(t, err)
			require.Empty(t, settled.Check())
			require.Equal(t, Restated{Right: 2, Questions: 1, Excess: []string{"hris:strange:workers.get"}}, restated)
			require.ElementsMatch(t, item.Grants, slices.Concat(settled.Reads, settled.Writes))
			content := item.Solved()
			content.Cases = item.Tests[:2] // all of them run in another test
			seen, err := pool.Look(t.Context(), content, false)
			require.NoError(t, err)
			require.Empty(t, author.Judge(content, seen, &settled, 0))
			if item.Key != "badge-number" {
				return
			}
			in.Examples = []function.Case{
				{Name: "wrong", Input: map[string]any{"site": "BER", "number": 1}, Output: map[string]any{"badge": "1"}},
				{Name: "other fields", Input: map[string]any{"place": "BER"}, Output: map[string]any{"badge": "1"}},
				{Name: "right, in other words", Input: map[string]any{"site": "BER", "number": 0}, Error: "not-a-number"},
			}
			settled, restated, err = item.settle(t.Context(), pool, in)
			require.NoError(t, err)
			require.Equal(t, Restated{Right: 1, Wrong: 1, Other: 1, Questions: 1, Excess: []string{"hris:strange:workers.get"}}, restated)
			require.Equal(t, in.Examples[2:], settled.Examples)
		})
	}
}
