package web

import (
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/canon"
	"joinery/internal/flow"
	"joinery/internal/review"
)

type sharedDrawing struct {
	Trigger string                    `json:"trigger"`
	Nodes   []string                  `json:"nodes"`
	Edges   []string                  `json:"edges"`
	Params  map[string]map[string]any `json:"params"`
}

func (d sharedDrawing) content(key string) flow.Content {
	c := flow.Content{Key: key, Name: "F", Trigger: flow.NodeID(d.Trigger)}
	for _, n := range d.Nodes {
		p := append(strings.Split(n, ":"), "")
		c.Nodes = append(c.Nodes, flow.Node{ID: flow.NodeID(p[0]), Type: p[1], Name: p[2], Params: d.Params[p[0]]})
	}
	for _, e := range d.Edges {
		from, to, _ := strings.Cut(e, ">")
		c.Edges = append(c.Edges, flow.Edge{From: from, To: flow.NodeID(to)})
	}
	return c
}

// outlineForms does the acts of the shared cases with the forms of the outline, as a
// browser without script sends them.
type outlineForms struct {
	w   *world
	key string
}

func (o outlineForms) post(at string, more ...string) {
	o.w.t.Helper()
	f := fields(append(more, "base", itoa(o.w.head(review.Flow, o.key)))...)
	got := o.w.bo.post(o.w.t, "/flows/"+o.key+at, f)
	require.Equal(o.w.t, 303, got.status, got.body)
}

var textOfNodes = regexp.MustCompile(`(?s)<textarea[^>]*name="text"[^>]*>(.*?)</textarea>`)

// copied is what the page shows of the chosen nodes as text.
func (o outlineForms) copied(ids []string) string {
	o.w.t.Helper()
	got := o.w.bo.get(o.w.t, "/flows/"+o.key+"/several?"+url.Values{"node": ids}.Encode())
	m := textOfNodes.FindStringSubmatch(got.body)
	require.NotNil(o.w.t, m, got.body)
	return html.UnescapeString(m[1])
}

func (o outlineForms) several(op string, ids []string, more ...string) {
	o.w.t.Helper()
	form := append([]string{"op", op}, more...)
	for _, id := range ids {
		form = append(form, "node", id)
	}
	o.post("/several", form...)
}

func (o outlineForms) act(what string, x []string) {
	o.w.t.Helper()
	switch what {
	case "add", "insert":
		o.post("/nodes", "type", x[0], "after", x[1])
	case "remove":
		if len(x) > 1 {
			o.several("remove", x)
			return
		}
		o.post("/nodes/" + x[0] + "/remove")
	case "duplicate":
		if len(x) > 1 {
			o.several("duplicate", x)
			return
		}
		o.post("/nodes/" + x[0] + "/duplicate")
	case "lead":
		id, port, _ := strings.Cut(x[0], ".")
		o.post("/nodes/"+id, "id", id, "x_"+port, x[1])
	case "name":
		o.post("/nodes/"+x[0], "id", x[0], "name", x[1])
	case "id":
		o.post("/nodes/"+x[0], "id", x[1])
	case "link":
		o.post("/edges", "from", x[0], "to", x[1])
	case "unlink":
		from, to, _ := strings.Cut(x[0], ">")
		o.post("/edges/remove", "from", from, "to", to)
	case "relink":
		from, to, _ := strings.Cut(x[1], ">")
		o.post("/edges", "instead", x[0], "from", from, "to", to)
	case "paste":
		o.post("/paste", "text", o.copied(x))
	case "cut":
		text := o.copied(x)
		o.act("remove", x)
		o.post("/paste", "text", text)
	default:
		o.w.t.Fatalf("the case has an unknown act: %s", what)
	}
}

