package author_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/author"
	"joinery/internal/function"
	"joinery/internal/modeltest"
)

const (
	goodIntent = `{"key": "contractor-login", "name": "Login of contractors", "description": "The first free login c-1 to c-40.",
 "inputs": [{"name": "company", "type": "text", "means": "whom they work for", "optional": true}],
 "outputs": [{"name": "login", "type": "text", "means": "the login"}],
 "examples": [{"name": "the first is free", "stubs": [{"call": "directory.username_taken", "args": ["corp-ad", "c-1"], "answer": false}], "output": {"login": "c-1"}}],
 "reads": ["directory:corp-ad:names.taken"], "writes": [],
 "forbidden": [{"says": "It must not put anybody into a group.", "grant": "directory:*:groups.add"}],
 "questions": [{"ask": "What if all are taken?"}]}`
	goodTests = `{"cases": [
 {"name": "the second is free", "stubs": [{"call": "directory.username_taken", "args": ["corp-ad", "c-1"], "answer": true}, {"call": "directory.username_taken", "args": ["corp-ad", "c-2"], "answer": false}], "output": {"login": "c-2"}},
 {"name": "the last is free", "stubs": [{"call": "directory.username_taken", "args": ["corp-ad", "c-40"], "answer": false}, {"call": "directory.username_taken", "answer": true}], "output": {"login": "c-40"}},
 {"name": "c-41 is no login", "stubs": [{"call": "directory.username_taken", "args": ["corp-ad", "c-41"], "answer": false}, {"call": "directory.username_taken", "answer": true}], "error": "no-login"}]}`
	goodLua = `return function(input)
  for number = 1, 40 do
    local login = "c-" .. number
    if not directory.username_taken("corp-ad", login) then
      return {login = login}
    end
  end
  fail("no-login", "All logins from c-1 to c-40 are taken.")
end`
	goodBeside = `{"grants": ["directory:corp-ad:names.taken"], "notes": "Tries the numbers in order."}`
)

var goodCode = fenced("lua", goodLua, "json", goodBeside)

// A request becomes a restated intent, and after it was confirmed, tests, code, checks and
// a draft; the tools are asked on the way, and everything that went out is kept.
func TestLoop_GoodModel(t *testing.T) {
	t.Parallel()
	calls := modeltest.Fixture{Match: map[string]any{"model": "good", "userMessage": atIntent, "hasToolResult": false},
		Response: map[string]any{"toolCalls": []any{map[string]any{"name": "connections", "arguments": "{}"}, map[string]any{"name": "library", "arguments": "{}"}}}}
	server := modeltest.Start(t, append([]modeltest.Fixture{calls}, script("good", "I understand.\n"+fenced("json", goodIntent), fenced("json", goodTests), goodCode)...))
	d := newDesk(t, setting(server.URL, "good"))
	turn := d.ask(t, author.Turn{Kind: author.Request, Ask: "Contractors get the first free login c-1, c-2 and so on."})
	require.Equal(t, author.NeedsYou, turn.State)
	require.Equal(t, 2, turn.At(author.IntentStage).Rounds)
	require.Contains(t, turn.At(author.IntentStage).Said, "I understand.")
	_, drafted := d.memory.Drafted(turn.ID)
	require.False(t, drafted, "nothing goes on before the intent was confirmed")

	turn = d.confirm(t, turn, func(in *author.Intent) { in.Questions[0].Answer = "A person has to choose." })
	require.Equal(t, author.Done, turn.State, "%+v", troubleOf(turn))
	checks := resultOf[author.Checks](t, turn, author.ChecksStage)
	require.Empty(t, checks.Gaps)
	require.Zero(t, checks.Repairs)
	require.Len(t, checks.Content.Cases, 4)
	require.Equal(t, "the first is free", checks.Content.Cases[0].Name, "the confirmed example is the first test")
	require.GreaterOrEqual(t, checks.Report.Noticed(), 80)
	c, drafted := d.memory.Drafted(turn.ID)
	require.True(t, drafted)
	require.Equal(t, goodLua+"\n", c.Source)
	require.Equal(t, []string{"directory:corp-ad:names.taken"}, c.Manifest.Grants)

	kept := d.memory.Calls(turn.ID)
	require.Len(t, kept, 4)
	for i, sent := range server.Requests(t) {
		require.True(t, sameBody(t, sent, kept[i].Body), "what is kept is what went out")
		require.Equal(t, author.OK, kept[i].Outcome)
		require.NotContains(t, kept[i].Body, "key-of-the-test")
		require.Positive(t, kept[i].TokensOut)
		require.False(t, kept[i].Estimated)
	}
	require.Contains(t, kept[1].Body, "extensionAttribute3", "what a tool told")
	require.Contains(t, kept[2].Body, "A person has to choose.", "what was confirmed")
}

