package author_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/author"
	"joinery/internal/function"
	"joinery/internal/luavm"
)

func text(names ...string) (out []author.Value) {
	for _, n := range names {
		out = append(out, author.Value{Name: n, Type: "text"})
	}
	return out
}

// An effect that can be looked for is found in what the function gives for its tests, or
// for inputs that no test has, and the gap says which effect by which test.
func TestForbidden_OfOutput(t *testing.T) {
	t.Parallel()
	pool := runtime(t)
	schema := map[string]any{"type": "object", "properties": map[string]any{"last": map[string]any{"type": "string"}, "born": map[string]any{"type": "string"}}, "required": []any{"last"}}
	content := func(source string, cases ...function.Case) function.Content {
		return function.Content{Key: "login", Name: "Login", Source: source, Manifest: function.Manifest{Input: schema}, Cases: cases}
	}
	plain := content(`return function(input) return {login = text.lower(input.last)} end`, function.Case{Name: "a name", Input: map[string]any{"last": "Exempel"}, Output: map[string]any{"login": "exempel"}})
	born := content(`return function(input) return {login = text.lower(input.last) .. (input.born or "")} end`, function.Case{Name: "a name", Input: map[string]any{"last": "Exempel", "born": "1999-12-30"}, Output: map[string]any{"login": "exempel1999-12-30"}})
	careful := content(`return function(input)
  local login = text.sub(text.slug(input.last), 1, 10)
  if login == "" then
    fail("no-name", "There is nothing to make a login of.")
  end
  return {login = login}
end`, function.Case{Name: "a name", Input: map[string]any{"last": "Exempel"}, Output: map[string]any{"login": "exempel"}}, function.Case{Name: "none", Input: map[string]any{"last": ""}, Error: "no-name"})
	for name, x := range map[string]struct {
		content function.Content
		no      author.Forbidden
		says    string // "" where it holds
	}{
		"empty":           {plain, author.Forbidden{Effect: author.LeavesEmpty, Field: "login"}, `login is empty in the test "a name" with another input (last: ""). The intent forbids it: It never leaves login empty.`},
		"not empty":       {careful, author.Forbidden{Effect: author.LeavesEmpty, Field: "login"}, ""},
		"in the test":     {plain, author.Forbidden{Effect: author.Exceeds, Field: "login", Most: 6}, `login is 7 long in the test "a name". The intent forbids it: It never gives login longer than 6.`},
		"longer":          {plain, author.Forbidden{Says: "Too long", Effect: author.Exceeds, Field: "*", Most: 20}, "The intent forbids it: Too long. It never gives any output longer than 20."},
		"not longer":      {careful, author.Forbidden{Effect: author.Exceeds, Field: "login", Most: 10}, ""},
		"characters":      {plain, author.Forbidden{Effect: author.OtherCharacters, Field: "login", Only: "a-z 0-9"}, `login has the character`},
		"only those":      {careful, author.Forbidden{Effect: author.OtherCharacters, Field: "login", Only: "a-z 0-9 -"}, ""},
		"repeats":         {born, author.Forbidden{Effect: author.Repeats, Field: "*", Input: "born"}, `login has what born holds in the test "a name".`},
		"does not repeat": {plain, author.Forbidden{Effect: author.Repeats, Field: "login", Input: "born"}, ""},
		"holds both":      {content(plain.Source, function.Case{Name: "a name", Input: map[string]any{"last": "Exempel", "born": "exempel"}, Output: map[string]any{"login": "exempel"}}), author.Forbidden{Effect: author.Repeats, Field: "login", Input: "born"}, ""},
		"only words":      {plain, author.Forbidden{Says: "It must be nice."}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := author.Intent{Key: "login", Name: "Login", Inputs: text("last", "born"), Outputs: text("login"), Forbidden: []author.Forbidden{x.no}}
			in.Inputs[1].Optional = true
			require.Empty(t, in.Check())
			r, err := pool.Look(t.Context(), x.content, true)
			require.NoError(t, err)
			require.NotEmpty(t, r.Varied)
			var says []string
			for _, g := range author.Judge(x.content, r, &in, 0) {
				require.Equal(t, author.GateForbidden, g.Gate, g.Says)
				require.Equal(t, "a name", g.Test)
				says = append(says, g.Says)
			}
			if x.says == "" {
				require.Empty(t, says)
				return
			}
			require.Contains(t, strings.Join(says, "\n"), x.says)
			require.LessOrEqual(t, len(says), 3, "a few tests are enough to see it")
		})
	}
}

