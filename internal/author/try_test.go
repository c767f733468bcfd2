package author_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/modeltest"
)

// A try of the settings tells the address, the key, the model and its tools apart.
func TestTry(t *testing.T) {
	t.Parallel()
	tool := func(model string) modeltest.Fixture {
		return modeltest.Fixture{Match: map[string]any{"model": model, "userMessage": "Call the tool ready"}, Response: map[string]any{"toolCalls": []any{map[string]any{"name": "ready", "arguments": "{}"}}}}
	}
	failing := func(model, code, says string, status int) modeltest.Fixture {
		return modeltest.Fixture{Match: map[string]any{"model": model}, Response: map[string]any{"error": map[string]any{"message": says, "type": "invalid_request_error", "code": code}, "status": status}}
	}
	open := modeltest.Start(t, []modeltest.Fixture{tool("good"), modeltest.Say("good", "Answer with", "ready"), modeltest.Say("words", "", "ready"), failing("none", "model_not_found", "The model none does not exist.", 404)})
	locked := modeltest.Start(t, []modeltest.Fixture{modeltest.Say("good", "", "ready")}, "another-key")
	for name, c := range map[string]struct {
		url, model string
		saved      string // the saved address; "" is the same
		parts      string // + good, - wrong, ? not known: address, key, model, tools
		says       string
	}{
		"good":                                  {url: open.URL, model: "good", parts: "++++"},
		"unreachable":                           {url: "http://127.0.0.1:1/v1", model: "good", parts: "-??", says: "The model's address"},
		"not allowed":                           {url: "http://10.0.0.1/v1", model: "good", parts: "-??", says: "Outbound rules do not allow"},
		"bad key":                               {url: locked.URL, model: "good", parts: "+-?", says: "does not take the key"},
		"unknown model":                         {url: open.URL, model: "none", parts: "++-", says: "has no model"},
		"no tool calling":                       {url: open.URL, model: "words", parts: "+++-", says: "without calling the tool"},
		"address not saved, and it wants a key": {url: locked.URL, saved: "https://elsewhere.example.com/v1", model: "good", parts: "+-?", says: "no key was sent"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			saved := setting(c.url, c.model)
			if c.saved != "" {
				saved.BaseURL = c.saved
			}
			got, said := "", ""
			for _, part := range newDesk(t, saved).Try(t.Context(), setting(c.url, c.model)) {
				switch {
				case !part.Known:
					got += "?"
				case part.Good:
					got += "+"
				default:
					got += "-"
					said += part.Says
					require.NotEmpty(t, part.Do)
				}
			}
			require.Equal(t, c.parts, got, said)
			require.Contains(t, said, c.says)
		})
	}
}
