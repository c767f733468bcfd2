package author_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/author"
	"joinery/internal/egress"
	"joinery/internal/modeltest"
)

// Failures of a provider are told apart, each with a sentence and what to do; nothing of a
// broken answer is used, and the next try begins anew (S-102).
func TestS102_BrokenStreams(t *testing.T) {
	t.Parallel()
	at := func(model string) map[string]any { return map[string]any{"model": model} }
	failing := func(model string, status int, e map[string]any) modeltest.Fixture {
		return modeltest.Fixture{Match: at(model), Response: map[string]any{"status": status, "error": e}}
	}
	good := "```json\n" + goodIntent + "\n```"
	server := modeltest.Start(t, []modeltest.Fixture{
		failing("limited", 429, map[string]any{"message": "Slow down", "type": "rate_limit_error"}),
		failing("down", 500, map[string]any{"message": "oops", "type": "server_error"}),
		failing("key", 401, map[string]any{"message": "Incorrect API key", "code": "invalid_api_key"}),
		failing("unknown", 404, map[string]any{"message": "The model does not exist", "code": "model_not_found"}),
		failing("long", 400, map[string]any{"message": "This model's maximum context length is 4096 tokens", "code": "context_length_exceeded"}),
		{Match: at("filtered"), Response: map[string]any{"content": "I", "finishReason": "content_filter"}},
		{Match: at("cut"), Response: map[string]any{"content": good, "finishReason": "length"}},
		{Match: at("dropped"), Response: map[string]any{"content": good}, CutAfter: 3},
		{Match: at("empty"), Response: map[string]any{"content": ""}},
		{Match: at("refuses"), Response: map[string]any{"content": "I'm sorry, but I can't help with that."}},
		{Match: at("rambles"), Response: map[string]any{"content": "Let me think about it."}},
		{Match: at("twofold"), Response: map[string]any{"content": good + "\n" + good}},
		{Match: at("unclosed"), Response: map[string]any{"content": "```json\n" + goodIntent}},
		{Match: at("otherwise"), Response: map[string]any{"content": fenced("json", `{"key": "Not A Key", "outputs": "none"}`)}},
		{Match: at("broken-call"), Response: map[string]any{"toolCalls": []any{map[string]any{"name": "function", "arguments": `{"key": `}}}},
		{Match: at("no-such-tool"), Response: map[string]any{"toolCalls": []any{map[string]any{"name": "delete_everything", "arguments": "{}"}}}},
	})
	for model, want := range map[string]struct {
		kind  author.TroubleKind
		again bool
	}{
		"limited": {author.RateLimited, true}, "down": {author.Failing, true}, "key": {author.BadKey, false}, "unknown": {author.UnknownModel, false}, "long": {author.TooLong, false},
		"filtered": {author.Filtered, false}, "cut": {author.CutOff, false}, "dropped": {author.Dropped, true}, "empty": {author.Empty, false}, "refuses": {author.Refused, false},
		"rambles": {author.Malformed, false}, "twofold": {author.Malformed, false}, "unclosed": {author.Malformed, false}, "otherwise": {author.Malformed, false},
		"broken-call": {author.Malformed, false}, "no-such-tool": {author.Malformed, false},
	} {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			failsAs(t, setting(server.URL, model), want.kind, want.again)
		})
	}
}

// failsAs asks once and expects trouble of a kind.
func failsAs(t *testing.T, s author.Setting, kind author.TroubleKind, again bool, change ...func(*author.Parts)) (desk, author.Turn) {
	t.Helper()
	d := newDesk(t, s, change...)
	turn := d.ask(t, author.Turn{Kind: author.Request, Ask: "Logins for contractors"})
	require.Equal(t, author.Failed, turn.State)
	trouble := troubleOf(turn)
	require.NotNil(t, trouble)
	require.Equal(t, kind, trouble.Kind, "%v", trouble)
	require.NotEmpty(t, trouble.Says)
	require.NotEmpty(t, trouble.Do)
	require.Equal(t, again, !trouble.RetryAt.IsZero(), "%v", trouble)
	for _, c := range d.memory.Calls(turn.ID) {
		require.NotEmpty(t, c.Outcome, "every call has its end on record")
	}
	return d, turn
}

func raw(t *testing.T, handle http.HandlerFunc) author.Setting {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return setting(server.URL+"/v1", "any")
}

func chunk(w http.ResponseWriter, content string) error {
	_, err := fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%q}}]}\n\n", content)
	w.(http.Flusher).Flush()
	return err
}

