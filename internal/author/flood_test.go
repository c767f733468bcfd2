package author_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/author"
)

// asking is a model that asks tools in its first answers and then says a good intent; it
// keeps what it was sent.
type asking struct {
	asks  []string // the tool calls of each answer, as JSON
	round atomic.Int32
	sent  []string
}

func (a *asking) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	a.sent = append(a.sent, string(raw))
	w.Header().Set("Content-Type", "text/event-stream")
	n := int(a.round.Add(1))
	if n <= len(a.asks) {
		_, _ = fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":%s}}]}\n\n", a.asks[n-1])
		_, _ = fmt.Fprint(w, "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n")
		return
	}
	_ = chunk(w, "```json\n"+goodIntent+"\n```")
	_, _ = fmt.Fprint(w, "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
}

func toolCalls(t *testing.T, name string, arguments ...string) string {
	t.Helper()
	var all []map[string]any
	for i, a := range arguments {
		all = append(all, map[string]any{"index": i, "id": fmt.Sprint("c", i), "type": "function", "function": map[string]string{"name": name, "arguments": a}})
	}
	raw, err := json.Marshal(all)
	require.NoError(t, err)
	return string(raw)
}

// A model that floods with questions, or asks with bombs, is answered within bounds and may
// go on; what goes back to it stays small (S-102).
func TestS102_FloodsAndBombs(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000)
	wide := `{"source": "` + strings.Repeat("x", 300<<10) + `"}`
	for name, x := range map[string]struct {
		ask  string
		says string
	}{
		"a thousand questions at once": {toolCalls(t, "library", strings.Split(strings.Repeat("{} ", 999)+"{}", " ")...), "You asked more than 8 tools at once"},
		"arguments without end":        {toolCalls(t, "check", wide), "The arguments are larger than is read"},
		"arguments of depth":           {toolCalls(t, "run_tests", `{"cases": [{"name": "x", "input": `+deep+`}]}`), "nested deeper than is read"},
		"half of JSON":                 {toolCalls(t, "check", `{"source": "`), "The arguments cannot be read as JSON"},
		"a name as long as a book":     {toolCalls(t, strings.Repeat("delete", 2000), "{}"), "There is no tool"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			model := &asking{asks: []string{x.ask}}
			d := newDesk(t, raw(t, model.ServeHTTP))
			turn := d.ask(t, author.Turn{Kind: author.Request, Ask: "Logins for contractors"})
			require.Equal(t, author.NeedsYou, turn.State, "%+v", troubleOf(turn))
			require.Len(t, model.sent, 2)
			require.True(t, strings.Contains(model.sent[1], x.says), x.says)
			require.Less(t, len(model.sent[1]), 400<<10)
			require.Less(t, len(turn.At(author.IntentStage).Said), 64<<10)
		})
	}
	t.Run("for ever", func(t *testing.T) {
		t.Parallel()
		one := toolCalls(t, "library", "{}")
		model := &asking{asks: []string{one, one, one, one, one, one, one, one}}
		_, turn := failsAs(t, raw(t, model.ServeHTTP), author.Malformed, false)
		require.Contains(t, troubleOf(turn).Says, "it asked tools and gave no answer")
		require.Len(t, model.sent, 3, "rounds are bounded")
	})
	t.Run("an answer of depth", func(t *testing.T) {
		t.Parallel()
		_, turn := failsAs(t, raw(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_ = chunk(w, "```json\n{\"inputs\": "+deep+"}\n```")
			_, _ = fmt.Fprint(w, "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
		}), author.Malformed, false)
		require.Contains(t, troubleOf(turn).Says, "nested deeper than is read")
	})
}

// A model that bends its tests to its code, instead of mending the code, is held to the
// confirmed examples, and whoever asked is told which tests it changed.
func TestLoop_BentTestsAreTold(t *testing.T) {
	t.Parallel()
	wrong := strings.Replace(goodLua, "1, 40", "1, 39", 1)
	bent := `{"grants": ["directory:corp-ad:names.taken"], "cases": [
 {"name": "the second is free", "stubs": [{"call": "directory.username_taken", "args": ["corp-ad", "c-1"], "answer": true}, {"call": "directory.username_taken", "args": ["corp-ad", "c-2"], "answer": false}], "output": {"login": "c-2"}},
 {"name": "the last is free", "stubs": [{"call": "directory.username_taken", "args": ["corp-ad", "c-39"], "answer": false}, {"call": "directory.username_taken", "answer": true}], "output": {"login": "c-39"}},
 {"name": "c-40 is no login", "stubs": [{"call": "directory.username_taken", "args": ["corp-ad", "c-40"], "answer": false}, {"call": "directory.username_taken", "answer": true}], "error": "no-login"}]}`
	answers := []string{fenced("json", goodIntent), fenced("json", goodTests), fenced("lua", wrong, "json", goodBeside), fenced("lua", wrong, "json", bent)}
	var round atomic.Int32
	d := newDesk(t, raw(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = chunk(w, answers[min(int(round.Add(1)), len(answers))-1])
		_, _ = fmt.Fprint(w, "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
	}))
	turn := d.confirm(t, d.ask(t, author.Turn{Kind: author.Request, Ask: "Logins for contractors"}))
	require.Equal(t, author.Done, turn.State, "%+v", troubleOf(turn))
	checks := resultOf[author.Checks](t, turn, author.ChecksStage)
	require.Equal(t, []string{"the last is free", "c-41 is no login"}, checks.Replaced)
	require.Equal(t, "the first is free", checks.Content.Cases[0].Name)
}
