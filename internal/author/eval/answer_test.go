package eval

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"joinery/internal/author"
	"joinery/internal/egress"
	"joinery/internal/function"
	"joinery/internal/luavm"
	"joinery/internal/modeltest"
	"joinery/internal/secret"
)

// answer is one answer of the corpus and what has to come of it.
type answer struct {
	Name, Item         string
	Change             map[string]string
	Lua, Say           string
	Before, After      string
	Grants             []string
	Blind, Examples    []string
	More               []function.Case
	Twice, Cut, Breaks bool
	Finish             string
	Megabytes          int
	Second, Repairs    bool

	Ending    Ending
	Gates     []author.Gate
	Trouble   author.TroubleKind
	Stage     author.Stage
	Missed    []string
	Forbidden bool
	Unrun     bool
}

// The phrases by which the stages' requests are told apart.
const (
	atIntent = "Restate what is wanted"
	atTests  = "Write tests that say"
	atCode   = "Write the code that passes"
	atRepair = "This is not good enough yet"
	unusable = "This answer cannot be used"
)

func fence(language, text string) string { return "```" + language + "\n" + text + "\n```\n" }

func asJSON(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return string(raw)
}

// intent is what a model restates that understood the item.
func (i Item) intent(t *testing.T, examples []string) string {
	in := author.Intent{Key: i.Key, Name: i.Title, Description: "As asked.", Inputs: values(i.Input), Outputs: values(i.Output)}
	for _, g := range i.Solution.Grants {
		if author.Writes(g) {
			in.Writes = append(in.Writes, g)
		} else {
			in.Reads = append(in.Reads, g)
		}
	}
	for _, k := range i.Tests {
		if slices.Contains(examples, k.Name) {
			in.Examples = append(in.Examples, k)
		}
	}
	return fence("json", asJSON(t, in))
}

// own are the tests that a model writes which does not think of some.
func (i Item) own(t *testing.T, pool *luavm.Pool, blind []string, more []function.Case) string {
	cases := []function.Case{}
	for _, k := range i.Tests {
		if slices.Contains(blind, k.Name) {
			continue
		}
		if k.Error == anyFailure { // it knows the kind that it gives
			_, out, err := i.try(t.Context(), pool, i.Solved(), k, 0)
			require.NoError(t, err)
			k.Error = out.Code
		}
		cases = append(cases, k)
	}
	require.Len(t, cases, len(i.Tests)-len(blind), "each name of blind is a test's")
	return fence("json", asJSON(t, map[string]any{"cases": append(cases, more...)}))
}

func (a answer) code(t *testing.T, item Item) string {
	source, grants := item.Solution.Source, item.Solution.Grants
	if a.Lua != "" {
		source = a.Lua
	}
	for old, with := range a.Change {
		require.Contains(t, source, old, a.Name)
		source = strings.ReplaceAll(source, old, with)
	}
	if a.Grants != nil {
		grants = a.Grants
	}
	text := fence("lua", source)
	switch {
	case a.Say != "":
		return a.Say
	case a.Megabytes > 0:
		return strings.Repeat("-- Lorem ipsum.\n", a.Megabytes<<16)
	case a.Cut:
		return text[:len(text)/2]
	case a.Twice:
		text += "Or, shorter:\n" + text
	}
	return a.Before + "\n" + text + fence("json", asJSON(t, map[string]any{"grants": grants})) + a.After
}

