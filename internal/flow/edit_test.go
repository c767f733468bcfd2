package flow_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/expr"
	"joinery/internal/flow"
	"joinery/internal/node"
)

const diamond = `
key: d
name: D
trigger: start
nodes:
  - {id: start, type: manual, params: {connection: hr}}
  - {id: known, type: branch, params: {when: joiner.status == "active"}}
  - {id: ask, type: signoff, params: {title: "May {{ joiner.last_name }}?", fields: [{key: room, label: Which room, kind: text}]}}
  - {id: values, type: set, params: {values: {a: =steps.ask.comment, b: plain}}}
  - {id: end, type: stop, params: {reason: "=steps.values.a + 'steps.ask'"}}
edges:
  - {from: start.started, to: known}
  - {from: known.yes, to: ask}
  - {from: known.no, to: end}
  - {from: ask.approved, to: values}
  - {from: ask.rejected, to: end}
  - {from: values.done, to: end}
`

func edges(c flow.Content) []string {
	var out []string
	for _, e := range c.Edges {
		out = append(out, e.From+">"+string(e.To))
	}
	return out
}

// A form that changes nothing gives the same content, edge by edge.
func TestRoute_KeepsPlaces(t *testing.T) {
	t.Parallel()
	c := parse(t, diamond)
	require.Equal(t, edges(c), edges(c.Route("known.yes", []flow.NodeID{"ask"})))
	require.Equal(t, "known.yes>end", edges(c.Route("known.yes", []flow.NodeID{"end", "", "end"}))[1], "in the place of the one before")
	require.Equal(t, append(edges(c), "known.yes>values"), edges(c.Route("known.yes", []flow.NodeID{"ask", "values"})))
	require.NotContains(t, edges(c.Route("known.yes", nil)), "known.yes>ask")
	require.Len(t, c.Edges, 6, "the original is untouched")
}

func TestLink_Refuses(t *testing.T) {
	t.Parallel()
	c, all := parse(t, diamond), node.All()
	for _, k := range []struct{ from, to, why string }{
		{"known.yes", "ask", "there already"}, {"known.yes", "known", "itself"}, {"nobody.x", "ask", "way out"}, {"known.maybe", "end", "no way out named maybe"},
		{"values.done", "known", "circle"}, {"ask.expired", "start", "starts the flow"}, {"ask.expired", "nobody", "node that it leads to"}, {"end.error", "ask", "no way out"},
	} {
		_, err := c.Link(all, k.from, flow.NodeID(k.to))
		require.ErrorContains(t, err, k.why)
	}
	d, err := c.Link(all, "ask.expired", "end")
	require.NoError(t, err)
	d, err = d.Unlink(flow.Edge{From: "ask.expired", To: "end"})
	require.NoError(t, err)
	require.Equal(t, edges(c), edges(d))
	_, err = d.Unlink(flow.Edge{From: "ask.expired", To: "end"})
	require.Error(t, err)
}

func TestInsert_OnAnEdge(t *testing.T) {
	t.Parallel()
	spec, _ := node.All().Spec("wait.until")
	c, id, err := parse(t, diamond).Insert(spec, flow.Edge{From: "ask.rejected", To: "end"})
	require.NoError(t, err)
	require.Equal(t, []string{"ask.rejected>" + string(id), string(id) + ".due>end"}, edges(c)[4:6])
	require.Contains(t, edges(c), "known.no>end", "other ways there stay")
	_, _, err = c.Insert(spec, flow.Edge{From: "ask.rejected", To: "end"})
	require.Error(t, err)
}

func TestMove(t *testing.T) {
	t.Parallel()
	c, all := parse(t, diamond), node.All()
	d, err := c.Move(all, "values", "known.yes")
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"start.started>known", "known.no>end", "ask.rejected>end", "ask.approved>end", "known.yes>values", "values.done>ask"}, edges(d))
	require.Equal(t, c.Nodes, d.Nodes, "each keeps its place in the list")
	d, err = c.Move(all, "values", "known.no>end")
	require.NoError(t, err)
	require.Subset(t, edges(d), []string{"known.no>values", "values.done>end", "ask.approved>end"})
	d, err = c.Move(all, "values", "")
	require.NoError(t, err)
	require.NotContains(t, edges(d), "ask.approved>values")
	for id, to := range map[flow.NodeID]string{"start": "ask.approved", "ask": "ask.approved", "nobody": "known.yes", "known": "end.error", "values": "nobody.x"} {
		_, err := c.Move(all, id, to)
		require.Error(t, err, "%s to %s", id, to)
	}
}

// Expressions follow a new id; quoted words do not.
func TestRename_ExpressionsFollow(t *testing.T) {
	t.Parallel()
	c, err := parse(t, diamond).Rename(node.All(), "ask", "question")
	require.NoError(t, err)
	n, _ := c.Find("values")
	require.Equal(t, map[string]any{"a": "=steps.question.comment", "b": "plain"}, n.Params["values"])
	n, _ = c.Find("end")
	require.Equal(t, "=steps.values.a + 'steps.ask'", n.Params["reason"])
	require.Empty(t, flow.Check(c, node.All(), flow.Known{}))
}

