package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"joinery/internal/policy"
)

// handsOn is what somebody without a mouse writes with the form of one type of policy.
type handsOn struct {
	table string      // where the row goes, after its last one
	row   [][2]string // column and text; a choice is made by its first letters
	when  string      // the column with a condition that is built
	move  string      // a column with text, in which rows are moved, doubled, removed and pasted
	try   [][2]string // attributes of the joiner that is tried
	says  string      // what comes of it
}

func hands(typ string) handsOn {
	switch typ {
	case "naming":
		return handsOn{table: "candidates", row: [][2]string{{"space", "login"}, {"pattern", "{last}{f}"}}, when: "when", move: "pattern", try: [][2]string{{"first_name", "Ada"}, {"last_name", "Lovelace"}}, says: "alovelace"}
	case "groups":
		return handsOn{table: "rows", row: [][2]string{{"groups", "vpn, wiki"}, {"reason", "Works from home"}}, when: "when", move: "groups", try: [][2]string{{"department", "Legal"}}, says: "wiki"}
	case "mapping":
		return handsOn{table: "rows", row: [][2]string{{"attribute", "roomNumber"}, {"value", "=joiner.last_name"}, {"apply", "on"}}, when: "when", move: "attribute", try: [][2]string{{"first_name", "Ada"}, {"last_name", "Lovelace"}}, says: "Ada Lovelace"}
	case "write-back":
		return handsOn{table: "fields", row: [][2]string{{"connection", "Demo"}, {"field", "work_phone"}, {"owner", "Joinery"}, {"write", "if empty"}}, move: "field", try: [][2]string{{"first_name", "Ada"}}, says: "work_phone"}
	case "calendar":
		return handsOn{table: "rows", row: [][2]string{{"name", "Founders' day"}, {"date", "2027-06-01"}}, move: "name", try: [][2]string{{"first_name", "Ada"}}, says: "Decided in"}
	case "correlation":
		return handsOn{table: "rules", row: [][2]string{{"name", "Mobile"}, {"fields", "mobile, last_name"}, {"weight", "0.5"}}, move: "name", try: [][2]string{{"first_name", "Ada"}, {"last_name", "Lovelace"}}, says: "Decided in"}
	}
	return handsOn{}
}

// Every type of policy is written, tried, tested, saved and submitted with keys alone, and approved by another person
// with keys alone. The focus is always to be seen, and never lost. On the way each form is looked at.
func TestDemo_PolicyByKeyboard(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	b, reviewer := openTab(t, d.base), openTab(t, d.base)
	b.use(screens()[0])
	reviewer.use(screens()[0])
	b.signIn("builder@demo.example", d.passwords["builder@demo.example"])
	reviewer.signIn("reviewer@demo.example", d.passwords["reviewer@demo.example"])
	for _, spec := range policy.Specs() {
		h := hands(spec.Type)
		require.NotEmpty(t, h.table, "say here how %s is written by hand", spec.Type)
		b.visit("/policies")
		b.skip()
		b.goTo("link New policy")
		b.enter()
		b.skip()
		b.goTo("link " + spec.Title)
		b.enter()
		b.says(spec.Help)
		folds := `for (const x of document.querySelectorAll("details.case, details.more-table"))`
		eval[bool](b, `(() => { `+folds+` x.open = true; return true; })()`)
		b.everySize("policy-type-" + spec.Type)
		eval[bool](b, `(() => { `+folds+` x.open = false; return true; })()`)

		b.skip()
		b.goTo("field name")
		b.types("By hand " + spec.Type)
		b.goTo("field key")
		b.types("by-hand-" + spec.Type)
		b.writeRow(h)
		b.arrange(h)
		if h.when != "" {
			b.build(h)
		}
		for _, a := range h.try {
			b.goTo("field try.a." + a[0])
			b.types(a[1])
		}
		b.until("an outcome with "+h.says, fmt.Sprintf(`document.querySelector("[data-outcome]").innerText.includes(%q)`, h.says))
		b.until("no problems", `document.querySelector("[data-state]").textContent === "No problems."`)
		b.clean()

		// A test is added and taken away again; what was tried is kept as one.
		b.goTo("button Add a test")
		b.key("Enter", 0)
		b.heard("Test added")
		b.at("a field of the new test", `name.endsWith(".name") && name.startsWith("case.")`)
		b.types("Not this one")
		b.goTo("button Remove this test")
		b.key("Enter", 0)
		b.heard("Test removed")
		b.at("the button that adds one", `text === "Add a test"`)
		b.backTo("button Keep as test")
		b.enter()
		b.says("The test is below.")
		b.skip()
		b.goTo("field message")
		b.types("Written without a mouse")
		b.goTo("button Save as a revision")
		b.enter()
		b.says("Saved as revision 1")
		b.skip()
		b.goTo("button Submit for review")
		b.enter()
		at := eval[string](b, `location.pathname`)
		require.Contains(t, at, "/reviews/")

		reviewer.visit(at)
		reviewer.skip()
		reviewer.goTo("button Approve exactly this")
		reviewer.enter()
		reviewer.says("Approved")
		reviewer.clean()
		b.clean()
	}
}