// What is missed is told to the model, a bounded number of times; its own tests may change
// on the way, the confirmed examples not.
func TestLoop_SloppyModelRepairs(t *testing.T) {
	t.Parallel()
	worse := strings.Replace(goodLua, "1, 40", "1, 39", 1)
	fixtures := script("sloppy", "Sure! Here is what I understood.", fenced("json", goodTests), "Here you go:\n"+fenced("lua", worse, "json", `{"grants": []}`)+"Good luck!")
	fixtures[0].Match["turnIndex"] = 0
	fixtures = append(fixtures,
		modeltest.Say("sloppy", "This answer cannot be used", fenced("json", goodIntent)),
		modeltest.Say("sloppy", atRepair, goodCode))
	server := modeltest.Start(t, fixtures)
	d := newDesk(t, setting(server.URL, "sloppy"))
	turn := d.confirm(t, d.ask(t, author.Turn{Kind: author.Request, Ask: "Logins for contractors"}))
	require.Equal(t, author.Done, turn.State, "%+v", troubleOf(turn))
	checks := resultOf[author.Checks](t, turn, author.ChecksStage)
	require.Empty(t, checks.Gaps)
	require.Equal(t, 1, checks.Repairs)
	calls := d.memory.Calls(turn.ID)
	last := calls[len(calls)-1].Body
	require.Contains(t, last, `The test \"the last is free\" fails`)
	require.Contains(t, last, "the manifest does not ask for it")
}

// A model that never gets there leaves a draft with its gaps shown.
func TestLoop_GapsStayShown(t *testing.T) {
	t.Parallel()
	weak := fenced("lua", `return function(input)
  if not directory.username_taken("corp-ad", "c-1") then
    return {login = "c-1"}
  end
  return {login = "c-2"}
end`, "json", goodBeside)
	server := modeltest.Start(t, append(script("weak", fenced("json", goodIntent), fenced("json", goodTests), weak), modeltest.Say("weak", atRepair, weak)))
	d := newDesk(t, setting(server.URL, "weak"))
	turn := d.confirm(t, d.ask(t, author.Turn{Kind: author.Request, Ask: "Logins for contractors"}))
	require.Equal(t, author.Done, turn.State)
	checks := resultOf[author.Checks](t, turn, author.ChecksStage)
	require.Equal(t, 3, checks.Repairs, "rounds are bounded")
	require.Contains(t, gates(checks.Gaps), author.GateTests)
	require.Equal(t, checks.Gaps, resultOf[author.Draft](t, turn, author.DraftStage).Gaps)
}

// A model without tools asks in fenced blocks, and is told how.
func TestLoop_WithoutTools(t *testing.T) {
	t.Parallel()
	ask := modeltest.Say("plain", atIntent, fenced("json", `{"tool": "connections", "arguments": {}}`))
	fixtures := append([]modeltest.Fixture{ask, modeltest.Say("plain", "Result of connections", fenced("json", goodIntent))}, script("plain", "", fenced("json", goodTests), goodCode)[1:]...)
	server := modeltest.Start(t, fixtures)
	s := setting(server.URL, "plain")
	s.NoTools = true
	d := newDesk(t, s)
	turn := d.confirm(t, d.ask(t, author.Turn{Kind: author.Request, Ask: "Logins for contractors"}))
	require.Equal(t, author.Done, turn.State, "%+v", troubleOf(turn))
	for _, sent := range server.Requests(t) {
		require.NotContains(t, sent, "tools")
		require.Contains(t, asJSON(t, sent["messages"]), "You cannot call tools here.")
	}
}

