package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// A policy is written by typing and by pasting a spreadsheet, tried, kept as a test, saved and submitted; a reviewer reads
// in words what it does and approves it.
func TestDemo_Policy(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	b := openTab(t, d.base)
	b.use(screens()[0])
	b.signIn("builder@demo.example", d.passwords["builder@demo.example"])
	b.visit("/policies/new")
	b.everySize("policy-new")
	b.visit("/policies/new?type=groups")
	b.everySize("policy-start")
	b.fill("name", "Department groups")
	b.fill("key", "department-groups")
	cell := func(row int, column string) string {
		return fmt.Sprintf(`document.querySelectorAll("[data-sheet=rows] [data-row]")[%d].querySelector("[data-col=%s] textarea")`, row, column)
	}
	state := func(text string) {
		b.until("the state "+text, fmt.Sprintf(`document.querySelector("[data-state]").textContent === %q`, text))
	}

	// Typing: Enter at the last row makes a new one, in the same column.
	eval[bool](b, cell(1, "groups")+`.focus() ?? true`)
	b.key("Enter", 0)
	b.until("a third row", `document.querySelectorAll("[data-sheet=rows] [data-row]").length === 3`)
	b.typed("vpn, wiki")
	b.until("the cell typed", cell(2, "groups")+`.value === "vpn, wiki"`)

	// A wrong name is told at its cell while typing.
	eval[bool](b, cell(2, "when")+`.focus() ?? true`)
	b.typed(`joiner.departmen == "IT"`)
	b.until("the error at the cell", cell(2, "when")+`.getAttribute("aria-invalid") === "true"`)
	b.everySize("policy-error")
	eval[bool](b, cell(2, "when")+`.select() ?? true`)
	b.typed(`joiner.department == "IT"`)
	state("No problems.")

	// A spreadsheet pasted into the last row's first cell fills it and grows the table.
	b.paste(cell(2, "when"), "joiner.department == \"IT\"\tvpn, wiki\tWorks on systems\tit@example.com\njoiner.location.startsWith(\"Ber\")\t\"site-berlin, site-de\"\tSits in Berlin\t\n")
	b.until("a fourth row", `document.querySelectorAll("[data-sheet=rows] [data-row]").length === 4`)
	require.Equal(t, "site-berlin, site-de", eval[string](b, cell(3, "groups")+`.value`))
	b.press("Undo")
	b.until("three rows again", `document.querySelectorAll("[data-sheet=rows] [data-row]").length === 3`)
	b.paste(cell(2, "when"), "joiner.department == \"IT\"\tvpn, wiki\tWorks on systems\tit@example.com\njoiner.location.startsWith(\"Ber\")\t\"site-berlin, site-de\"\tSits in Berlin\t\n")

	// The builder shows a condition without its text, and writes it back.
	eval[bool](b, `document.querySelectorAll("[data-condition]")[4].click() ?? true`)
	b.until("the builder", `document.querySelector("[data-builder]").open`)
	b.until("its comparison", `document.querySelector("[data-builder] [data-attribute]").value === "location"`)
	b.everySize("policy-builder")
	eval[bool](b, `(() => { const o = document.querySelector("[data-builder] [data-operator]"); o.value = "one_of"; const v = document.querySelector("[data-builder] [data-values]"); v.value = "Berlin, Bonn"; v.dispatchEvent(new Event("input", {bubbles: true})); return true; })()`)
	b.until("the preview", `document.querySelector("[data-words]").textContent.includes("in [")`)
	b.press("Use it")
	b.until("the cell", cell(3, "when")+`.value === 'joiner.location in ["Berlin", "Bonn"]'`)

	// The panel tries what is typed, and says which rows matched.
	b.fill("try.a.department", "IT")
	b.until("the outcome", `document.querySelector("[data-outcome]").innerText.includes("wiki")`)
	require.NotContains(t, eval[string](b, `document.querySelector("[data-outcome] .pairs").innerText`), "site-berlin")
	b.everySize("policy-tried")
	b.follow("Keep as test")
	b.says("2 tests pass")
	b.fill("message", "Groups by department and site")
	b.everySize("policy-kept")
	b.follow("Save as a revision")
	b.says("Saved as revision 1")
	b.visit("/policies")
	b.everySize("policies")
	b.visit("/policies/department-groups")
	b.follow("Submit for review")
	at := eval[string](b, `location.pathname`)

	reviewer := openTab(t, d.base)
	reviewer.use(screens()[0])
	reviewer.signIn("reviewer@demo.example", d.passwords["reviewer@demo.example"])
	reviewer.visit(at)
	reviewer.says("It is new.")
	reviewer.says("2 tests pass")
	reviewer.everySize("policy-review")
	reviewer.follow("Approve exactly this")
	reviewer.says("Approved")

	// The next change is told row by row.
	b.visit("/policies/department-groups")
	eval[bool](b, `(() => { const c = `+cell(1, "groups")+`; c.focus(); c.setSelectionRange(c.value.length, c.value.length); return true; })()`)
	b.typed(", sales-tools")
	eval[bool](b, cell(3, "groups")+`.focus() ?? true`)
	b.key("ArrowUp", alt)
	b.until("the row moved", cell(2, "when")+`.value.includes("Bonn")`)
	state("1 problem to solve.")
	b.follow("Save as a revision")
	b.visit("/policies/department-groups/diff?from=1&to=2")
	b.says("Groups now also sales-tools")
	b.says("moved up; it was row 4")
	b.everySize("policy-diff")
	b.clean()
	reviewer.clean()
}

// typed puts text into whatever has the focus, as a keyboard would.
func (b *tab) typed(text string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, input.InsertText, input.InsertTextParams{Text: text})
	require.NoError(b.t, err)
}

// Modifier keys, as the debugging protocol counts them.
const alt, ctrl, shift = 1, 2, 8

// key presses one key. A key whose press is prevented by the page types nothing.
func (b *tab) key(name string, modifiers int64) {
	b.t.Helper()
	codes := map[string]int64{"Enter": 13, "Tab": 9, "Escape": 27, " ": 32, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Delete": 46}
	code, text := name, map[string]string{"Enter": "\r", " ": " "}[name]
	if name == " " {
		code = "Space"
	}
	if len(name) == 1 && name >= "a" && name <= "z" {
		code, codes[name] = "Key"+strings.ToUpper(name), int64(name[0]-'a'+'A')
	}
	for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} {
		_, err := chromedp.Call(b.ctx, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: kind, Key: name, Code: code, Text: text, Modifiers: modifiers, WindowsVirtualKeyCode: codes[name]})
		require.NoError(b.t, err)
		text = ""
	}
}

// paste gives a cell what a spreadsheet copied.
func (b *tab) paste(cell, text string) {
	b.t.Helper()
	raw, err := json.Marshal(text)
	require.NoError(b.t, err)
	eval[bool](b, fmt.Sprintf(`(() => { const c = %s; c.focus(); const data = new DataTransfer(); data.setData("text/plain", %s); c.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true})); return true; })()`, cell, string(raw)))
}