// Everything the canvas does to a flow, the forms of the outline do, to the same hash:
// the canvas goes through the same cases in static/src/flow/test.
func TestOutline_ComesToTheContentOfTheCanvas(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "plain")
	raw, err := os.ReadFile("../internal/flow/testdata/edits.json")
	require.NoError(t, err)
	var cases []struct {
		Name  string                    `json:"name"`
		With  map[string]map[string]any `json:"with"`
		After [][]string                `json:"after"`
		Act   []string                  `json:"act"`
		Want  sharedDrawing             `json:"want"`
	}
	require.NoError(t, json.Unmarshal(raw, &cases))
	require.NotEmpty(t, cases)
	for i, k := range cases {
		o := outlineForms{w, fmt.Sprintf("shared-%d", i)}
		from := sharedDrawing{Trigger: "event", Nodes: []string{"event:hris.event", "way:branch", "a:set", "b:set", "end:stop"},
			Edges: []string{"event.started>way", "way.yes>a", "way.no>b", "a.done>end", "b.done>end", "way.error>end"}, Params: k.With}
		w.save(review.Flow, string(contentOf(from.content(o.key))))
		for _, act := range append(k.After, k.Act) {
			o.act(act[0], act[1:])
		}
		rev, err := w.server.DB.Revision(t.Context(), review.Flow, o.key, 0)
		require.NoError(t, err)
		want, err := canon.Hash(contentOf(k.Want.content(o.key)))
		require.NoError(t, err)
		if rev.Hash != want {
			require.JSONEq(t, string(contentOf(k.Want.content(o.key))), rev.Content, k.Name)
		}
		require.Equal(t, want, rev.Hash, k.Name)
	}
}

// What only the drawing shows is changed from the outline too, and no revision is made of it.
func TestOutline_ChangesTheDrawing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "plain")
	o := outlineForms{w, "drawn"}
	w.save(review.Flow, "key: drawn\nname: D\ntrigger: start\nnodes:\n  - {id: start, type: manual}\n  - {id: a, type: set}\n  - {id: b, type: set}\nedges: [{from: start.started, to: a}, {from: a.done, to: b}]\n")
	layout := func(head int) flow.Layout {
		t.Helper()
		a, err := w.server.DB.Artifact(t.Context(), review.Flow, "drawn")
		require.NoError(t, err)
		require.Equal(t, head, a.Head)
		return layoutOf(a)
	}
	o.several("move", []string{"a", "b"}, "right", "300", "down", "-20")
	at := layout(1).Nodes
	require.Equal(t, flow.Position{X: at["start"].X + 300, Y: at["start"].Y + 124 - 20}, at["a"])
	require.Equal(t, 124.0, at["b"].Y-at["a"].Y)
	o.several("move", []string{"b"}, "right", "77", "down", "500")
	o.several("tidy", []string{"a", "b"})
	require.Equal(t, at["a"], layout(1).Nodes["a"], "those that are tidied up stand where they stood")
	require.Equal(t, at["b"], layout(1).Nodes["b"])
	o.several("group", []string{"a", "b"}, "title", "Two")
	require.Equal(t, []flow.Group{{ID: "n1", Title: "Two", Nodes: []flow.NodeID{"a", "b"}}}, layout(1).Groups)
	o.several("group", []string{"a"}, "title", "One")
	require.Equal(t, []flow.Group{{ID: "n1", Title: "Two", Nodes: []flow.NodeID{"b"}}, {ID: "n2", Title: "One", Nodes: []flow.NodeID{"a"}}}, layout(1).Groups)
	o.post("/nodes/b", "id", "last")
	require.Equal(t, at["b"], layout(2).Nodes["last"], "another id leaves the box where it is")
	require.Equal(t, []flow.NodeID{"last"}, layout(2).Groups[0].Nodes)
	o.several("tidy", nil)
	require.Empty(t, layout(2).Nodes)
	for want, form := range map[string][]string{"Choose at least one node": {"op", "group", "title", "x"}, "Give the group a title": {"op", "group", "node", "a"}, "Write two numbers": {"op", "move", "node", "a", "right", "far", "down", "1"},
		"stands too far away": {"op", "move", "node", "a", "right", "1e9", "down", "1"}, "what is to be done": {"op", "explode", "node", "a"}} {
		got := w.bo.post(t, "/flows/drawn/several", fields(append(form, "base", "2")...))
		require.Equal(t, 422, got.status, want)
		require.Contains(t, got.body, want)
	}
}

