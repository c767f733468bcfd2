package web

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/flow"
	"joinery/internal/node"
	"joinery/internal/run"
	"joinery/views/ui"
)

// panelOf asks the form of a node.
func panelOf(t *testing.T, b *browser, at string, body map[string]any) (int, panelAnswer) {
	t.Helper()
	raw, err := json.Marshal(body)
	require.NoError(t, err)
	got := b.ask(t, post, at, "application/json", string(raw), map[string]string{"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": b.token(t)})
	var out panelAnswer
	if got.status == http.StatusOK {
		require.NoError(t, json.Unmarshal([]byte(got.body), &out))
	}
	return got.status, out
}

// The form of every node of every flow that ships says what the node says: read
// back, it is the same content, to the last edge.
func TestNodeForm_ChangesNothing(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	files, err := filepath.Glob("../flows/*/flow.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		c, err := flow.Parse(raw)
		require.NoError(t, err)
		want := string(contentOf(c))
		for _, n := range c.Nodes {
			spec, ok := node.All().Spec(n.Type)
			require.True(t, ok)
			e := editing{flow: c, node: n, spec: spec}
			f := sent{}
			for _, x := range spec.Fields {
				v := n.Params[x.Key]
				if hasEntries(x) {
					f.fill(entriesField(x, v, nil))
					continue
				}
				switch s, _ := v.(string); {
				case v == nil:
				case x.Kind == "bool" && !x.Expr:
					if v == true {
						f["p_"+x.Key] = []string{"true"}
					}
				case x.Kind == "list":
					for _, o := range v.([]any) {
						f["p_"+x.Key] = append(f["p_"+x.Key], o.(string))
					}
				case s != "":
					f["p_"+x.Key] = []string{s}
				default:
					f["p_"+x.Key] = []string{plainText(v)}
				}
			}
			for _, part := range [][]ui.Field{exitFields(e), aboutFields(e), triesFields(e)} {
				for _, x := range part {
					f.fill(x)
				}
			}
			got, r, err := k.server.changed(e, f)
			require.NoError(t, err)
			require.Empty(t, r.wrong)
			require.Equal(t, want, string(contentOf(got.flow)), "%s: %s", file, n.ID)
		}
	}
}

// fill puts a field into a form as a browser would send it.
func (s sent) fill(f ui.Field) {
	add := func(name, value string) { s[name] = append(s[name], value) }
	switch {
	case f.Entries != nil:
		for _, l := range f.Entries.Lines {
			for _, c := range l.Cells {
				s.fill(c)
			}
		}
		if f.Entries.One != nil && f.Entries.One.Checked {
			add(f.Entries.One.Name, "true")
		}
		if f.Entries.All != nil {
			s.fill(*f.Entries.All)
		}
	case f.Input == "select":
		chosen := f.Options[0].Value
		for _, o := range f.Options {
			if o.Selected {
				chosen = o.Value
			}
		}
		add(f.Name, chosen)
	default:
		add(f.Name, f.Value)
	}
}

// A value of a mapping comes back as what it was: text stays text, however it looks.
func TestScalar_RoundTrip(t *testing.T) {
	t.Parallel()
	for _, v := range []any{"plain", "=joiner.x", "{{ joiner.x }} y", `{{ {"a": 1}.a }}`, true, false, "true", "null", 5.0, -1.5, "5", "00123", "+49 30", "12345678901234567890", `"quoted"`, `a "b" c`, " spaces ", "line\nbreak", "line\n",
		[]any{"a", 1.0}, map[string]any{"k": "v"}, "[a", "{x}", "-", "- a", "1e5", 1e21, "é", "<&>"} {
		require.Equal(t, v, scalar(scalarText(v)), "%#v is typed as %s", v, scalarText(v))
	}
	require.Nil(t, scalar(""))
	require.Nil(t, scalar("null"))
	require.Equal(t, "0x1f", scalar("0x1f"))
	require.Equal(t, true, scalar(" true "))
}

