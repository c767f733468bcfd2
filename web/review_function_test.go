package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/function"
	"joinery/internal/postgres"
	"joinery/internal/review"
)

const placeText = `key: place
name: Place
source: |
  return function(input)
    if text.len(input.team) > 50 then
      fail("too-long", "The name of the team is too long.")
    end
    if directory.group_exists("hr", input.team) then
      plan.add_group("hr", input.team)
    end
    return {team = input.team}
  end
manifest:
  input: {type: object, required: [team], properties: {team: {type: string}}}
  output: {type: object, properties: {team: {type: string}}}
  grants: ["directory:hr:groups.find", "directory:hr:groups.add"]
cases:
  - name: there is a group
    input: {team: crm}
    stubs: [{call: directory.group_exists, args: [hr, crm], answer: true}]
    plan: [{do: plan.add_group, args: [hr, crm]}]
    output: {team: crm}
`

// reviewed submits a function that now also writes groups.
func reviewed(t *testing.T) (w *world, id, hash string) {
	w = newWorld(t, "m")
	w.functions(t)
	w.live(review.Function, strings.NewReplacer(`, "directory:hr:groups.add"`, "", `plan.add_group("hr", input.team)`, `log.info("there")`, "    plan: [{do: plan.add_group, args: [hr, crm]}]\n", "").Replace(placeText))
	key, n := w.save(review.Function, placeText)
	r := w.review(review.Function, key, n)
	return w, r.ID, r.Hash
}

// The review of a function says what it may do more than the live one, what its tests
// showed, and who uses it.
func TestReview_OfAFunction(t *testing.T) {
	t.Parallel()
	w, id, hash := reviewed(t)
	page := w.re.get(t, "/reviews/"+id)
	require.Equal(t, http.StatusOK, page.status)
	require.Contains(t, page.body, "Now also writes groups in hr: puts the joiner in.")
	require.Contains(t, page.body, "The examination is under way")
	require.Contains(t, page.body, "No flow uses it yet.")

	for {
		taken, content, err := w.server.DB.TakeExamination(t.Context(), "p")
		require.NoError(t, err)
		if taken == "" {
			break
		}
		if taken != hash { // of the world's other functions
			require.NoError(t, w.server.DB.FailExamination(t.Context(), taken, "p", "not needed"))
			continue
		}
		c, err := function.Decode(content)
		require.NoError(t, err)
		report, err := w.server.Functions.Examine(t.Context(), c)
		require.NoError(t, err)
		require.NotEmpty(t, report.Survivors, "only one of two ways is tested")
		require.NoError(t, w.server.DB.EndExamination(t.Context(), hash, "p", report, 0))
	}
	page = w.re.get(t, "/reviews/"+id)
	for _, want := range []string{"there is a group", "Nobody knows what these do", "The name of the team is too long.", "its tests do not notice", "A mistake there could go unseen", "directory:hr:groups.add"} {
		require.Contains(t, page.body, want)
	}
}

// A reviewer's own input runs in the governed runtime: nothing is asked, written or
// kept; that it was done is on record, what it was is not.
func TestReview_Scratch(t *testing.T) {
	t.Parallel()
	w, id, hash := reviewed(t)
	scratch := func(team string, cells ...string) url.Values {
		f := fields("op", "run", "as.sample", "table", "sample.in.team", team)
		row(f, "sample", "n0", cells...)
		return f
	}
	before := w.value(`SELECT string_agg(kind || key || revision || hash, ',' ORDER BY kind, key, revision) FROM revisions`)
	page := w.re.post(t, "/reviews/"+id+"/scratch", scratch("staff-of-mine", "call", "directory.group_exists", "answer", "yes"))
	require.Equal(t, http.StatusOK, page.status)
	for _, want := range []string{"It ended well", "team: staff-of-mine", "would do plan.add_group", "asked directory.group_exists"} {
		require.Contains(t, page.body, want)
	}
	page = w.re.post(t, "/reviews/"+id+"/scratch", scratch("x"))
	require.Contains(t, page.body, "No stub answers this.")
	for _, k := range []struct {
		form url.Values
		says string
	}{
		{scratch(""), "The function needs it."},
		{with(scratch("x"), "sample.now", "noon"), "Write a moment like"},
		{scratch("x", "call", "directory.group_exists", "connection", "hr", "answer", "yes"), "Write the group of directory.group_exists."},
		{scratch("x", "call", "directory.group_exists", "answer", "found"), "directory.group_exists answers yes or no."},
		{scratch("x", "call", "directory.find_account", "answer", "found", "tells", "mail"), "Write one a line, as name: value."},
		{scratch("x", "whole", "call: ["), "This is not readable YAML"},
		{fields("sample.input", "{team: 3}"), "team: got number, want string"},
		{fields("sample.input", "team: ["), "This is not readable YAML"},
		{fields("sample.input", "[]"), "Write one field a line"},
		{fields("sample.input", "{}"), "missing property"},
		{fields("sample.input", "team: x", "sample.stubs", "call: x"), "Write a list"},
	} {
		page = w.re.post(t, "/reviews/"+id+"/scratch", k.form)
		require.Equal(t, http.StatusUnprocessableEntity, page.status, k.form)
		require.Contains(t, page.body, k.says)
		require.NotContains(t, page.body, "It ended well")
	}
	require.Equal(t, before, w.value(`SELECT string_agg(kind || key || revision || hash, ',' ORDER BY kind, key, revision) FROM revisions`))
	require.Equal(t, "2", w.value(`SELECT count(*)::text FROM audit_events WHERE action = 'function.scratch' AND detail LIKE '%' || $1 || '%'`, hash))
	require.Equal(t, "0", w.value(`SELECT count(*)::text FROM audit_events WHERE detail LIKE '%staff-of-mine%'`))
}

