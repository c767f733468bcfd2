package e2e

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/connector/all"
	"joinery/internal/joiner"
	"joinery/internal/node"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
	"joinery/web"
)

// paintedFlow is looked at while it runs, and is then changed.
const paintedFlow = `key: arrivals
name: Arrivals
trigger: asked
nodes:
  - {id: asked, type: manual, name: Somebody arrives, params: {connection: hr}}
  - {id: dept, type: switch, name: Which department?, params: {cases: [{when: joiner.department == "Sales", port: sales}]}}
  - {id: look, type: http.request, name: Tell the sales system, params: {url: "https://sales.example.com/joiners", method: POST}}
  - {id: ok, type: signoff, name: Does sales agree?, params: {title: May she come in?, role: operator}}
  - {id: tell, type: notify.email, name: Tell her manager, params: {to: [it@x.example], subject: "{{ joiner.last_name }} comes", text: hello}}
  - {id: other, type: stop, name: Nothing to do, params: {outcome: succeeded, reason: "Nothing to do."}}
edges:
  - {from: asked.started, to: dept}
  - {from: dept.sales, to: look}
  - {from: dept.default, to: other}
  - {from: look.ok, to: ok}
  - {from: ok.approved, to: tell}
`

// paintedWorld is a console with that flow live, and the person who may do all.
func paintedWorld(t *testing.T) (*web.Server, string, auth.Actor) {
	t.Helper()
	s, base := startServer(t)
	ctx := context.Background()
	ada := addPerson(t, s.DB, "ada@example.com", "Ada Brandt", auth.Admin).Actor()
	re := addPerson(t, s.DB, "re@example.com", "Re Ostertag", auth.Reviewer).Actor()
	kinds := artifact.Kinds{Flows: node.All(), Connectors: all.New()}
	for _, x := range []struct {
		kind review.Kind
		text string
	}{{review.Connection, "key: hr\nname: HR\ntype: hris-rest\nsettings: {base_url: https://hr.example.com}\n"}, {review.Flow, paintedFlow}} {
		doc, err := kinds.ReadText(x.kind, "", []byte(x.text))
		require.NoError(t, err)
		_, err = s.DB.SaveRevision(ctx, ada, postgres.Save{Doc: doc, Message: "first"})
		require.NoError(t, err)
		r, err := s.DB.OpenReview(ctx, ada, x.kind, doc.Key, 0, "please look")
		require.NoError(t, err)
		_, err = s.DB.ApproveReview(ctx, re, r.ID, r.Hash, "good")
		require.NoError(t, err)
	}
	return s, base, ada
}

