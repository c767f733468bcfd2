package web

import (
	"bufio"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/author"
	"joinery/internal/postgres"
)

// Where no model is set up the page says so, says who can change it, and offers the
// functions that ship; nothing can be asked.
func TestAuthor_WithoutAModel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "m")
	page := w.bo.get(t, "/author")
	require.Contains(t, page.body, "No language model is set up here")
	require.Contains(t, page.body, "An administrator can change that")
	require.Contains(t, page.body, `href="/functions/new?from=phone-number"`)
	require.NotContains(t, page.body, `name="text"`)
	require.Contains(t, w.ada.get(t, "/author").body, `href="/system/author"`)
	refused := w.bo.post(t, "/author", fields("text", "a function", "kind", "request"))
	require.Equal(t, http.StatusForbidden, refused.status)
	require.Contains(t, refused.body, "The function author is switched off here.")
}

// A person asks, corrects what was understood, and follows the stages to a draft.
func TestAuthor_S101_FromRequestToDraft(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `<img src=x onerror=alert(1)> https://evil.example`)
	w.model()
	empty := w.bo.post(t, "/author", fields("text", " ", "kind", "request"))
	require.Equal(t, http.StatusUnprocessableEntity, empty.status)
	require.Contains(t, empty.body, "Say in 1 to 10,000 characters what you want.")
	asked := w.bo.post(t, "/author", fields("text", "badges", "kind", "request"))
	require.Equal(t, http.StatusSeeOther, asked.status)
	at, _, _ := strings.Cut(asked.header.Get("Location"), "#")
	page := w.bo.get(t, at)
	require.Contains(t, page.body, "data-live=")
	require.Contains(t, page.body, `<noscript>`)
	require.Contains(t, page.body, "badges")

	turn := w.takes(author.TurnID(w.value(`SELECT id FROM author_turns`)))
	w.ends(turn, author.IntentStage, author.NeedsYou, w.wish(), nil)
	page = w.bo.get(t, at)
	require.Contains(t, page.body, "Needs you")
	require.Contains(t, page.body, `name="t.takes.f1.name" rows="1"`)
	require.Contains(t, page.body, `name="t.tests.c0.in.last"`, "a column for each field of the input")
	require.Contains(t, page.body, `name="t.tests.c0.out.badge"`, "and of the output")
	require.NotContains(t, page.body, "data-live=", "nothing happens until the person answers")
	require.NotContains(t, page.body, "<img src=x")
	require.NotContains(t, page.body, `href="https://evil`)
	require.NotContains(t, w.re.get(t, at).body, "Confirm and write the function", "another person reads only")

	confirm := at + "/turns/" + string(turn.ID) + "/confirm"
	form := fields("op", "confirm", "name", "Badge", "key", "badge", "grant", "directory:hr:groups.find", "more", "", "answer.0", "upper", "as.tests", "table", "as.answers", "table")
	row(form, "takes", "f0", "name", "last", "type", "text", "means", "the last name")
	row(form, "takes", "n1", "name", "floor", "type", "number", "optional", "true", "means", "where")
	row(form, "takes", "n2", "type", "text")
	row(form, "gives", "f0", "name", "badge", "type", "text")
	row(form, "tests", "c0", "name", "a", "in.last", "B", "in.floor", "third", "out.badge", "B", "in.gone", "7")
	row(form, "forbidden", "e0", "effect", "words", "says", "never two of the same")
	row(form, "forbidden", "n1", "effect", "longer", "what", "badge", "limit", "twenty")
	wrong := w.bo.post(t, confirm, form)
	require.Equal(t, http.StatusUnprocessableEntity, wrong.status)
	require.Contains(t, wrong.body, "Write how long it may be, as a number.")
	require.Contains(t, wrong.body, "twenty</textarea>", "what was typed is still there")
	form.Set("t.forbidden.n1.limit", "20")
	wrong = w.bo.post(t, confirm, form)
	require.Equal(t, http.StatusUnprocessableEntity, wrong.status)
	require.Contains(t, wrong.body, "This is no number, as the list above says.")
	require.Contains(t, wrong.body, "third</textarea>")
	require.Contains(t, wrong.body, "The function takes no field gone. Add it to the list above, or empty this.")
	require.Contains(t, wrong.body, "7</textarea>")
	form.Set("t.tests.c0.in.floor", "3")
	form.Set("t.tests.c0.in.gone", "")

	more := w.bo.post(t, confirm, with(form, "op", "add:tests"))
	require.Equal(t, http.StatusOK, more.status, "rows come without script too, and nothing is confirmed")
	require.Contains(t, more.body, "Nothing was confirmed.")
	require.Contains(t, more.body, `name="t.tests.n1.name"`)
	written := w.bo.post(t, confirm, with(form, "op", "as:tests:yaml"))
	require.Contains(t, written.body, "Show the examples as a table")
	require.Contains(t, written.body, "floor: 3")
	require.Contains(t, w.bo.post(t, confirm, with(form, "op", "as:tests:table", "as.tests", "yaml", "examples", "- {name: q, input: {last: Q}, output: {badge: Q}}")).body, `name="t.tests.c0.out.badge"`)
	require.Equal(t, http.StatusForbidden, w.ada.post(t, confirm, with(form, "op", "columns")).status, "another person's intent")

	// What systems answer in an example and what it shall plan are rows, as in a function's tests.
	require.Contains(t, more.body, `data-sheet="answers"`, "what it may ask can be answered")
	require.NotContains(t, more.body, `data-sheet="plans"`, "it may change nothing")
	require.NotContains(t, more.body, `name="t.tests.c0.stubs"`)
	rows := with(form, "more", "directory:hr:groups.add")
	row(rows, "answers", "n0", "test", "c0", "call", "directory.group_exists", "connection", "hr", "arg1", "crm")
	row(rows, "plans", "n0", "test", "c0", "call", "plan.add_group", "connection", "hr", "arg1", "crm")
	missing := w.bo.post(t, confirm, rows)
	require.Equal(t, http.StatusUnprocessableEntity, missing.status)
	require.Contains(t, missing.body, `<p class="error" id="e-t-answers-n0-answer">Choose what the system answers.</p>`)
	require.Contains(t, w.bo.post(t, confirm, with(rows, "op", "as:tests:yaml")).body, "Some examples cannot be read yet.")
	rows.Set("t.answers.n0.answer", "yes")
	written = w.bo.post(t, confirm, with(rows, "op", "as:tests:yaml"))
	for _, want := range []string{"call: directory.group_exists", "answer: true", "do: plan.add_group"} {
		require.Contains(t, written.body, want)
	}
	back := w.bo.post(t, confirm, with(rows, "op", "as:tests:table", "as.tests", "yaml", "examples", "- {name: q, input: {last: Q}, output: {badge: Q}, stubs: [{call: directory.group_exists, args: [hr, crm], answer: true}], plan: [{do: plan.add_group, args: [hr, crm]}]}")).body
	require.Contains(t, back, `name="t.answers.a0.arg1"`)
	require.Contains(t, back, `name="t.plans.a0.arg1"`)
	twice := w.bo.post(t, confirm, with(rows, "op", "dup:tests", "s.tests", "c0")).body
	require.Equal(t, 2, strings.Count(twice, `name="r.plans"`)-strings.Count(twice, `name="r.plans" value="BLANK"`), "a copy of an example has copies of its rows")
	require.NotContains(t, w.bo.post(t, confirm, with(rows, "op", "drop:tests:c0")).body, `name="r.answers" value="n0"`, "and they go with it")
	older := with(form, "as.answers", "", "t.tests.c0.stubs", "- {call: directory.group_exists, answer: [")
	require.Contains(t, w.bo.post(t, confirm, older).body, "not readable YAML", "a page from before these tables keeps what it says")
	require.Equal(t, http.StatusForbidden, w.ada.post(t, confirm, form).status)
	require.Equal(t, http.StatusUnprocessableEntity, w.bo.post(t, confirm, with(form, "op", "explode")).status)

	require.Equal(t, http.StatusSeeOther, w.bo.post(t, confirm, form).status)
	require.JSONEq(t, `{"key":"badge","name":"Badge","description":"","inputs":[{"name":"last","type":"text","means":"the last name"},{"name":"floor","type":"number","means":"where","optional":true}],
		"outputs":[{"name":"badge","type":"text","means":""}],"examples":[{"name":"a","input":{"last":"B","floor":3},"output":{"badge":"B"}}],"reads":["directory:hr:groups.find"],"writes":null,
		"forbidden":[{"says":"never two of the same"},{"says":"","effect":"longer","field":"badge","most":20}],"questions":[{"ask":"Which case, `+w.marker+`?","answer":"upper"}]}`, w.value(`SELECT result FROM author_stages WHERE stage = 'intent'`))
	page = w.bo.get(t, at)
	require.Contains(t, page.body, "never two of the same (read by the reviewer)")
	require.Contains(t, page.body, "It never gives badge longer than 20. (looked for by the checks)")
	require.Equal(t, http.StatusConflict, w.bo.post(t, confirm, form).status, "confirmed already")
}

