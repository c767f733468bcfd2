package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/expr"
	"joinery/internal/flow"
	"joinery/internal/node"
)

// What completes where: | is the cursor. The code is the one that ships, run where it runs.
func TestPanel_WhatCompletesWhere(t *testing.T) {
	source, err := os.ReadFile("../static/src/complete.js")
	require.NoError(t, err)
	raw, err := os.ReadFile("../flows/employee/flow.yaml")
	require.NoError(t, err)
	c, err := flow.Parse(raw)
	require.NoError(t, err)
	env := map[string]any{}
	var names, helpers []map[string]any
	for _, n := range flow.Names(c, node.All(), "names_given") {
		x := map[string]any{"path": n.Path, "type": string(n.Type), "help": n.Help}
		if n.Insert != "" {
			x["insert"] = n.Insert
		}
		names = append(names, x)
	}
	for _, h := range expr.Helpers() {
		helpers = append(helpers, map[string]any{"name": h.Name, "signature": h.Signature, "help": h.Text, "on": string(h.On), "gives": string(h.Gives), "example": h.Example, "result": h.Result})
	}
	env["names"], env["helpers"] = names, helpers
	given, err := json.Marshal(env)
	require.NoError(t, err)
	b := openTab(t, "about:blank")
	eval[bool](b, "window.complete = (() => {"+strings.ReplaceAll(string(source), "export function", "function")+"; return {suggest, accept, insertion}; })(); window.env = "+string(given)+"; true")

	const none = ""
	for _, k := range []struct {
		text, kind string
		first      string // the first suggestion; none
		gives      string // the text after it is taken, with the cursor
		call       string // the helper whose parentheses the cursor is in
	}{
		{"|", "field", none, "", ""},
		{"plain jo|", "field", none, "", ""},
		{"=jo|", "field", "joiner", "=joiner.|", ""},
		{"jo|", "expression", "joiner", "joiner.|", ""},
		{"=joiner.dep|", "field", "department", "=joiner.department|", ""},
		{"=joiner.DEP|", "field", "department", "=joiner.department|", ""},
		{"joiner.dep| == \"x\"", "expression", "department", "joiner.department| == \"x\"", ""},
		{"=depart|", "field", "joiner.department", "=joiner.department|", ""},
		{"=steps.|", "field", "hired", "=steps.hired.|", ""},
		{"=steps.known.acc|", "field", "account_id", "=steps.known.account_id|", ""},
		{"=steps.held.|", "field", none, "", ""}, // it runs later
		{"=steps.ask_name.form.first|", "field", "first_name", `=Attribute(steps.ask_name.form, "first_name")|`, ""},
		{"=Low|", "field", "Lower", "=Lower(|)", ""},
		{"=Low|(joiner.title)", "field", "Lower", "=Lower|(joiner.title)", ""},
		{"=Lower(jo|)", "field", "joiner", "=Lower(joiner.|)", "Lower"},
		{"=Coalesce(joiner.title, Lower(joiner.de|))", "field", "department", "=Coalesce(joiner.title, Lower(joiner.department|))", "Lower"},
		{"=Coalesce(Lower(joiner.title), joiner.de|)", "field", "department", "=Coalesce(Lower(joiner.title), joiner.department|)", "Coalesce"},
		{"=joiner.title.st|", "field", "startsWith", "=joiner.title.startsWith(|)", ""},
		{"=Lower(joiner.title).ma|", "field", "matches", "=Lower(joiner.title).matches(|)", ""},
		{"=Split(joiner.title, \" \").fi|", "field", "filter", "=Split(joiner.title, \" \").filter(|)", ""},
		{"='jo|'", "field", none, "", ""},
		{"=Lower('x, jo|')", "field", none, "", "Lower"},
		{"='a' + jo|", "field", "joiner", "='a' + joiner.|", ""},
		{"='it\\'s' + jo|", "field", "joiner", "='it\\'s' + joiner.|", ""},
		{"Hi {{ joiner.fi| }}!", "field", "first_name", "Hi {{ joiner.first_name| }}!", ""},
		{"Hi {{ joiner.first_name }} jo|", "field", none, "", ""},
		{"Hi {{ {'a': 1}.a }} {{ jo|", "field", "joiner", "Hi {{ {'a': 1}.a }} {{ joiner.|", ""},
		{"=vars.|", "field", "desk", "=vars.desk|", ""},
		{"=event.ch|", "field", "changed", "=event.changed|", ""},
		{"=event.changed.ex|", "field", "exists", "=event.changed.exists(|)", ""},
		{"=nothing.like.this|", "field", none, "", ""},
	} {
		cursor := strings.Index(k.text, "|")
		text := k.text[:cursor] + k.text[cursor+1:]
		var got struct {
			First, Gives, Call string
		}
		js := fmt.Sprintf(`(() => { const t = %s, k = %q, f = complete.suggest(env, t, %d, k); const i = f.items[0]; const a = i ? complete.accept(t, f, i) : null;
			return JSON.stringify({first: i?.label ?? "", gives: a ? a.text.slice(0, a.caret) + "|" + a.text.slice(a.caret) : "", call: f.call?.name ?? ""}); })()`, quoteJS(text), k.kind, cursor)
		require.NoError(t, json.Unmarshal([]byte(eval[string](b, js)), &got))
		require.Equal(t, k.first, got.First, k.text)
		require.Equal(t, k.gives, got.Gives, k.text)
		require.Equal(t, k.call, got.Call, k.text)
	}
	for _, k := range []struct{ text, kind, gives string }{
		{"|", "field", "=joiner.title|"}, {"|", "expression", "joiner.title|"}, {"Dear |,", "field", "Dear {{ joiner.title }}|,"}, {"=Lower(|)", "field", "=Lower(joiner.title|)"},
		{"a {{ | }} b", "field", "a {{ joiner.title| }} b"}, {"x == |", "expression", "x == joiner.title|"},
	} {
		cursor := strings.Index(k.text, "|")
		js := fmt.Sprintf(`(() => { const a = complete.insertion(%s, %d, "joiner.title", %q); return a.text.slice(0, a.caret) + "|" + a.text.slice(a.caret); })()`, quoteJS(k.text[:cursor]+k.text[cursor+1:]), cursor, k.kind)
		require.Equal(t, k.gives, eval[string](b, js), k.text)
	}
}

func quoteJS(s string) string {
	raw, _ := json.Marshal(s)
	return string(raw)
}
