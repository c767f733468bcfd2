package flow_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/flow"
	"joinery/internal/node"
)

func TestCompare(t *testing.T) {
	t.Parallel()
	read := func(text string) flow.Content {
		c, err := flow.Parse([]byte(text))
		require.NoError(t, err)
		return c
	}
	before := read(good)
	after := read(`
key: join
name: Join us
trigger: hired
vars: {domain: y.example}
nodes:
  - {id: hired, type: hris.event, params: {connection: hr, events: [worker.hired, worker.updated]}}
  - id: create
    type: account.ensure
    name: Make it
    timeout: 10s
    params:
      directory: dir
      name: =Lower(joiner.last_name)
      attributes: {mail: "{{ joiner.last_name }}@y.example", ou: =joiner.department}
  - {id: done, type: stop, params: {outcome: succeeded}}
edges:
  - {from: hired.started, to: create}
  - {from: create.created, to: done}
`)
	c := flow.Compare(before, after)
	marks := map[flow.NodeID]flow.Mark{}
	fields := map[flow.NodeID][]flow.FieldChange{}
	for _, n := range c.Nodes {
		marks[n.Node.ID], fields[n.Node.ID] = n.Mark, n.Fields
	}
	require.Equal(t, map[flow.NodeID]flow.Mark{"hired": flow.Changed, "create": flow.Changed, "done": flow.Added, "find": flow.Removed}, marks)
	require.Equal(t, []flow.FieldChange{{"params.events", []any{"worker.hired"}, []any{"worker.hired", "worker.updated"}}}, fields["hired"])
	require.Equal(t, []flow.FieldChange{{"name", nil, "Make it"}, {"params.attributes.mail", "{{ joiner.last_name }}@{{ vars.domain }}", "{{ joiner.last_name }}@y.example"}, {"params.attributes.ou", nil, "=joiner.department"}, {"timeout", nil, "10s"}}, fields["create"])
	require.Equal(t, []flow.FieldChange{{"type", nil, "stop"}, {"params.outcome", nil, "succeeded"}}, fields["done"], "all of what is new")
	require.Equal(t, []flow.FieldChange{{"type", "account.find", nil}, {"params.directory", "dir", nil}}, fields["find"], "all of what is gone")
	edges := map[string]flow.Mark{}
	for _, e := range c.Edges {
		edges[e.Edge.From+">"+string(e.Edge.To)] = e.Mark
	}
	require.Equal(t, map[string]flow.Mark{"hired.started>create": flow.Added, "create.created>done": flow.Added, "hired.started>find": flow.Removed, "find.missing>create": flow.Removed}, edges)
	require.Equal(t, []flow.FieldChange{{"name", "Join", "Join us"}, {"vars.domain", "x.example", "y.example"}}, c.Flow)
	require.Len(t, c.Both.Nodes, 4)
	require.Len(t, c.Both.Edges, 4)
	require.Len(t, flow.Draw(c.Both, flow.Layout{}, node.All()).Lines, 4, "one drawing shows both")

	for _, n := range flow.Compare(before, before).Nodes {
		require.Equal(t, flow.Same, n.Mark)
		require.Empty(t, n.Fields)
	}
	fresh := flow.Compare(flow.Content{}, after)
	nodes, joined := fresh.Count(flow.Added)
	require.Equal(t, []int{3, 2}, []int{nodes, joined})
	require.Empty(t, fresh.Flow, "a new flow has nothing that it was before")
}
