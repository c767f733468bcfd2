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

// A person compares two records side by side; and a connection shows how asking it
// for changes goes, in every size and theme.
func TestConsole_PeopleAndPolls(t *testing.T) {
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
	live(review.Policy, "key: who\nname: Who is it\ntype: correlation\ncorrelation: {rules: [{fields: [first_name, last_name], weight: 0.6}]}\ncases: [{name: new, joiner: {first_name: A}, expect: {decision: new}}]\n")
	live(review.Policy, "key: days\nname: Days\ntype: calendar\ncalendar: {rows: [{name: New Year, date: 2026-01-01, yearly: true}]}\ncases: [{name: off, joiner: {start_date: \"2027-01-01\"}, expect: {working: false}}]\n")
	live(review.Flow, "key: ask\nname: Ask first\ntrigger: found\nnodes:\n  - {id: found, type: schedule.poll, params: {connection: hr, events: [worker.hired], every: 1h}}\n  - {id: who, type: joiner.correlate, params: {policy: who}}\nedges:\n  - {from: found.started, to: who}\n")
	_, err := s.DB.StartRun(ctx, bo, "ask", "4711", run.Live)
	require.NoError(t, err)
	claimed, err := s.DB.ClaimRuns(ctx, "test", 1)
	require.NoError(t, err)
	require.Len(t, claimed, 1)
	compare, err := json.Marshal(node.Comparison{Left: "The joiner: worker 4711 of hr", Right: "Known: worker 77 of hr", RightURL: "/joiners/j_x", Rows: []node.ComparedRow{
		{Label: "birth date", Left: "given, not shown", Right: "given, not shown", Same: true}, {Label: "department", Left: "Sales", Right: "Engineering"}, {Label: "first name", Left: "Zoë", Right: "Zoe", Same: true},
		{Label: "last name", Left: "Featherstonehaugh-Cholmondeley", Right: "Featherstonehaugh-Cholmondeley", Same: true}, {Label: "title", Left: "Buyer"}}})
	require.NoError(t, err)
	now := time.Now()
	f, err := s.DB.FinishStep(ctx, postgres.Checkpoint{Run: claimed[0].ID, Owner: "test", Epoch: claimed[0].Epoch, JoinerID: claimed[0].JoinerID, State: run.Waiting, WaitingFor: "a person to say whether the joiner is known",
		Worker:  &joiner.Worker{ID: "4711", Attributes: map[string]any{"first_name": "Zoë", "last_name": "Featherstonehaugh-Cholmondeley"}},
		Steps:   []postgres.StepRow{{Node: "found", Type: "schedule.poll", State: run.StepSucceeded, Port: "started", StartedAt: &now, EndedAt: &now}, {Node: "who", Type: "joiner.correlate", State: run.StepWaiting, WaitFor: "a person", StartedAt: &now}},
		Signoff: &postgres.SignoffRow{Node: "who", Title: "Is Zoë Featherstonehaugh-Cholmondeley the same person as Zoe Featherstonehaugh-Cholmondeley?", Question: "The rule “Name” fits with a weight of 0.6.", Role: "operator", Compare: compare}})
	require.NoError(t, err)
	require.True(t, f.Kept)
	wanted, err := s.DB.WantedPolls(ctx)
	require.NoError(t, err)
	p, ok, err := s.DB.TakePoll(ctx, "test", wanted)
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, s.DB.EndPoll(ctx, "test", p, now.Add(time.Minute), "The HRIS does not answer."))
	open, err := s.DB.OpenSignoffs(ctx)
	require.NoError(t, err)
	require.Len(t, open, 1)

	b := openTab(t, base)
	b.use(screens()[0])
	b.signIn("bo@example.com", password)
	for name, at := range map[string]string{"signoff-compare": "/signoffs/" + open[0].ID, "connection-poll": "/connections/hr", "policy-correlation": "/policies/who", "policy-calendar": "/policies/days"} {
		b.visit(at)
		b.everySize(name)
	}
	b.visit("/connections/hr")
	b.press("Ask now")
	b.says("The HRIS is asked within seconds.")
	b.visit("/signoffs/" + open[0].ID)
	b.press("Somebody new")
	b.says("Your answer is recorded.")
}