// Whoever looks at a run on the canvas sees what became of each step, which way it went,
// what was tried and what came of it; the drawing follows while the run goes on.
func TestCanvas_ARunIsPainted(t *testing.T) {
	t.Parallel()
	s, base, ada := paintedWorld(t)
	ctx := context.Background()
	id, err := s.DB.StartRun(ctx, ada, "arrivals", "4711", run.Live)
	require.NoError(t, err)
	claimed, err := s.DB.ClaimRuns(ctx, "test", 1)
	require.NoError(t, err)
	require.Len(t, claimed, 1)
	keep := func(c postgres.Checkpoint) {
		c.Run, c.Owner, c.Epoch, c.JoinerID = claimed[0].ID, "test", claimed[0].Epoch, claimed[0].JoinerID
		f, err := s.DB.FinishStep(ctx, c)
		require.NoError(t, err)
		require.True(t, f.Kept)
	}
	t0 := time.Now().Add(-3 * time.Minute)
	at := func(d time.Duration) *time.Time { x := t0.Add(d); return &x }
	keep(postgres.Checkpoint{Worker: &joiner.Worker{ID: "4711", Attributes: map[string]any{"first_name": "Ada", "last_name": "Okafor", "department": "Sales"}},
		Attempts: []postgres.AttemptRow{{Node: "look", Number: 1, StartedAt: *at(time.Second), EndedAt: *at(3 * time.Second), Outcome: "failed", Error: "sales.example.com answered 503.", Log: []string{"POST https://sales.example.com/joiners"}},
			{Node: "look", Number: 2, StartedAt: *at(60 * time.Second), EndedAt: *at(61 * time.Second), Outcome: "ok", Log: []string{"It took the joiner."}}},
		Steps: []postgres.StepRow{{Node: "asked", Type: "manual", State: run.StepSucceeded, Port: "started", StartedAt: at(0), EndedAt: at(40 * time.Millisecond), New: true},
			{Node: "dept", Type: "switch", State: run.StepSucceeded, Port: "sales", StartedAt: at(50 * time.Millisecond), EndedAt: at(52 * time.Millisecond), New: true},
			{Node: "look", Type: "http.request", State: run.StepSucceeded, Port: "ok", Output: json.RawMessage(`{"status": 201, "body": {"sales_id": "S-17"}}`), StartedAt: at(time.Second), EndedAt: at(61 * time.Second), Attempts: 2, New: true},
			{Node: "other", Type: "stop", State: run.StepSkipped, New: true}}})

	b := openTab(t, base)
	b.use(screens()[0])
	b.signIn("ada@example.com", password)
	b.visit("/runs/" + string(id))
	b.follow("Canvas")
	b.until("the canvas", `document.querySelector(".island[data-ready=yes] .react-flow__pane") !== null`)
	box := func(id string) string { return `document.querySelector(".react-flow__node[data-id=` + id + `]")` }
	b.until("what became of the steps", box("look")+`?.getAttribute("aria-label").includes("Done · 1 min · 2 tries")`)
	b.until("the way it went", `document.querySelector(".react-flow__edge[data-id='dept.sales>look']").classList.contains("edge-taken") && document.querySelector(".react-flow__edge[data-id='dept.default>other']").classList.contains("edge-not-taken")`)
	eval[bool](b, box("look")+`.click(); true`)
	b.until("what was tried, beside it", `(() => { const e = document.querySelector(".canvas-aside [aria-current]"); return e?.id === "step-look" && e.querySelector("details").open && ["503", "It took the joiner.", "S-17"].every((x) => e.innerText.includes(x)); })()`)
	b.look("canvas-run-chosen")
	b.key("ArrowUp", 0)
	b.until("the step before", `document.querySelector(".canvas-aside [aria-current]")?.id === "step-dept"`)
	b.key("Enter", 0)
	b.until("the focus beside the drawing", `document.activeElement.closest("#step-dept") !== null`)

	lost, err := s.DB.RenewLeases(ctx, "test", []string{string(id)})
	require.NoError(t, err)
	require.Empty(t, lost)
	keep(postgres.Checkpoint{State: run.Waiting, WaitingFor: "a sign-off by the role operator", Steps: []postgres.StepRow{{Node: "ok", Type: "signoff", State: run.StepWaiting, WaitFor: "a sign-off by the role operator", StartedAt: at(62 * time.Second), New: true}},
		Signoff: &postgres.SignoffRow{Node: "ok", Title: "May she come in?", Role: "operator"}})
	b.until("the drawing follows", box("ok")+`.classList.contains("run-is-waiting")`)
	b.until("the choice stays", `document.querySelector(".canvas-aside [aria-current]")?.id === "step-dept"`)
	for _, sc := range screens() {
		b.use(sc)
		b.visit("/runs/" + string(id)) // another page, so that the next one is opened anew
		b.visit("/runs/" + string(id) + "/canvas#step-look")
		b.until("the canvas", `document.querySelector(".canvas-aside [aria-current]")?.id === "step-look"`)
		b.look("canvas-run-" + sc.name)
	}
}