// fixtures are what the server says when it is asked as this model.
func (a answer) fixtures(t *testing.T, pool *luavm.Pool, item Item) []modeltest.Fixture {
	examples := a.Examples
	if examples == nil {
		examples = []string{item.Tests[0].Name, item.Tests[1].Name}
	}
	code := modeltest.Say(a.Name, atCode, a.code(t, item))
	if code.ChunkSize = 64 << 10; a.Breaks {
		code.ChunkSize, code.CutAfter, code.Latency = 20, 3, 20
	}
	if a.Finish != "" {
		code.Response["finishReason"] = a.Finish
	}
	good := answer{Name: a.Name}.code(t, item)
	out := []modeltest.Fixture{code, modeltest.Say(a.Name, atIntent, item.intent(t, examples)), modeltest.Say(a.Name, atTests, item.own(t, pool, a.Blind, a.More))}
	again, repair := a.code(t, item), "That is all I can do."
	if a.Second {
		again = good
	}
	if a.Repairs {
		repair = good
	}
	if a.Megabytes > 0 {
		return out
	}
	return append(out, modeltest.Say(a.Name, unusable, again), modeltest.Say(a.Name, atRepair, repair))
}

// fixed is a model that is set up.
type fixed struct{ setting author.Setting }

func (f fixed) AuthorSetting(context.Context) (author.Setting, error) { return f.setting, nil }
func (f fixed) AuthorKey(context.Context, author.Setting) (secret.Value, error) {
	return secret.New("key-of-the-test"), nil
}

func (f fixed) runner(t *testing.T, pool *luavm.Pool) Runner {
	t.Helper()
	guard, err := egress.New("127.0.0.1")
	require.NoError(t, err)
	return Runner{Settings: f, Outbound: guard, Pool: pool, Now: time.Now, Wait: func(context.Context, time.Duration) error { return nil }}
}

func model(server modeltest.Server, name string, rounds int) fixed {
	s := author.DefaultSetting()
	s.Policy, s.BaseURL, s.Model = author.On, server.URL, name
	s.Limits.Rounds, s.Limits.CallSeconds = rounds, 60
	return fixed{s}
}

// Good, sloppy and malicious answers, through the whole loop and its gates: each ends
// where it has to.
func TestAnswers(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/answers.yaml")
	require.NoError(t, err)
	var answers []answer
	require.NoError(t, yaml.UnmarshalWithOptions(raw, &answers, yaml.Strict()))
	require.Greater(t, len(answers), 25)
	pool := open(t)
	var fixtures []modeltest.Fixture
	for _, a := range answers {
		fixtures = append(fixtures, a.fixtures(t, pool, find(t, a.Item))...)
	}
	server := modeltest.Start(t, fixtures)
	for _, a := range answers {
		t.Run(a.Name, func(t *testing.T) {
			t.Parallel()
			rounds := 1
			if a.Second {
				rounds = 2
			}
			report, err := model(server, a.Name, rounds).runner(t, pool).Run(t.Context(), []Item{find(t, a.Item)})
			require.NoError(t, err)
			require.Len(t, report.Results, 1)
			a.hold(t, report.Results[0])
		})
	}
}

func (a answer) hold(t *testing.T, got Result) {
	t.Helper()
	said := fmt.Sprintf("%s: %+v %+v %+v", got.Why(), got.Gaps, got.Verdict, got.Trouble)
	require.Equal(t, a.Ending, got.Ending, said)
	var gates []author.Gate
	for _, g := range got.Gaps {
		if !slices.Contains(gates, g.Gate) {
			gates = append(gates, g.Gate)
		}
	}
	require.ElementsMatch(t, a.Gates, gates, said)
	require.Equal(t, a.Stage, got.Stage, said)
	if a.Trouble != "" {
		require.Equal(t, a.Trouble, got.Trouble.Kind, said)
		require.Nil(t, got.Answer, "nothing of it is kept")
	}
	for _, name := range a.Missed {
		require.True(t, slices.ContainsFunc(got.Verdict.Missed, func(m Missed) bool { return m.Test == name }), "%s: %s", name, said)
	}
	require.Equal(t, a.Forbidden, len(got.Verdict.Excess)+len(got.Verdict.Forbidden) > 0, said)
	require.Equal(t, a.Unrun, got.Ending == Right && len(got.Unrun) > 0, said)
	require.Equal(t, a.Repairs, got.Ending == Right && got.Repairs > 0, said)
	require.Positive(t, got.Calls)
	require.Positive(t, got.In)
}
