package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/pgtest"
)

// person adds somebody to a demo, with one password for all.
func (d *demo) person(t *testing.T, email, name, role string) {
	t.Helper()
	add := exec.Command(d.program, "user", "add", "--email", email, "--name", name, "--role", role, "--password-stdin")
	add.Env = append(os.Environ(), "JOINERY_DATA_DIR="+d.data)
	add.Stdin = strings.NewReader(password + "\n")
	said, err := add.CombinedOutput()
	require.NoError(t, err, "%s", said)
}

// From a request in plain words to a live function that a flow's run uses, by three
// people: an administrator sets a model up, asks, corrects and confirms, asks for a
// change with keys alone, and submits; a reviewer sees what was asked for and approves;
// an operator sees the call in a run. Every page is looked at.
func TestDemo_AskForAFunction(t *testing.T) {
	t.Parallel()
	model := startModel(t, signAnswers(), otherModels()...)
	d := startDemo(t, "JOINERY_ALLOW_HOSTS=127.0.0.1")
	d.person(t, "ada@demo.example", "Ada Brandt", "admin")
	d.person(t, "olga@demo.example", "Olga Berg", "operator")
	admin := openTab(t, d.base)
	admin.use(screens()[0])
	admin.signIn("ada@demo.example", password)
	admin.expect = []string{"422"}
	admin.setUpModel(model)
	admin.askForMore(admin.askForSigns())
	review := admin.submitSigns()

	reviewer := openTab(t, d.base)
	reviewer.use(screens()[0])
	reviewer.signIn("reviewer@demo.example", d.passwords["reviewer@demo.example"])
	reviewer.visit(review)
	reviewer.says("What was asked for")
	reviewer.says("also handle people without a last name")
	reviewer.says("A language model wrote this revision, word for word.")
	pgtest.Eventually(t, 60*time.Second, "the examination", func() bool {
		reviewer.visit(review)
		return strings.Contains(reviewer.text(), "small changes of the source, its tests")
	})
	reviewer.everySize("author-review")
	reviewer.follow("What was sent")
	reviewer.says("What was sent")
	reviewer.press("What was sent")
	reviewer.says("REQUEST OF THE ADMINISTRATOR:")
	require.NotContains(t, reviewer.text(), modelKey)
	reviewer.everySize("author-sent")
	reviewer.visit(review)
	reviewer.follow("Approve exactly this")
	reviewer.says("Approved. It is live.")

	admin.visit("/functions")
	admin.submit("/flows", map[string]string{"text": signFlow, "message": "signs"})
	admin.visit("/flows/signs/revisions/1")
	admin.submit("/flows/signs/reviews", map[string]string{"revision": "1", "message": "please"})
	admin.says("You wrote part of this change")
	reviewer.visit(eval[string](admin, `location.pathname`))
	reviewer.follow("Approve exactly this")
	reviewer.says("Approved. It is live.")
	d.hire(t, "Renée", "Okonkwo", time.Now())

	operator := openTab(t, d.base)
	operator.use(screens()[0])
	operator.signIn("olga@demo.example", password)
	pgtest.Eventually(t, 60*time.Second, "a run that used the function", func() bool {
		operator.visit("/runs?flow=signs")
		rows := eval[string](operator, `[...document.querySelectorAll("main tbody")].map((e) => e.innerText).join()`)
		return strings.Contains(rows, "Renée Okonkwo") && strings.Contains(rows, "Succeeded")
	})
	operator.follow("Renée Okonkwo")
	operator.follow("Call of desk-sign in try 1: look at it, replay it")
	operator.says("OKONKWO")
	admin.clean()
	reviewer.clean()
	operator.clean()
}

// setUpModel sets a model up with keys alone, and sees on the way each answer of the test:
// an address where nothing is, a key that is not taken, a model that is not there, and one
// that cannot call tools.
func (b *tab) setUpModel(model string) {
	b.t.Helper()
	b.visit("/author")
	b.says("No language model is set up here")
	b.says("Begin with an example")
	b.everySize("author-without")
	b.skip()
	b.goTo("link Set up a model")
	b.enter()
	b.skip()
	b.goTo("field policy")
	b.key("ArrowDown", 0)
	b.key("ArrowDown", 0)
	test := func(fields map[string]string, says, shot string) {
		b.t.Helper()
		for _, name := range []string{"base_url", "model"} {
			if text, ok := fields[name]; ok {
				b.goTo("field " + name)
				b.types(text)
			}
		}
		b.goTo("button Test without saving")
		b.enter()
		b.says(says)
		b.at("what the test says", `e.id === "test"`)
		b.look(shot)
	}
	key := func(button, value string) {
		b.t.Helper()
		b.goTo("link " + button)
		b.enter()
		b.skip()
		b.goTo("field value")
		b.types(value)
		b.enter()
		b.skip()
	}
	test(map[string]string{"base_url": fmt.Sprintf("http://127.0.0.1:%d/v1", freePorts(b.t, 1)), "model": modelName}, "Not reached", "author-test-unreachable")
	b.goTo("field base_url")
	b.types(model)
	b.goTo("button Save")
	b.enter()
	b.says("Saved. It holds at once.")
	b.skip()
	key("Set the key", "sk-wrong")
	test(nil, "Set a valid key below.", "author-test-key")
	key("Set a new key", modelKey)
	test(map[string]string{"model": missingModel}, "Correct the model's name below.", "author-test-model")
	test(map[string]string{"model": plainModel}, "Tick that below.", "author-test-tools")
	test(map[string]string{"model": modelName}, "It can", "author-test-good")
	b.everySize("author-settings")
}

