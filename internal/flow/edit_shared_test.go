package flow_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/flow"
	"joinery/internal/node"
)

// edited is a content as the shared cases write it.
type edited struct {
	Trigger string                    `json:"trigger"`
	Nodes   []string                  `json:"nodes"`
	Edges   []string                  `json:"edges"`
	Params  map[string]map[string]any `json:"params"`
}

func drawn(e edited) flow.Content {
	c := flow.Content{Key: "f", Name: "F", Trigger: flow.NodeID(e.Trigger)}
	for _, n := range e.Nodes {
		id, kind, _ := strings.Cut(n, ":")
		kind, name, _ := strings.Cut(kind, ":")
		c.Nodes = append(c.Nodes, flow.Node{ID: flow.NodeID(id), Type: kind, Name: name, Params: e.Params[id]})
	}
	for _, x := range e.Edges {
		c.Edges = append(c.Edges, edge(x))
	}
	return c
}

func edge(text string) flow.Edge {
	from, to, _ := strings.Cut(text, ">")
	return flow.Edge{From: from, To: flow.NodeID(to)}
}

func ids(all []string) []flow.NodeID {
	var out []flow.NodeID
	for _, id := range all {
		out = append(out, flow.NodeID(id))
	}
	return out
}

// The outline edits as the canvas does: both go through testdata/edits.json, the
// canvas in static/src/flow/test, the forms of the outline in web.
func TestEditing_SharedWithTheCanvas(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/edits.json")
	require.NoError(t, err)
	var cases []struct {
		Name  string                    `json:"name"`
		With  map[string]map[string]any `json:"with"`
		After [][]string                `json:"after"`
		Act   []string                  `json:"act"`
		Want  edited                    `json:"want"`
	}
	require.NoError(t, json.Unmarshal(raw, &cases))
	require.NotEmpty(t, cases)
	for _, k := range cases {
		t.Run(k.Name, func(t *testing.T) {
			t.Parallel()
			c := drawn(edited{Trigger: "event", Nodes: []string{"event:hris.event", "way:branch", "a:set", "b:set", "end:stop"},
				Edges: []string{"event.started>way", "way.yes>a", "way.no>b", "a.done>end", "b.done>end", "way.error>end"}, Params: k.With})
			for _, act := range append(k.After, k.Act) {
				var err error
				c, err = acted(t, c, act[0], act[1:])
				require.NoError(t, err)
			}
			require.Equal(t, drawn(k.Want), c)
		})
	}
}

func acted(t *testing.T, c flow.Content, what string, x []string) (out flow.Content, err error) {
	all := node.All()
	spec, _ := all.Spec(x[0])
	n, _ := c.Find(flow.NodeID(x[0]))
	switch what {
	case "add":
		out, _ = c.Add(spec, x[1])
	case "insert":
		out, _, err = c.Insert(spec, edge(x[1]))
	case "remove":
		out = c.RemoveAll(ids(x))
	case "lead":
		out = c.Route(x[0], ids(x[1:]))
	case "link":
		out, err = c.Link(all, x[0], flow.NodeID(x[1]))
	case "unlink":
		out, err = c.Unlink(edge(x[0]))
	case "relink":
		out, err = c.Relink(all, edge(x[0]), edge(x[1]))
	case "name":
		n.Name = x[1]
		out = c.Set(n)
	case "id":
		out, err = c.Rename(all, n.ID, flow.NodeID(x[1]))
	case "paste", "duplicate":
		out, _, err = c.Paste(all, c.Part(ids(x)))
	case "cut":
		out, _, err = c.RemoveAll(ids(x)).Paste(all, c.Part(ids(x)))
	default:
		t.Fatalf("the case has an unknown act: %s", what)
	}
	return out, err
}