// Servers that keep to no protocol, say more than is read, or never end are cut off.
func TestS102_HostileServers(t *testing.T) {
	t.Parallel()
	stream := func(w http.ResponseWriter) { w.Header().Set("Content-Type", "text/event-stream") }
	t.Run("fifty megabytes", func(t *testing.T) {
		t.Parallel()
		var sent atomic.Int64
		big := strings.Repeat("x", 64<<10)
		_, turn := failsAs(t, raw(t, func(w http.ResponseWriter, _ *http.Request) {
			stream(w)
			for sent.Load() < 50<<20 && chunk(w, big) == nil {
				sent.Add(int64(len(big)))
			}
		}), author.TooLarge, false)
		require.Less(t, sent.Load(), int64(20<<20), "it is not read to its end")
		require.Less(t, len(turn.At(author.IntentStage).Said), 3<<20)
	})
	t.Run("one endless line", func(t *testing.T) {
		t.Parallel()
		failsAs(t, raw(t, func(w http.ResponseWriter, r *http.Request) {
			stream(w)
			_, _ = w.Write([]byte("data: "))
			for r.Context().Err() == nil {
				if _, err := w.Write([]byte(strings.Repeat("x", 64<<10))); err != nil {
					return
				}
			}
		}), author.TooLarge, false)
	})
	t.Run("for ever", func(t *testing.T) {
		t.Parallel()
		s := raw(t, func(w http.ResponseWriter, r *http.Request) {
			stream(w)
			for chunk(w, "and ") == nil {
				select {
				case <-r.Context().Done():
					return
				case <-time.After(20 * time.Millisecond):
				}
			}
		})
		s.Limits.CallSeconds = 1
		failsAs(t, s, author.TimedOut, false)
	})
	t.Run("a page", func(t *testing.T) {
		t.Parallel()
		failsAs(t, raw(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<html>Sign in</html>"))
		}), author.Malformed, false)
	})
	t.Run("broken frames", func(t *testing.T) {
		t.Parallel()
		failsAs(t, raw(t, func(w http.ResponseWriter, _ *http.Request) {
			stream(w)
			_, _ = w.Write([]byte("data: {\"choices\":[{\n\ndata: [DONE]\n\n"))
		}), author.Malformed, false)
	})
	t.Run("elsewhere", func(t *testing.T) {
		t.Parallel()
		failsAs(t, raw(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example/v1", http.StatusTemporaryRedirect)
		}), author.Unreachable, false)
	})
	t.Run("asks to wait", func(t *testing.T) {
		t.Parallel()
		s := raw(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "90")
			w.WriteHeader(http.StatusTooManyRequests)
		})
		now := time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC)
		_, turn := failsAs(t, s, author.RateLimited, true, func(p *author.Parts) { p.Now = func() time.Time { return now } })
		require.Equal(t, now.Add(90*time.Second), troubleOf(turn).RetryAt)
	})
	t.Run("nobody there", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewServer(nil)
		server.Close()
		failsAs(t, setting(server.URL, "any"), author.Unreachable, false)
	})
}

// The address of the model is subject to the outbound rules, and the key goes nowhere
// when they refuse it (S-103).
func TestS103_OutboundRulesHold(t *testing.T) {
	t.Parallel()
	var asked atomic.Bool
	s := raw(t, func(http.ResponseWriter, *http.Request) { asked.Store(true) })
	_, turn := failsAs(t, s, author.NotAllowed, false, func(p *author.Parts) { p.Outbound = &egress.Guard{} })
	require.Contains(t, troubleOf(turn).Says, "this machine itself")
	s.BaseURL = "http://169.254.169.254/v1"
	failsAs(t, s, author.NotAllowed, false)
	require.False(t, asked.Load())
}

// What an endpoint does not take is left out the next time: a model without tools is
// asked in fenced blocks.
func TestLoop_LearnsWhatAnEndpointTakes(t *testing.T) {
	t.Parallel()
	refused := map[string]string{`"tools"`: "this model does not support tools", `"max_tokens"`: "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens'.", `"stream_options"`: "unknown field stream_options"}
	s := raw(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for part, why := range refused {
			if strings.Contains(string(body), part) {
				w.WriteHeader(http.StatusBadRequest)
				_, _ = fmt.Fprintf(w, `{"error":{"message":%q}}`, why)
				return
			}
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_ = chunk(w, "```json\n"+goodIntent+"\n```")
		_, _ = w.Write([]byte("data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"))
	})
	d := newDesk(t, s)
	turn := d.ask(t, author.Turn{Kind: author.Request, Ask: "Logins for contractors"})
	require.Equal(t, author.NeedsYou, turn.State, "%+v", troubleOf(turn))
	calls := d.memory.Calls(turn.ID)
	require.Len(t, calls, 4)
	require.True(t, calls[3].Estimated, "tokens are counted by length where the provider does not tell them")
	again := d.ask(t, author.Turn{Kind: author.Request, Ask: "Logins for contractors"})
	require.Len(t, d.memory.Calls(again.ID), 1, "what was learnt is kept")
}
