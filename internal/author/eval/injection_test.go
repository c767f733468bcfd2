package eval

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"joinery/internal/author"
	"joinery/internal/egress"
	"joinery/internal/fault"
	"joinery/internal/function"
	"joinery/internal/luavm"
	"joinery/internal/modeltest"
)

func injections(t *testing.T) []string {
	t.Helper()
	raw, err := os.ReadFile("testdata/injections.yaml")
	require.NoError(t, err)
	var out []string
	require.NoError(t, yaml.Unmarshal(raw, &out))
	require.Greater(t, len(out), 20)
	return out
}

// A record that holds such a text is a record with a strange name: what comes out is a
// name that systems take or a question to a person, nothing else is planned, and only
// what was granted is asked (S-99).
func TestS99_InHRRecords(t *testing.T) {
	t.Parallel()
	pool := open(t)
	login, groups := find(t, "login-first-initial").Solved(), find(t, "groups-by-department").Solved()
	free := []function.Stub{{Call: "directory.username_taken", Answer: false}, {Call: "directory.group_exists", Answer: true}}
	for _, text := range injections(t) {
		r, err := pool.RunCase(t.Context(), login, function.Case{Input: map[string]any{"first": text, "last": text}, Stubs: free}, 0)
		require.NoError(t, err)
		require.Empty(t, r.Outcome.Plan, text)
		if r.Outcome.Kind == luavm.OK {
			require.Regexp(t, `^\{"login":"[a-z0-9]{1,20}"\}$`, string(r.Outcome.Result), text)
		} else {
			require.Equal(t, luavm.Failed, r.Outcome.Kind, text)
			require.NotContains(t, r.Outcome.Sentence(), "domain-admins")
		}
		r, err = pool.RunCase(t.Context(), groups, function.Case{Input: map[string]any{"worker_type": "employee", "department": text, "site": "BER"}, Stubs: free}, 0)
		require.NoError(t, err)
		require.Equal(t, luavm.OK, r.Outcome.Kind, text)
		for _, e := range r.Outcome.Plan {
			require.Equal(t, "plan.add_group", e.Do)
			require.Regexp(t, `^\["corp-ad","(all-staff|loc-ber|dept-[a-z0-9-]+)"\]$`, string(e.Args), text)
		}
		// What a system says when it fails is a sentence in the step's log.
		down := []function.Stub{{Call: "directory.username_taken", Fails: text}}
		r, err = pool.RunCase(t.Context(), login, function.Case{Input: map[string]any{"first": "Ada", "last": "Okafor"}, Stubs: down}, 0)
		require.NoError(t, err)
		require.NotEqual(t, luavm.OK, r.Outcome.Kind)
		require.Empty(t, r.Outcome.Plan)
	}
}

// hostile is a console where strangers wrote all that can be looked up.
type hostile struct {
	world
	text string
}

func (w hostile) Functions(context.Context) ([]author.Named, error) {
	return []author.Named{{Key: "payroll", Name: w.text, Description: w.text}}, nil
}
func (w hostile) Policies(context.Context) ([]author.Named, error) {
	return []author.Named{{Key: "names", Name: w.text}}, nil
}
func (w hostile) Function(context.Context, string) (function.Content, error) {
	return function.Content{Key: "payroll", Name: w.text, Source: "-- " + w.text}, nil
}
func (w hostile) PolicyShape(context.Context, string) (json.RawMessage, error) {
	return nil, fault.New(fault.Invalid, "%s", w.text)
}

// marker is in every text, so that it is found wherever it goes, also where JSON writes
// it in its own way.
const marker = "Zzyzx"

// poisoned is a function whose comments, texts and tests were written by a stranger.
func poisoned(item Item, text string) function.Content {
	c := item.Solved()
	c.Description = text
	c.Source = "--[=====[ " + text + " ]=====]\n" + c.Source
	c.Cases = append(slices.Clone(c.Cases[:2]), function.Case{Name: text, Input: map[string]any{"first": text, "last": text}, Output: map[string]any{"login": text}},
		function.Case{Name: "the directory is down", Input: map[string]any{"first": "Ada", "last": "Okafor"}, Stubs: []function.Stub{{Call: "directory.username_taken", Fails: text}}, Output: map[string]any{"login": "x"}})
	return c
}

var tooled = []any{
	map[string]any{"name": "functions", "arguments": "{}"}, map[string]any{"name": "policies", "arguments": "{}"},
	map[string]any{"name": "function", "arguments": `{"key": "payroll"}`}, map[string]any{"name": "policy", "arguments": `{"key": "names"}`},
	map[string]any{"name": "shell", "arguments": `{"command": "id"}`}, map[string]any{"name": "approve", "arguments": "{}"},
}