// Effects that take a grant are found in what the manifest asks for, what the source calls
// and what tests use; the gap names the line, and the test where one shows it.
func TestForbidden_OfGrants(t *testing.T) {
	t.Parallel()
	pool := runtime(t)
	c := function.Content{Key: "g", Name: "G", Source: "return function(input)\n  plan.add_group(\"corp-ad\", \"sales\")\n  hris.get_worker(\"hr\", \"1\")\n  return {}\nend",
		Manifest: function.Manifest{Grants: []string{"directory:corp-ad:groups.add", "hris:hr:workers.get"}},
		Cases:    []function.Case{{Name: "sells", Stubs: []function.Stub{{Call: "hris.get_worker", Args: []any{"hr", "1"}, Answer: map[string]any{"first_name": "Zoë"}}}, Output: map[string]any{}, Plan: []function.Planned{{Do: "plan.add_group", Args: []any{"corp-ad", "sales"}}}}}}
	r, err := pool.Look(t.Context(), c, false)
	require.NoError(t, err)
	for name, x := range map[string]struct {
		no   author.Forbidden
		says string
		line int
	}{
		"the grant, as before":       {author.Forbidden{Says: "No groups!", Grant: "directory:*:groups.add"}, `The function writes groups in corp-ad: puts the joiner in, as the test "sells" shows. The intent forbids it: No groups! It never uses the grant directory:*:groups.add.`, 2},
		"groups anywhere":            {author.Forbidden{Effect: author.ChangesGroups}, "It never changes groups in any connection.", 2},
		"groups elsewhere":           {author.Forbidden{Effect: author.ChangesGroups, Connection: "other"}, "", 0},
		"writes there":               {author.Forbidden{Effect: author.WritesTo, Connection: "corp-ad"}, "It never writes to corp-ad.", 2},
		"writes to what it reads of": {author.Forbidden{Effect: author.WritesTo, Connection: "hr"}, "", 0},
		"reads people":               {author.Forbidden{Effect: author.ReadsPeople, Connection: "*"}, `The function reads workers in hr, as the test "sells" shows.`, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := author.Intent{Writes: []string{"directory:corp-ad:groups.add"}, Reads: []string{"hris:hr:workers.get"}, Forbidden: []author.Forbidden{x.no}}
			got := author.Judge(c, r, &in, 0)
			if x.says == "" {
				require.Empty(t, got)
				return
			}
			require.Len(t, got, 1)
			require.Contains(t, got[0].Says, x.says)
			require.Equal(t, author.Gap{Gate: author.GateForbidden, Line: x.line, Test: "sells", Says: got[0].Says}, got[0])
		})
	}
}

// The library and the gates agree about which call needs which grant, and about limits.
func TestForbidden_KnowsTheLibrary(t *testing.T) {
	t.Parallel()
	for _, f := range luavm.Catalogue() {
		g, ok := function.CallGrant(f.Name, "x")
		require.Equal(t, f.Capability != "", ok, f.Name)
		if ok {
			require.Equal(t, f.Grant("x"), g.Capability+":"+g.Connection+":"+g.Operation)
		}
	}
	require.Equal(t, luavm.Defaults(), luavm.LimitsOf(function.UsualLimits()))
	most := luavm.LimitsOf(function.MostLimits())
	require.Equal(t, []any{luavm.Most().Compute, luavm.Most().Heap, luavm.Most().HostCalls}, []any{most.Compute, most.Heap, most.HostCalls})
	require.EqualValues(t, function.UsualSteps, luavm.Defaults().Steps)
}

