package web

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A function with hundreds of tests lists them once beside each table, not in each of its
// rows; which test a row belongs to is chosen there without script.
func TestFunctionEditor_ManyTests(t *testing.T) {
	t.Parallel()
	_, b := newFunction(t)
	var text strings.Builder
	text.WriteString("key: many\nname: Many\nsource: |\n  return function(input)\n    if directory.group_exists(\"corp\", input.team) then plan.add_group(\"corp\", input.team) end\n    return {team = input.team}\n  end\n" +
		"manifest:\n  input: {type: object, properties: {team: {type: string}}}\n  output: {type: object, properties: {team: {type: string}}}\n  grants: [\"directory:corp:groups.find\", \"directory:corp:groups.add\"]\ncases:\n")
	for i := range 200 {
		fmt.Fprintf(&text, "  - {name: test %03d, input: {team: t%d}, output: {team: t%d}, stubs: [{call: directory.group_exists, args: [corp, t%d], answer: true}], plan: [{do: plan.add_group, args: [corp, t%d]}]}\n", i, i, i, i, i)
	}
	require.Equal(t, http.StatusSeeOther, b.post(t, "/functions", fields("text", text.String(), "message", "many")).status)
	b.get(t, "/functions/many")
	began := time.Now()
	page := b.get(t, "/functions/many").body
	took := time.Since(began)
	var small bytes.Buffer
	z := gzip.NewWriter(&small)
	_, err := z.Write([]byte(page))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	t.Logf("200 tests: %d kB, %d kB compressed, %s", len(page)>>10, small.Len()>>10, took)
	require.LessOrEqual(t, strings.Count(page, "test 007"), 6, "the list of tests is there once for each table")

	_, f := formOf(t, page)
	require.Equal(t, "c7", f.Get("t.plans.a7.test"))
	act := func(op string) string {
		t.Helper()
		f.Set("op", op)
		got := b.post(t, "/functions/many/form", f)
		require.Equal(t, http.StatusOK, got.status)
		_, f = formOf(t, got.body)
		return got.body
	}
	require.Contains(t, act("give:plans"), "Choose the test first.")
	f.Set("of.plans", "c9")
	require.Contains(t, act("give:plans"), "Select the rows first")
	f.Set("of.plans", "c9")
	f["s.plans"] = []string{"a7"}
	act("give:plans")
	require.Equal(t, "c9", f.Get("t.plans.a7.test"))
	f.Del("s.plans")
	f.Set("of.answers", "c3")
	act("add:answers")
	require.Equal(t, "c3", f.Get("t.answers.n200.test"))
}
