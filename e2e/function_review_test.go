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

// Its tests never come to the branch without a name.
const reviewedFunction = `key: desk-sign
name: Desk sign
source: |
  return function(input)
    if input.last == "" then
      fail("no-name", input.first)
    end
    return {sign = text.upper(input.last), width = 120, height = 40, lines = 1, colour = "grey", font = "Inter", framed = false}
  end
manifest:
  input: {type: object, required: [first, last], properties: {first: {type: string}, last: {type: string}}}
  output: {type: object, required: [sign], properties: {sign: {type: string}}}
cases:
  - {name: a name, input: {first: Ada, last: Okafor}, output: {sign: OKAFOR, width: 120, height: 40, lines: 1, colour: grey, font: Inter, framed: false}}
`

// with groups it also asks the directory, and plans.
var reviewedMore = strings.NewReplacer(`    return {sign`, `    if directory.group_exists("demo-scim", "desk-signs") then
      plan.add_group("demo-scim", "desk-signs")
    end
    return {sign`, "cases:", `  grants: ["directory:demo-scim:groups.find", "directory:demo-scim:groups.add"]
cases:
  - {name: no name, input: {first: Ada, last: ""}, error: no-name}
  - {name: with a group, input: {first: Ada, last: Okafor}, stubs: [{call: directory.group_exists, args: [demo-scim, desk-signs], answer: true}], plan: [{do: plan.add_group, args: [demo-scim, desk-signs]}], output: {sign: OKAFOR, width: 120, height: 40, lines: 1, colour: grey, font: Inter, framed: false}}`,
	`last: Okafor}, output`, `last: Okafor}, stubs: [{call: directory.group_exists, args: [demo-scim, desk-signs], answer: false}], output`).Replace(reviewedFunction)

const signFlow = `key: signs
name: Desk signs
trigger: hired
nodes:
  - {id: hired, type: hris.event, params: {connection: demo-hris, events: [worker.hired]}}
  - {id: sign, type: function, name: The sign, params: {function: desk-sign, input: {first: =joiner.first_name, last: =joiner.last_name}}}
edges: [{from: hired.started, to: sign}]
`

// submit sends a form of the page's session, as a button of the page would.
func (b *tab) submit(path string, values map[string]string) {
	b.t.Helper()
	var set strings.Builder
	for name, value := range values {
		fmt.Fprintf(&set, "add(%q, %q);", name, value)
	}
	eval[bool](b, fmt.Sprintf(`(() => { window.beforeThat = true; const f = document.createElement("form"); f.method = "post"; f.action = %q;
		const add = (n, v) => { const e = document.createElement("textarea"); e.name = n; e.value = v; f.append(e); };
		const token = document.querySelector("input[name=_csrf]"); if (token) add("_csrf", token.value); %s document.body.append(f); setTimeout(() => f.submit(), 0); return true; })()`, path, set.String()))
	b.until("a new page after "+path, `!window.beforeThat && document.readyState === "complete"`)
}

