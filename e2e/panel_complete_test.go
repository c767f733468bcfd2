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
	t.Parallel()
	source, err := os.ReadFile("../static/src/complete.js")
	require.NoError(t, err)
	raw, err := os.ReadFile("../flows/employee/flow.yaml")
	require.NoError(t, err)
	c, err := flow.Parse(raw)
	require.NoError(t, err)
	env := map[string]any{}
	var names, helpers []map[string]any
	granted := flow.Node{ID: "granted", Type: "groups.resolve"}
	c.Nodes = append(c.Nodes, granted)
	c.Edges = append(c.Edges, flow.Edge{From: "granted.done", To: "names_given"})
	for _, n := range flow.Names(c, node.All(), "names_given") {
		x := map[string]any{"path": n.Path, "type": string(n.Type), "help": n.Help, "of": string(n.Of)}
		var entry []map[string]any
		for _, e := range n.Entry {
			entry = append(entry, map[string]any{"path": e.Path, "type": string(e.Type)})
		}
		if entry != nil {
			x["entry"] = entry
		}
		if n.Insert != "" {
			x["insert"] = n.Insert
		}
		names = append(names, x)
	}
	for _, h := range expr.Helpers() {
		helpers = append(helpers, map[string]any{"name": h.Name, "signature": h.Signature, "help": h.Text, "on": string(h.On), "gives": string(h.Gives), "of": string(h.Of()), "example": h.Example, "result": h.Result})
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
		// Behind the name that stands for each entry is what the entries of that list have.
		{"=event.changed.exists(|)", "field", "x", "=event.changed.exists(x, |)", "exists"},
		{"=event.changed.exists(any|)", "field", none, "", "exists"},
		{"=event.changed.exists(x, x.st|)", "field", "startsWith", "=event.changed.exists(x, x.startsWith(|))", "exists"},
		{"=event.changed.exists(dep, de|)", "field", "dep", "=event.changed.exists(dep, dep|)", "exists"},
		{"=event.changed.exists(dep, true) || dep|", "field", "joiner.department", "=event.changed.exists(dep, true) || joiner.department|", ""},
		{"=steps.granted.granted.filter(g, g.|)", "field", "group", "=steps.granted.granted.filter(g, g.group|)", "filter"},
		{"=steps.granted.granted.filter(g, g.row > 1).all(h, h.ow|)", "field", "owner", "=steps.granted.granted.filter(g, g.row > 1).all(h, h.owner|)", "all"},
		{"=steps.granted.granted.filter(g, g.group.ends|)", "field", "endsWith", "=steps.granted.granted.filter(g, g.group.endsWith(|))", "filter"},
		{"=steps.granted.granted.map(g, g.group).exists(n, n.con|)", "field", "contains", "=steps.granted.granted.map(g, g.group).exists(n, n.contains(|))", "exists"},
		{"=steps.granted.groups.exists(n, steps.granted.granted.exists(g, g.group == n && g.re|))", "field", "reason", "=steps.granted.groups.exists(n, steps.granted.granted.exists(g, g.group == n && g.reason|))", "exists"},
		{"=steps.granted.groups.exists(n, steps.granted.granted.exists(g, n.|))", "field", "contains", "=steps.granted.groups.exists(n, steps.granted.granted.exists(g, n.contains(|)))", "exists"},
		{"=Split(joiner.title, \",\").map(p, Lower(p.ma|))", "field", "matches", "=Split(joiner.title, \",\").map(p, Lower(p.matches(|)))", "Lower"},
		{"=['a', 'b'].all(p, p.st|)", "field", "startsWith", "=['a', 'b'].all(p, p.startsWith(|))", "all"},
		{"=RemoveDuplicates(steps.granted.groups).filter(g, g.|)", "field", "contains", "=RemoveDuplicates(steps.granted.groups).filter(g, g.contains(|))", "filter"},
		{"Groups: {{ steps.granted.granted.filter(g, g.un|) }}", "field", "until", "Groups: {{ steps.granted.granted.filter(g, g.until|) }}", "filter"},
	} {
		cursor := strings.LastIndex(k.text, "|")
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
	t.Logf("a suggestion among %d names and %d helpers takes %.0f µs", len(names), len(helpers), eval[float64](b, `(() => { const t = "=steps.granted.groups.exists(n, steps.granted.granted.exists(g, g.group == n && Lower(g.re"; const at = performance.now(); for (let i = 0; i < 2000; i++) complete.suggest(env, t, t.length, "field"); return (performance.now() - at) / 2; })()`))
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
