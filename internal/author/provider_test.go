package author_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/author"
)

// With an API version a call goes to Azure's address of the deployment, whose name stays as
// it was written, with Azure's key header and no other; without one, to the address as it is.
func TestProvider_Addresses(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		path, version, model string
		want, header, not    string
	}{
		"openai, and what is like it": {"/v1", "", "small", "/v1/chat/completions", "Authorization: Bearer key-of-the-test", "Api-Key"},
		"azure by deployment":         {"", "2024-10-21", "writer-4.1_eu", "/openai/deployments/writer-4.1_eu/chat/completions?api-version=2024-10-21", "Api-Key: key-of-the-test", "Authorization"},
		"azure's newer address":       {"/openai/v1", "", "writer-4.1", "/openai/v1/chat/completions", "Authorization: Bearer key-of-the-test", "Api-Key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got *http.Request
			s := raw(t, func(w http.ResponseWriter, r *http.Request) {
				got = r
				w.Header().Set("Content-Type", "text/event-stream")
				// Azure begins with a chunk that has no choice: what its filter found.
				_, _ = fmt.Fprint(w, "data: {\"choices\":[],\"prompt_filter_results\":[{\"prompt_index\":0}]}\n\n")
				_ = chunk(w, "```json\n"+goodIntent+"\n```")
				_, _ = fmt.Fprint(w, "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":7}}\n\ndata: [DONE]\n\n")
			})
			s.BaseURL, s.APIVersion, s.Model = strings.TrimSuffix(s.BaseURL, "/v1")+x.path, x.version, x.model
			require.Empty(t, s.Check())
			d := newDesk(t, s)
			turn := d.ask(t, author.Turn{Kind: author.Request, Ask: "Logins for contractors"})
			require.Equal(t, author.NeedsYou, turn.State, "%+v", troubleOf(turn))
			require.Equal(t, x.want, got.URL.String())
			head, value, _ := strings.Cut(x.header, ": ")
			require.Equal(t, value, got.Header.Get(head))
			require.Empty(t, got.Header.Get(x.not))
			require.Equal(t, 7, d.memory.Calls(turn.ID)[0].TokensOut)
		})
	}
	azure := setting("https://name.openai.azure.com/openai/v1", "small")
	azure.APIVersion = "2024-10-21"
	require.Contains(t, azure.Check()[0].Detail, "address of the resource alone")
	azure.BaseURL, azure.APIVersion, azure.Model = "https://name.openai.azure.com", "2024-10-21&x=1", "a/../b"
	require.Len(t, azure.Check(), 2)
}

// What the servers that people use answer in trouble, in their own forms: each becomes its
// kind, or what they do not take is left out.
func TestS102_WordsOfServers(t *testing.T) {
	t.Parallel()
	type answer struct {
		status int
		body   string
		kind   author.TroubleKind // "" where it goes on after leaving something out
		again  bool
	}
	for name, x := range map[string]answer{
		"ollama: no tools":           {400, `{"error":{"message":"registry.ollama.ai/library/gemma:2b does not support tools","type":"invalid_request_error","param":null,"code":null}}`, "", false},
		"ollama: unknown model":      {404, `{"error":{"message":"model 'small' not found","type":"not_found_error","param":null,"code":null}}`, author.UnknownModel, false},
		"llama.cpp: no --jinja":      {500, `{"error":{"code":500,"message":"tools param requires --jinja flag","type":"server_error"}}`, "", false},
		"llama.cpp: loading":         {503, `{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}`, author.Failing, true},
		"llama.cpp: context":         {400, `{"error":{"code":400,"message":"the request exceeds the available context size, try increasing it","type":"exceed_context_size_error","n_prompt_tokens":9000,"n_ctx":4096}}`, author.TooLong, false},
		"llama.cpp: key":             {401, `{"error":{"code":401,"message":"Invalid API Key","type":"authentication_error"}}`, author.BadKey, false},
		"vllm: no parser":            {400, `{"object":"error","message":"\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set","type":"BadRequestError","param":null,"code":400}`, "", false},
		"vllm: no parser, newer":     {400, `{"error":{"message":"\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set","type":"BadRequestError","param":null,"code":400}}`, "", false},
		"vllm: context":              {400, `{"error":{"message":"'max_tokens' or 'max_completion_tokens' is too large: 8000. This model's maximum context length is 4096 tokens and your request has 5000 input tokens","type":"BadRequestError","code":400}}`, author.TooLong, false},
		"vllm: unknown model":        {404, `{"error":{"message":"The model small does not exist.","type":"NotFoundError","param":null,"code":404}}`, author.UnknownModel, false},
		"vllm: key":                  {401, `{"error":"Unauthorized"}`, author.BadKey, false},
		"openai: limit's older name": {400, `{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.","type":"invalid_request_error","param":"max_tokens","code":"unsupported_parameter"}}`, "", false},
		"openai: temperature":        {400, `{"error":{"message":"Unsupported value: 'temperature' does not support 0.1 with this model. Only the default (1) value is supported.","type":"invalid_request_error","param":"temperature","code":"unsupported_value"}}`, "", false},
		"openai: no quota":           {429, `{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}`, author.RateLimited, false},
		"azure: key":                 {401, `{"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint."}}`, author.BadKey, false},
		"azure: no deployment":       {404, `{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}`, author.UnknownModel, false},
		"azure: no such address":     {404, `{"error":{"code":"404","message":"Resource not found"}}`, author.Unreachable, false},
		"azure: filter":              {400, `{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation"}}}`, author.Filtered, false},
		"azure: too many":            {429, `{"error":{"code":"429","message":"Requests to the ChatCompletions_Create Operation have exceeded token rate limit. Please retry after 7 seconds."}}`, author.RateLimited, true},
		"a proxy's page":             {502, `<html><body>502 Bad Gateway</body></html>`, author.Failing, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sent []string
			s := raw(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if x.kind == "" && len(sent) > 0 && !slices.Contains(sent, string(body)) {
					w.Header().Set("Content-Type", "text/event-stream")
					_ = chunk(w, "```json\n"+goodIntent+"\n```")
					_, _ = fmt.Fprint(w, "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
					return
				}
				sent = append(sent, string(body))
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(x.status)
				_, _ = io.WriteString(w, x.body)
			})
			s.Model = "small"
			if x.kind != "" {
				failsAs(t, s, x.kind, x.again)
				return
			}
			turn := newDesk(t, s).ask(t, author.Turn{Kind: author.Request, Ask: "Logins for contractors"})
			require.Equal(t, author.NeedsYou, turn.State, "%+v", troubleOf(turn))
		})
	}
}

// Each of the day's budgets holds by itself: calls and tokens of a person, tokens of all.
func TestS102_EachBudgetHolds(t *testing.T) {
	t.Parallel()
	l := author.Limits{CallsPerDay: 3, TokensPerDay: 100, AllPerDay: 1000}
	require.NoError(t, author.Afford(l, 3, 100, 1000))
	for _, over := range []error{author.Afford(l, 4, 0, 0), author.Afford(l, 1, 101, 101), author.Afford(l, 1, 1, 1001)} {
		var trouble *author.Trouble
		require.ErrorAs(t, over, &trouble)
		require.Equal(t, author.Budget, trouble.Kind)
		require.NotEmpty(t, trouble.Do)
	}
}