// A reviewer sees what changes on a picture, opens it on the canvas, and reads there field
// by field what differs; what only moved is shown when it is asked for.
func TestCanvas_ADifferenceIsDrawn(t *testing.T) {
	t.Parallel()
	s, base, ada := paintedWorld(t)
	ctx := context.Background()
	places := func(y int) {
		at := map[string]map[string]int{}
		for i, id := range []string{"asked", "dept", "look", "ok", "tell"} {
			at[id] = map[string]int{"x": 0, "y": i * 124}
		}
		at["other"], at["asked"] = map[string]int{"x": 280, "y": 248}, map[string]int{"x": y, "y": 0}
		raw, err := json.Marshal(map[string]any{"nodes": at})
		require.NoError(t, err)
		require.NoError(t, s.DB.SaveLayout(ctx, review.Flow, "arrivals", string(raw)))
	}
	places(-160)
	text := strings.NewReplacer("  - {from: look.ok, to: ok}\n  - {from: ok.approved, to: tell}", "  - {from: look.ok, to: tell}\n  - {from: look.refused, to: other}", "method: POST", "method: PUT, body: hello",
		"  - {id: ok, type: signoff, name: Does sales agree?, params: {title: May she come in?, role: operator}}\n", "", "  - {from: dept.default, to: other}\n", "  - {from: dept.default, to: stock}\n  - {from: stock.sent, to: other}\n",
		"  - {id: other", "  - {id: stock, type: notify.email, name: Tell the store, params: {to: [store@x.example], subject: \"Hello\", text: hello}}\n  - {id: other").Replace(paintedFlow)
	saveFlowText(t, s, ada, text)
	places(0)
	r, err := s.DB.OpenReview(ctx, ada, review.Flow, "arrivals", 0, "Sales need not agree")
	require.NoError(t, err)

	b := openTab(t, base)
	b.use(screens()[0])
	b.signIn("re@example.com", password)
	b.visit("/reviews/" + r.ID)
	require.Equal(t, []string{"± changed", "+ added", "− removed"}, eval[[]string](b, `[...document.querySelectorAll(".drawing .drawn-mark")].map((e) => e.textContent)`))
	b.everySize("review-drawn")
	b.visit("/reviews/" + r.ID)
	b.follow("Open on the canvas")
	b.until("the canvas", `document.querySelector(".island[data-ready=yes] .react-flow__pane") !== null`)
	box := func(id string) string { return `document.querySelector(".react-flow__node[data-id=` + id + `]")` }
	b.until("the marks", `["look:± changed", "stock:+ added", "ok:− removed", "tell:"].every((x) => { const [id, mark] = x.split(":"); return (document.querySelector('.react-flow__node[data-id=' + id + '] .box-mark')?.textContent ?? "") === mark; })`)
	require.Equal(t, "added", eval[string](b, `document.querySelector(".react-flow__edge[data-id='look.ok>tell']").getAttribute("aria-label").split(", ").at(-1)`))
	require.Equal(t, "removed", eval[string](b, `document.querySelector(".react-flow__edge[data-id='ok.approved>tell']").getAttribute("aria-label").split(", ").at(-1)`))
	eval[bool](b, box("look")+`.click(); true`)
	b.until("what differs, beside it", `(() => { const e = document.querySelector(".canvas-aside [aria-current]"); return e?.id === "change-look" && ["was: POST", "is: PUT", "Body"].every((x) => e.textContent.includes(x)); })()`)
	require.False(t, eval[bool](b, `document.querySelector(".ghost") !== null`), "what moved is hidden")
	eval[bool](b, `document.querySelector("[data-show-moved]").click(); true`)
	b.until("what moved", `document.querySelector(".ghost") !== null && `+box("asked")+`.innerText.includes("↔ moved")`)
	b.look("canvas-diff-moved")
	for _, sc := range screens() {
		b.use(sc)
		b.visit("/flows/arrivals/canvas/diff?from=1&to=2")
		b.until("the canvas", `document.querySelector(".island[data-ready=yes] .react-flow__pane") !== null`)
		b.look("canvas-diff-" + sc.name)
	}
}
