package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/flow"
)

// keyboard reaches by Tab alone. What has the focus on the way is to be seen.
type keyboard struct{ d *drawer }

// reach goes towards an element, forwards or backwards.
func (k keyboard) reach(what, js string) {
	k.d.t.Helper()
	k.until(what+" to go to", js+` != null`)
	step := `(() => { const t = ` + js + `, e = document.activeElement; if (!t) return "gone"; if (e === document.body) return "on";
		const unseen = (` + unseen + `)(e); if (unseen) return unseen;
		if (e === t) return "there";
		return e.compareDocumentPosition(t) & Node.DOCUMENT_POSITION_FOLLOWING ? "on" : "back"; })()`
	turns, waits, last := 0, 0, ""
	for range 400 {
		said := eval[string](k.d.tab, step)
		switch said {
		case "there":
			return
		case "on":
			k.press("Tab", 0)
		case "back":
			k.press("Tab", shift)
		default: // what is above may just have grown, and the page scrolls after it
			if waits++; waits > 40 {
				k.d.shot("keys-failed")
				k.d.t.Fatalf("on the way to %s the focus is %s", what, said)
			}
			time.Sleep(25 * time.Millisecond)
			continue
		}
		waits = 0
		if said != last {
			turns, last = turns+1, said
		}
		if turns > 8 { // to and fro around something that no key leads to
			break
		}
	}
	k.d.shot("keys-failed")
	k.d.t.Fatalf("keys do not lead to %s, which is %s; the focus is at %s", what, eval[string](k.d.tab, js+`?.outerHTML.slice(0, 300) ?? "not there"`), eval[string](k.d.tab, `document.activeElement.outerHTML.slice(0, 300)`))
}

func (k keyboard) press(name string, with int64) {
	k.d.t.Helper()
	k.d.acts++
	k.d.key(name, with)
}

func (k keyboard) hit(what, js string) {
	k.d.t.Helper()
	k.reach(what, js)
	if eval[bool](k.d.tab, js+`.type === "checkbox"`) {
		if !eval[bool](k.d.tab, js+`.checked`) {
			k.press(" ", 0)
			k.until(what+" ticked", js+`.checked`)
		}
		return
	}
	k.press("Enter", 0)
}

// choose types what an option begins with, and goes on with arrows where more begin so.
func (k keyboard) choose(label string) {
	k.d.t.Helper()
	k.d.acts++
	k.d.do(chromedp.KeyEvent(label[:1]))
	for range 60 {
		switch way := eval[int](k.d.tab, fmt.Sprintf(`(() => { const e = document.activeElement; return [...e.options].findIndex((o) => o.text === %q) - e.selectedIndex; })()`, label)); {
		case way == 0:
			return
		case way > 0:
			k.press("ArrowDown", 0)
		default:
			k.press("ArrowUp", 0)
		}
	}
	k.d.t.Fatalf("arrows do not lead to %s", label)
}

func (k keyboard) command(_, name string, with int64) { k.d.t.Helper(); k.press(name, with) }

