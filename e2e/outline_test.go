package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/connector/all"
	"joinery/internal/flow"
	"joinery/internal/form"
	"joinery/internal/node"
	"joinery/internal/postgres"
	"joinery/internal/review"
)

// employee is the flow that ships, and what it names, saved for a console.
func employee(t *testing.T, db *postgres.DB, who auth.Actor) (flow.Content, string) {
	t.Helper()
	kinds := artifact.Kinds{Flows: node.All(), Connectors: all.New()}
	save := func(kind review.Kind, text string) {
		doc, err := kinds.ReadText(kind, "", []byte(text))
		require.NoError(t, err)
		_, err = db.SaveRevision(context.Background(), who, postgres.Save{Doc: doc, Base: postgres.AnyBase, Via: "test"})
		require.NoError(t, err)
	}
	save(review.Connection, "key: hris\nname: HR\ntype: hris-rest\nsettings: {base_url: https://hr.example.com}\n")
	save(review.Connection, "key: corp-ad\nname: Corporate directory\ntype: scim\nsettings: {base_url: https://ad.example.com}\n")
	save(review.Connection, "key: apps\nname: Applications\ntype: scim\nsettings: {base_url: https://apps.example.com}\n")
	files, err := filepath.Glob("../flows/employee/policies/*.yaml")
	require.NoError(t, err)
	for _, f := range files {
		raw, err := os.ReadFile(f)
		require.NoError(t, err)
		save(review.Policy, string(raw))
	}
	raw, err := os.ReadFile("../flows/employee/flow.yaml")
	require.NoError(t, err)
	c, err := flow.Parse(raw)
	require.NoError(t, err)
	doc, err := kinds.ReadText(review.Flow, "", raw)
	require.NoError(t, err)
	return c, doc.Hash
}

// outliner fills in the forms of the outline. Scripts of the page are off; the values
// are put into its own inputs, and its own buttons send them.
type outliner struct {
	*tab
	values map[string][]string
}

func (o *outliner) set(name string, values ...string) { o.values[name] = values }

// send puts the values into the form with this action and presses its first button.
func (o *outliner) send(action string) {
	o.t.Helper()
	raw, err := json.Marshal(o.values)
	require.NoError(o.t, err)
	o.values = map[string][]string{}
	missing := eval[string](o.tab, fmt.Sprintf(`(() => {
		for (const e of document.querySelectorAll("[data-pressed]")) delete e.dataset.pressed;
		const form = [...document.querySelectorAll("main form")].find((f) => f.getAttribute("action") === %q && f.querySelector("button[type=submit]"));
		if (!form) return "the form " + %[1]q;
		for (const [name, values] of Object.entries(%s)) {
			const inputs = [...form.elements].filter((e) => e.name === name);
			if (inputs.length === 0) return name;
			if (inputs[0].type === "checkbox") { for (const i of inputs) i.checked = values.includes(i.value); continue; }
			for (const [i, v] of values.entries()) { if (!inputs[i]) return name + " " + i; inputs[i].value = v; if (inputs[i].value !== v) return name + " does not take " + v; }
		}
		form.closest("details")?.setAttribute("open", "");
		form.querySelector("button[type=submit]").dataset.pressed = "yes";
		return "";
	})()`, action, raw))
	require.Empty(o.t, missing, "at %s", eval[string](o.tab, `location.pathname`))
	eval[bool](o.tab, `document.documentElement.dataset.before = "yes"; true`)
	o.do(chromedp.Click(chromedp.CSS(`[data-pressed="yes"]`)))
	o.until("the next page", `document.documentElement.dataset.before !== "yes" && document.readyState === "complete"`)
}

// node fills in the fields of a node's form.
func (o *outliner) node(n flow.Node) {
	spec, _ := node.All().Spec(n.Type)
	for _, f := range spec.Fields {
		v, ok := n.Params[f.Key]
		if !ok {
			continue
		}
		o.param("p_"+f.Key, f, v)
	}
}

func (o *outliner) param(name string, f form.Field, v any) {
	text := func(v any) string {
		switch x := v.(type) {
		case string:
			return x
		case float64:
			return strconv.FormatFloat(x, 'f', -1, 64)
		}
		return fmt.Sprint(v)
	}
	switch x := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(x))
		for k := range x {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for i, k := range keys {
			o.set(name+"."+line(i)+".name", k)
			o.set(name+"."+line(i)+".value", text(x[k]))
		}
	case []any:
		if len(f.Options) > 0 {
			var all []string
			for _, e := range x {
				all = append(all, e.(string))
			}
			o.set(name, all...)
			return
		}
		for i, e := range x {
			m, ok := e.(map[string]any)
			if !ok {
				o.set(name+"."+line(i)+".value", text(e))
			}
			for k, v := range m {
				o.set(name+"."+line(i)+"."+k, text(v))
			}
		}
	case bool:
		if f.Expr {
			o.set(name, text(v))
		} else if x {
			o.set(name, "true")
		}
	default:
		if s := text(v); (f.Kind == form.List || f.Kind == form.Mapping) && s != "" {
			o.set(name+".one", "true")
			o.set(name+".all", s)
		} else {
			o.set(name, s)
		}
	}
}

