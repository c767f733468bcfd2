package backtest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func side(effects ...Effect) Side { return Side{Starts: true, State: "succeeded", Effects: effects} }

func TestCompare(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)
	login := func(v string) Effect { return Effect{Kind: Login, Where: "dir", What: "login", Value: v, At: day} }
	failed := func(why string) Side { return Side{Starts: true, State: "failed", Node: "Create", Reason: why} }
	for name, c := range map[string]struct {
		was, is Side
		want    []Difference
		say     string
	}{
		"nothing":              {side(login("a")), side(login("a")), nil, ""},
		"another login":        {side(login("a")), side(login("b")), []Difference{{Login, "dir", "login", "a", "b"}}, "the login in dir: b instead of a."},
		"a group more":         {side(), side(Effect{Kind: Group, Where: "dir", What: "sales"}), []Difference{{Group, "dir", "sales", "", "yes"}}, "New: the group sales in dir."},
		"a group less":         {side(Effect{Kind: Group, Where: "dir", What: "sales"}), side(), []Difference{{Group, "dir", "sales", "yes", ""}}, "No longer: the group sales in dir."},
		"the same later":       {side(login("a")), side(Effect{Kind: Login, Where: "dir", What: "login", Value: "a", At: day.Add(time.Hour)}), []Difference{{Timing, "dir", "login", "2026-12-01 08:00 UTC", "2026-12-01 09:00 UTC"}}, "login in dir: 2026-12-01 09:00 UTC instead of 2026-12-01 08:00 UTC."},
		"no run any more":      {side(login("a")), Side{}, []Difference{{Start, "", "run", "starts", "does not start"}}, "No run would start; the live revision starts one."},
		"it would fail":        {side(), failed("taken."), []Difference{{Failure, "", "Create", "comes through", "needs a person: taken."}}, "The run needs a person: taken; by the live revision it comes through."},
		"for another reason":   {failed("taken."), failed("too long."), []Difference{{Failure, "", "Create", "needs a person: taken.", "needs a person: too long."}}, ""},
		"for the same reason":  {failed("taken."), failed("taken."), nil, ""},
		"two messages of one":  {side(Effect{Kind: Message, What: "hi"}), side(Effect{Kind: Message, What: "hi"}, Effect{Kind: Message, What: "hi"}), []Difference{{Message, "", "hi", "", "yes"}}, "New: the message “hi”."},
		"order is no matter":   {side(Effect{Kind: Group, Where: "d", What: "a"}, Effect{Kind: Group, Where: "d", What: "b"}), side(Effect{Kind: Group, Where: "d", What: "b"}, Effect{Kind: Group, Where: "d", What: "a"}), nil, ""},
		"a value that is gone": {side(Effect{Kind: Attribute, Where: "dir", What: "mail", Value: `"a@x"`}), side(), []Difference{{Attribute, "dir", "mail", `"a@x"`, ""}}, `No longer: mail in dir (it was "a@x").`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Compare(c.was, c.is)
			require.Equal(t, c.want, got)
			if c.say != "" {
				require.Equal(t, c.say, got[0].Say())
			}
		})
	}
}

func TestSum(t *testing.T) {
	t.Parallel()
	lines := []Line{
		{N: 1, Differences: []Difference{{Login, "dir", "login", "a", "b"}, {Group, "dir", "sales", "", "yes"}}},
		{N: 2, Differences: []Difference{{Login, "dir", "login", "c", "d"}}, Asked: []string{"accounts in dir"}},
		{N: 3, Fails: true, Differences: []Difference{{Failure, "", "Create", "comes through", "needs a person: x"}}},
		{N: 4, FailedBefore: true, Strange: "x"},
		{N: 5, Fails: true, FailedBefore: true},
	}
	r := Sum(lines, false)
	require.Equal(t, Report{People: 5, Differing: 3, Failing: 2, NewlyFailing: 1, Healed: 1, Asked: 1, Strange: 1, Counts: []Counted{{Failure, "", "Create", "loss", 1}, {Login, "dir", "login", "other", 2}, {Group, "dir", "sales", "gain", 1}}}, r)
	require.Equal(t, "2 of 5 joiners would get another login in dir.", r.Counts[1].Say(r.People))
	require.Equal(t, "1 of 5 joiners would get the group sales in dir.", r.Counts[2].Say(r.People))

	first, err := Hash(r, lines)
	require.NoError(t, err)
	again, err := Hash(Sum(lines, false), lines)
	require.NoError(t, err)
	require.Equal(t, first, again)
	lines[0].Differences[0].Is = "e"
	other, err := Hash(Sum(lines, false), lines)
	require.NoError(t, err)
	require.NotEqual(t, first, other)
}

// Every kind and way has a sentence of its own.
func TestCountedSay(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, k := range Kinds() {
		for _, way := range []string{"gain", "loss", "other"} {
			if way == "other" && (k == Start || k == Failure) || way != "other" && k == Timing {
				continue
			}
			s := Counted{Kind: k, Where: "dir", What: "x", Way: way, People: 2}.Say(9)
			require.Regexp(t, `^2 of 9 joiners would .+\.$`, s)
			require.False(t, seen[s], s)
			seen[s] = true
		}
	}
}
