package web

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/author"
	"joinery/internal/function"
	"joinery/internal/postgres"
)

// A program asks for a function, follows what comes, corrects the intent and confirms
// it, as a person does on the page; who may not write functions may only look.
func TestAPI_Drafts(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ctx := t.Context()
	problem := a.call(auth.Builder, "POST", "/functions/drafts", obj{"prompt": "badges"}, 403)
	require.Contains(t, problem["detail"], "switched off")
	set := author.DefaultSetting()
	set.Policy, set.BaseURL, set.Model = author.On, "https://model.example.com/v1", "writer-1"
	admin, err := a.db.ActorByToken(ctx, a.tokens[auth.Admin], "")
	require.NoError(t, err)
	require.NoError(t, a.db.SaveAuthorSetting(ctx, admin, set))

	a.call("", "POST", "/functions/drafts", obj{"prompt": "badges"}, 401)
	a.call(auth.Viewer, "POST", "/functions/drafts", obj{"prompt": "badges"}, 403)
	a.call(auth.Builder, "POST", "/functions/drafts", obj{"prompt": "badges", "functions": "x"}, 400)
	problem = a.call(auth.Builder, "POST", "/functions/drafts", obj{"prompt": " "}, 422)
	require.Equal(t, "prompt", problem["problems"].([]any)[0].(map[string]any)["path"])
	a.call(auth.Builder, "POST", "/functions/drafts", obj{"prompt": "also the middle name", "function": "not-there"}, 422)
	a.call(auth.Builder, "GET", "/functions/drafts/ac_nobody", nil, 404)

	id := a.call(auth.Builder, "POST", "/functions/drafts", obj{"prompt": "badges"}, 202)["id"].(string)
	draft := a.call(auth.Reviewer, "GET", "/functions/drafts/"+id, nil, 200)
	require.Equal(t, "waiting", draft["state"])
	require.Equal(t, "test", draft["by"], "the token that asked")
	a.call(auth.Builder, "POST", "/functions/drafts/"+id+"/confirm", obj{}, 409)

	turn, found, err := a.db.TakeTurn(ctx, carrier)
	require.NoError(t, err)
	require.True(t, found)
	require.NoError(t, a.db.BeginStage(ctx, turn.ID, carrier, author.IntentStage))
	events := a.follow("/functions/drafts/" + id + "/stream")
	require.Equal(t, "retry: 2000", nextEvent(t, events))
	require.Contains(t, nextEvent(t, events), `"stage":"intent","state":"running"`)
	require.NoError(t, a.db.SaySoFar(ctx, turn.ID, carrier, author.IntentStage, "You want", 1))
	require.Contains(t, nextEvent(t, events), `"text":"You want"`)
	intent := author.Intent{Key: "badge", Name: "Badge", Inputs: []author.Value{{Name: "last", Type: "text"}}, Outputs: []author.Value{{Name: "badge", Type: "text"}},
		Examples: []function.Case{{Name: "a name", Input: map[string]any{"last": "Okafor"}, Output: map[string]any{"badge": "OKAFOR"}}}}
	raw, err := json.Marshal(intent)
	require.NoError(t, err)
	require.NoError(t, a.db.EndStage(ctx, turn.ID, carrier, author.StageState{Stage: author.IntentStage, State: author.NeedsYou, Result: raw, Said: "You want badges.", Rounds: 1}))
	whole := nextEvent(t, events)
	for !strings.Contains(whole, "needs_you") {
		whole = nextEvent(t, events)
	}
	require.True(t, strings.HasPrefix(whole, "event: draft|"), whole)
	require.Equal(t, "event: done|data: ", nextEvent(t, events))

	draft = a.call(auth.Builder, "GET", "/functions/drafts/"+id, nil, 200)
	require.Equal(t, "needs_you", draft["state"])
	restated := draft["turns"].([]any)[0].(map[string]any)["stages"].([]any)[0].(map[string]any)["result"].(map[string]any)
	require.Equal(t, "Badge", restated["name"])
	a.call(auth.Reviewer, "POST", "/functions/drafts/"+id+"/confirm", obj{"intent": restated}, 403)
	restated["name"] = ""
	a.call(auth.Builder, "POST", "/functions/drafts/"+id+"/confirm", obj{"intent": restated}, 422)
	restated["name"] = "Badge in capitals"
	a.call(auth.Builder, "POST", "/functions/drafts/"+id+"/confirm", obj{"intent": restated}, 202)
	a.call(auth.Builder, "POST", "/functions/drafts/"+id+"/confirm", obj{}, 409)
	a.call(auth.Builder, "POST", "/functions/drafts/"+id+"/retry", nil, 409)
	a.call(auth.Builder, "POST", "/functions/drafts/"+id+"/cancel", nil, 202)
	require.Equal(t, "cancelled", a.call(auth.Builder, "GET", "/functions/drafts/"+id, nil, 200)["state"])
	a.call(auth.Builder, "POST", "/functions/drafts/"+id+"/retry", nil, 202)
	a.call(auth.Builder, "POST", "/functions/drafts/"+id+"/cancel", nil, 202)
	a.call(auth.Builder, "POST", "/functions/drafts/"+id+"/prompts", obj{"prompt": "with the first letter"}, 202)
	require.Len(t, a.call(auth.Builder, "GET", "/functions/drafts/"+id, nil, 200)["turns"], 2)

	// Another builder's conversation is theirs to go on with; and a function may be called "drafts".
	other, err := a.db.AddUser(ctx, auth.Engine(), a.s.Hasher, postgres.NewUser{Email: "second@x.example", Name: "Second", Password: "correct horse battery", Roles: []auth.Role{auth.Builder}})
	require.NoError(t, err)
	theirs, _, err := a.db.AskAuthor(ctx, other.Actor(), postgres.Ask{Kind: author.Request, Text: "mine"})
	require.NoError(t, err)
	a.call(auth.Builder, "POST", "/functions/drafts/"+string(theirs)+"/cancel", nil, 403)
	a.call(auth.Builder, "PUT", "/functions/drafts", obj{"content": obj{"key": "drafts", "name": "Drafts", "source": "return function(input)\n  return {}\nend\n", "manifest": obj{"input": obj{"type": "object"}, "output": obj{"type": "object"}}}}, 201)
	req := httptest.NewRequest(get, "/api/v1/functions/drafts/revisions", nil)
	req.Header.Set("Authorization", "Bearer "+a.tokens[auth.Builder])
	resp, err := a.app.Test(req, -1)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Contains(t, string(body), `"items":[{"revision":1`)
}

// follow opens a stream as the builder's token.
func (a *api) follow(path string) *bufio.Reader {
	a.t.Helper()
	address, _ := listening(a.t, &console{server: a.s}, nil)
	req, err := http.NewRequestWithContext(a.t.Context(), get, "http://"+address+"/api/v1"+path, nil)
	require.NoError(a.t, err)
	req.Header.Set("Authorization", "Bearer "+a.tokens[auth.Builder])
	resp, err := http.DefaultClient.Do(req)
	require.NoError(a.t, err)
	a.t.Cleanup(func() { _, _ = io.Copy(io.Discard, resp.Body); _ = resp.Body.Close() })
	require.Equal(a.t, http.StatusOK, resp.StatusCode)
	return bufio.NewReader(resp.Body)
}
