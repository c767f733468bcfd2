package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/connector/all"
	"joinery/internal/exception"
	"joinery/internal/joiner"
	"joinery/internal/node"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
)

// A person reconciles: asks for a push, a reviewer agrees, another exception may
// stay so until a date, and one is accepted; in every size and theme.
func TestConsole_Exceptions(t *testing.T) {
	t.Parallel()
	s, base := startServer(t)
	ctx := context.Background()
	bo := addPerson(t, s.DB, "bo@example.com", "Bo Brandt", auth.Builder, auth.Operator).Actor()
	re := addPerson(t, s.DB, "re@example.com", "Re Ostertag", auth.Reviewer).Actor()
	kinds := artifact.Kinds{Flows: node.All(), Connectors: all.New()}
	for kind, text := range map[review.Kind]string{
		review.Connection: "key: hr\nname: HR\ntype: hris-rest\nsettings: {base_url: https://hr.example.com}\n",
	} {
		releaseText(t, s.DB, kinds, bo, re, kind, text)
	}
	releaseText(t, s.DB, kinds, bo, re, review.Policy, "key: hr-write-back\nname: What goes back to HR\ntype: write-back\nwrite_back:\n  fields:\n    - {connection: hr, field: work_email, approve: on_conflict, role: reviewer}\n")
	releaseText(t, s.DB, kinds, bo, re, review.Flow, "key: back\nname: Back\ntrigger: by_hand\nnodes:\n  - {id: by_hand, type: manual, params: {connection: hr}}\n  - {id: back, type: hris.write_back, params: {connection: hr, policy: hr-write-back, values: {work_email: a@x.example}}}\nedges: [{from: by_hand.started, to: back}]\n")
	id, err := s.DB.StartRun(ctx, bo, "back", "4711", run.Live)
	require.NoError(t, err)
	claimed, err := s.DB.ClaimRuns(ctx, "test", 1)
	require.NoError(t, err)
	now := time.Now()
	_, err = s.DB.FinishStep(ctx, postgres.Checkpoint{Run: id, Owner: "test", Epoch: claimed[0].Epoch, JoinerID: claimed[0].JoinerID, State: run.Succeeded, Worker: &joiner.Worker{ID: "4711", Attributes: map[string]any{"first_name": "Ada", "last_name": "Okafor"}},
		Steps: []postgres.StepRow{{Node: "by_hand", Type: "manual", State: run.StepSucceeded, Port: "started", StartedAt: &now, EndedAt: &now}, {Node: "back", Type: "hris.write_back", State: run.StepSucceeded, Port: "exception", StartedAt: &now, EndedAt: &now}}})
	require.NoError(t, err)
	open := func(kind, field, title, reason string, ours, theirs any) string {
		x, err := s.DB.OpenException(ctx, auth.Engine(), postgres.NewException{Kind: kind, Subject: kind + field, Title: title, Reason: reason, Connection: "hr", Worker: "4711", JoinerID: claimed[0].JoinerID, Field: field, Policy: "hr-write-back", Flow: "back", Run: string(id), Node: "back", Ours: ours, Theirs: theirs})
		require.NoError(t, err)
		return x.ID
	}
	conflict := open(exception.WriteBack, "work_email", "HR has another value for work_email", "The HRIS has a value that is not ours. It is not overwritten.", "ada.okafor@x.example", "ada@hr.example")
	open(exception.Drift, "employee_number", "HR's employee_number is not what we wrote any more", "Somebody cleared what Joinery wrote and owns.", "E77", nil)
	open(exception.Manager, "", "A manager did not appear", "Worker 12 is not there after 14 days.", nil, nil)

	b := openTab(t, base)
	b.use(screens()[0])
	b.signIn("bo@example.com", password)
	for name, at := range map[string]string{"home-exceptions": "/", "exceptions": "/exceptions", "exception": "/exceptions/" + conflict, "exceptions-none": "/exceptions?state=pushing"} {
		b.visit(at)
		for _, sc := range screens() {
			b.use(sc)
			b.look(name)
		}
	}
	b.use(screens()[0])
	b.visit("/exceptions/" + conflict)
	b.says("ada@hr.example")
	b.press("Push ours again")
	for _, sc := range screens() {
		b.use(sc)
		b.look("exception-push")
	}
	b.use(screens()[0])
	b.confirm()
	b.says("A person with the contract's role has to agree")
	b.look("exception-asked")

	r := openTab(t, base)
	r.use(screens()[0])
	r.signIn("re@example.com", password)
	r.visit("/exceptions?state=asked")
	r.follow("HR has another value for work_email")
	r.press("Agree to push ours")
	r.confirm()
	r.says("is being written again")
	r.look("exception-pushing")
	r.visit("/exceptions?kind=manager")
	r.follow("A manager did not appear")
	r.press("Let it stay until a date")
	r.set("until", now.AddDate(0, 0, -3).Format(time.DateOnly))
	r.set("reason", "their merger")
	r.expect = append(r.expect, "422")
	r.confirm()
	r.says("This date has passed")
	r.look("exception-until-wrong")
	r.clean()
	b.clean()
}

func releaseText(t *testing.T, db *postgres.DB, kinds artifact.Kinds, by, reviewer auth.Actor, kind review.Kind, text string) {
	t.Helper()
	ctx := context.Background()
	doc, err := kinds.ReadText(kind, "", []byte(text))
	require.NoError(t, err)
	_, err = db.SaveRevision(ctx, by, postgres.Save{Doc: doc, Message: "first"})
	require.NoError(t, err)
	r, err := db.OpenReview(ctx, by, kind, doc.Key, 0, "please look")
	require.NoError(t, err)
	_, err = db.ApproveReview(ctx, reviewer, r.ID, r.Hash, "good")
	require.NoError(t, err)
}

// confirm sends the form that was unfolded.
func (b *tab) confirm() {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(`details[open] button[type=submit]`)))
}

// set fills a field of the form that was unfolded.
func (b *tab) set(name, value string) {
	b.t.Helper()
	require.True(b.t, eval[bool](b, fmt.Sprintf(`(() => { const e = document.querySelector('details[open] [name=%q]'); if (!e) return false; e.value = %q; return true; })()`, name, value)))
}
