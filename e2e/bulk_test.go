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
	"joinery/web"
)

const listFlow = `key: acquired
name: Acquired company
trigger: asked
nodes:
  - {id: asked, type: manual, params: {connection: people}}
  - {id: dept, type: switch, params: {cases: [{when: joiner.department == "Sales", port: sales}]}}
  - {id: unknown, type: stop, params: {outcome: failed, reason: "No rule for the department {{ joiner.department }}."}}
  - {id: done, type: stop, params: {outcome: succeeded, reason: "{{ joiner.first_name }} is in."}}
edges:
  - {from: asked.started, to: dept}
  - {from: dept.sales, to: done}
  - {from: dept.default, to: unknown}
`

// acquiring is a console with a flow that takes lists, an engine that runs it, and
// three people.
func acquiring(t *testing.T) (*web.Server, string) {
	s, base := startServer(t)
	ctx := context.Background()
	bo := addPerson(t, s.DB, "bo@example.com", "Bo Brandt", auth.Builder, auth.Operator).Actor()
	re := addPerson(t, s.DB, "re@example.com", "Re Ostertag", auth.Reviewer).Actor()
	kinds := artifact.Kinds{Flows: node.All(), Connectors: all.New()}
	for kind, text := range map[review.Kind]string{review.Connection: "key: people\nname: Acquired people\ntype: people-file\n", review.Flow: listFlow} {
		doc, err := kinds.ReadText(kind, "", []byte(text))
		require.NoError(t, err)
		_, err = s.DB.SaveRevision(ctx, bo, postgres.Save{Doc: doc, Message: "first"})
		require.NoError(t, err)
	}
	for _, x := range []struct {
		kind review.Kind
		key  string
	}{{review.Connection, "people"}, {review.Flow, "acquired"}} {
		r, err := s.DB.OpenReview(ctx, bo, x.kind, x.key, 0, "please look")
		require.NoError(t, err)
		_, err = s.DB.ApproveReview(ctx, re, r.ID, r.Hash, "good")
		require.NoError(t, err)
	}
	s.Pool.Catalog = all.New().With(peoplefile.Type{Store: s.DB})
	eng := &engine.Engine{DB: s.DB, Nodes: node.All(), Pool: s.Pool, Now: time.Now, Log: slog.New(slog.DiscardHandler), Owner: "test"}
	s.CheckList, s.Kick = eng.Check, eng.Kick
	running, stop := context.WithCancel(ctx)
	ended := make(chan bool)
	go func() { eng.Run(running); close(ended) }()
	t.Cleanup(func() { stop(); <-ended })
	return s, base
}

// An operator pastes a list, names the columns, looks ahead, starts two, then the rest.
func TestConsole_BringInAList(t *testing.T) {
	t.Parallel()
	_, base := acquiring(t)
	b := openTab(t, base)
	b.use(screens()[0])
	b.expect = []string{"422"}
	b.signIn("bo@example.com", password)
	b.visit("/flows/acquired")
	b.follow("Bring in a list")
	b.everySize("bulk-new")
	b.follow("Read the list")
	b.says("Choose a file, or paste the cells of a spreadsheet.")
	var text strings.Builder
	text.WriteString("Employee ID\tFirst name\tLast name\tDept\tShoe size\tReports to\n")
	for i := range 9 {
		fmt.Fprintf(&text, "E%d\tAda\tLovelace %d\t%s\t38\t%s\n", i+1, i+1, []string{"Sales", "Sales", "Ops"}[i%3], []string{"E1", "X77"}[i/8])
	}
	text.WriteString("E1\tAda\tAgain\tSales\t38\tE1\n")
	eval[bool](b, fmt.Sprintf(`document.querySelector("[name=text]").value = %q, true`, text.String()))
	b.follow("Read the list")
	b.says("10 rows were read. Nothing has started yet.")
	require.Equal(t, "worker", eval[string](b, `document.querySelector("[name=column_0]").value`), "the heading was understood")
	require.Empty(t, eval[string](b, `document.querySelector("[name=column_4]").value`), "shoe sizes are not read")
	b.everySize("bulk-columns")
	b.follow("Use these columns")
	b.says("1 row cannot be taken")
	b.follow("Look ahead")
	b.says("No rule for the department Ops.")
	b.says("X77")
	b.everySize("bulk-forecast")
	b.fill("plan", "2")
	b.fill("reason", "we bought them")
	b.follow("Start the first stage")
	b.says("Start the next 7")
	b.until("the first two done", `[...document.querySelectorAll("table[aria-label=Stages] tbody tr")].some((r) => r.innerText.includes("Stage 1") && r.cells[6].innerText.trim() === "2")`)
	b.press("Start the next 7")
	b.follow("Go ahead")
	b.until("the rest done", `[...document.querySelectorAll("table[aria-label=Stages] tbody tr")].some((r) => r.innerText.includes("Stage 2") && r.cells[7].innerText.trim() === "3")`)
	b.says("Retry two of the failed")
	b.everySize("bulk-started")
	b.visit("/bulk")
	b.says("All started")
	b.look("bulk-list")
	b.clean()
}