// row adds a row of a table to a form: pairs of columns and cells.
func row(form url.Values, table, id string, cells ...string) {
	form.Add("r."+table, id)
	for i := 0; i+1 < len(cells); i += 2 {
		form.Set("t."+table+"."+id+"."+cells[i], cells[i+1])
	}
}

// with is a form with some values others.
func with(form url.Values, pairs ...string) url.Values {
	out := maps.Clone(form)
	for i := 0; i+1 < len(pairs); i += 2 {
		out.Set(pairs[i], pairs[i+1])
	}
	return out
}

// A draft that misses a gate says which; the same conversation shows the code, the
// tests and what the model said beside, as text.
func TestAuthor_DraftAndGates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `<b onclick=x>bold</b>`)
	w.model()
	turn := w.drafted(author.Gap{Gate: author.GateMutation, Line: 2, Says: "The tests notice 30 of 100 small changes of the code; 80 are needed."})
	page := w.bo.get(t, "/author/"+string(turn.Conversation))
	for _, want := range []string{"1 gate missed, after 1 repair", "Line 2: The tests notice 30 of 100 small changes of the code; 80 are needed.", "cannot be submitted while a gate is missed", "text.upper(input.last)", "Revision 1 of badge", "note &lt;b onclick=x&gt;", "tests of its own"} {
		require.Contains(t, page.body, want)
	}
	require.NotContains(t, page.body, "<b onclick")
	require.NotContains(t, page.body, "Submit for review")
	require.Contains(t, page.body, "Write more tests")

	form := providerFields()
	form.Set("mutation", "30")
	require.Equal(t, http.StatusSeeOther, w.ada.post(t, "/system/author", form).status)
	page = w.bo.get(t, "/author/"+string(turn.Conversation))
	require.Contains(t, page.body, "All gates passed by the settings of now: 30 of 100 small changes have to be noticed, after 1 repair")
	require.NotContains(t, page.body, "cannot be submitted while a gate is missed")
	require.Contains(t, page.body, "Submit for review", "what was too little when it was written is enough now")

	sent := w.re.get(t, "/author/"+string(turn.Conversation)+"/calls")
	require.Contains(t, sent.body, "&lt;b onclick=x&gt;bold&lt;/b&gt; sent")
	require.Contains(t, sent.body, "10 sent, 1,200 received")
	eve := w.person(t, "eve@example.com", "builder")
	require.Equal(t, http.StatusOK, eve.get(t, "/author/"+string(turn.Conversation)).status)
	require.Equal(t, http.StatusForbidden, eve.get(t, "/author/"+string(turn.Conversation)+"/calls").status)
	require.Equal(t, http.StatusForbidden, eve.post(t, "/author/"+string(turn.Conversation), fields("text", "more", "kind", "follow_up")).status)
}

