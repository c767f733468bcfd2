package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
)

// sibling opens a second tab of the same person in the same browser.
func (b *tab) sibling() *tab {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	o := &tab{t: b.t, ctx: ctx, base: b.base}
	b.t.Cleanup(func() {
		_ = chromedp.Cancel(ctx)
		cancel()
	})
	require.NoError(b.t, chromedp.Do(ctx, chromedp.Navigate("about:blank")))
	require.NoError(b.t, chromedp.Listen(ctx, o.hear))
	_, err := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	require.NoError(b.t, err)
	return o
}

// edit presses Ctrl and a letter, which does in the browser what its menu would: copy, cut, paste, selectAll.
func (b *tab) edit(letter, does string) {
	b.t.Helper()
	p := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: letter, Code: "Key" + strings.ToUpper(letter), Modifiers: ctrl, WindowsVirtualKeyCode: int64(letter[0]-'a') + 'A', Commands: []string{does}}
	_, err := chromedp.Call(b.ctx, input.DispatchKeyEvent, p)
	require.NoError(b.t, err)
	p.Type, p.Commands = input.DispatchKeyEventTypeKeyUp, nil
	_, err = chromedp.Call(b.ctx, input.DispatchKeyEvent, p)
	require.NoError(b.t, err)
}

// mouseWith presses, moves and lets go while a key is held.
func (b *tab) mouseWith(key string, with int64, spots ...spot) {
	b.t.Helper()
	hold := func(kind input.DispatchKeyEventType, with int64) {
		_, err := chromedp.Call(b.ctx, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: kind, Key: key, Code: key + "Left", Modifiers: with})
		require.NoError(b.t, err)
	}
	send := func(kind input.DispatchMouseEventType, p spot, buttons int64) {
		_, err := chromedp.Call(b.ctx, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: kind, X: p.X, Y: p.Y, Button: input.MouseButtonLeft, Buttons: buttons, ClickCount: 1, Modifiers: with})
		require.NoError(b.t, err)
	}
	hold(input.DispatchKeyEventTypeKeyDown, with)
	send(input.DispatchMouseEventTypeMousePressed, spots[0], 1)
	for _, p := range spots[1:] {
		send(input.DispatchMouseEventTypeMouseMoved, p, 1)
		require.False(b.t, eval[bool](b, `document.querySelector(".drawer") !== null`), "nothing opens while an area is marked")
	}
	send(input.DispatchMouseEventTypeMouseReleased, spots[len(spots)-1], 0)
	hold(input.DispatchKeyEventTypeKeyUp, 0)
}

func nodeAt(id string) string { return fmt.Sprintf(`.react-flow__node[data-id=%q]`, id) }

// chosen waits until just these nodes are chosen.
func (b *tab) chosen(ids ...string) {
	b.t.Helper()
	b.until("chosen: "+strings.Join(ids, " "), fmt.Sprintf(`[...document.querySelectorAll(".react-flow__node.selected")].map((e) => e.dataset.id).sort().join(" ") === %q`, strings.Join(ids, " ")))
}

// apart demands that no node and no note hides another, and that the chosen one is in sight.
func (b *tab) apart() {
	b.t.Helper()
	b.until("nothing hides another", `(() => { const all = [...document.querySelectorAll(".react-flow__node-box, .react-flow__node-note")].map((e) => [e.dataset.id, e.getBoundingClientRect()]);
		return all.every(([a, r]) => all.every(([b, s]) => a === b || r.right <= s.left || s.right <= r.left || r.bottom <= s.top || s.bottom <= r.top)); })()`)
	b.inSight()
}

// inSight waits until the first chosen node can be seen whole: nothing lies over its corners.
func (b *tab) inSight() {
	b.t.Helper()
	b.until("the chosen node in sight", `(() => { const e = document.querySelector(".react-flow__node.selected"); if (!e) return true; const r = e.getBoundingClientRect();
		return [[r.left + 3, r.top + 9], [r.right - 3, r.top + 9], [r.left + 3, r.bottom - 9], [r.right - 3, r.bottom - 9]].every(([x, y]) => { const hit = document.elementFromPoint(x, y); return hit && (e.contains(hit) || hit.closest(".react-flow__nodesselection, .react-flow__node, .react-flow__edges")); }); })()`)
}

