package flow_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/flow"
	"joinery/internal/node"
)

// edited is a content as the shared cases write it.
type edited struct {
	Trigger string   `json:"trigger"`
	Nodes   []string `json:"nodes"`
	Edges   []string `json:"edges"`
}

func drawn(e edited) flow.Content {
	c := flow.Content{Key: "f", Name: "F", Trigger: flow.NodeID(e.Trigger)}
	for _, n := range e.Nodes {
		id, kind, _ := strings.Cut(n, ":")
		c.Nodes = append(c.Nodes, flow.Node{ID: flow.NodeID(id), Type: kind})
	}
	for _, x := range e.Edges {
		from, to, _ := strings.Cut(x, ">")
		c.Edges = append(c.Edges, flow.Edge{From: from, To: flow.NodeID(to)})
	}
	return c
}

// The outline edits as the canvas does: both go through testdata/edits.json, the
// canvas in static/src/flow/test.
func TestEditing_SharedWithTheCanvas(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/edits.json")
	require.NoError(t, err)
	var cases []struct {
		Name  string     `json:"name"`
		After [][]string `json:"after"`
		Act   []string   `json:"act"`
		Want  edited     `json:"want"`
	}
	require.NoError(t, json.Unmarshal(raw, &cases))
	require.NotEmpty(t, cases)
	all := node.All()
	for _, k := range cases {
		t.Run(k.Name, func(t *testing.T) {
			t.Parallel()
			c := drawn(edited{Trigger: "event", Nodes: []string{"event:hris.event", "way:branch", "a:set", "b:set", "end:stop"},
				Edges: []string{"event.started>way", "way.yes>a", "way.no>b", "a.done>end", "b.done>end", "way.error>end"}})
			for _, act := range append(k.After, k.Act) {
				spec, _ := all.Spec(act[1])
				var err error
				switch act[0] {
				case "add":
					c, _ = c.Add(spec, act[2])
				case "insert":
					from, to, _ := strings.Cut(act[2], ">")
					c, _, err = c.Insert(spec, flow.Edge{From: from, To: flow.NodeID(to)})
				case "remove":
					c = c.Remove(flow.NodeID(act[1]))
				case "lead":
					c = c.Route(act[1], []flow.NodeID{flow.NodeID(act[2])})
				case "paste":
					part := c
					part.Nodes = slices.DeleteFunc(slices.Clone(c.Nodes), func(n flow.Node) bool { return !slices.Contains(act[1:], string(n.ID)) })
					c, _, err = c.Paste(all, part)
				default:
					t.Fatalf("the case has an unknown act: %s", act[0])
				}
				require.NoError(t, err)
			}
			require.Equal(t, drawn(k.Want), c)
		})
	}
}
