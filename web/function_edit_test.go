package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/review"
)

// What the form of a function shows comes back as the same content, for all that ship
// and for what YAML writes easily wrong.
func TestFunctionForm_KeepsWhatItShows(t *testing.T) {
	t.Parallel()
	s := &Server{}
	all, err := s.functionExamples()
	require.NoError(t, err)
	for _, from := range []string{"empty", "starter"} {
		c, err := s.beginning(from)
		require.NoError(t, err)
		all = append(all, c)
	}
	odd, err := s.readExample([]byte(`{key: odd, name: Odd, source: "-- ü\nreturn function(input)\n\treturn {}\nend\n", manifest: {input: {type: object, properties: {phone: {type: string, pattern: "^0+\\d"}}}, grants: ["directory:a:groups.find"], limits: {milliseconds: 7, host_calls: 3}},
		cases: [{name: "yes", now: "2026-12-01T08:00:00+01:00", input: {phone: "0301", n: 49301234567890, f: 0.5, no: "no", empty: "", list: [], deep: {a: [{b: null}]}, text: "two\nlines"}, stubs: [{call: directory.group_exists, args: [a, "007"], answer: false}, {call: hris.get_worker, fails: away}], output: {}, plan: [{do: plan.set, args: [a, b, "0"]}]}, {name: bad, error: no-name}]}`))
	require.NoError(t, err)
	for _, c := range append(all, odd) {
		raw, err := json.Marshal(c)
		require.NoError(t, err)
		before, err := (artifact.Kinds{}).Read(review.Function, c.Key, raw)
		require.NoError(t, err)
		d, err := functionDraftOf(before.Content, 1)
		require.NoError(t, err)
		after, _, problems, err := d.doc(artifact.Kinds{})
		require.NoError(t, err)
		require.Empty(t, problems, c.Key)
		require.Equal(t, string(before.Content), string(after.Content), c.Key)

		// The same through the tables, for what they can show.
		for _, key := range []string{inputSheet, outputSheet} {
			if !d.sheets.written[key] {
				d.setSchema(key, d.sheets.schema(key))
			}
		}
		require.False(t, d.sheets.written[testSheet], c.Key)
		for _, key := range []string{answerSheet, planSheet} {
			for _, r := range d.sheets.tables[key] {
				require.Empty(t, r.cells[wholeColumn], c.Key)
			}
		}
		if f, ok := d.sheets.table(testSheet); ok {
			d.cases = nil
			d.readTests(f)
		}
		after, _, problems, err = d.doc(artifact.Kinds{})
		require.NoError(t, err)
		require.Empty(t, problems, c.Key)
		require.Equal(t, string(before.Content), string(after.Content), c.Key)
	}
}

func newFunction(t *testing.T) (*console, *browser) {
	t.Helper()
	k := newConsole(t, "http://localhost:8080")
	k.functions(t)
	b := k.person(t, "bo@example.com", auth.Builder)
	got := b.post(t, "/functions", fields("name", "Place", "key", "place", "from", "starter"))
	require.Equal(t, http.StatusSeeOther, got.status, "%.400s", got.body)
	return k, b
}

// A function is begun, tested, broken, mended and saved without script.
func TestFunctionEditor_WithoutScript(t *testing.T) {
	t.Parallel()
	_, b := newFunction(t)
	page := b.get(t, "/functions/place")
	require.Equal(t, http.StatusOK, page.status)
	_, f := formOf(t, page.body)
	require.Contains(t, f.Get("source"), "name.fit(")
	require.Len(t, f["r.tests"], 3)
	act := func(op string) string {
		f.Set("op", op)
		got := b.post(t, "/functions/place/form", f)
		require.Less(t, got.status, 500)
		return got.body
	}
	require.Contains(t, act("test"), "3 tests pass")
	body := act("mutants")
	require.Contains(t, body, "small changes were tried")

	good := f.Get("source")
	f.Set("source", strings.Replace(good, "name.fit", "name.fitt", 1))
	body = act("test")
	require.Contains(t, body, "Did you mean name.fit?")
	require.Contains(t, body, "The tests did not run")

	f.Set("source", strings.Replace(good, "1, 1) .. last", "1, 2) .. last", 1))
	body = act("test")
	require.Contains(t, body, "2 of 3 fail")
	require.Contains(t, body, "adokafor")
	require.Contains(t, body, "From what was expected to what came")
	require.Contains(t, act("test:c2"), "1 test passes")

	f.Set("source", good)
	f.Set("sample.in.first", "Grace")
	f.Set("sample.in.last", "Hopper")
	require.Contains(t, act("run"), "ghopper")
	require.Contains(t, act("keep"), "t.tests.k3.name")
	f.Set("sample.in.last", "")
	body = act("run")
	require.Contains(t, body, "not what the manifest says the function takes")
	require.Contains(t, body, "The function needs it.")
	f.Set("sample.in.last", "Hopper")
	f.Set("sample.now", "noon")
	require.Contains(t, act("run"), "Write a moment like")
	f.Set("sample.now", "")

	// As YAML and back is the same; what fields cannot show stays YAML.
	_, f = formOf(t, act("as:sample:yaml"))
	require.Equal(t, "first: Grace\nlast: Hopper", strings.TrimSpace(f.Get("sample.input")))
	require.Contains(t, act("run"), "ghopper")
	f.Set("sample.input", "first: Grace\nlast: Hopper\na.b: 1")
	require.Contains(t, act("as:sample:table"), "The table cannot show the field a.b of the sample. It stays as YAML.")
	f.Set("sample.input", "first: Grace\nlast: [")
	require.Contains(t, act("run"), "not readable YAML")
	f.Set("sample.input", "first: Grace\nlast: Hopper\nmiddle: M")
	_, f = formOf(t, act("as:sample:table"))
	require.Equal(t, []string{"Grace", "M"}, []string{f.Get("sample.in.first"), f.Get("sample.in.middle")}, "what the manifest does not list is shown too")
	f.Set("as.input", "yaml")
	f.Set("input", "type: [")
	body = act("save")
	require.Contains(t, body, "Nothing was saved")
	require.Contains(t, body, "not readable YAML")
	f.Set("input", "type: object")
	f.Set("description", "Chosen by us")
	body = act("compare")
	require.Contains(t, body, "Choose a revision to compare with.")
	f.Set("compare", "1")
	body = act("compare")
	require.Contains(t, body, "The code is the same as in revision 1.")
	require.Contains(t, body, "The schema of the input is another.")
	act("save")
	require.Contains(t, b.get(t, "/functions/place").body, "Chosen by us")
	require.Contains(t, b.get(t, "/functions/place/revisions").body, "Revision 2")
}

