package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/connector/all"
	"joinery/internal/connector/peoplefile"
	"joinery/internal/engine"
	"joinery/internal/node"
	"joinery/internal/postgres"
	"joinery/internal/review"
)

const testedFlow = `key: arrivals
name: Arrivals
trigger: asked
nodes:
  - {id: asked, type: manual, params: {connection: people}}
  - {id: dept, type: switch, params: {cases: [{when: joiner.department == "Sales", port: sales}]}}
  - {id: other, type: stop, params: {outcome: succeeded, reason: "Nothing to do."}}
  - {id: tell, type: notify.email, params: {to: [it@x.example], subject: "{{ joiner.last_name }} comes", text: hello}}
edges:
  - {from: asked.started, to: dept}
  - {from: dept.sales, to: tell}
  - {from: dept.default, to: other}
backtest: {required: true, joiners: 5}
`

// A builder tries a flow with somebody made up, changes it, and submits it; the reviewer
// cannot approve before it is tested against those who came, sees for whom it differs,
// and approves then.
func TestConsole_TryAndBacktest(t *testing.T) {
	t.Parallel()
	s, base := startServer(t)
	ctx := context.Background()
	bo := addPerson(t, s.DB, "bo@example.com", "Bo Brandt", auth.Builder, auth.Operator).Actor()
	re := addPerson(t, s.DB, "re@example.com", "Re Ostertag", auth.Reviewer).Actor()
	kinds := artifact.Kinds{Flows: node.All(), Connectors: all.New()}
	save := func(kind review.Kind, text string) int {
		doc, err := kinds.ReadText(kind, "", []byte(text))
		require.NoError(t, err)
		saved, err := s.DB.SaveRevision(ctx, bo, postgres.Save{Doc: doc, Message: "why", Base: postgres.AnyBase})
		require.NoError(t, err)
		return saved.Revision
	}
	live := func(kind review.Kind, key, text string) {
		save(kind, text)
		r, err := s.DB.OpenReview(ctx, bo, kind, key, 0, "please look")
		require.NoError(t, err)
		_, err = s.DB.ApproveReview(ctx, re, r.ID, r.Hash, "good")
		require.NoError(t, err)
	}
	s.Pool.Catalog = all.New().With(peoplefile.Type{Store: s.DB})
	eng := &engine.Engine{DB: s.DB, Nodes: node.All(), Pool: s.Pool, Now: time.Now, Log: slog.New(slog.DiscardHandler), Owner: "test", MarkKey: []byte("marks"),
		Mail: func(context.Context, node.Mail, string) error { return nil }}
	s.CheckList, s.Kick, s.Try = eng.Check, eng.Kick, eng.Try
	running, stop := context.WithCancel(ctx)
	ended := make(chan bool)
	go func() { eng.Run(running); close(ended) }()
	t.Cleanup(func() { stop(); <-ended })
	live(review.Connection, "people", "key: people\nname: People\ntype: people-file\n")
	live(review.Flow, "arrivals", strings.Replace(testedFlow, "backtest: {required: true, joiners: 5}\n", "", 1))

	b := openTab(t, base)
	b.use(screens()[0])
	b.expect = []string{"422", "409"}
	b.signIn("bo@example.com", password)
	// Six people come by a list.
	b.visit("/flows/arrivals/bulk")
	var text strings.Builder
	text.WriteString("Employee ID\tFirst name\tLast name\tDept\n")
	for i := range 6 {
		fmt.Fprintf(&text, "E%d\tAda\tLovelace %d\t%s\n", i+1, i+1, []string{"Sales", "Ops"}[i%2])
	}
	eval[bool](b, fmt.Sprintf(`document.querySelector("[name=text]").value = %q, true`, text.String()))
	b.follow("Read the list")
	b.follow("Use these columns")
	b.fill("plan", "6")
	b.fill("reason", "they come")
	b.follow("Start the first stage")
	b.until("all done", `[...document.querySelectorAll("table[aria-label=Stages] tbody tr")].some((r) => r.innerText.includes("Stage 1") && r.cells[6].innerText.trim() === "6")`)

	// Try.
	b.visit("/flows/arrivals")
	b.follow("Try")
	b.everySize("try-empty")
	b.fill("payload", `{"worker": "9", "joiner": {"first_name": 7}}`)
	b.follow("Try it")
	b.says("This attribute is a text")
	b.fill("payload", `{"worker": "9", "joiner": {"first_name": "Grace", "last_name": "Hopper", "department": "Sales"}}`)
	b.follow("Try it")
	b.says("It would come through. Nothing was written.")
	b.says("Message “Hopper comes” to one person")
	b.everySize("try-result")

	// The same on the canvas: what came of each node stands on the drawing, a pinned output decides the way.
	b.atCanvas("arrivals")
	b.press("Try here")
	b.until("the form", `document.querySelector(".try-side [name=payload]") !== null`)
	eval[bool](b, `document.querySelector(".try-side [name=payload]").value = '{"worker": "9", "joiner": {"first_name": "Grace", "last_name": "Hopper", "department": "Sales"}}', true`)
	b.press("Try it")
	b.says("It would come through. Nothing was written.")
	b.until("the way it would go", `document.querySelector(".react-flow__edge[data-id='dept.sales>tell']").classList.contains("edge-taken") && document.querySelector(".react-flow__node[data-id=other]").classList.contains("run-is-skipped")`)
	b.says("Message “Hopper comes” to one person")
	b.everySize("canvas-try")
	eval[bool](b, `document.querySelector(".react-flow__node[data-id=dept]").click(); true`)
	b.press("Pin an output")
	eval[bool](b, `(() => { const e = document.querySelector("#pin-port"); Object.getOwnPropertyDescriptor(HTMLSelectElement.prototype, "value").set.call(e, "default"); e.dispatchEvent(new Event("change", {bubbles: true})); return true; })()`)
	b.press("Pin it")
	b.press("Try it")
	b.until("the other way", `document.querySelector(".react-flow__edge[data-id='dept.default>other']").classList.contains("edge-taken")`)
	b.look("canvas-try-pinned")

	// A change, submitted: it cannot be approved before it is tested.
	n := save(review.Flow, strings.Replace(testedFlow, `joiner.department == "Sales"`, `joiner.department == "Ops"`, 1))
	r, err := s.DB.OpenReview(ctx, bo, review.Flow, "arrivals", n, "Ops instead")
	require.NoError(t, err)
	b.visit("/reviews/" + r.ID)
	b.says("this content was never tested")
	b.look("review-blocked")
	b.follow("Test it against past joiners")
	b.everySize("backtest-ask")
	b.follow("Start the backtest")
	b.until("the report is there", `document.body.innerText.includes("joiners would")`)
	b.says("no longer cause the message")
	b.everySize("backtest-report")
	b.follow("2 of 5 joiners would no longer cause the message “tell”.")
	eval[bool](b, `document.querySelector("details.person").open = true`)
	b.says("The run of")
	b.everySize("backtest-joiner")
	b.visit("/flows/arrivals/backtests")
	b.everySize("backtest-list")
	// The review says what was tested and what would differ, and is approved now.
	b.visit("/reviews/" + r.ID)
	b.says("of 5 joiners would have it differently")
	require.Equal(t, "Passed", eval[string](b, `[...document.querySelectorAll(".card")].find((e) => e.querySelector("h2")?.innerText === "Backtest").querySelector(".badge").innerText`))
	b.look("review-tested")
	_, err = s.DB.ApproveReview(ctx, re, r.ID, r.Hash, "good")
	require.NoError(t, err)
	b.clean()
}
