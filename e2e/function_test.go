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
	b.fill("sample.in.department", "Legal")
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

	// What systems answer in a test, and what it expects to be planned.
	typed("return function(input)\n  local group = \"dept-\" .. text.slug(input.department)\n  if directory.group_exists(\"demo-scim\", group) then\n    plan.add_group(\"demo-scim\", group)\n    plan.set(\"demo-scim\", \"title\", \"42\")\n  end\n  return {group = group}\nend\n")
	b.answerByKeys()

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

// answerByKeys fills in what a system answers in a test and what the test expects to be
// planned: rows whose choices follow from what is granted, with keys alone.
func (b *tab) answerByKeys() {
	b.t.Helper()
	for _, grant := range []string{"groups.find", "groups.add", "accounts.set"} {
		eval[bool](b, fmt.Sprintf(`(document.querySelector('input[name=grant][value="directory:demo-scim:%s"]').click(), true)`, grant))
	}
	b.until("both tables", `document.querySelector("[data-sheet=answers] [data-tool=add]") !== null && document.querySelector("[data-sheet=plans] template").innerHTML.includes("plan.add_group</option>")`)
	cell := func(sheet string, row int, column string) string {
		return fmt.Sprintf(`document.querySelectorAll("[data-sheet=%s] [data-rows] [data-row]")[%d]?.querySelector('[data-col="%s"]')?.querySelector("textarea, select")`, sheet, row, column)
	}
	value := func(sheet string, row int, column, want string) {
		b.t.Helper()
		b.until(fmt.Sprintf("%s in row %d of %s", column, row, sheet), cell(sheet, row, column)+fmt.Sprintf(`?.value === %q`, want))
	}
	results := func(text string) {
		b.t.Helper()
		b.key("Enter", ctrl)
		b.until(text, fmt.Sprintf(`document.querySelector("[data-results]").innerText.includes(%q)`, text))
	}
	rows := func(sheet string, n int) {
		b.t.Helper()
		b.until(fmt.Sprintf("%d rows of %s", n, sheet), fmt.Sprintf(`document.querySelectorAll("[data-sheet=%s] [data-rows] [data-row]").length === %d`, sheet, n))
	}

	// What goes without saying is chosen; the answer and what is asked about are not.
	eval[bool](b, `(document.querySelector("[data-sheet=answers] [data-tool=add]").focus(), true)`)
	b.key("Enter", 0)
	b.at("the first cell", `e.closest("[data-col]").dataset.col === "test"`)
	value("answers", 0, "call", "directory.group_exists")
	value("answers", 0, "connection", "demo-scim")
	b.goTo("cell answers 0 answer")
	b.types("yes")
	b.until("what is missing is told", `document.querySelector("[data-sheet=answers] [data-col=arg1] .error")?.innerText.includes("Write the group of directory.group_exists")`)
	b.expect = append(b.expect, "422") // it is not saved before it can be read
	b.look("function-answer-missing")
	b.backTo("cell answers 0 arg1")
	b.types("dept-sales-emea")
	results("1 of 1 fail")
	b.says("which no one expected")

	eval[bool](b, `(document.querySelector("[data-sheet=plans] [data-tool=add]").focus(), true)`)
	b.key("Enter", 0)
	b.goTo("cell plans 0 call")
	b.types("plan.add")
	b.goTo("cell plans 0 arg1")
	b.types("dept-sales-emea")
	b.key("Enter", 0) // the next row is about the same test
	value("plans", 1, "test", "c0")
	b.types("title")
	b.backTo("cell plans 1 call")
	b.types("plan.set")
	b.goTo("cell plans 1 arg2")
	b.types(`"42"`)
	results("1 test passes")
	b.until("kept", `document.querySelector("[data-state]").textContent.includes("Saved as revision")`)

	// A sample is answered in the same rows; what is missing is told there, and keeps nothing from being saved.
	eval[bool](b, `(document.querySelector('[name="sample.in.department"]').focus(), true)`)
	b.types("Legal")
	b.key("Enter", ctrl|shift)
	b.until("a question without an answer", `document.querySelector("[data-outcome]").innerText.includes("Add a row under “Answers to the sample”.")`)
	eval[bool](b, `(document.querySelector("[data-sheet=sample] [data-tool=add]").focus(), true)`)
	b.key("Enter", 0)
	b.at("the first cell", `e.closest("[data-col]").dataset.col === "call"`)
	value("sample", 0, "connection", "demo-scim")
	b.goTo("cell sample 0 arg1")
	b.types("dept-legal")
	b.until("what is missing is told", `document.querySelector("[data-sheet=sample] [data-col=answer] .error")?.innerText.includes("Choose what the system answers")`)
	b.goTo("cell sample 0 answer")
	b.types("yes")
	b.key("Enter", ctrl|shift)
	b.until("the plan", `document.querySelector("[data-outcome]").innerText.includes("plan.add_group")`)
	require.Contains(b.t, eval[string](b, `document.querySelector("[data-state]").textContent`), "Saved as revision")
	b.everySize("function-answers")

	// A copy of a test has copies of them, and they go when it goes.
	eval[bool](b, `(document.querySelector('[name="t.tests.c0.name"]').focus(), true)`)
	b.key("ArrowDown", alt|shift)
	rows("answers", 2)
	rows("plans", 4)
	b.types("the same again")
	b.until("its name to choose", cell("plans", 3, "test")+`?.selectedOptions[0].text === "the same again"`)
	results("2 tests pass")
	b.key("Delete", alt)
	rows("answers", 1)
	b.key("z", ctrl)
	rows("plans", 4)
	b.key("Delete", alt)
	rows("plans", 2)
	results("1 test passes")
	b.until("kept", `document.querySelector("[data-state]").textContent.includes("Saved as revision")`)
	b.visit("/functions/department-group")
	b.until("the editor", `document.querySelector("form[data-function]").dataset.ready === "yes"`)
	value("answers", 0, "answer", "yes")
	value("plans", 1, "arg2", `"42"`)
	eval[bool](b, `(document.querySelector('[name="t.tests.c0.name"]').focus(), true)`)
	results("1 test passes")
}
