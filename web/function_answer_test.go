package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/review"
)

// What tests say of answers and plans comes back from the tables as the same content:
// in cells where these can say it, else written out in one.
func TestFunctionCalls_KeepWhatTheyShow(t *testing.T) {
	t.Parallel()
	s := &Server{}
	for name, k := range map[string]struct {
		content string
		want    map[string]string
	}{
		"yes":             {`{call: directory.group_exists, args: [a, "007"], answer: true}`, map[string]string{"call": "directory.group_exists", "connection": "a", "arg1": "007", "answer": "yes"}},
		"no, to anything": {`{call: directory.username_taken, answer: false}`, map[string]string{"call": "directory.username_taken", "answer": "no"}},
		"nothing":         {`{call: hris.get_worker, args: [h, "7"]}`, map[string]string{"call": "hris.get_worker", "connection": "h", "arg1": "7", "answer": "none"}},
		"no answer":       {`{call: hris.get_worker, fails: "Away: back soon"}`, map[string]string{"call": "hris.get_worker", "answer": "fails", "tells": "Away: back soon"}},
		"an account": {`{call: directory.find_account, args: [a, {employeeNumber: "42", mail: "a: b"}], answer: {id: "1", enabled: true, attributes: {mail: a@example.com, uid: 7, groups: [x, "1"], deep: [{b: null}]}}}`,
			map[string]string{"call": "directory.find_account", "connection": "a", "arg1": "employeeNumber: 42\nmail: a: b", "answer": "found",
				"tells": "attributes.deep: [{\"b\":null}]\nattributes.groups: [\"x\",\"1\"]\nattributes.mail: a@example.com\nattributes.uid: 7\nenabled: true\nid: \"1\""}},
		"an empty account":    {`{call: directory.find_account, answer: {}}`, map[string]string{"call": "directory.find_account", "answer": "found", "tells": ""}},
		"texts of all kinds":  {`{call: hris.get_worker, answer: {a: "", b: "true", c: "two\nlines", d: " x", e: "[x", f: "\"q\"", g: "1e5", h: 12345678901, i: "0012", j: null}}`, map[string]string{"call": "hris.get_worker", "answer": "found", "tells": "a: \"\"\nb: \"true\"\nc: \"two\\nlines\"\nd: \" x\"\ne: \"[x\"\nf: \"\\\"q\\\"\"\ng: \"1e5\"\nh: 12345678901\ni: 0012\nj: null"}},
		"names with dots":     {`{call: hris.get_worker, answer: {a.b: 1}}`, map[string]string{"whole": "answer:\n  a.b: 1\ncall: hris.get_worker"}},
		"names with colons":   {`{call: directory.find_account, args: [a, {"x:y": z}]}`, map[string]string{"whole": "args:\n- a\n- x:y: z\ncall: directory.find_account"}},
		"a number for a text": {`{call: directory.group_exists, args: [a, 7], answer: true}`, map[string]string{"whole": "answer: true\nargs:\n- a\n- 7\ncall: directory.group_exists"}},
		"too many":            {`{call: directory.group_exists, args: [a, b, c], answer: true}`, nil},
		"too few":             {`{call: directory.group_exists, args: [a], answer: true}`, nil},
		"another connection":  {`{call: directory.group_exists, args: [{a: 1}, b], answer: true}`, nil},
		"another answer":      {`{call: directory.group_exists, answer: [maybe]}`, nil},
		"yes to a worker":     {`{call: hris.get_worker, answer: true}`, nil},
		"a call of its own":   {`{call: tickets.find, args: [a, b], answer: true}`, nil},
		"a group":             {`{do: plan.add_group, args: [a, "1"]}`, map[string]string{"call": "plan.add_group", "connection": "a", "arg1": "1"}},
		"an attribute":        {`{do: plan.set, args: [a, description, "0"]}`, map[string]string{"call": "plan.set", "connection": "a", "arg1": "description", "arg2": `"0"`}},
		"a number":            {`{do: plan.set, args: [a, gidNumber, 500]}`, map[string]string{"call": "plan.set", "connection": "a", "arg1": "gidNumber", "arg2": "500"}},
		"a list":              {`{do: plan.set, args: [a, mail, [a@example.com]]}`, map[string]string{"call": "plan.set", "connection": "a", "arg1": "mail", "arg2": `["a@example.com"]`}},
		"no arguments":        {`{do: plan.add_group, args: []}`, nil},
		"another change":      {`{do: plan.dance, args: [a]}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key, field := answerSheet, "stubs"
			if strings.HasPrefix(k.content, "{do") {
				key, field = planSheet, "plan"
			}
			c, err := s.readExample([]byte(`{key: odd, name: Odd, source: "return function() return {} end", cases: [{name: one, output: {}}, {name: two, output: {}, ` + field + `: [` + k.content + `]}]}`))
			require.NoError(t, err)
			raw, err := json.Marshal(c)
			require.NoError(t, err)
			before, err := (artifact.Kinds{}).Read(review.Function, c.Key, raw)
			require.NoError(t, err)
			d, err := functionDraftOf(before.Content, 1)
			require.NoError(t, err)
			require.False(t, d.sheets.written[testSheet])
			require.Len(t, d.sheets.tables[key], 1)
			got := d.sheets.tables[key][0].cells
			require.Equal(t, "c1", got[testColumn])
			if k.want != nil {
				k.want[testColumn] = "c1"
				require.Equal(t, k.want, got)
			} else {
				require.NotEmpty(t, got[wholeColumn])
			}
			for i := range d.cases {
				d.cases[i].stubs, d.cases[i].plan = "", ""
			}
			d.readCalls()
			after, _, problems, err := d.doc(artifact.Kinds{})
			require.NoError(t, err)
			require.Empty(t, problems)
			require.Equal(t, string(before.Content), string(after.Content))
		})
	}
}

// An answer and an expected change are filled into rows without script and without YAML;
// what is missing is told at its cell.
func TestFunctionEditor_AnswersAndPlans(t *testing.T) {
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
	require.NotContains(t, f, "t.answers.n0.call")
	f.Set("source", "return function(input)\n  if directory.group_exists(\"corp\", \"crm\") then plan.add_group(\"corp\", \"crm\") plan.set(\"corp\", \"title\", \"42\") end\n  return {login = \"x\"}\nend")
	f.Set("grants", "directory:corp:groups.find\ndirectory:corp:groups.add\ndirectory:corp:accounts.set")
	act("drop:tests:c1")
	act("drop:tests:c2")
	f.Set("t.tests.c0.out.login", "x")
	require.Contains(t, act("test"), "No stub answers directory.group_exists")

	// A new row has what can only be so, and says nothing until something is typed.
	act("add:answers")
	require.Equal(t, []string{"c0", "directory.group_exists", "corp"}, []string{f.Get("t.answers.n0.test"), f.Get("t.answers.n0.call"), f.Get("t.answers.n0.connection")})
	require.Contains(t, act("test"), "1 of 1 fail")
	f.Set("t.answers.n0.answer", "yes")
	body := act("save")
	require.Contains(t, body, "Write the group of directory.group_exists. With “any” as its connection the row answers whatever is asked.")
	f.Set("t.answers.n0.arg1", "crm")
	f.Set("t.answers.n0.answer", "found")
	require.Contains(t, act("save"), "directory.group_exists answers yes or no.")
	f.Set("t.answers.n0.answer", "fails")
	require.Contains(t, act("save"), "Write the sentence that the system gives")
	f.Set("t.answers.n0.answer", "yes")
	f.Set("t.answers.n0.tells", "x: y")
	require.Contains(t, act("save"), "Empty this cell.")
	require.Contains(t, act("as:tests:yaml"), "The tests stay as a table")
	f.Set("t.answers.n0.tells", "")
	require.Contains(t, act("test"), "which no one expected")

	act("add:plans")
	act("add:plans")
	for name, value := range map[string]string{"n0.call": "plan.add_group", "n0.arg1": "crm", "n0.arg2": "1", "n1.call": "plan.set", "n1.arg1": "title", "n1.arg2": "42"} {
		f.Set("t.plans."+name, value)
	}
	require.Contains(t, act("save"), "plan.add_group takes nothing here.")
	f.Set("t.plans.n0.arg2", "")
	require.Contains(t, act("test"), `instead of plan.set [&#34;corp&#34;,&#34;title&#34;,42]`)
	f.Set("t.plans.n1.arg2", `"42"`)
	require.Contains(t, act("test"), "1 test passes")

	// The order of the rows is the order of the changes; rows go with their test.
	f["s.plans"] = []string{"n1"}
	act("up:plans")
	require.Contains(t, act("test"), "1 of 1 fail")
	act("down:plans")
	f.Del("s.plans")
	f["s.tests"] = []string{"c0"}
	act("dup:tests")
	require.Len(t, f["r.answers"], 2)
	require.Len(t, f["r.plans"], 4)
	twin := f["r.tests"][1]
	require.Equal(t, twin, f.Get("t.plans."+f["r.plans"][3]+".test"))
	f.Set("t.tests."+twin+".name", "the same again")
	f.Del("s.tests")
	require.Contains(t, act("test"), "2 tests pass")
	act("drop:tests:" + twin)
	require.Len(t, f["r.answers"], 1)
	f.Set("t.answers.n0.test", "gone")
	require.Contains(t, act("save"), "Choose the test that this row belongs to.")
	f.Set("t.answers.n0.test", "c0")

	// As YAML and back is the same; saved and opened again too.
	act("as:tests:yaml")
	require.Contains(t, f.Get("case.c0.stubs"), "- crm")
	f.Set("case.c0.stubs", "- {call: directory.group_exists, args: [corp, 7], answer: true}\n- {call: directory.group_exists, answer: true}")
	act("as:tests:table")
	require.Contains(t, f.Get("t.answers.a0.whole"), "- 7")
	f.Set("t.answers.a0.arg1", "crm")
	require.Contains(t, act("save"), "Either this or the cells before it")
	f.Set("t.answers.a0.arg1", "")
	f.Set("t.answers.a0.whole", "call: [")
	require.Contains(t, act("save"), "This is not readable YAML")
	f.Set("t.answers.a0.whole", "")
	f.Set("t.answers.a0.call", "")
	f.Set("t.answers.a0.connection", "")
	f.Set("t.answers.a0.test", "")
	f.Set("op", "save")
	require.Equal(t, http.StatusSeeOther, b.post(t, "/functions/place/form", f).status)
	raw := b.get(t, "/functions/place/yaml").body
	require.Contains(t, raw, "call: directory.group_exists")
	require.Contains(t, raw, "do: plan.add_group")
	_, f = formOf(t, b.get(t, "/functions/place").body)
	require.Equal(t, "yes", f.Get("t.answers.a0.answer"))
	require.Equal(t, "crm", f.Get("t.plans.a0.arg1"))
	require.Contains(t, act("test"), "1 test passes")

	// A page from before the tables sends answers in the row of their test, and keeps them.
	f.Del("as.answers")
	f.Set("t.tests.c0.stubs", "- {call: directory.group_exists, answer: false}")
	f.Set("op", "save")
	require.Equal(t, http.StatusSeeOther, b.post(t, "/functions/place/form", f).status)
	require.Contains(t, b.get(t, "/functions/place/yaml").body, "answer: false")
}