// writeRow adds a row below the last one with Enter, and fills it from cell to cell.
func (b *tab) writeRow(h handsOn) {
	b.t.Helper()
	rows := fmt.Sprintf(`document.querySelectorAll("[data-sheet=%s] [data-row]").length`, h.table)
	before := eval[int](b, rows)
	first := eval[string](b, fmt.Sprintf(`document.querySelector("[data-sheet=%s] [data-row] [data-col]").dataset.col`, h.table))
	b.goTo(fmt.Sprintf("cell %s %d %s", h.table, before-1, first))
	b.key("Enter", 0)
	b.heard("Row added")
	require.Equal(b.t, before+1, eval[int](b, rows))
	b.at("the new row", fmt.Sprintf(`col === %q && row === %d`, first, before))
	for _, c := range h.row {
		if c[0] != first {
			b.goTo(fmt.Sprintf("cell %s %d %s", h.table, before, c[0]))
		}
		b.types(c[1])
	}
}

// arrange moves, doubles, removes and pastes rows. Each is told, and the focus stays with the row or beside it.
func (b *tab) arrange(h handsOn) {
	b.t.Helper()
	all := fmt.Sprintf(`document.querySelectorAll("[data-sheet=%s] [data-row]").length`, h.table)
	n := eval[int](b, all)
	in := func(row int) string { return fmt.Sprintf(`col === %q && row === %d`, h.move, row) }
	if !eval[bool](b, `(() => { const `+focused+`; return `+in(n-1)+`; })()`) {
		b.backTo(fmt.Sprintf("cell %s %d %s", h.table, n-1, h.move))
	}
	b.key("ArrowUp", alt)
	b.heard(fmt.Sprintf("Moved to row %d of %d", n-1, n))
	b.at("the moved row", in(n-2))
	b.key("ArrowDown", alt)
	b.heard(fmt.Sprintf("Moved to row %d of %d", n, n))
	b.key("ArrowDown", alt|shift)
	b.heard("Row duplicated")
	b.at("the twin", fmt.Sprintf(`row === %d`, n))
	b.key("Delete", alt)
	b.heard("Row removed")
	b.at("the row before it", fmt.Sprintf(`row === %d`, n-1))
	b.key("z", ctrl)
	b.heard("Undone")
	b.key("Delete", alt)
	b.heard("Row removed")
	b.key("Escape", 0)
	b.at("the same cell", fmt.Sprintf(`row === %d`, n-1))

	// Two lines that were copied fill two rows.
	cell := fmt.Sprintf(`document.querySelectorAll("[data-sheet=%s] [data-row]")[%d].querySelector("[data-col=%s] textarea")`, h.table, n-1, h.move)
	if !eval[bool](b, `(() => { const `+focused+`; return `+in(n-1)+`; })()`) {
		b.goTo(fmt.Sprintf("cell %s %d %s", h.table, n-1, h.move))
	}
	was := eval[string](b, cell+".value")
	b.key("a", ctrl)
	b.keys("one")
	b.key("Enter", alt)
	b.keys("two")
	b.key("a", ctrl)
	b.key("x", ctrl)
	b.key("v", ctrl)
	b.heard("2 rows pasted")
	require.Equal(b.t, n+1, eval[int](b, all))
	require.Equal(b.t, "one", eval[string](b, cell+".value"))
	b.at("the cell it was pasted into", in(n-1))
	b.key("z", ctrl)
	b.heard("Undone")
	require.Equal(b.t, n, eval[int](b, all))
	b.at("the cell it was pasted into", in(n-1))
	b.key("a", ctrl)
	b.keys(was)
	b.until("the text as it was", fmt.Sprintf("%s.value === %q", cell, was))
}

// build makes a condition of the last row with the builder.
func (b *tab) build(h handsOn) {
	b.t.Helper()
	n := eval[int](b, fmt.Sprintf(`document.querySelectorAll("[data-sheet=%s] [data-row]").length`, h.table))
	if eval[int](b, fmt.Sprintf(`(() => { const all = [...document.querySelectorAll("[data-sheet=%s] [data-row]:last-child [data-col]")].map((c) => c.dataset.col); return all.indexOf(%q) - all.indexOf(%q); })()`, h.table, h.when, h.move)) < 0 {
		b.backTo(fmt.Sprintf("cell %s %d %s", h.table, n-1, h.when))
	}
	open := func() {
		b.goTo(fmt.Sprintf("button Build the condition of row %d", n))
		b.key("Enter", 0)
		b.until("the builder", `document.querySelector("[data-builder]").open && document.activeElement.matches("[data-attribute]")`)
	}
	open()
	b.key("Escape", 0)
	b.until("the builder closed", `!document.querySelector("[data-builder]").open`)
	b.at("the cell", fmt.Sprintf(`col === %q`, h.when))
	open()
	b.keys("department")
	b.key("Tab", 0)
	b.key("Tab", 0)
	b.keys("Legal")
	b.until("what it means", `document.querySelector("[data-words]").textContent.includes("Legal")`)
	b.key("Enter", 0)
	b.heard("Condition set")
	b.at("the cell", fmt.Sprintf(`col === %q && e.value === 'joiner.department == "Legal"'`, h.when))
}