// What failed says why and what to do, and can be tried again; what is under way can be
// cancelled.
func TestAuthor_TroubleRetryCancel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "m")
	w.model()
	turn := w.asks(postgres.Ask{Kind: author.Request, Text: "badges"})
	at := "/author/" + string(turn.Conversation)
	w.ends(turn, author.IntentStage, author.Failed, nil, &author.Trouble{Kind: author.BadKey, Says: "The provider refuses the key.", Do: "Set a new key."})
	page := w.bo.get(t, at)
	require.Contains(t, page.body, "The provider refuses the key.")
	require.Contains(t, page.body, "Set a new key.")
	require.Contains(t, page.body, "Ask again")
	require.Equal(t, http.StatusSeeOther, w.bo.post(t, at+"/turns/"+string(turn.ID)+"/retry", fields()).status)
	require.Contains(t, w.bo.get(t, at).body, "Cancel")
	busy := w.bo.post(t, at, fields("text", "also this", "kind", "follow_up"))
	require.Equal(t, http.StatusUnprocessableEntity, busy.status)
	require.Contains(t, busy.body, "What you asked before is still under way.")
	require.Equal(t, http.StatusSeeOther, w.bo.post(t, at+"/turns/"+string(turn.ID)+"/cancel", fields()).status)
	require.Contains(t, w.bo.get(t, at).body, "Cancelled")
	require.Equal(t, http.StatusNotFound, w.bo.post(t, "/author/other/turns/"+string(turn.ID)+"/retry", fields()).status)
}

