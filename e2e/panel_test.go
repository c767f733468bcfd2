package e2e

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// The form of a node helps while somebody writes an expression: it tells what is wrong at the field, offers what fits at
// the cursor, shows what comes of it for a sample, and puts in a value that is chosen from the list; by keyboard alone.
func TestDemo_Panel(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	b := openTab(t, d.base)
	everySize := func(name string) {
		for _, sc := range screens() {
			b.use(sc)
			eval[bool](b, `(scrollTo(0, 0), true)`)
			b.look(name + "-" + sc.name)
		}
		b.use(screens()[0])
	}
	b.use(screens()[0])
	b.signIn("builder@demo.example", d.passwords["builder@demo.example"])
	b.visit("/flows/employee-joiner")
	everySize("outline")
	b.visit("/flows/employee-joiner/settings")
	everySize("outline-settings")
	b.visit("/flows/employee-joiner/nodes/tell_it")
	everySize("panel")
	subject := `document.querySelector('[name="p_subject"]')`
	state := func(text string) {
		b.until("the state "+text, fmt.Sprintf(`document.querySelector("[data-panel-state]").textContent === %q`, text))
	}
	b.until("the names", `performance.getEntriesByType("resource").some((e) => e.name.endsWith("/canvas/complete") && e.responseEnd > 0)`)

	// Completion: the keyboard chooses, and the field says so to a screen reader.
	eval[bool](b, subject+`.select() ?? true`)
	b.typed("Welcome {{ joiner.dep")
	b.until("the suggestion", `document.querySelector(".complete:popover-open [aria-selected=true] code")?.textContent === "department"`)
	require.Equal(t, eval[string](b, `document.querySelector(".complete [aria-selected=true]").id`), eval[string](b, subject+`.getAttribute("aria-activedescendant")`))
	everySize("panel-complete")
	b.key("Enter", 0)
	require.Equal(t, "Welcome {{ joiner.department", eval[string](b, subject+`.value`))
	b.typed(" }} {{ Low")
	b.until("the helper", `document.querySelector(".complete:popover-open [aria-selected=true] code")?.textContent === "Lower"`)
	b.key("Enter", 0)
	b.until("its help", `document.querySelector(".signature:popover-open")?.textContent.startsWith("Lower(text)")`)
	b.typed("joiner.last_nam")
	b.key("Escape", 0)
	b.until("the list closed", `!document.querySelector(".complete:popover-open")`)
	eval[bool](b, `(() => { const s = `+subject+`; s.setSelectionRange(s.value.length, s.value.length); return true; })()`)
	b.typed(" }}")
	b.until("the error in place", subject+`.closest(".field").querySelector(".error")?.textContent.includes('Did you mean "last_name"?')`)
	require.Equal(t, "true", eval[string](b, subject+`.getAttribute("aria-invalid")`))
	everySize("panel-wrong")
	eval[bool](b, subject+`.select() ?? true`)
	b.typed("Welcome {{ Upper(joiner.last_name) }}")
	b.until("the preview", `document.querySelector('[data-preview="p_subject"]').textContent === "Welcome BRANDT"`)
	state("No problems.")

	// The list puts a value where the cursor was; Ctrl and the space bar open the suggestions.
	eval[bool](b, subject+`.select() ?? true`)
	b.typed("Starts ")
	eval[bool](b, `document.querySelector('[data-insert="joiner.start_date"]').focus() ?? true`)
	b.key("Enter", 0)
	b.until("the inserted name", subject+`.value === "Starts {{ joiner.start_date }}"`)
	eval[bool](b, subject+`.select() ?? true`)
	b.key("Delete", 0)
	b.key(" ", ctrl)
	b.until("everything offered", `[...document.querySelectorAll(".complete:popover-open code")].some((c) => c.textContent === "joiner")`)
	b.key("Enter", 0)
	b.until("the joiner's names", `document.querySelector(".complete:popover-open") && `+subject+`.value === "=joiner."`)
	b.key("Escape", 0)
	eval[bool](b, subject+`.select() ?? true`)
	b.typed("Hello {{ joiner.first_name }}")
	state("No problems.")

	// Lines of a list are added and taken away by keyboard.
	eval[bool](b, `document.querySelector('[data-entries="p_cc"] [data-line-add]').focus() ?? true`)
	b.key("Enter", 0)
	b.until("the empty line has the focus", `document.activeElement.name === "p_cc.0.value"`)
	b.typed("hr@example.com")
	eval[bool](b, `document.querySelector('[data-entries="p_cc"] [data-line-add]').focus() ?? true`)
	b.key("Enter", 0)
	b.until("the new line has the focus", `document.activeElement.name === "p_cc.1.value"`)
	b.typed("not@needed.example")
	eval[bool](b, `document.activeElement.closest("[data-line]").querySelector("[data-line-drop]").focus() ?? true`)
	b.key("Enter", 0)
	b.until("the line gone, the one before has the focus", `document.activeElement.name === "p_cc.0.value"`)
	b.follow("Save as a revision")
	b.says("Saved as a new revision.")
	b.says("hr@example.com")
	b.clean()
}