// What is wrong is told at the line where it was typed, and what is computed is shown there.
func TestPanel_ReadsAndJudges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "plain")
	content := `{"key":"c-flow","name":"F","trigger":"start","nodes":[{"id":"start","type":"manual","params":{"connection":"hr"}},
		{"id":"old","type":"set","params":{"values":{"login":"x"}}},
		{"id":"late","type":"set","params":{"values":{"y":"=steps.old.login"}}}],
		"edges":[{"from":"start.started","to":"old"},{"from":"old.done","to":"late"}]}`
	at := "/flows/c-flow/canvas/panel"
	status, form := panelOf(t, w.bo, at, map[string]any{"content": json.RawMessage(content), "node": "old"})
	require.Equal(t, 200, status)
	require.Contains(t, form.HTML, `name="p_values.0.name"`)
	require.Contains(t, form.HTML, "joiner.")
	require.NotContains(t, form.HTML, "steps.late", "it runs later")
	require.NotContains(t, form.HTML, `name="p_values.m0.name"`, "lines for readers without script")

	values := map[string]any{"id": "set_login", "name": "Login", "p_values.0.name": "login", "p_values.0.value": `=Lower(joiner.last_name) + "." + joiner.departmen`, "p_values.7.name": "full", "p_values.7.value": "{{ joiner.first_name }}!",
		"p_values.9.name": "on", "p_values.9.value": "true", "p_values.8.name": "", "p_values.8.value": "", "timeout": "soon"}
	before := w.digest()
	status, got := panelOf(t, w.bo, at, map[string]any{"content": json.RawMessage(content), "node": "old", "values": values})
	require.Equal(t, 200, status)
	require.Equal(t, before, w.digest(), "it keeps nothing")
	require.Equal(t, flow.NodeID("set_login"), got.Node.ID)
	require.Equal(t, map[string]any{"login": `=Lower(joiner.last_name) + "." + joiner.departmen`, "full": "{{ joiner.first_name }}!", "on": true}, got.Node.Params["values"])
	require.Contains(t, got.Marks["p_values.0.value"].Error, `Did you mean "department"?`)
	require.Equal(t, mark{Preview: "Zoë!"}, got.Marks["p_values.7.value"])
	require.Contains(t, got.Marks["timeout"].Error, "duration")
	require.Contains(t, got.HTML, `name="p_values.7.value"`, "the lines keep their names, so that the focus stays")
	require.Contains(t, string(got.Content), `steps.set_login.login`, "what reads it follows")

	// Two lines of one name cannot be one value.
	values["p_values.7.name"] = "login"
	_, got = panelOf(t, w.bo, at, map[string]any{"content": json.RawMessage(content), "node": "old", "values": values})
	require.Contains(t, got.Marks["p_values.7.name"].Error, "Another line has this name")
	// An id that is taken is told, and nothing is renamed.
	values["id"] = "late"
	_, got = panelOf(t, w.bo, at, map[string]any{"content": json.RawMessage(content), "node": "old", "values": values})
	require.Contains(t, got.Marks["id"].Error, "Another node has the id")
	require.Equal(t, flow.NodeID("old"), got.Node.ID)

	for _, bad := range []map[string]any{{"node": "nobody"}, {"node": "old", "content": "no flow"}, {"node": "old", "sample": "rn_nothing"}, {"nod": "old"}} {
		status, _ = panelOf(t, w.bo, at, bad)
		require.GreaterOrEqual(t, status, 400, bad)
		require.Less(t, status, 500, bad)
	}
}

// A field that a default calls for is there before anybody says so.
func TestPanel_ShowsWhatTheDefaultNeeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "plain")
	content := `{"key":"c-flow","name":"F","trigger":"back","nodes":[{"id":"back","type":"hris.write_back"},{"id":"find","type":"account.find"}],"edges":[]}`
	status, form := panelOf(t, w.bo, "/flows/c-flow/canvas/panel", map[string]any{"content": json.RawMessage(content), "node": "back"})
	require.Equal(t, 200, status)
	require.Contains(t, form.HTML, `data-show-field="p_do" data-show-in="write "`)
	status, form = panelOf(t, w.bo, "/flows/c-flow/canvas/panel", map[string]any{"content": json.RawMessage(content), "node": "find"})
	require.Equal(t, 200, status)
	require.Contains(t, form.HTML, `data-show-field="p_by" data-show-in="attribute"`)
	status, form = panelOf(t, w.bo, "/flows/c-flow/canvas/panel", map[string]any{"content": json.RawMessage(content), "node": "back", "values": map[string]string{"p_values.one": "true", "p_values.all": ""}})
	require.Equal(t, 200, status)
	require.Regexp(t, `name="p_values.one"[^>]* checked`, form.HTML, "the place for the expression stays while it is empty")
}