// focused reads what has the focus: the element, what it is called and where in a table it is.
const focused = `e = document.activeElement, name = e.name ?? "", text = (e.getAttribute("aria-label") ?? e.innerText ?? "").trim(),
	col = e.matches("textarea, select, input") ? e.closest("[data-col]")?.dataset.col : undefined, r = e.closest("[data-row]"), row = r ? [...r.parentElement.children].indexOf(r) : -1,
	sheet = e.closest("[data-sheet]")?.dataset.sheet`

// unseen says why what has the focus cannot be seen; nothing where it can. An edge shows it by its line.
const unseen = `(e) => {
	const box = e.getBoundingClientRect(), style = getComputedStyle(e), says = e.outerHTML.slice(0, 150);
	if (e.matches(".react-flow__edge")) return getComputedStyle(e.querySelector(".react-flow__edge-path")).strokeWidth === "3px" ? "" : "not to be seen: " + says;
	if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) === 0) return "not to be seen: " + says;
	const x = box.left + Math.min(box.width / 2, 12), y = box.top + Math.min(box.height / 2, 10), hit = document.elementFromPoint(x, y);
	return hit && (e.contains(hit) || hit.closest("label")?.contains(e)) ? "" : "covered: " + says + " by " + (hit?.outerHTML ?? "nothing").slice(0, 150);
}`

// wanted is the condition for "field name", "link text", "button text" and "cell table row column".
func wanted(what string) string {
	kind, rest, _ := strings.Cut(what, " ")
	switch kind {
	case "field":
		return fmt.Sprintf(`name === %q`, rest)
	case "cell":
		at := strings.Fields(rest)
		return fmt.Sprintf(`sheet === %q && row === %s && col === %q`, at[0], at[1], at[2])
	case "link":
		return fmt.Sprintf(`e.tagName === "A" && text.split("\n")[0].trim() === %q`, rest)
	}
	return fmt.Sprintf(`e.tagName === "BUTTON" && text.split("\n")[0].trim() === %q`, rest)
}

// goTo presses Tab, and backTo Shift and Tab, until something has the focus; what has it on the way is to be seen.
func (b *tab) goTo(what string) { b.t.Helper(); b.walk(what, 0) }

func (b *tab) backTo(what string) { b.t.Helper(); b.walk(what, shift) }

func (b *tab) walk(what string, with int64) {
	b.t.Helper()
	js := `(() => { const ` + focused + `;
		if (e === document.body) return "lost";
		const unseen = (` + unseen + `)(e); if (unseen) return unseen;
		return (` + wanted(what) + `) ? "there" : ""; })()`
	passed := 0
	for range 400 {
		b.key("Tab", with)
		switch said := eval[string](b, js); {
		case said == "there":
			return
		case said == "lost": // past the last element of the page the browser's own parts have it, once
			if passed++; passed > 1 {
				b.t.Fatalf("keys do not lead to %s; the page says:\n%s", what, b.text())
			}
		case said != "":
			b.t.Fatalf("on the way to %s the focus is %s", what, said)
		}
	}
	b.t.Fatalf("keys do not lead to %s; the page says:\n%s", what, b.text())
}

// skip starts a page the way it offers: the first key leads to the link past the navigation.
func (b *tab) skip() {
	b.t.Helper()
	if eval[bool](b, `document.activeElement !== document.body`) {
		return // the page itself put the focus where something is to be done
	}
	b.goTo("link Skip to the page")
	b.key("Enter", 0)
}

// at says that the focus is where it should be.
func (b *tab) at(what, js string) {
	b.t.Helper()
	b.until("the focus at "+what, `(() => { const `+focused+`; return `+js+`; })()`)
}

// heard waits for what a screen reader is told.
func (b *tab) heard(text string) {
	b.t.Helper()
	b.until("told: "+text, fmt.Sprintf(`document.querySelector("[data-announce]").textContent === %q`, text))
	eval[bool](b, `(document.querySelector("[data-announce]").textContent = "", true)`)
}

// types replaces what the focused field holds; a choice is made by its first letters.
func (b *tab) types(text string) {
	b.t.Helper()
	if eval[string](b, `document.activeElement.tagName`) != "SELECT" {
		b.key("a", ctrl)
	}
	b.keys(text)
}

// keys presses the keys of a text.
func (b *tab) keys(text string) { b.t.Helper(); b.do(chromedp.KeyEvent(text)) }

// enter presses Enter and waits for the page that follows.
func (b *tab) enter() {
	b.t.Helper()
	eval[bool](b, `window.beforeThat = true`)
	b.key("Enter", 0)
	b.until("a new page", `!window.beforeThat && document.readyState === "complete"`)
}
