package e2e

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// A function is begun, typed with a mistake that is told where it is, mended, tested until it passes, run with a sample; a
// reload loses nothing, and what another tab saved is not overwritten.
func TestDemo_FunctionEditor(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	b := openTab(t, d.base)
	b.use(screens()[0])
	b.signIn("builder@demo.example", d.passwords["builder@demo.example"])
	b.visit("/functions/new")
	b.everySize("function-new")
	b.fill("name", "Department group")
	b.fill("key", "department-group")
	b.follow("Open the editor")
	b.until("the editor", `document.querySelector("form[data-function]").dataset.ready === "yes"`)
	const code = `document.querySelector(".code-host").shadowRoot`
	typed := func(text string) {
		t.Helper()
		eval[bool](b, `(`+code+`.querySelector(".cm-content").focus(), true)`)
		b.key("a", ctrl)
		b.typed(text)
	}
	state := func(text string) {
		b.until(text, fmt.Sprintf(`document.querySelector("[data-state]").textContent.includes(%q)`, text))
	}
	findings := func(text string) {
		b.until(text, fmt.Sprintf(`document.querySelector("[data-findings]").innerText.includes(%q)`, text))
	}
	source := func() string { return eval[string](b, `document.querySelector("[name=source]").value`) }

	typed("return function(input)\n  if input.department == \"\" then fail(\"no-department\", \"Fill it in.\") end\n  local group = \"dept-\" .. text.slugg(input.department)\n  return {group = group}\nend\n")
	findings("Did you mean text.slug?")
	b.until("the place of it", `document.querySelector(".code-host").shadowRoot.querySelector(".cm-lintRange-error")?.textContent === "text.slugg"`)
	state("Saved as revision 2")
	b.everySize("function-mistake")
	require.Contains(t, source(), "text.slugg")

	typed("return function(input)\n  if input.department == \"\" then fail(\"no-department\", \"Fill it in.\") end\n  local group = \"dep-\" .. text.slug(input.department)\n  return {group = group}\nend\n")
	b.until("no finding", `document.querySelector("[data-findings]").innerText.trim() === ""`)
	field := func(table, name string) {
		t.Helper()
		eval[bool](b, fmt.Sprintf(`(document.querySelector("[data-sheet=%s] [data-tool=add]").click(), true)`, table))
		b.typed(name)
	}
	field("input", "department")
	field("output", "group")
	b.until("columns for both", `document.querySelector('[name="t.tests.c0.in.department"]') !== null && document.querySelector('[name="t.tests.c0.out.group"]') !== null`)
	b.fill("t.tests.c0.name", "a department")
	b.fill("t.tests.c0.in.department", "Sales EMEA")
	b.fill("t.tests.c0.out.group", "dept-sales-emea")
	b.press("Run all")
	b.until("it fails", `document.querySelector("[data-results]").innerText.includes("1 of 1 fail")`)
	b.says("From what was expected to what came")
	b.everySize("function-fails")

	typed("return function(input)\n  if input.department == \"\" then\n    fail(\"no-department\", \"Fill it in.\")\n  end\n  local group = \"dept-\" .. text.slug(input.department)\n  return {group = group}\nend\n")
	b.key("Enter", ctrl)
	b.until("it passes", `document.querySelector("[data-results]").innerText.includes("1 test passes")`)
	b.until("a line that no test ran", code+`.querySelectorAll(".cover-missed").length === 1 && `+code+`.querySelectorAll(".cover-ran").length > 3`)
	b.press("Try small changes")
	b.until("survivors", `document.querySelector("[data-coverage]").innerText.includes("did not notice")`)
	b.everySize("function-passes")

	// A field that the input gets is a column of the tests; keys add rows and move them.
	field("input", "level")
	b.until("a column for it", `document.querySelector('[name="t.tests.c0.in.level"]') !== null`)
	eval[bool](b, `(document.querySelector('[name="t.tests.c0.name"]').focus(), true)`)
	b.key("Enter", 0)
	b.typed("another")
	b.key("ArrowUp", alt)
	b.until("it stands first", `document.querySelector("[data-sheet=tests] [data-rows] textarea").value === "another"`)
	b.key("Delete", alt)
	state("Saved as revision")

	// What a function is called with is tried too; what it asks needs a grant.
	b.fill("sample.input", "department: Legal")
	b.press("Run")
	b.until("the outcome", `document.querySelector("[data-outcome]").innerText.includes("dept-legal")`)
	require.Contains(t, eval[string](b, `document.querySelector("[data-outcome]").innerText`), "Steps of the machine")
	typed("return function(input)\n  return {group = directory.group_exists(\"demo-scim\", \"x\")}\nend\n")
	b.until("the missing grant", `document.querySelector("[data-grant-notes]").innerText.includes("directory:demo-scim:groups.find")`)
	b.everySize("function-sample")

	// The keyboard leaves the code by Escape and Tab, and that is told; F1 explains.
	b.key("Escape", 0)
	b.until("told", `document.querySelector("[data-announce]").textContent.includes("Tab now leaves")`)
	b.key("Tab", 0)
	require.False(t, eval[bool](b, `document.activeElement.classList.contains("code-host")`), "Tab left the code")

	// A reload just after typing loses nothing.
	typed("-- typed just now\nreturn function(input) return {} end\n")
	b.visit("/functions/department-group")
	b.until("the editor", `document.querySelector("form[data-function]").dataset.ready === "yes"`)
	require.Contains(t, source(), "typed just now")
	state("Saved as revision")

	b.expect = append(b.expect, "409")
	// Another tab that saves first is not overwritten.
	other := openTab(t, d.base)
	other.use(screens()[0])
	other.signIn("builder@demo.example", d.passwords["builder@demo.example"])
	other.visit("/functions/department-group")
	other.fill("description", "By the other one")
	other.until("saved", `document.querySelector("[data-state]").textContent.includes("Saved as revision")`)
	b.fill("description", "By the first one")
	b.until("the conflict", `document.querySelector("[data-conflict] [data-overwrite]") !== null`)
	b.everySize("function-conflict")
	b.press("Save mine after it")
	state("Saved as revision")
	b.visit("/functions/department-group/revisions")
	b.says("Written in the editor")
	b.clean()
	other.clean()
}