// An output is pinned on the page Try as on the canvas: the node is not worked out.
func TestTry_PinnedOutputs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "plain")
	w.tries()
	w.save(review.Flow, "key: pins\nname: P\ntrigger: start\nnodes:\n  - {id: start, type: manual, params: {connection: hr}}\n  - {id: way, type: branch, params: {when: 'true'}}\n  - {id: told, type: stop, params: {reason: '{{ steps.known.v }}'}}\n  - {id: known, type: set, params: {values: {v: by the flow}}}\nedges: [{from: start.started, to: known}, {from: known.done, to: way}, {from: way.no, to: told}]\n")
	try := func(more ...string) answer {
		return w.bo.post(t, "/flows/pins/try", fields(append([]string{"payload", `{"worker":"1","joiner":{"first_name":"Ada"}}`}, more...)...))
	}
	page := w.bo.get(t, "/flows/pins/try?pin=way").body
	require.Contains(t, page, `<option value="way.yes" selected>`)
	require.NotContains(t, page, `value="start.started"`, "the start has no output to give")
	got := try("pin.0.at", "way.no", "pin.0.output", "{}", "pin.1.at", "known.done", "pin.1.output", `{"v": "by the pin"}`, "pin.2.at", "", "pin.2.output", "{}")
	require.Equal(t, 200, got.status, got.body)
	require.Contains(t, got.body, "by the pin")
	require.NotContains(t, got.body, "by the flow")
	require.Equal(t, 2, strings.Count(got.body, "Its result is pinned."))
	require.Contains(t, got.body, `name="pin.2.at"`, "room for one more")
	for want, output := range map[string]string{"is a JSON object": "[1]", "has no way out called": "{}"} {
		at := map[bool]string{true: "way.maybe", false: "way.no"}[output == "{}"]
		got := try("pin.0.at", at, "pin.0.output", output)
		require.Equal(t, 422, got.status)
		require.Contains(t, got.body, want)
	}
	more := w.bo.post(t, "/flows/pins/try", fields("more", "1", "pin.0.at", "way.no", "pin.0.output", "{\"a\": 1}"))
	require.Contains(t, more.body, "&#34;a&#34;: 1")
	require.Contains(t, more.body, `name="pin.1.at"`)
}

// docs/canvas.md names every act of the canvas that changes something, and where the
// outline does it: at an address that is there.
func TestOutline_TableOfActs(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../docs/canvas.md")
	require.NoError(t, err)
	keys, err := os.ReadFile("../static/src/flow/core/keys.ts")
	require.NoError(t, err)
	_, table, _ := strings.Cut(string(guide), "## The same on the outline")
	table, _, _ = strings.Cut(table, "\n## ")
	acts := regexp.MustCompile(`text: "([^"]+)", group: "(Add and connect|Change)"`).FindAllStringSubmatch(string(keys), -1)
	require.Greater(t, len(acts), 14)
	for _, a := range acts {
		require.Contains(t, table, "| "+a[1], "the act is not in the table")
	}
	there := map[string]bool{"GET /": true}
	for _, r := range (&Server{}).routes() {
		if at, ok := strings.CutPrefix(r.path, "/flows/:key/"); ok {
			there[r.method+" /"+at] = true
		}
	}
	rows := regexp.MustCompile(`(?m)^\|.*\|([^|]*)\|$`).FindAllStringSubmatch(table, -1)
	require.Greater(t, len(rows), 30)
	for _, r := range rows[2:] {
		for _, at := range strings.Split(strings.TrimSpace(r[1]), ", ") {
			require.True(t, at == "" || there[at], "%s: %q is no address", r[0], at)
		}
	}
}