// spokenNames are the names that a screen reader tells, by their role.
func (b *tab) spokenNames(role string) []string {
	b.t.Helper()
	tree, err := chromedp.Call(b.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	require.NoError(b.t, err)
	var out []string
	for _, n := range tree.Nodes {
		var is, name string
		if n.Ignored || n.Role == nil || n.Name == nil || json.Unmarshal(n.Role.Value, &is) != nil || json.Unmarshal(n.Name.Value, &name) != nil || is != role {
			continue
		}
		out = append(out, name)
	}
	return out
}

// What a hand does to a drawing: mark an area, drag, double, group, note, put on an edge, tidy up, copy to another
// tab, by the mouse and by the real clipboard. Nothing comes to lie upon something else, and what is chosen stays in sight.
func TestCanvas_InTheHand(t *testing.T) {
	t.Parallel()
	s, base := startServer(t)
	ada := addPerson(t, s.DB, "ada@example.com", "Ada Brandt", auth.Admin)
	saveFlowText(t, s, ada.Actor(), smallFlow)
	saveFlowText(t, s, ada.Actor(), strings.NewReplacer("key: small", "key: other", "name: Small", "name: Other").Replace(smallFlow))
	b := openTab(t, base)
	b.use(screens()[0])
	b.still() // what is clicked must not glide away meanwhile
	b.signIn("ada@example.com", password)
	b.atCanvas("small")
	first := b.savedAs(s, "small")

	// An area is marked, and dragged as one.
	work, end := b.spotOf(nodeAt("work")), b.spotOf(nodeAt("end"))
	b.mouseWith("Shift", shift, spot{work.X - 180, work.Y - 48}, work, spot{end.X + 30, end.Y + 20})
	b.chosen("end", "work")
	b.pull(work, spot{work.X + 200, work.Y + 40})
	b.until("both were moved alike", `(() => { const at = (id) => new DOMMatrix(getComputedStyle(document.querySelector('.react-flow__node[data-id="' + id + '"]')).transform), [w, e, h] = ["work", "end", "hired"].map(at); return w.e > 40 && w.f >= 120 && e.e === w.e && e.f === w.f + 120 && h.e === 0; })()`)
	b.key("d", ctrl)
	b.chosen("end_2", "work_2")
	b.apart()
	b.key("Delete", 0)
	b.until("the copies are gone", `document.querySelectorAll(".react-flow__node-box").length === 3`)

	// One more is chosen, and one alone again; two are a group, which is named at once.
	b.click(nodeAt("hired"))
	b.chosen("hired")
	b.mouseWith("Shift", shift, b.spotOf(nodeAt("work")))
	b.chosen("hired", "work")
	b.look("canvas-several")
	b.key("g", ctrl)
	b.until("the title to type", `document.activeElement.matches(".frame-head input")`)
	b.typed("How it begins")
	b.key("Enter", 0)
	b.until("the group's title has the focus", `document.activeElement.matches(".frame-title") && document.activeElement.innerText === "How it begins"`)
	b.click(nodeAt("work"))
	b.chosen("work")

	// Two notes, written and changed with keys alone.
	for _, text := range []string{"Ask IT first", "Until May"} {
		b.key("S", shift)
		b.until("the note to write", `document.activeElement.matches(".note textarea")`)
		b.typed(text)
		b.key("Escape", 0)
		b.until("the note has the focus", `document.activeElement.matches(".react-flow__node-note.selected")`)
		b.apart()
	}
	b.key("Enter", 0)
	b.until("it is written on", `document.activeElement.matches(".note textarea")`)
	b.typed("!")
	b.key("Escape", 0)
	b.until("both notes", `[...document.querySelectorAll(".note p")].map((e) => e.innerText).join() === "Ask IT first,Until May!"`)
	require.Equal(t, first.HeadHash, b.savedAs(s, "small").HeadHash, "places, notes and groups are no content")

	// Onto an edge, by its plus; then everything is tidied up.
	b.click(`.react-flow__edge[data-id="work.done>end"] .wire-hit`)
	b.until("the list", `document.activeElement.matches("dialog.picker[open] input")`)
	b.typed("branch")
	b.key("Enter", 0)
	b.chosen("branch")
	require.True(t, eval[bool](b, `["work.done>branch", "branch.yes>end"].every((id) => document.querySelector('.react-flow__edge[data-id="' + id + '"]') !== null)`))
	b.inSight()
	b.key("Escape", 0)
	b.key("T", shift|alt)
	b.until("tidied up", `(() => { const at = (id) => document.querySelector('.react-flow__node[data-id="' + id + '"]').getBoundingClientRect().top; return at("hired") < at("work") && at("work") < at("branch") && at("branch") < at("end"); })()`)

	// With nothing chosen, what is added stands in sight and beside what is there.
	for i := range 4 {
		b.key("Escape", 0)
		b.chosen()
		b.key("/", 0)
		b.until("the list", `document.activeElement.matches("dialog.picker[open] input")`)
		b.typed("stop")
		b.key("Enter", 0)
		b.until("one more", fmt.Sprintf(`document.querySelectorAll(".react-flow__node-box").length === %d && document.querySelector(".react-flow__node.selected") !== null`, 5+i))
		b.apart()
	}
	b.look("canvas-added")

	// What screen readers tell.
	groups := strings.Join(b.spokenNames("group"), "\n")
	for _, name := range []string{"By hand, Started by hand, start of the flow", "Work it out, Set values", "Edge from Work it out, way out done, to branch", "Note: Until May!", "Group How it begins"} {
		require.Contains(t, groups, name)
	}

	// To another tab and another flow, whole; and as YAML through a text.
	b.key("Escape", 0)
	b.key("1", 0)
	b.until("all of it", `(() => { const p = document.querySelector(".react-flow").getBoundingClientRect(); return [...document.querySelectorAll(".react-flow__node-box")].every((e) => { const r = e.getBoundingClientRect(); return r.left > p.left && r.right < p.right && r.top > p.top && r.bottom < p.bottom; }); })()`)
	for _, id := range []string{"work", "branch"} {
		b.mouseWith("Control", ctrl, b.spotOf(nodeAt(id)))
	}
	b.chosen("branch", "work")
	b.edit("c", "copy")
	b.until("it says so", `document.querySelector(".said").innerText === "2 nodes copied."`)
	o := b.sibling()
	o.use(screens()[0])
	o.still()
	o.atCanvas("other")
	o.edit("v", "paste")
	o.chosen("branch", "work_2")
	o.apart()
	require.True(t, eval[bool](o, `document.querySelector('.react-flow__edge[data-id="work_2.done>branch"]') !== null`))
	o.savedAs(s, "other")
	eval[bool](o, `document.body.append(Object.assign(document.createElement("textarea"), {id: "elsewhere", ariaLabel: "Elsewhere"})) ?? true`) // as in a chat or an editor
	elsewhere := `document.querySelector("#elsewhere")`
	eval[bool](o, elsewhere+`.focus() ?? true`)
	o.edit("v", "paste")
	require.Equal(t, "nodes:\n  - id: work\n    type: set\n    name: Work it out\n    params:\n      values:\n        a: \"1\"\n  - id: branch\n    type: branch\nedges:\n  - from: work.done\n    to: branch\n", eval[string](o, elsewhere+`.value`))
	eval[bool](o, elsewhere+`.select() ?? true`)
	o.edit("c", "copy")
	eval[bool](o, elsewhere+`.remove() ?? true`)
	o.edit("v", "paste")
	o.chosen("branch_2", "work_3")
	o.apart()
	o.savedAs(s, "other")
	require.Contains(t, contentText(t, s, "other"), `"from":"work_3.done","to":"branch_2"`)
	o.clean()

	b.touches(t)
	b.clean()
}

// touches looks at the drawing as on a phone: two fingers zoom, one moves, a tap opens what a node says.
func (b *tab) touches(t *testing.T) {
	b.use(screens()[2])
	_, err := chromedp.Call(b.ctx, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: true, MaxTouchPoints: 2})
	require.NoError(t, err)
	b.atCanvas("small")
	fingers := func(kind input.DispatchTouchEventType, at ...spot) {
		t.Helper()
		points := []*input.TouchPoint{}
		for i, p := range at {
			points = append(points, &input.TouchPoint{X: p.X, Y: p.Y, ID: new(float64(i))})
		}
		_, err := chromedp.Call(b.ctx, input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: kind, TouchPoints: points})
		require.NoError(t, err)
	}
	view := func() (zoom, x float64) {
		t.Helper()
		var m [2]float64
		require.NoError(t, json.Unmarshal([]byte(eval[string](b, `(() => { const m = new DOMMatrix(getComputedStyle(document.querySelector(".react-flow__viewport")).transform); return JSON.stringify([m.a, m.e]); })()`)), &m))
		return m[0], m[1]
	}
	zoom, x := view()
	fingers(input.DispatchTouchEventTypeTouchStart, spot{160, 700})
	fingers(input.DispatchTouchEventTypeTouchMove, spot{220, 690})
	fingers(input.DispatchTouchEventTypeTouchEnd)
	_, now := view()
	require.InDelta(t, x+60, now, 8, "one finger moves the drawing")
	fingers(input.DispatchTouchEventTypeTouchStart, spot{150, 700}, spot{250, 700})
	fingers(input.DispatchTouchEventTypeTouchMove, spot{120, 700}, spot{280, 700})
	fingers(input.DispatchTouchEventTypeTouchMove, spot{100, 700}, spot{300, 700})
	fingers(input.DispatchTouchEventTypeTouchEnd)
	larger, _ := view()
	require.Greater(t, larger, zoom*1.5, "two fingers make it larger")
	b.visit("/")
	b.atCanvas("small")
	at := b.spotOf(nodeAt("end"))
	fingers(input.DispatchTouchEventTypeTouchStart, at)
	fingers(input.DispatchTouchEventTypeTouchEnd)
	b.chosen("end")
	b.until("what it says", `document.querySelector(".drawer-one form") !== null`)
	b.inSight()
	b.look("canvas-tapped")
}
