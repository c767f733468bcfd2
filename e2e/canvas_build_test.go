package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/flow"
	"joinery/internal/form"
	"joinery/internal/node"
	"joinery/internal/review"
	"joinery/web"
)

// hand is how a person reaches things: with the mouse or with keys.
type hand interface {
	// reach gives the focus to the element that a script expression finds.
	reach(what, js string)
	// hit activates it.
	hit(what, js string)
	// choose takes an option of the focused select by its text.
	choose(label string)
	// command does at the canvas what has a button, and a key.
	command(words, key string, with int64)
}

// drawer builds a flow on the canvas the way a hand does, and counts what it did.
type drawer struct {
	*tab
	hand
	acts   int // clicks, drags, keys; a text that is typed is one
	before int // how many nodes there were before the one that is added
}

func q(css string) string { return fmt.Sprintf("document.querySelector(%q)", css) }

// named finds an input of the form that is open.
func named(scope, name string) string { return q(fmt.Sprintf(`%s [name=%q]`, scope, name)) }

// write replaces what a field holds.
func (d *drawer) write(scope, name, text string) {
	d.t.Helper()
	d.writeAt(name, named(scope, name), text)
}

func (d *drawer) writeAt(what, js, text string) {
	d.t.Helper()
	d.reach(what, js)
	d.acts++
	if eval[string](d.tab, js+`.tagName`) == "SELECT" {
		d.choose(eval[string](d.tab, fmt.Sprintf(`[...%s.options].find((o) => o.value === %q)?.text ?? "no option %[2]s"`, js, text)))
	} else {
		if eval[bool](d.tab, js+`.value !== ""`) {
			d.key("a", ctrl)
		}
		d.typed(text)
	}
	if ok := fmt.Sprintf(`%s?.value === %q`, js, text); !eval[bool](d.tab, ok) {
		d.t.Logf("%s is %s; the focus is at %s", what, eval[string](d.tab, js+`?.outerHTML + " = " + `+js+`?.value`), eval[string](d.tab, `document.activeElement.outerHTML.slice(0, 300)`))
		d.until(what+" holds what was typed", ok)
	}
}

// fields fills in what a node, or a form like it, holds.
func (d *drawer) fields(scope string, fields []form.Field, params map[string]any) {
	d.t.Helper()
	for _, f := range fields {
		v, ok := params[f.Key]
		if !ok {
			continue
		}
		name := "p_" + f.Key
		switch x := v.(type) {
		case map[string]any:
			keys := make([]string, 0, len(x))
			for k := range x {
				keys = append(keys, k)
			}
			slices.Sort(keys)
			for i, k := range keys {
				d.line(scope, name, i, "name", k, "value", plainText(x[k]))
			}
		case []any:
			for i, e := range x {
				row, isRow := e.(map[string]any)
				switch {
				case len(f.Options) > 0:
					d.hit(name, q(fmt.Sprintf(`%s [name=%q][value=%q]`, scope, name, e)))
				case isRow:
					d.line(scope, name, i, cells(row)...)
				default:
					d.line(scope, name, i, "value", plainText(e))
				}
			}
		case bool:
			if f.Expr || !x {
				d.write(scope, name, plainText(v))
			} else {
				d.hit(name, named(scope, name))
			}
		default:
			if s := plainText(v); (f.Kind == form.List || f.Kind == form.Mapping) && s != "" {
				d.hit(name+".one", named(scope, name+".one"))
				d.write(scope, name+".all", s)
			} else {
				d.write(scope, name, s)
			}
		}
	}
}

// line fills in one line of a list, from cell to cell.
func (d *drawer) line(scope, name string, i int, pairs ...string) {
	d.t.Helper()
	lines := fmt.Sprintf(`document.querySelectorAll('%s [data-entries=%q] [data-line]')`, scope, name)
	if eval[int](d.tab, lines+`.length`) <= i {
		d.hit("a line more in "+name, q(fmt.Sprintf(`%s [data-entries=%q] [data-line-add]`, scope, name)))
		d.until("a line more", fmt.Sprintf(`%s.length > %d`, lines, i))
	}
	for c := 0; c < len(pairs); c += 2 {
		d.writeAt(name+" "+pairs[c], fmt.Sprintf(`%s[%d].querySelector('[name$=".%s"]')`, lines, i, pairs[c]), pairs[c+1])
	}
}

// cells gives a row's cells in the order in which they stand.
func cells(row map[string]any) []string {
	var out []string
	for _, key := range []string{"when", "port", "key", "label", "kind"} {
		if v, ok := row[key]; ok {
			out = append(out, key, plainText(v))
		}
	}
	return out
}

func plainText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	raw, _ := json.Marshal(v)
	return string(raw)
}

// node fills in the form of the node that was just added, its name and its id.
func (d *drawer) node(n flow.Node) {
	d.t.Helper()
	spec, _ := node.All().Spec(n.Type)
	const form = ".drawer form"
	d.fields(form, spec.Fields, n.Params)
	d.write(form, "name", n.Name)
	if eval[string](d.tab, named(form, "id")+`.value`) != string(n.ID) {
		d.write(form, "id", string(n.ID))
	}
}