// Input, output and tests are tables that work without script: rows are added, moved and
// taken away, a new field is a new column, and all of it is YAML for whoever wants that.
func TestFunctionEditor_Tables(t *testing.T) {
	t.Parallel()
	_, b := newFunction(t)
	_, f := formOf(t, b.get(t, "/functions/place").body)
	act := func(op string) string {
		t.Helper()
		f.Set("op", op)
		got := b.post(t, "/functions/place/form", f)
		require.Less(t, got.status, 500)
		if got.status != http.StatusSeeOther {
			_, f = formOf(t, got.body)
		}
		return got.body
	}
	act("add:input")
	added := f["r.input"][2]
	f.Set("t.input."+added+".name", "level")
	f.Set("t.input."+added+".type", "integer")
	f.Set("t.input."+added+".about", "Job level")
	body := act("add:tests")
	require.Contains(t, body, ">in level")
	row := f["r.tests"][3]
	f.Set("t.tests."+row+".name", "a level")
	for field, value := range map[string]string{"in.first": "Ada", "in.last": "Okafor", "in.level": "five", "out.login": "aokafor"} {
		f.Set("t.tests."+row+"."+field, value)
	}
	require.Contains(t, act("test"), "level: got string, want integer")
	f.Set("t.tests."+row+".in.level", "5")
	require.Contains(t, act("test"), "4 tests pass")
	f["s.tests"] = []string{row}
	act("up:tests")
	require.Equal(t, row, f["r.tests"][2])
	f.Del("s.tests")
	act("drop:tests:c0")
	require.NotContains(t, f["r.tests"], "c0")
	f.Set("t.input."+added+".name", "a b")
	require.Contains(t, act("save"), "Begin with a letter")
	f.Set("t.input."+added+".name", "level")

	act("as:input:yaml")
	require.Contains(t, f.Get("input"), "description: Job level")
	f.Set("input", "type: object\noneOf: []\n")
	require.Contains(t, act("as:input:table"), "This says more than the table can show: oneOf.")
	f.Set("input", "type: object\nproperties:\n  level: {type: integer, maximum: 9}\n  first: {type: string}\n  last: {type: string}\nrequired: [last]\n")
	act("as:input:table")
	require.Equal(t, "last", f.Get("t.input."+f["r.input"][0]+".name"))
	act("as:tests:yaml")
	require.Len(t, f["case"], 3)
	require.Equal(t, "first: Ada\nlast: Okafor\nlevel: 5", strings.ReplaceAll(f.Get("case."+row+".input"), "\r", ""))
	act("as:tests:table")
	act("save")
	raw := b.get(t, "/functions/place/yaml").body
	require.Contains(t, raw, "maximum: 9")
	require.Contains(t, raw, "level: 5")
	require.Equal(t, http.StatusBadRequest, b.post(t, "/functions/place/form", fields("op", "add:nothing", "base", "2")).status/100*100)
}

