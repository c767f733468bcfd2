package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
)

// mouse reaches by clicking.
type mouse struct{ d *drawer }

// at brings an element into sight and gives a spot of it that nothing covers.
func (m mouse) at(what, js string) spot {
	m.d.t.Helper()
	raw := ""
	m.d.until(what+" to click", fmt.Sprintf(`(() => { const e = %s; if (!e) return false; e.scrollIntoView({block: "nearest"}); const r = e.getBoundingClientRect(), x = r.x + r.width / 2, y = r.y + Math.min(r.height / 2, 20);
		const hit = document.elementFromPoint(x, y); window.spotted = JSON.stringify({X: x, Y: y}); return !!hit && (e.contains(hit) || hit.contains(e) || hit.closest("label")?.contains(e) === true); })()`, js))
	raw = eval[string](m.d.tab, `window.spotted`)
	var out spot
	require.NoError(m.d.t, json.Unmarshal([]byte(raw), &out))
	return out
}

// reach clicks again where a message that appeared has moved the field away from under the mouse.
func (m mouse) reach(what, js string) {
	m.d.t.Helper()
	for range 10 {
		m.hit(what, js)
		if eval[bool](m.d.tab, `document.activeElement === `+js) {
			return
		}
	}
	m.d.t.Fatalf("clicking does not lead to %s", what)
}

func (m mouse) hit(what, js string) {
	m.d.t.Helper()
	for tick := fmt.Sprintf(`(() => { const e = %s; return !!e && e.type === "checkbox" && !e.checked; })()`, js); eval[bool](m.d.tab, tick); {
		p := m.at(what, js)
		m.d.acts++
		m.d.do(chromedp.MouseClickXY(p.X, p.Y))
		if !eval[bool](m.d.tab, tick) {
			return
		}
	}
	p := m.at(what, js)
	m.d.acts++
	if eval[bool](m.d.tab, js+`.tagName === "SELECT"`) { // its list is no part of the page, so it is not opened here
		eval[bool](m.d.tab, js+`.focus() ?? true`)
		return
	}
	m.d.do(chromedp.MouseClickXY(p.X, p.Y))
}

// choose takes what the open list of a select would give.
func (m mouse) choose(label string) {
	m.d.t.Helper()
	eval[bool](m.d.tab, fmt.Sprintf(`(() => { const e = document.activeElement, o = [...e.options].find((o) => o.text === %q); e.value = o.value; for (const t of ["input", "change"]) e.dispatchEvent(new Event(t, {bubbles: true})); return true; })()`, label))
}

func (m mouse) command(words, _ string, _ int64) { m.d.t.Helper(); m.hit(words, button(words)) }

// button finds what can be clicked by its words.
func button(words string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("main a, main button")].find((e) => e.checkVisibility() && ((e.getAttribute("aria-label") ?? "") === %q || e.innerText.trim() === %[1]q))`, words)
}

// portSpot is where a way out stands.
func (d *drawer) portSpot(id, port string) spot {
	d.t.Helper()
	return d.spotOf(fmt.Sprintf(`.react-flow__node[data-id=%q] [data-handleid=%q]`, id, port))
}

// From an empty canvas the flow that ships is built with the mouse: nodes are dragged from
// the palette, connected by dragging, their forms filled in. It is the flow that ships, by its
// hash, and goes to review.
func TestCanvas_BuildsTheEmployeeFlowWithTheMouse(t *testing.T) {
	t.Parallel()
	s, base := startServer(t)
	bo := addPerson(t, s.DB, "bo@example.com", "Bo Builder", auth.Builder)
	want, hash := employee(t, s.DB, bo.Actor())
	b := openTab(t, base)
	b.use(screen{"large", 1600, 1000, "light"})
	d := &drawer{tab: b}
	d.hand = mouse{d}
	b.signIn("bo@example.com", password)
	began := time.Now()

	b.visit("/flows")
	d.hit("New flow", button("New flow"))
	d.pageIs("/flows/new")
	d.hit("Empty canvas", `[...document.querySelectorAll("main a")].find((e) => e.innerText.includes("Empty canvas") || e.getAttribute("href") === "/templates/canvas")`)
	d.pageIs("/templates/canvas")
	d.write("main", "name", want.Name)
	d.write("main", "key", want.Key)
	d.hit("Begin", `document.querySelector("main form button[type=submit]")`)
	d.pageIs("/flows/employee/canvas")
	b.until("the canvas", `document.querySelector(".island[data-ready=yes] .react-flow__pane") !== null`)
	for range 7 {
		d.hit("Smaller", button("Smaller"))
	}
	b.until("a small scale", `parseInt(document.querySelector(".zoom-now").innerText) < 32`)
	area := b.spotOf(".react-flow__pane") // its middle
	left, top := 345.0, area.Y-360
	for i, n := range want.Nodes {
		d.before = i
		spec := nodeSpec(n.Type)
		d.dragType(spec.Title, spot{left + float64(i%7)*125, top + float64(i/7)*88})
		d.acts++
		d.added(n)
		d.node(n)
	}
	d.took("nodes", began, 0)
	d.hit("Close", q(`.drawer [aria-label="Close"]`))
	b.until("all ids", fmt.Sprintf(`(() => { const ids = %s; return ids.every((id) => document.querySelector('.react-flow__node[data-id="' + id + '"]')); })()`, idList(want)))
	edges, acts := time.Now(), d.acts
	for _, e := range want.Edges {
		from, port := e.Split()
		to := b.spotOf(fmt.Sprintf(`.react-flow__node[data-id=%q]`, e.To))
		b.pull(d.portSpot(string(from), port), to)
		d.acts++
		b.until("the edge "+e.From+" to "+string(e.To), fmt.Sprintf(`document.querySelector('.react-flow__edge[data-id="%s>%s"]') !== null`, e.From, e.To))
	}
	d.took("edges", edges, acts)
	b.shot("canvas-built-by-mouse")
	d.finish(s, want, began)
	sameFlow(t, s, want, hash)
	require.False(t, strings.Contains(b.text(), "problem to solve"))
	b.clean()
}