// askForSigns comes from a request to a first draft, and gives the conversation's address.
func (b *tab) askForSigns() string {
	b.t.Helper()
	b.visit("/author")
	b.fill("text", "The sign on the desk shows the last name in capitals.")
	b.everySize("author-ask")
	b.follow("Ask")
	b.until("the intent", `document.querySelector("form.intent") !== null`)
	b.says("What stands on the sign of somebody without a last name?")
	b.everySize("author-intent")
	b.fill("answer.0", "Nothing: a person has to look.")
	b.correctSigns()
	b.until("the draft", `[...document.querySelectorAll("button")].some((e) => e.innerText.trim() === "Submit for review")`)
	b.says("All gates passed, after 1 repair")
	b.says("Revision 1 of desk-sign")
	eval[bool](b, `(() => { for (const d of document.querySelectorAll("details")) d.open = true; return true; })()`)
	b.says("It must not shorten a name (read by the reviewer)")
	b.says("It never gives sign with what first holds. (looked for by the checks)")
	b.everySize("author-draft")
	return eval[string](b, `location.pathname`)
}

// correctSigns corrects the tables of what was understood: an example more, with keys, a
// field more, which becomes a column by itself and goes again, and what must not happen.
// What is wrong is said at its cell, and nothing that was typed is lost.
func (b *tab) correctSigns() {
	b.t.Helper()
	add := func(table string) {
		eval[bool](b, `(document.querySelector("[data-sheet=`+table+`] [data-tool=add]").click(), true)`)
	}
	cell := func(table, column string) string {
		return fmt.Sprintf(`[...document.querySelectorAll("[data-sheet=%s] [data-rows] [data-col='%s'] :is(textarea, select)")].at(-1)`, table, column)
	}
	add("tests")
	b.typed("an accent")
	for _, text := range []string{"Zoë", "Núñez"} {
		b.key("Tab", 0)
		b.typed(text)
	}
	b.follow("Confirm and write the function")
	b.says("Write a value: the list above says that it is always there.")
	require.Equal(b.t, "Núñez", eval[string](b, cell("tests", "in.last")+".value"))
	b.everySize("author-intent-wrong")
	eval[bool](b, `(`+cell("tests", "out.sign")+`.focus(), true)`)
	b.typed("NÚÑEZ")

	add("takes")
	b.typed("middle")
	b.key("Tab", 0)
	b.until("a column of the new field", `document.querySelector("[data-examples] [data-col='in.middle']") !== null`)
	require.Equal(b.t, "NÚÑEZ", eval[string](b, cell("tests", "out.sign")+".value"))
	eval[bool](b, `([...document.querySelectorAll("[data-sheet=takes] [data-drop]")].at(-1).click(), true)`)
	b.until("the column gone", `document.querySelector("[data-examples] [data-col='in.middle']") === null`)

	// What it may ask needs answers in the examples: rows, which go again with the grant.
	more := func(text string) {
		eval[bool](b, fmt.Sprintf(`(() => { const e = document.querySelector("[name=more]"); e.focus(); e.value = %q; e.dispatchEvent(new Event("change", {bubbles: true})); return true; })()`, text))
	}
	more("directory:demo-scim:groups.find")
	b.until("rows for answers", `document.querySelector("[data-sheet=answers] [data-tool=add]") !== null`)
	add("answers")
	b.types("an accent")
	b.until("what goes without saying", cell("answers", "call")+`?.value === "directory.group_exists"`)
	b.goTo("cell answers 0 arg1")
	b.types("signs")

	add("forbidden")
	eval[bool](b, `(`+cell("forbidden", "says")+`.focus(), true)`)
	b.typed("It must not shorten a name")
	add("forbidden")
	eval[bool](b, `(() => { const e = `+cell("forbidden", "effect")+`; e.value = "repeats"; e.dispatchEvent(new Event("change", {bubbles: true})); return true; })()`)
	for column, text := range map[string]string{"what": "sign", "limit": "first"} {
		eval[bool](b, `(`+cell("forbidden", column)+`.focus(), true)`)
		b.typed(text)
	}
	b.everySize("author-intent-corrected")
	b.follow("Confirm and write the function")
	b.says("Choose what the system answers.")
	eval[bool](b, `(document.querySelector("[data-sheet=answers] [data-drop]").click(), true)`)
	more("")
	b.until("nothing to answer", `document.querySelector("[data-sheet=answers]") === null`)
	b.follow("Confirm and write the function")
}

// askForMore asks for a change with keys alone, and for an explanation, which is text and
// nothing else.
func (b *tab) askForMore(conversation string) {
	b.t.Helper()
	b.visit("/functions/desk-sign")
	b.everySize("author-function")
	b.follow("Explain")
	b.follow("Explain")
	b.says("https://evil.example/ <b>now</b>")
	require.Zero(b.t, eval[int](b, `document.querySelectorAll("main a[href*=evil], main b").length`))
	b.look("author-answer")

	b.visit(conversation)
	b.skip()
	b.goTo("field text")
	b.types("also handle people without a last name")
	b.goTo("button Ask for a change")
	b.enter()
	b.until("the intent", `document.querySelector("form.intent") !== null`)
	b.skip()
	b.goTo("button Confirm and write the function")
	b.enter()
	b.says("Revision 2 of desk-sign")
	b.says("Code: from revision 1 to revision 2")
	b.says("took out tests that do not fit the change")
	b.everySize("author-change")
}

// submitSigns submits the newest draft, and gives the address of its review.
func (b *tab) submitSigns() string {
	b.t.Helper()
	b.follow("Submit for review")
	b.says("You wrote part of this change")
	return eval[string](b, `location.pathname`)
}