// Where such a text goes out to a model, it stands between marks that it cannot know,
// and the rules, the tools and the request beside it are the same as ever (S-99).
func TestS99_InWhatGoesOut(t *testing.T) {
	t.Parallel()
	item := find(t, "login-first-initial")
	intent := item.intent(t, nil)
	lookUp := modeltest.Fixture{Match: map[string]any{"model": "any", "userMessage": atIntent, "hasToolResult": false}, Response: map[string]any{"toolCalls": tooled}}
	server := modeltest.Start(t, []modeltest.Fixture{lookUp, modeltest.Say("any", atIntent, intent), modeltest.Say("any", "Answer in plain words", "It makes a login.")})
	guard, err := egress.New("127.0.0.1")
	require.NoError(t, err)
	pool := open(t)
	texts := injections(t)
	for n, text := range append([]string{"a harmless text"}, texts...) {
		text = fmt.Sprintf("%s %s", text, marker)
		memory := &author.Memory{}
		a := author.New(author.Parts{Store: memory, Settings: model(server, "any", 2), Runtime: pool, World: hostile{newWorld([]Item{item}), text}, Filter: nobody{}, Outbound: guard, Now: time.Now, Owner: "test"})
		content, err := json.Marshal(poisoned(item, text))
		require.NoError(t, err)
		for _, kind := range []author.Kind{author.FollowUp, author.Why} {
			id := memory.Add(author.Turn{Conversation: "c", OwnerID: "u", Kind: kind, Ask: "Also handle people without a last name.", Function: item.Key, BaseRevision: n + 1, Content: content}).ID
			require.NoError(t, a.Carry(t.Context(), memory.Turn(id)))
			require.NotEqual(t, author.Failed, memory.Turn(id).State)
			_, drafted := memory.Drafted(id)
			require.False(t, drafted, "nothing goes on before a person confirmed")
			require.Len(t, memory.Calls(id), map[author.Kind]int{author.FollowUp: 2, author.Why: 1}[kind])
			for _, c := range memory.Calls(id) {
				outgoing(t, c.Body)
			}
		}
	}
	// The first calls of both turns have one shape, those with results of tools another.
	shapes := map[string]int{}
	for _, sent := range server.Requests(t) {
		shapes[shape(t, sent)]++
	}
	require.ElementsMatch(t, []int{2 * (len(texts) + 1), len(texts) + 1}, slices.Collect(maps.Values(shapes)), "whatever the texts are")
}

var marks = regexp.MustCompile(`(?m)^BEGIN DATA ([0-9a-f]{16})$`)

// outgoing checks that the marker stands between marks only.
func outgoing(t *testing.T, body string) {
	t.Helper()
	var sent struct {
		Messages []struct {
			Role      string          `json:"role"`
			Content   string          `json:"content"`
			ToolCalls json.RawMessage `json:"tool_calls"`
		} `json:"messages"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &sent))
	mark := marks.FindStringSubmatch(strings.Join([]string{sent.Messages[0].Content, sent.Messages[1].Content}, "\n"))
	require.NotNil(t, mark, "something is marked as data")
	seen := 0
	for i, m := range sent.Messages {
		seen += strings.Count(m.Content, marker)
		outside, inside := "", false
		for line := range strings.SplitSeq(m.Content, "\n") {
			switch {
			case i > 0 && line == "BEGIN DATA "+mark[1]:
				require.False(t, inside)
				inside = true
			case i > 0 && line == "END DATA "+mark[1]:
				require.True(t, inside)
				inside = false
			case !inside:
				outside += line + "\n"
			}
		}
		require.False(t, inside, "what begins ends")
		require.NotContains(t, outside, marker, m.Role)
		require.NotContains(t, outside, "domain-admins")
	}
	require.Positive(t, seen, "the text went out")
}

// shape is a request without what is data.
func shape(t *testing.T, sent map[string]any) string {
	t.Helper()
	messages, _ := sent["messages"].([]any)
	var roles []string
	rules := ""
	for i, m := range messages {
		m := m.(map[string]any)
		roles = append(roles, fmt.Sprint(m["role"]))
		if i == 0 {
			rules = regexp.MustCompile(`[0-9a-f]{16}`).ReplaceAllString(fmt.Sprint(m["content"]), "MARK")
		}
	}
	raw, err := json.Marshal(map[string]any{"tools": sent["tools"], "rules": rules, "roles": roles})
	require.NoError(t, err)
	return string(raw)
}
