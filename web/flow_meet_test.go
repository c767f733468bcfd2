package web

import (
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/flow"
	"joinery/internal/review"
)

// Two people work on one flow with forms: what lies apart comes together, as on the
// canvas; what both changed in different ways is shown, and nothing is lost.
func TestOutline_TwoPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "plain")
	const text = "key: two\nname: Two\ntrigger: start\nnodes:\n  - {id: start, type: manual, params: {connection: hr}}\n  - {id: a, type: set, name: A, params: {values: {x: '1'}}}\n  - {id: b, type: branch, params: {when: 'true'}}\nedges: [{from: start.started, to: a}, {from: a.done, to: b}]\n"
	w.save(review.Flow, text)
	newest := func() flow.Content {
		rev, err := w.server.DB.Revision(t.Context(), review.Flow, "two", 0)
		require.NoError(t, err)
		f, err := flow.Decode([]byte(rev.Content))
		require.NoError(t, err)
		return f
	}
	node := func(id flow.NodeID) flow.Node { n, _ := newest().Find(id); return n }
	post := func(at string, form ...string) answer { return w.bo.post(t, "/flows/two"+at, fields(form...)) }

	// Apart: another node, a node more, another name of the flow, all made of revision 1.
	require.Equal(t, 303, post("/nodes/a", "base", "1", "id", "a", "name", "Mine", "p_values.0.name", "x", "p_values.0.value", "1").status)
	require.Equal(t, 303, post("/nodes/b", "base", "1", "id", "b", "p_when", "false").status)
	require.Equal(t, 303, post("/nodes", "base", "1", "type", "stop", "after", "b.yes").status)
	require.Equal(t, 303, post("/settings", "base", "1", "p_name", "Three", "trigger", "start").status)
	require.Equal(t, 303, post("/nodes/a", "base", "1", "id", "a", "name", "A", "p_values.0.name", "x", "p_values.0.value", "1", "attempts", "3").status, "other fields of one node")
	require.Equal(t, "Three", newest().Name)
	require.Equal(t, "Mine", node("a").Name)
	require.Equal(t, 3, node("a").Retry.Attempts)
	require.Equal(t, "false", node("b").Params["when"])
	require.Equal(t, "stop", node("stop").Type)
	require.Contains(t, w.bo.get(t, "/flows/two").body, "saved meanwhile is in it too.", "that is told")

	// The same in different ways: nothing is saved, the form has both, and can be sent again.
	head := w.head(review.Flow, "two")
	got := post("/nodes/a", "base", "1", "id", "a", "name", "Yours", "p_values.0.name", "x", "p_values.0.value", "2")
	require.Equal(t, 409, got.status)
	require.Contains(t, got.body, "while you worked on this, and it changes the same in another way: Yours.")
	require.Contains(t, got.body, "yours is Yours, theirs is Mine.")
	require.Contains(t, got.body, `name="base" value="`+itoa(head)+`"`)
	require.Regexp(t, `name="attempts"[^>]* value="3"`, got.body, "what they changed apart is in it")
	require.Regexp(t, `(?s)name="p_values.0.value"[^>]*>\n2</textarea>`, got.body, "and what was typed")
	require.Equal(t, head, w.head(review.Flow, "two"))
	got = post("/settings", "base", "1", "p_name", "Four", "trigger", "start")
	require.Equal(t, 409, got.status)
	require.Contains(t, got.body, "yours is Four, theirs is Three.")
	require.Contains(t, got.body, `name="base" value="`+itoa(head)+`"`)
	require.Equal(t, 303, post("/settings", "base", itoa(head), "p_name", "Four", "trigger", "start").status)
	require.Equal(t, "Four", newest().Name)

	// A node that somebody removed.
	require.Equal(t, 303, post("/nodes/a/remove", "base", itoa(head+1)).status)
	got = post("/nodes/a", "base", itoa(head), "id", "a", "name", "Late", "p_values.0.name", "x", "p_values.0.value", "1")
	require.Equal(t, 409, got.status)
	require.Contains(t, got.body, "you changed it, and it was removed.")
	require.Equal(t, 303, post("/nodes/b", "base", itoa(head), "id", "b", "p_when", "joiner.title == ''").status, "others go on")
	require.Equal(t, 404, post("/nodes/a", "base", "99", "id", "a").status)

	// Who draws it is told.
	require.NotContains(t, w.bo.get(t, "/flows/two").body, "On the canvas now")
	a := act{route: "POST /flows/:key/canvas/attend", by: w.ada, path: "/flows/two/canvas/attend", json: obj{"tab": "0123456789ab", "node": "b"}}
	require.Equal(t, 200, a.send(t, here, w.ada.token(t), nil).status)
	require.Contains(t, w.bo.get(t, "/flows/two").body, "On the canvas now: Person ada@example.com.")
	require.NotContains(t, w.ada.get(t, "/flows/two").body, "On the canvas now", "not of oneself")
}