// What is pasted gets ids of its own, and reads its own steps.
func TestPaste_And_Duplicate(t *testing.T) {
	t.Parallel()
	c, all := parse(t, diamond), node.All()
	d, ids, err := c.Paste(all, c)
	require.NoError(t, err)
	require.Equal(t, []flow.NodeID{"known_2", "ask_2", "values_2", "end_2"}, ids, "there is one start")
	n, _ := d.Find("values_2")
	require.Equal(t, map[string]any{"a": "=steps.ask_2.comment", "b": "plain"}, n.Params["values"])
	require.Subset(t, edges(d), []string{"known_2.yes>ask_2", "ask_2.approved>values_2"})
	was, _ := d.Find("values")
	require.Equal(t, "=steps.ask.comment", was.Params["values"].(map[string]any)["a"])

	e, id, err := c.Duplicate(all, "values")
	require.NoError(t, err)
	require.Equal(t, flow.NodeID("values_2"), id)
	require.Equal(t, edges(c), edges(e))
	_, _, err = c.Paste(all, flow.Content{})
	require.Error(t, err)
	whole, _, err := flow.Content{}.Paste(all, c)
	require.NoError(t, err)
	require.Equal(t, c.Nodes, whole.Nodes)
	require.Equal(t, flow.NodeID("start"), whole.Trigger)
}

// Undo walks back step by step, redo forward, and a new change ends redoing.
func TestUndo(t *testing.T) {
	t.Parallel()
	for _, k := range []struct {
		history    string
		undo, redo int
	}{
		{"", -1, -1}, {"a", -1, -1}, {"ab", 0, -1}, {"abc", 1, -1},
		{"abcb", 0, 2},     // undone once: back to a, or again to c
		{"abcba", -1, 1},   // undone twice
		{"abcbab", 0, 2},   // and once again forward
		{"abcbabc", 1, -1}, // all the way
		{"abcbd", 1, -1},   // a new change instead
		{"abcbdb", 0, 4},
		{"aab", 1, -1},
	} {
		var hashes []string
		for _, r := range k.history {
			hashes = append(hashes, string(r))
		}
		undo, redo := flow.Undo(hashes)
		at := func(i int) string {
			if i < 0 {
				return ""
			}
			return hashes[i]
		}
		require.Equal(t, at(k.undo), at(undo), "undo after %s", k.history)
		require.Equal(t, at(k.redo), at(redo), "redo after %s", k.history)
	}
}

func TestUndo_FiftyStepsBack(t *testing.T) {
	t.Parallel()
	var history []string
	for i := range 51 {
		history = append(history, string(rune('A'+i)))
	}
	for range 50 {
		undo, _ := flow.Undo(history)
		history = append(history, history[undo])
	}
	require.Equal(t, "A", history[len(history)-1])
	for range 50 {
		_, redo := flow.Undo(history)
		history = append(history, history[redo])
	}
	require.Equal(t, string(rune('A'+50)), history[len(history)-1])
}

// What an expression may name depends on where it stands.
func TestNames(t *testing.T) {
	t.Parallel()
	c := parse(t, diamond)
	c.Vars = map[string]any{"desk": "it@example.com", "seats": 5.0}
	paths := func(at flow.NodeID) map[string]flow.Name {
		out := map[string]flow.Name{}
		for _, n := range flow.Names(c, node.All(), at) {
			out[n.Path] = n
		}
		return out
	}
	got := paths("end")
	require.Equal(t, expr.String, got["joiner.department"].Type)
	require.Equal(t, expr.String, got["steps.ask.comment"].Type)
	require.Equal(t, `Attribute(steps.ask.form, "room")`, got["steps.ask.form.room"].Insert)
	require.Contains(t, got, "steps.values.b")
	require.Equal(t, expr.String, got["vars.desk"].Type)
	require.NotContains(t, paths("ask"), "steps.values.a", "it runs later")
	require.NotContains(t, paths("ask"), "steps.ask.comment", "a step cannot read itself")
	require.NotContains(t, paths(""), "steps.ask.comment", "an invariant reads no steps")
	// Each name is one that expressions accept there.
	for path, n := range got {
		write := n.Insert
		if write == "" {
			write = path
		}
		e := parse(t, diamond)
		e.Vars = c.Vars
		end, _ := e.Find("end")
		end.Params = map[string]any{"reason": "=CStr(" + write + ")"}
		_, problems := flow.CompileNode(e.Set(end), node.All(), "end")
		require.Empty(t, problems, path)
	}
}

func TestTouches_And_Reads(t *testing.T) {
	t.Parallel()
	of := func(kind string, params map[string]any) ([]flow.Touch, []string) {
		spec, ok := node.All().Spec(kind)
		require.True(t, ok)
		n := flow.Node{ID: "n", Type: kind, Params: params}
		return flow.Touches(n, spec), flow.Reads(n, spec)
	}
	touches, reads := of("manager.resolve", map[string]any{"directory": "ad", "connection": "hr", "account": "=steps.create.account_id", "manager": "=joiner.manager_id"})
	require.Equal(t, []flow.Touch{{Connection: "ad", Writes: true, What: "the account"}, {Connection: "hr", What: "the worker's record"}}, touches)
	require.Equal(t, []string{"steps.create.account_id", "joiner.manager_id"}, reads)
	touches, _ = of("hris.write_back", map[string]any{"connection": "hr", "mailbox_directory": "ad"})
	require.Equal(t, []flow.Touch{{Connection: "hr", Writes: true, What: "fields of the worker's record"}, {Connection: "ad", What: "accounts and groups"}}, touches)
	touches, reads = of("notify.email", map[string]any{"text": "plain joiner.phone", "subject": "{{ joiner.title }}"})
	require.Equal(t, []flow.Touch{{Writes: true, What: "an e-mail, by the mail server of this installation"}}, touches)
	require.Equal(t, []string{"joiner.title"}, reads)
	touches, _ = of("account.find", map[string]any{"directory": "ad"})
	require.Equal(t, []flow.Touch{{Connection: "ad", What: "accounts and groups"}}, touches)
}