// While somebody types, the form is judged and kept; who saved meanwhile is not overwritten.
func TestFunctionEditor_SavesByItself(t *testing.T) {
	t.Parallel()
	k, b := newFunction(t)
	_, f := formOf(t, b.get(t, "/functions/place").body)
	var saved functionSaved
	save := func(want int) {
		t.Helper()
		got := b.post(t, "/functions/place/autosave", f)
		require.Equal(t, want, got.status, "%.300s", got.body)
		saved = functionSaved{}
		require.NoError(t, json.Unmarshal([]byte(got.body), &saved))
	}
	f.Set("source", "return function(input)\n  oops(\nend") // broken code is kept too
	save(200)
	require.Equal(t, 2, saved.Revision)
	save(200)
	require.Equal(t, 2, saved.Revision, "the same was kept already")
	f.Set("source", "-- mine\nreturn function(input) return {} end")
	save(409)
	require.Contains(t, saved.Conflict, "data-overwrite")
	require.Contains(t, saved.Detail, "saved revision 2 while you were editing revision 1")
	f.Set("base", "2")
	f.Set("source", "return function(input)\n  oops(\nend")
	save(200)
	require.Equal(t, 2, saved.Revision, "nothing changed")
	f.Set("grants", "directory:corp:names.taken")
	f["r.answers"] = []string{"n0"}
	f.Set("t.answers.n0.answer", "yes")
	save(422)
	require.Equal(t, "t.answers.n0.test", saved.Problems[0].Field)
	f.Del("r.answers")
	f.Set("grants", "")

	var judged functionJudged
	judge := func(op string) {
		t.Helper()
		f.Set("op", op)
		got := b.post(t, "/functions/place/draft", f)
		require.Equal(t, 200, got.status, "%.300s", got.body)
		judged = functionJudged{}
		require.NoError(t, json.Unmarshal([]byte(got.body), &judged))
	}
	judge("")
	require.NotEmpty(t, judged.Diagnostics)
	require.Equal(t, []string{"first", "last"}, judged.Inputs)
	require.NotContains(t, judged.Parts, "tests", "the table is not drawn again while somebody types in it")
	f.Set("t.input.f1.name", "family")
	judge("")
	require.Contains(t, judged.Parts["tests"], ">in family", "a field is a column of the tests")
	f.Set("t.input.f1.name", "last")
	f.Set("source", "return function(input)\n  return {login = directory.username_taken(\"corp\", \"x\") and \"a\" or \"b\"}\nend")
	judge("test")
	require.Empty(t, judged.Diagnostics)
	require.Contains(t, judged.Parts["grants"], "directory:corp:names.taken")
	require.Equal(t, "directory:corp:names.taken", judged.Uses[0].Grant)
	require.Contains(t, judged.Parts["cases"], "Fails")
	require.NotEmpty(t, judged.Lines)
	f["grant"] = []string{"directory:corp:names.taken"}
	judge("")
	require.Contains(t, judged.Parts["sample"], "directory.username_taken</option>", "what is asked can be answered")
	row(f, "sample", "n0", "call", "directory.username_taken", "answer", "found")
	judge("run")
	require.Contains(t, judged.Problems, functionProblem{"t.sample.n0.answer", "directory.username_taken answers yes or no."})
	judge("")
	require.Contains(t, judged.Problems, functionProblem{"t.sample.n0.answer", "directory.username_taken answers yes or no."})
	f.Set("t.sample.n0.answer", "yes")
	judge("run")
	require.Contains(t, judged.Parts["outcome"], "directory.username_taken")
	require.Contains(t, judged.Parts["outcome"], "Steps of the machine")

	f.Set("op", "")
	f.Set("t.sample.n0.answer", "found") // a sample is no part of the function
	save(200)
	f.Set("base", "3")
	f.Set("description", "x")
	save(200)
	require.Contains(t, b.get(t, "/functions/place/revisions").body, "Written in the editor: revisions 2 to 4")

	// Who may not write sees the code and no buttons.
	viewer := k.person(t, "vi@example.com", auth.Viewer)
	page := viewer.get(t, "/functions/place").body
	require.Contains(t, page, "username_taken")
	require.NotContains(t, page, `value="test"`+` data-op`)
	require.Equal(t, http.StatusForbidden, viewer.post(t, "/functions/place/draft", f).status)
	require.Contains(t, viewer.get(t, "/functions/library.json").body, `"signature":"text.slug(`)
}

func TestFunctionNew_SaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	_, b := newFunction(t)
	page := b.get(t, "/functions/new?from=phone-number").body
	require.Contains(t, page, "Phone number in international form")
	got := b.post(t, "/functions", fields("name", "", "key", "x", "from", "empty"))
	require.Equal(t, http.StatusUnprocessableEntity, got.status)
	require.Contains(t, got.body, "Name is needed.")
	got = b.post(t, "/functions", fields("name", "Again", "key", "place", "from", "empty"))
	require.Contains(t, got.body, "There is already a function with the key")
	got = b.post(t, "/functions", fields("name", "Phones", "key", "phones", "from", "phone-number"))
	require.Equal(t, http.StatusSeeOther, got.status, "%.400s", got.body)
	_, f := formOf(t, b.get(t, "/functions/phones").body)
	require.Contains(t, f.Get("source"), "dialling code")
}