// Readers see the form and cannot use it; who may not see runs gets the made-up joiner only.
func TestPanel_Permissions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "plain")
	at := "/flows/c-flow/canvas/panel"
	viewer := w.person(t, "viewer-panel@example.com", auth.Viewer)
	status, got := panelOf(t, viewer, at, map[string]any{"node": "ok"})
	require.Equal(t, 200, status)
	require.Contains(t, got.HTML, `aria-label="Sign-off" disabled`)
	status, _ = panelOf(t, viewer, at, map[string]any{"node": "ok", "values": map[string]any{"id": "ok"}})
	require.Equal(t, http.StatusForbidden, status)
}

// The values of a past run show the shape of the data and no personal value: not in
// the list, not in what completes, and not by an expression that would compute it,
// wherever a flow put it, and for nobody.
func TestPanel_HidesPersonalValues(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "plain")
	const phone, mail = "+49-30-5550199-77", "canary.private@home.example"
	id := w.run(run.Failed)
	joinerID := w.value(`SELECT joiner_id FROM runs WHERE id = '` + id + `'`)
	w.exec(`UPDATE joiners SET attributes = jsonb_build_object('first_name', 'Zora', 'department', 'Canary team', 'phone', '` + phone + `', 'personal_email', '` + mail + `', 'nested', jsonb_build_object('phone', '` + phone + `'), 'cost center', 'CC 9') WHERE id = '` + joinerID + `'`)
	w.exec(`INSERT INTO steps (run_id, node, type, state, port, output) VALUES ('` + id + `', 'by_hand', 'manual', 'succeeded', 'started', '{"worker_id": "w-1", "note": "call ` + phone + `", "deep": {"list": ["` + mail + `"]}}') ON CONFLICT (run_id, node) DO UPDATE SET output = excluded.output, state = excluded.state`)
	key := w.value(`SELECT flow FROM runs WHERE id = '` + id + `'`)
	for _, who := range []*browser{w.bo, w.ada} {
		for _, field := range []string{"=joiner.phone", "{{ joiner.personal_email }}", "=Right(joiner.phone, 4)", "=CStr(steps.by_hand.note)", "=string(size(joiner.phone))", `=CStr(Attribute(joiner.nested, "phone"))`} {
			body := map[string]any{"node": "ok", "sample": id, "data": true, "values": map[string]any{"id": "ok", "p_title": field, "p_question": "{{ joiner.department }}"}}
			raw, _ := json.Marshal(body)
			got := who.ask(t, post, "/flows/"+key+"/canvas/panel", "application/json", string(raw), map[string]string{"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": who.token(t)})
			require.Equal(t, 200, got.status, got.body)
			for _, canary := range []string{phone, mail, "0199-77", "99-77", "home.example", "→ 17"} {
				require.NotContains(t, got.body, canary, field)
			}
			require.Contains(t, got.body, "Canary team", "what is not personal is shown")
			require.Contains(t, got.body, "(hidden)")
		}
		raw, _ := json.Marshal(map[string]any{"node": "ok", "sample": id})
		got := who.ask(t, post, "/flows/"+key+"/canvas/complete", "application/json", string(raw), map[string]string{"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": who.token(t)})
		require.Equal(t, 200, got.status)
		require.NotContains(t, got.body, phone)
		require.NotContains(t, got.body, mail)
		require.Contains(t, got.body, `Attribute(joiner, \"cost center\")`)
		page := who.get(t, "/flows/"+key+"/nodes/ok?sample="+id)
		require.Equal(t, 200, page.status)
		require.NotContains(t, page.body, phone)
		require.NotContains(t, page.body, mail)
		require.Contains(t, page.body, "Canary team")
	}
	// A run of another flow is no sample of this one.
	w.exec(`UPDATE runs SET flow = 'a-flow' WHERE id = '` + id + `'`)
	require.Equal(t, 404, w.bo.get(t, "/flows/c-flow/nodes/ok?sample="+id).status)
}

// What completes is what can be named: every name, inserted, is an expression there.
func TestComplete_NamesAreExpressions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "plain")
	raw := w.bo.ask(t, post, "/flows/c-flow/canvas/complete", "application/json", `{"node":"ok"}`, map[string]string{"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": w.bo.token(t)})
	var got completion
	require.NoError(t, json.Unmarshal([]byte(raw.body), &got))
	require.NotEmpty(t, got.Helpers)
	paths := map[string]string{}
	for _, n := range got.Names {
		paths[n.Path] = n.Type
	}
	require.Equal(t, "string", paths["joiner.department"])
	require.Contains(t, slices.Sorted(maps.Keys(paths)), "steps.by_hand.worker_id")
	require.NotContains(t, strings.Join(slices.Sorted(maps.Keys(paths)), " "), "steps.ok")
}
