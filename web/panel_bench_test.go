package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/flow"
	"joinery/internal/postgres"
	"joinery/internal/review"
)

// long is a flow of 60 nodes in a row, each of which reads the one before.
func long() flow.Content {
	c := flow.Content{Key: "long", Name: "Long", Trigger: "start", Nodes: []flow.Node{{ID: "start", Type: "manual", Params: map[string]any{"connection": "hr0"}}}}
	last, port := "start", "started"
	for i := 1; i < 60; i++ {
		n := flow.Node{ID: flow.NodeID(fmt.Sprintf("n%d", i)), Type: "set", Params: map[string]any{"values": map[string]any{"a": "=Lower(joiner.last_name)", "b": "{{ joiner.first_name }} x", "c": "=joiner.department == \"d\""}}}
		switch {
		case i%3 == 0:
			n.Type, n.Params = "groups.resolve", map[string]any{"policy": "p1"}
		case i > 1 && i%3 == 2:
			n.Params["values"].(map[string]any)["d"] = fmt.Sprintf("=steps.%s.a", last)
		}
		c.Nodes = append(c.Nodes, n)
		c.Edges = append(c.Edges, flow.Edge{From: last + "." + port, To: n.ID})
		last, port = string(n.ID), "done"
	}
	return c
}

// What one key costs in the form of the last node of 60: the whole form is read and
// judged with the whole flow, and shown anew. Names are what the form asks once, when
// it opens; after that completion needs no server.
func BenchmarkPanel(b *testing.B) {
	k := newConsole(b, "http://localhost:8080")
	bo := k.person(b, "bo@example.com", auth.Builder)
	u, err := k.server.DB.FindUserByEmail(b.Context(), "bo@example.com")
	require.NoError(b, err)
	save := func(kind review.Kind, text string) {
		doc, err := k.server.kinds().ReadText(kind, "", []byte(text))
		require.NoError(b, err)
		_, err = k.server.DB.SaveRevision(b.Context(), u.Actor(), postgres.Save{Doc: doc, Base: postgres.AnyBase, Via: "api"})
		require.NoError(b, err)
	}
	for i := range 10 {
		save(review.Connection, fmt.Sprintf("key: hr%d\nname: HR %d\ntype: hris-rest\nsettings: {base_url: https://hr.example.com}\n", i, i))
		save(review.Policy, fmt.Sprintf("key: p%d\nname: P %d\ntype: groups\ngroups: {rows: [{groups: [all-staff]}]}\n", i, i))
	}
	c := long()
	save(review.Flow, string(contentOf(c)))
	token := bo.token(b)
	ask := func(b *testing.B, at string, node string, values map[string]any) {
		body, err := json.Marshal(map[string]any{"content": json.RawMessage(contentOf(c)), "node": node, "values": values})
		require.NoError(b, err)
		got := bo.ask(b, post, "/flows/long/canvas/"+at, "application/json", string(body), map[string]string{"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": token})
		require.Equal(b, http.StatusOK, got.status, got.body)
	}
	each := func(name, at, node string, values func(i int) map[string]any) {
		b.Run(name, func(b *testing.B) {
			busy := computed(b)
			for i := range b.N {
				ask(b, at, node, values(i))
			}
			b.ReportMetric((computed(b)-busy).Seconds()*1000/float64(b.N), "cpu-ms/op")
		})
	}
	each("key", "panel", "n59", func(i int) map[string]any {
		return map[string]any{"id": "n59", "p_values.0.name": "a", "p_values.0.value": "=Lower(steps.n58.a) + \"" + strings.Repeat("x", i%40) + "\""}
	})
	each("key-beside-picker", "panel", "n57", func(i int) map[string]any {
		return map[string]any{"id": "n57", "name": strings.Repeat("x", i%40), "p_policy": "p1"}
	})
	each("names", "complete", "n59", func(int) map[string]any { return nil })
}
