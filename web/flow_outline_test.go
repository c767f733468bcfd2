package web

import (
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/flow"
	"joinery/internal/review"
)

// Notes keep their places when their texts change; a group names nodes that are there.
func TestNotes_KeepTheirPlaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "plain")
	require.NoError(t, w.server.DB.SaveLayout(t.Context(), review.Flow, "c-flow", `{"nodes":{"ok":{"x":1,"y":2}},"notes":[{"id":"a","x":5,"y":6,"w":7,"h":8,"text":"old"},{"id":"b","x":9,"y":9,"w":7,"h":8,"text":"goes"}]}`))
	layout := func() flow.Layout {
		a, err := w.server.DB.Artifact(t.Context(), review.Flow, "c-flow")
		require.NoError(t, err)
		return layoutOf(a)
	}
	got := w.bo.post(t, "/flows/c-flow/notes", fields("p_notes.0.value", "new", "p_notes.1.value", "", "p_notes.2.value", "one more", "p_groups.0.value", "Both: by_hand, ok"))
	require.Equal(t, 303, got.status, got.body)
	l := layout()
	require.Equal(t, flow.Note{ID: "a", X: 5, Y: 6, W: 7, H: 8, Text: "new"}, l.Notes[0])
	require.Len(t, l.Notes, 2)
	require.NotEqual(t, "a", l.Notes[1].ID)
	require.Equal(t, "one more", l.Notes[1].Text)
	require.Equal(t, []flow.NodeID{"by_hand", "ok"}, l.Groups[0].Nodes)
	require.Equal(t, flow.Position{X: 1, Y: 2}, l.Nodes["ok"], "boxes stay where they are")
	got = w.bo.post(t, "/flows/c-flow/notes", fields("p_groups.0.value", "Both: nobody"))
	require.Equal(t, 422, got.status)
	require.Contains(t, got.body, "There is no node nobody")
	require.Equal(t, l, layout())
}

// Each problem leads to the field where it is solved.
func TestOutline_ProblemsLeadToFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "plain")
	w.save(review.Flow, "key: c-flow\nname: F\ntrigger: by_hand\nnodes:\n  - {id: by_hand, type: manual, params: {connection: hr}}\n  - {id: values, type: set, name: Values, params: {values: {a: x, b: =joiner.departmen}}}\nedges: [{from: by_hand.started, to: values}, {from: values.lost, to: by_hand}]\n")
	page := w.bo.get(t, "/flows/c-flow").body
	require.Contains(t, page, `<a href="/flows/c-flow/nodes/values#p_values.1.value">Values: Values, b: `)
	require.Contains(t, page, `<a href="#edges">Connections: Values has no way out named`)
	require.Contains(t, w.bo.get(t, "/flows/c-flow/nodes/values").body, `id="p_values.1.value"`)
}

// Undo and redo walk through the revisions, one by one.
func TestOutline_UndoAndRedo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "plain")
	hash := func() string {
		a, err := w.server.DB.Artifact(t.Context(), review.Flow, "c-flow")
		require.NoError(t, err)
		return a.HeadHash
	}
	act := func(op string) int {
		return w.bo.post(t, "/flows/c-flow/undo", fields("op", op, "base", itoa(w.head(review.Flow, "c-flow")))).status
	}
	third := hash()
	require.Equal(t, 303, act("undo"))
	second := hash()
	require.Equal(t, 303, act("undo"))
	require.NotEqual(t, second, hash())
	require.Equal(t, 409, act("undo"), "there is nothing before the first")
	require.Equal(t, 303, act("redo"))
	require.Equal(t, second, hash())
	require.Equal(t, 303, act("redo"))
	require.Equal(t, third, hash())
	require.Equal(t, 409, act("redo"))
}

// What is asked of a revision before its approval is set in the settings; saving them
// as they are changes nothing.
func TestSettings_Backtest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "plain")
	save := func(more ...string) answer {
		return w.bo.post(t, "/flows/c-flow/settings", fields(append([]string{"p_name", "F", "trigger", "by_hand", "base", itoa(w.head(review.Flow, "c-flow"))}, more...)...))
	}
	asks := func() flow.Backtest {
		rev, err := w.server.DB.Revision(t.Context(), review.Flow, "c-flow", 0)
		require.NoError(t, err)
		f, err := flow.Decode([]byte(rev.Content))
		require.NoError(t, err)
		return f.Backtest
	}
	require.Equal(t, 303, save("p_backtest_required", "true", "p_backtest_joiners", "20").status)
	require.Equal(t, flow.Backtest{Required: true, Joiners: 20}, asks())
	page := w.bo.get(t, "/flows/c-flow/settings").body
	require.Contains(t, page, "Backtest before approval")
	require.Regexp(t, `name="p_backtest_required"[^>]* checked`, page)
	require.Regexp(t, `name="p_backtest_joiners"[^>]* value="20"`, page)
	before := w.head(review.Flow, "c-flow")
	require.Equal(t, 303, save("p_backtest_required", "true", "p_backtest_joiners", "20").status)
	require.Equal(t, before, w.head(review.Flow, "c-flow"))
	for _, wrong := range []string{"0", "501", "2.5", "many"} {
		got := save("p_backtest_required", "true", "p_backtest_joiners", wrong)
		require.Equal(t, 422, got.status, wrong)
		require.Regexp(t, "Write a (whole )?number from 1 to 500", got.body, wrong)
	}
	require.Equal(t, before, w.head(review.Flow, "c-flow"))
	require.Equal(t, 303, save().status)
	require.Zero(t, asks())
}
