package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/flow"
	"joinery/internal/review"
)

// What cannot run is kept, however it comes in, and goes on nowhere, whichever way it
// is sent: not into review, and not live past it.
func TestProblems_GoOnNowhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "plain")
	sound := func(key string) string {
		return "key: " + key + "\nname: Whole\ntrigger: start\nnodes:\n  - {id: start, type: manual, params: {connection: hr}}\n"
	}
	half := func(key string) string { return sound(key) + "  - {id: alone, type: set, params: {values: {a: x}}}\n" }
	content := func(key string) json.RawMessage {
		c, err := flow.Parse([]byte(half(key)))
		require.NoError(t, err)
		return contentOf(c)
	}
	send := func(route, path string, json obj, form ...string) answer {
		a := act{route: route, by: w.bo, path: path, json: json}
		if json == nil {
			a.form = fields(form...)
		}
		if strings.HasSuffix(path, "/breakglass") {
			a.by = w.ada
		}
		return a.send(t, here, a.by.token(t), nil)
	}
	kept := map[string]func(key string) answer{
		"on the page of the text": func(key string) answer {
			return send("POST", "/flows/"+key+"/yaml", nil, "text", half(key), "base", "1")
		},
		"on the outline": func(key string) answer {
			return send("POST", "/flows/"+key+"/nodes", nil, "type", "set", "after", "", "base", "1")
		},
		"pasted on the outline": func(key string) answer {
			return send("POST", "/flows/"+key+"/paste", nil, "text", "nodes: [{id: alone, type: set}]", "base", "1")
		},
		"on the canvas": func(key string) answer {
			return send("PUT", "/flows/"+key+"/canvas.json", obj{"content": content(key), "base_revision": 1})
		},
		"by the API": func(key string) answer {
			return send("PUT", "/api/v1/flows/"+key, obj{"content": content(key), "base_revision": 1})
		},
		"by a file": func(key string) answer {
			text := half(key)
			return send("POST", "/import", nil, "op", "save", "text", text, "seen", seenHash(text), "as.0", "revision", "base.0", "1")
		},
	}
	i := 0
	for name, keep := range kept {
		i++
		key := "half-" + itoa(i)
		w.save(review.Flow, sound(key))
		got := keep(key)
		require.Less(t, got.status, 400, "%s: %s", name, got.body)
		require.Equal(t, 2, w.head(review.Flow, key), "%s: it is kept", name)
		page := w.bo.get(t, "/flows/"+key).body
		require.Contains(t, page, "To be solved before this can be submitted", name)
		require.Equal(t, 2, strings.Count(page, "Nothing leads to this node. Connect it or remove it."), "%s: in the list, and at the node", name)
		for way, got := range map[string]answer{
			"the page":           send("POST", "/flows/"+key+"/reviews", nil, "revision", "2", "message", "please"),
			"the API":            send("POST", "/api/v1/flows/"+key+"/reviews", obj{"revision": 2}),
			"breaking the glass": send("POST", "/flows/"+key+"/breakglass", nil, "revision", "2", "reason", "it cannot wait until tomorrow", "confirm", key),
			"the API's glass":    send("POST", "/api/v1/flows/"+key+"/breakglass", obj{"revision": 2, "reason": "it cannot wait until tomorrow"}),
		} {
			require.Equal(t, http.StatusUnprocessableEntity, got.status, "%s, by %s: %s", name, way, got.body)
			require.Contains(t, got.body, "before its problems are solved", "%s, by %s", name, way)
			require.Contains(t, got.body, "Nothing leads to this node", "%s, by %s", name, way)
		}
		require.Equal(t, "0 0", w.value(`SELECT (SELECT count(*) FROM reviews WHERE key = $1) || ' ' || (SELECT count(*) FROM releases WHERE key = $1)`, key), name)
	}
}

// Every finding of a flow is in the list of the outline and at the node it belongs to,
// edges and ids that cannot be included.
func TestOutline_EveryFindingAtItsNode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "plain")
	w.save(review.Flow, "key: found\nname: F\ntrigger: way\nnodes:\n  - {id: start, type: manual, params: {connection: hr}}\n  - {id: way, type: branch, params: {when: 'true'}, timeout: soon}\n  - {id: Odd One, type: set, params: {values: {a: x}}}\n  - {id: what, type: no.such.type}\nedges:\n  - {from: start.started, to: way}\n  - {from: way.maybe, to: what}\n  - {from: way.yes, to: nowhere}\n  - {from: gone.done, to: what}\n  - {from: what.done, to: way}\n")
	rev, err := w.server.DB.Revision(t.Context(), review.Flow, "found", 0)
	require.NoError(t, err)
	f, err := flow.Decode([]byte(rev.Content))
	require.NoError(t, err)
	problems, err := w.server.DB.Problems(t.Context(), review.Flow, []byte(rev.Content))
	require.NoError(t, err)
	require.Greater(t, len(problems), 7)
	at := map[flow.NodeID]int{}
	for _, p := range problems {
		id, _ := f.At(p.Path)
		require.NotEmpty(t, id, p.Path)
		at[id]++
	}
	list := w.server.problemLinks("/flows/found", f, problems, true)
	require.Len(t, list, len(problems))
	for _, n := range f.Nodes {
		require.Positive(t, at[n.ID], n.ID)
		require.Len(t, problemsAt(f, problems, n.ID), at[n.ID], n.ID)
	}
	for _, l := range list {
		require.NotEmpty(t, l.URL, l.Text)
		require.NotRegexp(t, `^(nodes|edges)\.`, l.Text, "a path is no sentence")
	}
}