// until asks more often at first: what follows a key is there at once.
func (k keyboard) until(what, js string) {
	k.d.t.Helper()
	for range 20 {
		if ok, err := chromedp.Run(k.d.ctx, chromedp.Evaluate[bool](js)); err == nil && ok {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	k.d.until(what, js)
}

// pick finds something in the list that is open, and takes it.
func (k keyboard) pick(list, text, title string) {
	k.d.t.Helper()
	k.until("the list "+list, fmt.Sprintf(`document.querySelector("dialog.picker[open]")?.getAttribute("aria-label") === %q && document.activeElement.matches("dialog.picker input") && document.activeElement.value === ""`, list))
	k.d.acts++
	k.d.typed(text)
	k.until(title+" at the top of "+list, fmt.Sprintf(`document.querySelector('dialog.picker [role=option][aria-selected=true] .picker-text > span')?.innerText === %q`, title))
	k.press("Enter", 0)
}

// at waits until a node is chosen and has the focus, which is to be seen.
func (k keyboard) at(id string) {
	k.d.t.Helper()
	k.until("the focus at "+id, fmt.Sprintf(`document.activeElement.matches('.react-flow__node.selected[data-id=%q]')`, id))
	k.until(id+" to be seen", `(`+unseen+`)(document.activeElement) === ""`)
}

// add puts a node beside what is there, or after the chosen one, and fills in its form.
func (k keyboard) add(n flow.Node) {
	k.d.t.Helper()
	k.press("/", 0)
	k.pick("Add a node", nodeSpec(n.Type).Title, nodeSpec(n.Type).Title)
	k.at(k.d.added(n))
	k.press("Enter", 0)
	k.until("the focus in the form", `document.activeElement.closest(".drawer form") !== null`)
	k.d.node(n)
	k.press("Escape", 0) // back to the drawing
	k.at(string(n.ID))
}

// connect leads a way out of the chosen node to another node.
func (k keyboard) connect(e flow.Edge, to flow.Node) {
	k.d.t.Helper()
	_, port := e.Split()
	k.press("c", 0)
	k.pick("Which way out?", port, port)
	k.pick("Connect to", string(to.ID), to.Name)
	k.until("the edge "+e.From+" to "+string(e.To), fmt.Sprintf(`document.querySelector('.react-flow__edge[data-id="%s>%s"]') !== null && !document.querySelector("dialog[open]")`, e.From, e.To))
}

// still asks for less motion, as some people do.
func (b *tab) still() {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "light"}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
	require.NoError(b.t, err)
}

// find goes to a node by its id.
func (k keyboard) find(n flow.Node) {
	k.d.t.Helper()
	k.press("f", ctrl)
	k.pick("Find a node", string(n.ID), n.Name)
	k.at(string(n.ID))
	require.Zero(k.d.t, eval[int](k.d.tab, `document.getAnimations().length`), "nothing moves for whoever wants less motion")
}

// From an empty canvas the flow that ships is built with keys alone: the focus is always to be seen
// and never lost. It is the flow that ships, by its hash, and goes to review.
func TestCanvas_BuildsTheEmployeeFlowWithTheKeyboard(t *testing.T) {
	t.Parallel()
	s, base := startServer(t)
	bo := addPerson(t, s.DB, "bo@example.com", "Bo Builder", auth.Builder)
	want, hash := employee(t, s.DB, bo.Actor())
	b := openTab(t, base)
	b.use(screen{"large", 1600, 1000, "light"})
	b.still()
	d := &drawer{tab: b}
	k := keyboard{d}
	d.hand = k
	b.signIn("bo@example.com", password)
	began := time.Now()

	b.visit("/flows")
	d.hit("New flow", button("New flow"))
	d.pageIs("/flows/new")
	d.hit("Empty canvas", `[...document.querySelectorAll("main a")].find((e) => e.getAttribute("href") === "/templates/canvas")`)
	d.pageIs("/templates/canvas")
	d.write("main", "name", want.Name)
	d.write("main", "key", want.Key)
	k.press("Enter", 0)
	d.pageIs("/flows/employee/canvas")
	k.until("the canvas", `document.querySelector(".island[data-ready=yes] .react-flow__pane") !== null`)
	nodes := map[string]flow.Node{}
	for i, n := range want.Nodes {
		d.before = i
		nodes[string(n.ID)] = n
		if i != 1 { // the second one follows the first, which is chosen
			k.press("Escape", 0)
			k.until("nothing chosen", `document.querySelector(".react-flow__node.selected") === null`)
		}
		k.add(n)
	}
	d.took("nodes", began, 0)
	edges, acts := time.Now(), d.acts
	first := want.Edges[0]
	k.until("the edge that came with the second node", fmt.Sprintf(`document.querySelector('.react-flow__edge[data-id="%s>%s"]') !== null`, first.From, first.To))
	at := ""
	for _, e := range want.Edges[1:] {
		from, _ := e.Split()
		if at != string(from) {
			at = string(from)
			k.find(nodes[at])
		}
		k.connect(e, nodes[string(e.To)])
		k.at(at)
	}
	d.took("edges", edges, acts)

	// A node is put on an edge, and taken back.
	wire := fmt.Sprintf(`document.querySelector('.react-flow__edge[data-id="%s>%s"]')`, first.From, first.To)
	k.find(want.Nodes[0])
	k.hit("the edge", wire)
	k.until("the edge chosen", wire+`.classList.contains("selected")`)
	k.press("/", 0)
	k.pick("Insert a node", nodeSpec("stop").Title, nodeSpec("stop").Title)
	k.until("one more", fmt.Sprintf(`document.querySelectorAll(".react-flow__node-box").length > %d && %s === null`, len(want.Nodes), wire))
	k.press("z", ctrl)
	k.until("it is gone again", fmt.Sprintf(`document.querySelectorAll(".react-flow__node-box").length === %d && %s !== null`, len(want.Nodes), wire))
	k.until("the focus at a node", `document.activeElement.matches(".react-flow__node")`)
	b.shot("canvas-built-by-keys")
	d.finish(s, want, began)
	sameFlow(t, s, want, hash)
	b.clean()
}