// added waits for the form of a node of a type that was just added.
func (d *drawer) added(n flow.Node) string {
	d.t.Helper()
	d.until("the form of a new "+n.Type, fmt.Sprintf(`document.querySelector(".react-flow__node-box.selected") !== null && document.querySelector(".drawer form")?.dataset.node === document.querySelector(".react-flow__node-box.selected").dataset.id
		&& document.querySelectorAll(".react-flow__node-box").length > %d`, d.before))
	return eval[string](d.tab, `document.querySelector(".drawer form").dataset.node`)
}

// settings gives the flow what it has beside its nodes.
func (d *drawer) settings(want flow.Content) {
	d.t.Helper()
	d.writeAt("description", named("main", "p_description"), want.Description)
	d.fields("main", []form.Field{{Key: "vars", Kind: form.Mapping}}, map[string]any{"vars": want.Vars})
	for _, l := range []struct {
		name string
		n    int
	}{{"runs", want.Limits.RunsPerHour}, {"creates", want.Limits.CreatesPerHour}, {"grants", want.Limits.GrantsPerHour}, {"write_backs", want.Limits.WriteBacksPerHour}} {
		d.write("main", "p_"+l.name+"_per_hour", fmt.Sprint(l.n))
	}
}

// sameFlow says where a flow differs from the wanted one, if it does.
func sameFlow(t *testing.T, s *web.Server, want flow.Content, hash string) {
	t.Helper()
	rev, err := s.DB.Revision(context.Background(), review.Flow, want.Key, 0)
	require.NoError(t, err)
	if rev.Hash == hash {
		return
	}
	got, err := flow.Decode([]byte(rev.Content))
	require.NoError(t, err)
	for i, n := range want.Nodes {
		if i < len(got.Nodes) {
			require.Equal(t, n, got.Nodes[i])
		}
	}
	require.Equal(t, want, got)
	require.Equal(t, hash, rev.Hash)
}

// took tells how long something took and how many acts it was.
func (d *drawer) took(what string, began time.Time, acts int) {
	d.t.Helper()
	d.t.Logf("%s: %s, %d acts", what, time.Since(began).Round(100*time.Millisecond), d.acts-acts)
}

func (d *drawer) pageIs(path string) {
	d.t.Helper()
	d.until("the page "+path, fmt.Sprintf(`location.pathname.startsWith(%q) && document.readyState === "complete"`, path))
	require.True(d.t, strings.HasPrefix(eval[string](d.tab, `location.pathname`), path))
}

func nodeSpec(kind string) flow.Spec {
	spec, _ := node.All().Spec(kind)
	return spec
}

// idList is the ids of a flow as a script reads them.
func idList(c flow.Content) string {
	var ids []string
	for _, n := range c.Nodes {
		ids = append(ids, string(n.ID))
	}
	raw, _ := json.Marshal(ids)
	return string(raw)
}

// finish gives the flow its settings and what must never happen, and submits it.
func (d *drawer) finish(s *web.Server, want flow.Content, began time.Time) {
	d.t.Helper()
	from, acts := time.Now(), d.acts
	d.savedAs(s, want.Key)
	d.command("Settings of the flow", ",", 0)
	d.pageIs("/flows/employee/settings")
	d.settings(want)
	d.hit("Save", button("Save as a revision"))
	d.until("the outline", `location.pathname === "/flows/employee" && document.readyState === "complete"`)
	for i, v := range want.Invariants {
		d.visit("/flows/employee/invariants/new")
		d.write("main", "p_name", v.Name)
		d.write("main", "p_when", v.When)
		for j, g := range v.NeverGroups {
			d.line("main", "p_never_groups", j, "value", g)
		}
		never := func(account string) {
			d.hit("never "+account, q(fmt.Sprintf(`main [name=p_never_accounts][value=%q]`, account)))
		}
		if len(v.NeverAccounts) > 0 { // each keeps its place: what is ticked later comes later
			never(v.NeverAccounts[0])
		}
		if v.Directory != "" {
			d.write("main", "p_directory", v.Directory)
		}
		if v.Say != "" {
			d.write("main", "p_say", v.Say)
		}
		save := func() {
			d.hit("Save", button("Save as a revision"))
			d.until("the next page", `!location.pathname.includes("invariants") && document.readyState === "complete"`)
		}
		save()
		for j := 1; j < len(v.NeverAccounts); j++ {
			d.visit(fmt.Sprintf("/flows/employee/invariants/%d", i+1))
			never(v.NeverAccounts[j])
			save()
		}
	}
	d.took("settings and invariants", from, acts)
	d.atCanvas(want.Key)
	d.until("nothing wrong", `document.querySelector(".canvas-fine") !== null`)
	d.command("Submit for review", "Enter", ctrl|shift)
	d.pageIs("/reviews/")
	d.took("all", began, 0)
}
