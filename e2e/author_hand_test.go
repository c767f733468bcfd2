package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/modeltest"
)

// floorSign is a function that a person wrote; one of its tests fails.
const floorSign = `key: floor-sign
name: Sign at the lift
description: The last name in capitals.
source: |
  return function(input)
    return {sign = text.upper(input.last)}
  end
manifest:
  input: {type: object, properties: {first: {type: string}, last: {type: string}}, required: [last]}
  output: {type: object, properties: {sign: {type: string}}, required: [sign]}
cases:
  - {name: a name, input: {last: Quillon}, output: {sign: QUILLON}}
  - {name: no last name, input: {last: ""}, error: no-name}
`

// floorAnswers are those of a model that is asked about it. What begins with "Take your
// time" it answers slowly, twice, and then at once.
func floorAnswers() (answers map[string][]string, slow []modeltest.Fixture) {
	intent := `{"key":"floor-sign","name":"Sign at the lift","description":"The last name in capitals.","inputs":[{"name":"first","type":"text","means":"the first name","optional":true},{"name":"last","type":"text","means":"the last name"}],
		"outputs":[{"name":"sign","type":"text","means":"what stands there"}],"examples":[{"name":"a name","input":{"last":"Quillon"},"output":{"sign":"QUILLON"}}],
		"reads":[],"writes":[],"forbidden":[{"says":"","effect":"empty","field":"sign"}],"questions":[]}`
	code := "return function(input)\n  if text.trim(input.last) == \"\" then\n    fail(\"no-name\", \"The HRIS has no last name for this person.\")\n  end\n  return {sign = text.upper(input.last)}\nend"
	for i, latency := range []int{120, 120, 1} {
		f := modeltest.Say(modelName, "Take your time", "It looks at the last name first. "+"Then it looks at it again, letter by letter. "+"Where there is none, it ends, and a person has to look. "+"It writes what is left in capitals. That is all.")
		f.Latency, f.ChunkSize = latency, 2
		if i < 2 {
			f.Match["sequenceIndex"] = i
		}
		slow = append(slow, f)
	}
	return map[string][]string{
		"The tests there are stay":   {fenced("json", `{"cases":[{"name":"an accent","input":{"last":"Núñez"},"output":{"sign":"NÚÑEZ"}},{"name":"only a space","input":{"last":" "},"error":"no-name"}]}`)},
		"Restate what is wanted":     {fenced("json", intent)},
		"Write tests that say what":  {fenced("json", `{"cases":[{"name":"two names","input":{"last":"von Quillon"},"output":{"sign":"VON QUILLON"}}]}`)},
		"Write the code that passes": {fenced("lua", code, "json", `{"grants":[],"notes":"It ends where there is no last name."}`)},
		"Answer in plain words":      {"It gives an empty sign where the last name is empty, and the test wants it to end with no-name. Line 2 does not look at that."},
	}, slow
}

// About a function that a person wrote: why a test fails, a change with its difference,
// more tests, and an explanation that is stopped, begun again, and goes on after the server
// was started anew in the middle of it, on the same page.
func TestDemo_AskAboutAFunctionByHand(t *testing.T) {
	t.Parallel()
	answers, slow := floorAnswers()
	model := startModel(t, answers, slow...)
	d := startDemo(t, "JOINERY_ALLOW_HOSTS=127.0.0.1")
	d.person(t, "ada@demo.example", "Ada Brandt", "admin")
	b := openTab(t, d.base)
	b.use(screens()[0])
	b.signIn("ada@demo.example", password)
	b.connectModel(model)
	b.visit("/functions")
	b.submit("/functions", map[string]string{"text": floorSign, "message": "by hand"})
	b.visit("/functions/floor-sign")
	b.press("Run all")
	b.until("the failing test", `document.body.innerText.includes("Ask why this test fails")`)
	b.follow("Ask why this test fails")
	b.everySize("author-ask-why")
	b.follow("Why does a test fail?")
	b.says("Line 2 does not look at that.")
	b.everySize("author-why")

	b.fill("text", "also handle people without a last name")
	b.follow("Ask for a change")
	b.until("the intent", `document.querySelector("form.intent") !== null`)
	b.follow("Confirm and write the function")
	b.says("Revision 2 of floor-sign")
	b.says("Code: from revision 1 to revision 2")
	b.everySize("author-hand-change")

	b.fill("text", "Look at accents, and at a space")
	b.follow("Write more tests")
	b.says("Revision 3 of floor-sign")
	b.everySize("author-more-tests")

	b.fill("text", "Take your time, and explain it")
	b.follow("Explain")
	said := func(what string) {
		t.Helper()
		b.until(what, `(document.querySelector("pre.stream")?.textContent ?? "").includes("last name first")`)
	}
	said("the answer as it comes")
	b.look("author-streaming")
	b.follow("Cancel")
	b.says("It is cancelled. What was done by then is kept.")
	b.everySize("author-cancelled")
	b.follow("Try again")
	said("the answer as it comes again")
	b.expect = []string{"ERR_CONNECTION_REFUSED", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET", "ERR_INCOMPLETE_CHUNKED_ENCODING", "503"}
	eval[bool](b, `window.samePage = true`)
	d.stop()
	d.start(t)
	b.says("It writes what is left in capitals. That is all.")
	require.True(t, eval[bool](b, `window.samePage === true`), "the page went on by itself")
	b.everySize("author-resumed")
	b.clean()
}

// connectModel sets a model up that works.
func (b *tab) connectModel(model string) {
	b.t.Helper()
	b.visit("/system/author")
	b.fill("model", modelName)
	b.fill("base_url", model)
	eval[bool](b, `(document.querySelector("[name=policy][value=on]").click(), true)`)
	b.follow("Save")
	b.follow("Set the key")
	b.fill("value", modelKey)
	b.follow("Seal and store")
}