// What a function can be asked is on its page, whoever wrote it; a review of what a
// model wrote shows what was asked for and agreed.
func TestAuthor_OnFunctionAndReview(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "m")
	w.model()
	page := w.bo.get(t, "/functions/c-function")
	for _, kind := range []string{"follow_up", "explain", "why", "more_tests"} {
		require.Contains(t, page.body, "/author?function=c-function&amp;kind="+kind)
	}
	require.NotContains(t, w.re.get(t, "/functions/c-function").body, "/author?function=", "who may not ask is not offered it")
	form := w.bo.get(t, "/author?function=c-function&kind=explain")
	require.Contains(t, form.body, "Explain what this function does")
	require.Contains(t, form.body, `name="function" value="c-function"`)

	turn := w.drafted()
	r := w.review("function", "badge", 1)
	shown := w.re.get(t, "/reviews/"+r.ID)
	for _, want := range []string{"What was asked for", "badges m", "A language model wrote this revision, word for word.", "no groups m. It never uses the grant directory:*:groups.add. (looked for by the checks)", "/author/" + string(turn.Conversation) + "/calls", "writer-1"} {
		require.Contains(t, shown.body, want)
	}
	require.NotContains(t, w.re.get(t, "/reviews/"+w.review("function", "c-function", 3).ID).body, "What was asked for")
	require.Equal(t, http.StatusUnprocessableEntity, w.bo.post(t, "/author", fields("function", "c-function", "kind", "follow_up", "text", " ")).status, "a change needs words")
	require.Equal(t, http.StatusSeeOther, w.bo.post(t, "/author", fields("function", "c-function", "kind", "more_tests", "text", " ")).status)
	require.Equal(t, "Write more tests, for what no test shows yet.", w.value(`SELECT ask FROM author_turns ORDER BY id DESC LIMIT 1`), "what the button says is enough")
}

// What the model says is sent as it comes, the part of the page when a stage begins or
// ends, and nothing after the last.
func TestAuthor_Stream(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "m")
	w.model()
	turn := w.asks(postgres.Ask{Kind: author.Request, Text: "badges"})
	ctx := t.Context()
	require.NoError(t, w.server.DB.BeginStage(ctx, turn.ID, carrier, author.IntentStage))
	address, _ := listening(t, w.console, nil)
	req, err := http.NewRequestWithContext(ctx, get, "http://"+address+"/author/"+string(turn.Conversation)+"/live", nil)
	require.NoError(t, err)
	for k, v := range w.bo.cookies {
		req.AddCookie(&http.Cookie{Name: k, Value: v})
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	r := bufio.NewReader(resp.Body)
	require.Equal(t, "retry: 2000", nextEvent(t, r))
	require.Contains(t, nextEvent(t, r), "Reading what you asked for")
	stream := streamID(turn.ID, author.IntentStage)
	require.NoError(t, w.server.DB.SaySoFar(ctx, turn.ID, carrier, author.IntentStage, "a <b>é", 1))
	require.Equal(t, `event: delta|data: {"stream":"`+stream+`","from":0,"to":7,"text":"a \u003cb\u003eé"}`, nextEvent(t, r))
	require.NoError(t, w.server.DB.SaySoFar(ctx, turn.ID, carrier, author.IntentStage, "a <b>é more", 1))
	require.Equal(t, `event: delta|data: {"stream":"`+stream+`","from":7,"to":12,"text":" more"}`, nextEvent(t, r))
	w.ends(turn, author.IntentStage, author.NeedsYou, w.wish(), nil)
	part := nextEvent(t, r)
	for !strings.Contains(part, "Confirm and write the function") { // the stage began anew in between
		part = nextEvent(t, r)
	}
	require.Equal(t, "event: done|data: ", nextEvent(t, r))
	_, err = r.ReadByte()
	require.ErrorIs(t, err, io.EOF)
}

// The settings of the model: what is wrong stands at its field, and the key is never
// shown again.
func TestAuthor_Settings(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "m")
	good := providerFields()
	bad := fields()
	for k, v := range good {
		bad[k] = v
	}
	bad.Set("base_url", "ftp://x")
	bad.Set("limits.rounds", "many")
	page := w.ada.post(t, "/system/author", bad)
	require.Equal(t, http.StatusUnprocessableEntity, page.status)
	require.Contains(t, page.body, "Write a whole number.")
	require.Contains(t, page.body, `value="many"`)
	bad.Set("limits.rounds", "8")
	require.Contains(t, w.ada.post(t, "/system/author", bad).body, "Write an address like https://api.example.com/v1.")
	require.Equal(t, http.StatusSeeOther, w.ada.post(t, "/system/author", good).status)
	page = w.ada.get(t, "/system/author")
	require.Contains(t, page.body, "not set")
	require.Equal(t, http.StatusSeeOther, w.ada.post(t, "/system/author/key", fields("value", "sk-canary-4711", "owner", "ada@example.com", "purpose", "functions", "expires_at", "2027-05-01")).status)
	kept := w.ada.get(t, "/credentials/"+w.value(`SELECT id FROM credentials WHERE connection = 'language-model'`)).body
	require.Contains(t, kept, `href="/system/author/key"`, "the key is rotated where it was set")
	require.NotContains(t, kept, "/connections/language-model")
	for _, at := range []string{"/system/author", "/system/author/key", "/credentials"} {
		page = w.ada.get(t, at)
		require.Equal(t, http.StatusOK, page.status)
		require.NotContains(t, page.body, "sk-canary")
		require.False(t, strings.Contains(page.body, "/connections/language-model"), "%s leads to a connection that is none", at)
	}
}