// A function's review: its author cannot approve it, an edit after the review was
// opened makes the approval fail with a sentence, another person tries and approves it,
// and a run uses it.
func TestDemo_FunctionReview(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	add := exec.Command(d.program, "user", "add", "--email", "both@demo.example", "--name", "Bea Both", "--role", "builder", "--role", "reviewer", "--password-stdin")
	add.Env = append(os.Environ(), "JOINERY_DATA_DIR="+d.data)
	add.Stdin = strings.NewReader("a long enough pass phrase 7\n")
	said, err := add.CombinedOutput()
	require.NoError(t, err, "%s", said)

	author := openTab(t, d.base)
	author.use(screens()[0])
	author.signIn("both@demo.example", "a long enough pass phrase 7")
	author.submit("/functions", map[string]string{"text": reviewedFunction, "message": "signs for desks"})
	author.visit("/functions/desk-sign/revisions/1")
	author.submit("/functions/desk-sign/reviews", map[string]string{"revision": "1", "message": "please look"})
	author.says("You wrote part of this change, so another person has to approve it.")
	first := eval[string](author, `location.pathname`)

	reviewer := openTab(t, d.base)
	reviewer.use(screens()[0])
	reviewer.signIn("reviewer@demo.example", d.passwords["reviewer@demo.example"])
	reviewer.visit(first)
	reviewer.says("It asks for no grant: it only computes from its input.")
	pgtest.Eventually(t, 60*time.Second, "the examination", func() bool {
		reviewer.visit(first)
		return strings.Contains(reviewer.text(), "A mistake there could go unseen")
	})
	reviewer.says(`fail("no-name"`)
	reviewer.everySize("function-review-weak")

	// The author edits while the reviewer reads: what the reviewer saw is not approved.
	author.submit("/functions/desk-sign/yaml", map[string]string{"text": reviewedMore, "base": "1", "message": "and groups"})
	reviewer.expect = []string{"409"}
	reviewer.follow("Approve exactly this")
	reviewer.says("Revision 2 was saved after this one was submitted, so its authors are not done.")
	reviewer.look("function-review-edited")
	author.visit("/functions/desk-sign/revisions/2")
	author.submit("/functions/desk-sign/reviews", map[string]string{"revision": "2", "message": "with groups"})
	author.says("You wrote part of this change")
	second := eval[string](author, `location.pathname`)
	require.NotEqual(t, first, second)

	pgtest.Eventually(t, 60*time.Second, "the examination", func() bool {
		reviewer.visit(second)
		return strings.Contains(reviewer.text(), "small changes of the source, its tests")
	})
	reviewer.says("Now also writes groups in demo-scim: puts the joiner in.")
	// The reviewer says with keys alone what it is called with and what the directory answers.
	eval[bool](reviewer, `(document.querySelector('[name="sample.in.last"]').focus(), true)`)
	reviewer.key("a", ctrl)
	reviewer.typed("Núñez")
	eval[bool](reviewer, `(document.querySelector("[data-sheet=sample] [data-tool=add]").focus(), true)`)
	reviewer.key("Enter", 0)
	reviewer.goTo("cell sample 0 arg1")
	reviewer.types("desk-signs")
	reviewer.follow("Run once")
	reviewer.says("Choose what the system answers.")
	reviewer.expect = append(reviewer.expect, "422")
	reviewer.look("function-try-missing")
	eval[bool](reviewer, `(document.querySelector('[data-sheet=sample] [data-col=arg1] textarea').focus(), true)`)
	reviewer.goTo("cell sample 0 answer")
	reviewer.types("yes")
	reviewer.follow("Run once")
	reviewer.says("It ended well")
	reviewer.says("NÚÑEZ")
	reviewer.says("would do plan.add_group")
	reviewer.everySize("function-review")
	reviewer.follow("Approve exactly this")
	reviewer.says("Approved. It is live.")

	author.submit("/flows", map[string]string{"text": signFlow, "message": "signs"})
	author.visit("/flows/signs/revisions/1")
	author.submit("/flows/signs/reviews", map[string]string{"revision": "1", "message": "please"})
	author.says("You wrote part of this change")
	flow := eval[string](author, `location.pathname`)
	reviewer.visit(flow)
	reviewer.follow("Approve exactly this")
	reviewer.says("Approved. It is live.")
	d.hire(t, "Renée", "Okonkwo", time.Now())
	pgtest.Eventually(t, 60*time.Second, "a run that used the function", func() bool {
		reviewer.visit("/runs?flow=signs")
		rows := eval[string](reviewer, `[...document.querySelectorAll("main tbody")].map((e) => e.innerText).join()`)
		return strings.Contains(rows, "Renée Okonkwo") && strings.Contains(rows, "Succeeded")
	})
	reviewer.follow("Renée Okonkwo")
	reviewer.says("The sign")
	reviewer.says("Call of desk-sign in try 1")
	reviewer.look("function-run")
	reviewer.visit(eval[string](reviewer, `document.querySelector('main a[href*="/calls/1"]').pathname`))
	reviewer.follow("Replay this call")
	reviewer.says("Same result: the code asked the same")
	reviewer.everySize("function-call")
	reviewer.visit("/system")
	reviewer.everySize("system-isolation")
	reviewer.visit("/system/functions")
	reviewer.says("A second reviewer is needed for a function that")
	reviewer.everySize("system-functions")
	reviewer.clean()
	author.clean()
}