// line names an empty line of a new field: the first, then those for readers without script.
func line(i int) string {
	if i == 0 {
		return "0"
	}
	return "m" + strconv.Itoa(i-1)
}

// The flow that ships is built on the outline from nothing, with scripts blocked: it
// is the same flow, by its hash.
func TestOutline_BuildsTheEmployeeFlowWithoutScript(t *testing.T) {
	t.Parallel()
	s, base := startServer(t)
	bo := addPerson(t, s.DB, "bo@example.com", "Bo Builder", auth.Builder)
	want, hash := employee(t, s.DB, bo.Actor())
	b := openTab(t, base)
	b.use(screens()[0])
	_, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(t, err)
	b.signIn("bo@example.com", password)
	o := &outliner{tab: b, values: map[string][]string{}}
	began := time.Now()

	b.visit("/templates/empty")
	o.set("text", "key: employee\nname: A flow\ntrigger: \"\"\nnodes: []\n")
	o.send("/flows")
	b.visit("/flows/employee/settings")
	o.set("p_name", want.Name)
	o.set("p_description", want.Description)
	o.param("p_vars", form.Field{Kind: form.Mapping}, want.Vars)
	o.set("p_runs_per_hour", strconv.Itoa(want.Limits.RunsPerHour))
	o.set("p_creates_per_hour", strconv.Itoa(want.Limits.CreatesPerHour))
	o.set("p_grants_per_hour", strconv.Itoa(want.Limits.GrantsPerHour))
	o.set("p_write_backs_per_hour", strconv.Itoa(want.Limits.WriteBacksPerHour))
	o.send("/flows/employee/settings")
	b.says("Add the node that starts the flow.")
	b.shot("outline-empty-without-script")
	for _, n := range want.Nodes { // each form leads back to the outline, where the next one is
		o.set("type", n.Type)
		o.set("after", "")
		o.set("name", n.Name)
		o.set("node", string(n.ID))
		o.send("/flows/employee/nodes")
		o.node(n)
		o.send("/flows/employee/nodes/" + string(n.ID))
		require.Equal(t, "/flows/employee", eval[string](b, `location.pathname`), b.text())
	}
	for _, e := range want.Edges {
		o.set("from", e.From)
		o.set("to", string(e.To))
		o.send("/flows/employee/edges")
	}
	for i, v := range want.Invariants {
		b.visit("/flows/employee/invariants/new")
		o.set("p_name", v.Name)
		o.set("p_when", v.When)
		for j, g := range v.NeverGroups {
			o.set("p_never_groups."+line(j)+".value", g)
		}
		o.set("p_directory", v.Directory)
		o.set("p_say", v.Say)
		if len(v.NeverAccounts) > 0 { // each keeps its place: what is ticked later comes later
			o.set("p_never_accounts", v.NeverAccounts[0])
		}
		o.send("/flows/employee/invariants/new")
		for j := range max(len(v.NeverAccounts)-1, 0) {
			at := fmt.Sprintf("/flows/employee/invariants/%d", i+1)
			b.visit(at)
			o.set("p_never_accounts", v.NeverAccounts[:j+2]...)
			o.send(at)
		}
	}
	t.Logf("built in %s", time.Since(began).Round(time.Second))
	b.shot("outline-built-without-script")
	rev, err := s.DB.Revision(context.Background(), review.Flow, "employee", 0)
	require.NoError(t, err)
	got, err := flow.Decode([]byte(rev.Content))
	require.NoError(t, err)
	if rev.Hash != hash {
		for i, n := range want.Nodes {
			require.Equal(t, n, got.Nodes[i])
		}
		require.Equal(t, want, got)
	}
	require.Equal(t, hash, rev.Hash)
	b.clean()

	// With scripts, as everybody else sees these pages.
	b = openTab(t, base)
	b.use(screens()[0])
	b.signIn("bo@example.com", password)
	b.visit("/flows/employee/several")
	b.press("Choose all")
	b.says("nodes are chosen")
	b.everySize("several")
	b.visit("/flows/employee/try?pin=" + string(want.Nodes[1].ID))
	b.look("try-pin")
	b.clean()
}
