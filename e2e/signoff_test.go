package e2e

import (
	"context"
	"encoding/json"
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
)

// A run asks a person, the person answers; and the pages of functions, policies,
// dead letters and a failed run, in every size and theme.
func TestConsole_SignoffAndTrouble(t *testing.T) {
	t.Parallel()
	s, base := startServer(t)
	ctx := context.Background()
	bo := addPerson(t, s.DB, "bo@example.com", "Bo Brandt", auth.Builder, auth.Operator).Actor()
	re := addPerson(t, s.DB, "re@example.com", "Re Ostertag", auth.Reviewer).Actor()
	kinds := artifact.Kinds{Flows: node.All(), Connectors: all.New()}
	live := func(kind review.Kind, text string) {
		doc, err := kinds.ReadText(kind, "", []byte(text))
		require.NoError(t, err)
		_, err = s.DB.SaveRevision(ctx, bo, postgres.Save{Doc: doc, Message: "first"})
		require.NoError(t, err)
		r, err := s.DB.OpenReview(ctx, bo, kind, doc.Key, 0, "please look")
		require.NoError(t, err)
		_, err = s.DB.ApproveReview(ctx, re, r.ID, r.Hash, "good")
		require.NoError(t, err)
	}
	live(review.Connection, "key: hr\nname: HR\ntype: hris-rest\nsettings: {base_url: https://hr.example.com}\n")
	live(review.Policy, "key: names\nname: Names\ntype: groups\ngroups: {rows: [{groups: [a]}]}\n")
	live(review.Function, "key: login\nname: Login\nsource: |\n  return { login = input.first }\ncases: [{name: joins, input: {first: ada}, output: {login: ada}}]\n")
	live(review.Flow, "key: ask\nname: Ask first\ntrigger: by_hand\nnodes:\n  - {id: by_hand, type: manual, params: {connection: hr}}\n  - {id: ok, type: signoff, params: {title: May she come in?, fields: [{key: desk, label: Desk, kind: text}, {key: laptop, label: Laptop ordered, kind: bool}]}}\nedges:\n  - {from: by_hand.started, to: ok}\n")
	// The engine's part, written by its own verbs: one run waits for an answer, one failed.
	step := func(worker string, cp func(c postgres.Claimed) postgres.Checkpoint) string {
		id, err := s.DB.StartRun(ctx, bo, "ask", worker, run.Live)
		require.NoError(t, err)
		claimed, err := s.DB.ClaimRuns(ctx, "test", 1)
		require.NoError(t, err)
		require.Len(t, claimed, 1)
		c := cp(claimed[0])
		c.Run, c.Owner, c.Epoch, c.JoinerID = claimed[0].ID, "test", claimed[0].Epoch, claimed[0].JoinerID
		f, err := s.DB.FinishStep(ctx, c)
		require.NoError(t, err)
		require.True(t, f.Kept)
		return string(id)
	}
	fields, err := json.Marshal([]node.SignoffField{{Key: "desk", Label: "Desk", Kind: "text"}, {Key: "laptop", Label: "Laptop ordered", Kind: "bool"}})
	require.NoError(t, err)
	now := time.Now()
	due := now.Add(48 * time.Hour)
	waiting := step("1", func(postgres.Claimed) postgres.Checkpoint {
		return postgres.Checkpoint{State: run.Waiting, WaitingFor: "a sign-off by the role operator", Worker: &joiner.Worker{ID: "1", Attributes: map[string]any{"first_name": "Ada", "last_name": "Okafor"}},
			Steps:   []postgres.StepRow{{Node: "by_hand", Type: "manual", State: run.StepSucceeded, Port: "started", StartedAt: &now, EndedAt: &now}, {Node: "ok", Type: "signoff", State: run.StepWaiting, WaitFor: "a sign-off by the role operator", StartedAt: &now}},
			Signoff: &postgres.SignoffRow{Node: "ok", Title: "May she come in?", Question: "Her contract is signed, her laptop is not there yet.", Role: "operator", Deadline: &due, Fields: fields}}
	})
	failed := step("2", func(postgres.Claimed) postgres.Checkpoint {
		return postgres.Checkpoint{State: run.Failed, Reason: "Started by hand: The HRIS has no worker 2.", Attempts: []postgres.AttemptRow{{Node: "by_hand", Number: 1, StartedAt: now, EndedAt: now.Add(40 * time.Millisecond), Outcome: "failed", Error: "The HRIS has no worker 2.", Log: []string{"The worker was asked for."}}},
			Steps: []postgres.StepRow{{Node: "by_hand", Type: "manual", State: run.StepFailed, Port: "error", Error: "The HRIS has no worker 2.", ErrorKind: "not_found", Attempts: 1, StartedAt: &now, EndedAt: &now}}}
	})
	dead, err := s.DB.KeepDeadLetter(ctx, "hr", "evt_1", "The event names no worker where the settings say (\"data.worker_id\").", "cr_1", "10.0.0.1", []byte(`{"type":"worker.hired"}`))
	require.NoError(t, err)

	b := openTab(t, base)
	b.use(screens()[0])
	b.signIn("bo@example.com", password)
	for name, at := range map[string]string{"home-trouble": "/", "run-signoff": "/runs/" + waiting, "run-failed": "/runs/" + failed, "dead-letter": "/events/" + dead, "functions": "/functions", "function": "/functions/login", "function-new": "/functions/new",
		"policies": "/policies", "policy": "/policies/names", "policy-history": "/policies/names/revisions", "flow-yaml": "/flows/ask/yaml", "flow-new": "/flows/new", "flow-new-empty": "/templates/empty", "flow-template": "/templates/employee", "connection-history": "/connections/hr/revisions"} {
		b.visit(at)
		b.everySize(name)
	}
	b.visit("/runs/" + waiting)
	b.follow("Answer")
	b.says("May she come in?")
	b.everySize("signoff")
	b.fill("field_desk", "4.12")
	b.fill("comment", "She may.")
	b.press("Approve")
	b.says("Your answer is recorded")
	answers, err := s.DB.SignoffDecisions(ctx, run.ID(waiting))
	require.NoError(t, err)
	require.True(t, answers["ok"].Approved)
	require.Equal(t, map[string]any{"desk": "4.12", "laptop": false}, answers["ok"].Form)
}