// A follow-up begins with the function there is and with what was confirmed before; more
// tests and explanations change no code.
func TestLoop_FollowUpMoreTestsExplain(t *testing.T) {
	t.Parallel()
	more := fenced("json", `{"cases": [{"name": "the third is free", "stubs": [{"call": "directory.username_taken", "args": ["corp-ad", "c-3"], "answer": false}, {"call": "directory.username_taken", "answer": true}], "output": {"login": "c-3"}}]}`)
	moreTests := modeltest.Say("all", "The tests there are stay", more)
	explained := "It tries <b>c-1</b> to c-40. ![x](http://evil.example/x.png)"
	server := modeltest.Start(t, append([]modeltest.Fixture{moreTests, modeltest.Say("all", atAnswer, explained)}, script("all", fenced("json", goodIntent), fenced("json", goodTests), goodCode)...))
	d := newDesk(t, setting(server.URL, "all"))
	first := d.confirm(t, d.ask(t, author.Turn{Kind: author.Request, Ask: "Logins for contractors"}))
	require.Equal(t, author.Done, first.State, "%+v", troubleOf(first))
	content, _ := d.memory.Drafted(first.ID)
	raw := []byte(asJSON(t, content))

	next := d.ask(t, author.Turn{Kind: author.FollowUp, Ask: "Also say hello", Function: "contractor-login", BaseRevision: 1, Content: raw})
	require.Equal(t, author.NeedsYou, next.State)
	body := d.memory.Calls(next.ID)[0].Body
	require.Contains(t, body, "EARLIER REQUEST")
	require.Contains(t, body, "Also say hello")
	require.Contains(t, body, "The intent that was confirmed before this request")
	require.Contains(t, body, "return function(input)")
	next = d.confirm(t, next)
	require.Equal(t, author.Done, next.State, "%+v", troubleOf(next))
	kept, _ := d.memory.Drafted(next.ID)
	require.Equal(t, content.Cases, kept.Cases, "the tests there are stay")

	tests := d.ask(t, author.Turn{Kind: author.MoreTests, Ask: "More tests please", Function: "contractor-login", BaseRevision: 1, Content: raw})
	require.Equal(t, author.Done, tests.State, "%+v", troubleOf(tests))
	got, _ := d.memory.Drafted(tests.ID)
	require.Equal(t, content.Source, got.Source)
	require.Len(t, got.Cases, 5)

	why := d.ask(t, author.Turn{Kind: author.Why, Ask: "Why?", Function: "contractor-login", BaseRevision: 1, Content: raw})
	require.Equal(t, author.Done, why.State, "%+v", troubleOf(why))
	require.Equal(t, explained, resultOf[author.Answer](t, why, author.AnswerStage).Text, "words stay words: who shows them renders nothing")
	require.Contains(t, d.memory.Calls(why.ID)[0].Body, "How its tests went")
	_, drafted := d.memory.Drafted(why.ID)
	require.False(t, drafted)
}

// The function's own tests stay in a follow-up, but for those that the model says are
// obsolete; that is told.
func TestLoop_FollowUpNamesObsoleteTests(t *testing.T) {
	t.Parallel()
	thinks := "<think>```json\n{\"cases\": []}\n```</think>" + fenced("", `{"cases": [], "obsolete": ["c-41 is no login"]}`)
	server := modeltest.Start(t, append(script("old", fenced("json", goodIntent), thinks, goodCode), modeltest.Say("old", atRepair, goodCode)))
	d := newDesk(t, setting(server.URL, "old"))
	var now struct{ Cases []function.Case }
	unmarshal(t, goodTests, &now)
	c := function.Content{Key: "contractor-login", Name: "x", Source: goodLua, Cases: now.Cases}
	turn := d.confirm(t, d.ask(t, author.Turn{Kind: author.FollowUp, Ask: "Forty-one is fine", Function: "contractor-login", BaseRevision: 3, Content: []byte(asJSON(t, c))}))
	tests := resultOf[author.Tests](t, turn, author.TestsStage)
	require.Equal(t, []string{"c-41 is no login"}, tests.Obsolete)
	require.Len(t, tests.Cases, 3)
}

func sameBody(t testing.TB, sent map[string]any, kept string) bool {
	t.Helper()
	var body map[string]any
	require.NoError(t, json.Unmarshal([]byte(kept), &body))
	delete(sent, "_endpointType") // the server's own note
	return reflect.DeepEqual(sent, body)
}

func gates(gaps []author.Gap) (out []author.Gate) {
	for _, g := range gaps {
		out = append(out, g.Gate)
	}
	return out
}