// A reviewer says what systems answer in rows, without script: rows come, go and are
// pasted, and nothing of what was typed is lost. All can be written as YAML too.
func TestReview_ScratchInRows(t *testing.T) {
	t.Parallel()
	w, id, _ := reviewed(t)
	_, f := formOf(t, w.re.get(t, "/reviews/"+id).body)
	require.Equal(t, []string{"crm", "directory.group_exists", "hr", "crm", "yes"}, []string{f.Get("sample.in.team"), f.Get("t.sample.a0.call"), f.Get("t.sample.a0.connection"), f.Get("t.sample.a0.arg1"), f.Get("t.sample.a0.answer")}, "a try begins with what the first test has")
	require.NotContains(t, f, "t.sample.a0.test")
	act := func(op string) string {
		t.Helper()
		f.Set("op", op)
		got := w.re.post(t, "/reviews/"+id+"/scratch", f)
		_, f = formOf(t, got.body)
		return got.body
	}
	f.Set("sample.in.team", "sales")
	act("add:sample")
	require.Equal(t, []string{"a0", "n1"}, f["r.sample"])
	require.Equal(t, []string{"directory.group_exists", "hr"}, []string{f.Get("t.sample.n1.call"), f.Get("t.sample.n1.connection")}, "what goes without saying is chosen")
	require.Contains(t, act("run"), "No stub answers this.", "a row in which nothing stands is no answer")
	f.Set("t.sample.n1.arg1", "sales")
	require.Contains(t, act("run"), "Choose what the system answers.")
	f.Set("t.sample.n1.answer", "fails")
	f.Set("t.sample.n1.tells", "The directory is being restarted.")
	require.Contains(t, act("run"), "The directory is being restarted.")
	require.Contains(t, act("up:sample"), "Select the rows first")
	act("drop:sample:n1")
	require.Equal(t, []string{"a0"}, f["r.sample"])
	f.Set("paste.sample", "Call\tConnection\tAsked about\tAnswer\ndirectory.group_exists\thr\tsales\tyes")
	act("paste:sample")
	require.Contains(t, act("run"), "would do plan.add_group")
	act("as:sample:yaml")
	require.Contains(t, f.Get("sample.stubs"), "- sales")
	require.Contains(t, act("run"), "would do plan.add_group")
	act("as:sample:table")
	require.Equal(t, "sales", f.Get("t.sample.a1.arg1"))
	f.Set("op", "drop:tests:a0")
	require.Equal(t, http.StatusUnprocessableEntity, w.re.post(t, "/reviews/"+id+"/scratch", f).status)
}

// Where the rules ask for it, one yes leaves a function waiting for the second.
func TestReview_NeedsASecondPerson(t *testing.T) {
	t.Parallel()
	w, id, hash := reviewed(t)
	require.Equal(t, http.StatusSeeOther, w.ada.post(t, "/system/functions", fields("second", "directory:groups.add")).status)
	page := w.re.get(t, "/reviews/"+id)
	require.Contains(t, page.body, "Two reviewers have to approve this, because it writes groups in hr")
	require.Equal(t, http.StatusSeeOther, w.re.post(t, "/reviews/"+id+"/approve", fields("hash", hash)).status)
	page = w.re.get(t, "/reviews/"+id)
	require.Contains(t, page.body, "one more is missing")
	require.NotContains(t, page.body, "Approve exactly this")
	require.Equal(t, "1", w.value(`SELECT revision::text FROM live_releases WHERE kind = 'function' AND key = 'place'`))
	eve := w.person(t, "eve@example.com", auth.Reviewer)
	require.Contains(t, eve.get(t, "/reviews/"+id).body, "You are the second reviewer")
	require.Equal(t, http.StatusSeeOther, eve.post(t, "/reviews/"+id+"/approve", fields("hash", hash)).status)
	require.Equal(t, "2", w.value(`SELECT revision::text FROM live_releases WHERE kind = 'function' AND key = 'place'`))

	// Rules that ask for less wait for another administrator.
	require.Equal(t, http.StatusSeeOther, w.ada.post(t, "/system/functions", fields("allow_reduced_sandbox", "true")).status)
	require.Contains(t, w.ada.get(t, "/system/functions").body, "Another administrator has to agree.")
	s, err := w.server.DB.FunctionSetting(t.Context())
	require.NoError(t, err)
	require.Equal(t, postgres.FunctionRules{Second: []string{"directory:groups.add"}}, s.Rules)
}

// How code is shut in is told layer by layer, on the page and to whoever watches.
func TestSystem_TellsHowFunctionsAreShutIn(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	ada := k.person(t, "ada@example.com", auth.Admin)
	require.Contains(t, ada.get(t, "/system").body, "this process runs no functions")
	k.functions(t)
	page := ada.get(t, "/system")
	for _, want := range []string{"Isolation", "seccomp", "Landlock", "rlimits"} {
		require.Contains(t, page.body, want)
	}
	ready := k.stranger().get(t, "/readyz?verbose")
	require.True(t, strings.HasPrefix(ready.body, "ready\nfunctions: "), ready.body)
	require.Contains(t, ready.body, "seccomp")
	require.Equal(t, "ready\n", k.stranger().get(t, "/readyz").body)
}