// An intent that cannot hold is refused before anything is written, where it is wrong.
func TestIntent_Check(t *testing.T) {
	t.Parallel()
	good := author.Intent{Key: "login", Name: "Login", Inputs: text("last"), Outputs: text("login"), Writes: []string{"directory:corp-ad:groups.add"},
		Examples: []function.Case{{Name: "a name", Input: map[string]any{"last": "Exempel"}, Output: map[string]any{"login": "exempel"}}}}
	require.Empty(t, good.Check())
	no := func(f author.Forbidden) func(*author.Intent) {
		return func(in *author.Intent) { in.Forbidden = []author.Forbidden{f} }
	}
	example := func(change func(*function.Case)) func(*author.Intent) {
		return func(in *author.Intent) {
			k := function.Case{Name: "a name", Input: map[string]any{"last": "Exempel"}, Output: map[string]any{"login": "exempel"}}
			change(&k)
			in.Examples = []function.Case{k}
		}
	}
	for name, x := range map[string]struct {
		change func(*author.Intent)
		path   string
	}{
		"no words":              {no(author.Forbidden{}), "forbidden.0.says"},
		"no such effect":        {no(author.Forbidden{Says: "x", Effect: "explodes"}), "forbidden.0.effect"},
		"no grant":              {no(author.Forbidden{Effect: author.UsesGrant, Grant: "groups"}), "forbidden.0.grant"},
		"no connection":         {no(author.Forbidden{Effect: author.WritesTo, Connection: "Corp AD"}), "forbidden.0.connection"},
		"what it shall do":      {no(author.Forbidden{Effect: author.ChangesGroups}), "forbidden.0.effect"},
		"no field":              {no(author.Forbidden{Effect: author.LeavesEmpty}), "forbidden.0.field"},
		"another field":         {no(author.Forbidden{Effect: author.LeavesEmpty, Field: "mail"}), "forbidden.0.field"},
		"no length":             {no(author.Forbidden{Effect: author.Exceeds, Field: "login"}), "forbidden.0.most"},
		"no characters":         {no(author.Forbidden{Effect: author.OtherCharacters, Field: "login", Only: "  "}), "forbidden.0.only"},
		"characters backwards":  {no(author.Forbidden{Effect: author.OtherCharacters, Field: "login", Only: "z-a"}), "forbidden.0.only"},
		"no input":              {no(author.Forbidden{Effect: author.Repeats, Field: "login", Input: "born"}), "forbidden.0.input"},
		"the example breaks it": {no(author.Forbidden{Effect: author.Exceeds, Field: "login", Most: 3}), "examples.0.output.login"},
		"no such input":         {example(func(k *function.Case) { k.Input["first"] = "Zoë" }), "examples.0.input.first"},
		"an input missing":      {example(func(k *function.Case) { k.Input = nil }), "examples.0.input.last"},
		"another type":          {example(func(k *function.Case) { k.Output["login"] = 7 }), "examples.0.output.login"},
		"no moment":             {example(func(k *function.Case) { k.Now = "today" }), "examples.0.now"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := good
			x.change(&in)
			var paths []string
			for _, p := range in.Check() {
				paths = append(paths, p.Path)
			}
			require.True(t, slices.Contains(paths, x.path), "%v", in.Check())
		})
	}
}

// A function asks for no more than there is; what a model wrote, for no more than its tests
// show that it needs.
func TestGates_Limits(t *testing.T) {
	t.Parallel()
	c := function.Content{Name: "x", Source: "x", Cases: []function.Case{{Name: "a", Output: map[string]any{}}}}
	r := function.Examination{Cases: []function.Shown{{Name: "a", Passed: true, Calls: 40, Steps: 9000}}}
	for name, x := range map[string]struct {
		limits  function.Limits
		written bool
		says    string
	}{
		"the usual":              {function.Limits{HostCalls: 50, Milliseconds: 1000}, true, ""},
		"twice what is shown":    {function.Limits{HostCalls: 80}, true, ""},
		"more than is shown":     {function.Limits{HostCalls: 81}, true, "the test that asks most asks 40"},
		"a person may":           {function.Limits{HostCalls: 300, Milliseconds: 4000}, false, ""},
		"more than there is":     {function.Limits{HostCalls: 501}, false, "no function gets more than 500"},
		"time that nobody needs": {function.Limits{Milliseconds: 2000}, true, "add a test that shows why"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := c
			c.Manifest.Limits = x.limits
			var in *author.Intent
			if x.written {
				in = &author.Intent{}
			}
			got := author.Judge(c, r, in, 0)
			if x.says == "" {
				require.Empty(t, got)
				return
			}
			require.Equal(t, []author.Gate{author.GateLimits}, gates(got))
			require.Contains(t, got[0].Says, x.says)
		})
	}
}
