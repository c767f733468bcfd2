package web

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/flow"
	"joinery/internal/form"
	"joinery/internal/node"
	"joinery/internal/review"
)

// The form of every node type says what the type is for, has all its fields, leads to
// what is chosen and to a new one, sets tries, time limit and what an error does, and
// says what the node reads and writes, and where.
func TestPanel_EveryNodeType(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "plain")
	w.save(review.Connection, "key: dir\nname: The directory\ntype: scim\nsettings: {base_url: https://dir.example.com}\n")
	w.save(review.Policy, "key: p-naming\nname: N\ntype: naming\nnaming: {spaces: [{space: login, kind: ad-login, connections: [dir]}], candidates: [{space: login, pattern: '{f}{last}{n}'}]}\n")
	w.save(review.Function, "key: f-grants\nname: F\nsource: 'return {}'\nmanifest: {grants: ['directory:dir:groups.add', 'hris:hr:workers.get']}\ncases: [{name: any, input: {}, output: {}}]\n")
	links := regexp.MustCompile(`href="([^"]+)"`)
	seen := map[string]string{}
	for _, spec := range node.All().Specs() {
		params := map[string]any{}
		var leads []string
		for _, x := range spec.Fields {
			key, area := "", ""
			switch x.Kind {
			case form.Directory:
				key, area = "dir", "/connections/"
			case form.HRIS:
				key, area = "hr", "/connections/"
			case form.Policy:
				key, area = map[bool]string{true: "p-naming", false: "c-policy"}[x.Of == "naming"], "/policies/"
			case form.Function:
				key, area = "f-grants", "/functions/"
			default:
				continue
			}
			params[x.Key] = key
			fits := x.Kind != form.Policy || x.Of == "naming" || x.Of == "groups"
			if fits {
				leads = append(leads, area+key)
			}
			leads = append(leads, area+"new")
		}
		start := flow.Node{ID: "start", Type: "manual", Params: map[string]any{"connection": "hr"}}
		c := flow.Content{Key: "c-flow", Name: "F", Trigger: "start", Nodes: []flow.Node{start, {ID: "one", Type: spec.Kind, Params: params}}, Edges: []flow.Edge{{From: "start.started", To: "one"}}}
		if spec.Trigger {
			c.Trigger, c.Nodes, c.Edges = "one", c.Nodes[1:], nil
		}
		status, got := panelOf(t, w.bo, "/flows/c-flow/canvas/panel", map[string]any{"content": json.RawMessage(contentOf(c)), "node": "one"})
		require.Equal(t, 200, status, spec.Kind)
		for _, x := range spec.Fields {
			require.Regexp(t, `name="p_`+regexp.QuoteMeta(x.Key)+`["\.]`, got.HTML, "%s: %s", spec.Kind, x.Key)
		}
		for _, name := range []string{"id", "name", "attempts", "first", "max", "timeout", "on_error", "sample"} {
			require.Contains(t, got.HTML, `name="`+name+`"`, spec.Kind)
		}
		require.Contains(t, got.HTML, "joiner.", spec.Kind)
		var there []string
		for _, m := range links.FindAllStringSubmatch(got.HTML, -1) {
			there = append(there, strings.Split(m[1], "?")[0])
		}
		for _, lead := range leads {
			require.True(t, slices.Contains(there, lead), "%s leads to %s, not to %s", spec.Kind, there, lead)
		}
		seen[spec.Kind] = touchesOf(t, w, c)
	}
	for kind, says := range seen {
		spec, _ := node.All().Spec(kind)
		for _, x := range spec.Fields {
			if x.Kind == form.Directory && !spec.Decides {
				require.Contains(t, says, "in The directory", kind)
			}
		}
		require.Equal(t, spec.Writes, strings.Contains(says, "Writes"), "%s: %s", kind, says)
	}
	require.Contains(t, seen["name.generate"], "Reads: names that are taken in The directory")
	require.Contains(t, seen["function"], "Writes: groups of the joiner in The directory")
	require.Contains(t, seen["function"], "Reads: workers in ")
	require.Contains(t, seen["hris.event"], "Reads: the worker's record in ")
	require.Contains(t, seen["account.ensure"], "Writes: the account, and whether it is open in The directory")
	require.Empty(t, seen["groups.resolve"], "it is told of a directory and does not ask it")
}

func touchesOf(t *testing.T, w *world, c flow.Content) string {
	n, _ := c.Find("one")
	spec, _ := w.server.Nodes.Spec(n.Type)
	all, err := w.server.touches(t.Context(), editing{flow: c, node: n, spec: spec})
	require.NoError(t, err)
	var out []string
	for _, p := range all {
		out = append(out, p.Label+": "+p.Value)
	}
	return strings.Join(out, "\n")
}
