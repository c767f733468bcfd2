package engine_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/connector/fake"
	"joinery/internal/engine"
	"joinery/internal/joiner"
	"joinery/internal/node"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
)

const killContract = `
key: hr-write-back
name: What goes back to HR
type: write-back
write_back:
  fields:
    - {connection: hr, field: work_email, owner: joinery, write: only_if_empty, verify_after: 100ms}
    - {connection: hr, field: employee_number, owner: joinery, write: only_if_empty, verify_after: 100ms}
`

const killFlow = `
key: back
name: Write back
trigger: hired
nodes:
  - id: hired
    type: hris.event
    params: {connection: hr, events: [worker.hired]}
  - id: back
    type: hris.write_back
    params: {connection: hr, policy: hr-write-back, values: {work_email: ada@x.example, employee_number: "77"}}
edges:
  - {from: hired.started, to: back}
`

// backScene is one joiner whose fields are written back by a process that is killed.
func backScene(t *testing.T, attributes map[string]any) *scene {
	t.Helper()
	app, _ := pgtest.URLs(t)
	dir := t.TempDir()
	s := &scene{t: t, worker: "w1", child: child{URL: app, File: filepath.Join(dir, "state.json"), Outbox: filepath.Join(dir, "mails")}}
	kinds := artifact.Kinds{Flows: node.All(), Connectors: childTypes(s.child.File, nil)}
	db, err := postgres.Open(t.Context(), postgres.Config{URL: app, Conns: 3, Artifacts: kinds})
	require.NoError(t, err)
	t.Cleanup(db.Close)
	s.db = db
	s.live(kinds, review.Connection, fmt.Sprintf(`{"key":"hr","name":"HR","type":"fake-hris","settings":{"path":%q}}`, s.child.File))
	s.live(kinds, review.Policy, killContract)
	s.live(kinds, review.Flow, killFlow)
	require.NoError(t, fake.Change(s.child.File, func(st *fake.State) { st.Workers["w1"] = joiner.Worker{ID: "w1", Attributes: attributes} }))
	_, err = db.AcceptEvent(t.Context(), postgres.Incoming{Connection: "hr", Event: joiner.Event{Key: "hired", Type: "worker.hired", Worker: "w1"}})
	require.NoError(t, err)
	return s
}

// Killed at every place on the way of a write-back, and within the call: each field
// is written once, read back, on record with its receipt, and a conflict is one
// exception.
func TestWriteBack_KilledAnywhere(t *testing.T) {
	if testing.Short() {
		t.Skip("needs PostgreSQL")
	}
	t.Parallel()
	conflict := map[string]any{"first_name": "Ada", "work_email": "ada@hr.example"}
	for _, k := range []struct {
		name, at, plan string
		attributes     map[string]any
	}{
		{at: engine.BeforeIntent + "#1"},
		{at: engine.AfterIntent + "#1"},
		{at: engine.AfterWriteIntent + "#1"},
		{at: engine.AfterEffect + "#1"},
		{at: engine.Riding + "#1"},
		{at: engine.BeforeCheckpoint + "#1"}, // written, waits to be read back
		{at: engine.AfterCheckpoint + "#1"},
		{at: engine.AtWake + "#1"},
		{at: engine.BeforeCheckpoint + "#2"}, // read back
		{at: engine.AfterCheckpoint + "#2"},
		{plan: "UpdateWorker#1:" + fake.DieBefore},
		{plan: "UpdateWorker#1:" + fake.DieAfter},
		{plan: "UpdateWorker#1:" + fake.Lose}, // killed by nobody: the answer is lost
		{name: "conflict ", at: engine.AfterException + "#1", attributes: conflict},
		{name: "conflict ", at: engine.AfterEffect + "#1", attributes: conflict},
		{name: "conflict ", at: engine.BeforeCheckpoint + "#1", attributes: conflict},
	} {
		t.Run(k.name+k.at+k.plan, func(t *testing.T) {
			t.Parallel()
			attributes := k.attributes
			if attributes == nil {
				attributes = map[string]any{"first_name": "Ada"}
			}
			s := backScene(t, attributes)
			first := s.child
			first.Owner, first.DieAt = "first", k.at
			if k.plan != "" {
				first.Plan = []string{k.plan}
			}
			p := first.start(t)
			if k.plan != "UpdateWorker#1:"+fake.Lose && k.at != engine.AfterCheckpoint+"#2" {
				p.died(t, 60*time.Second)
				s.takeOver(true)
			}
			d := s.until(60*time.Second, run.Succeeded, run.Failed)
			require.Equal(t, run.Succeeded, d.State)
			st := look(t, s.child)
			if k.attributes != nil {
				require.Equal(t, []string{"w1.employee_number=77"}, st.Updates)
				require.Equal(t, "exception", step(t, d, "back").Port)
				all, _, err := s.db.Exceptions(t.Context(), postgres.ExceptionFilter{})
				require.NoError(t, err)
				require.Len(t, all, 1)
				require.Equal(t, 1, all[0].Seen)
				return
			}
			require.Equal(t, []string{"w1.employee_number=77", "w1.work_email=ada@x.example"}, st.Updates, "each field once")
			require.Equal(t, "done", step(t, d, "back").Port)
			var verified, receipts, intents int
			require.NoError(t, s.db.RawScan(t.Context(), &verified, `SELECT count(*) FROM write_backs WHERE state = 'verified'`))
			require.NoError(t, s.db.RawScan(t.Context(), &receipts, `SELECT count(*) FROM intents WHERE operation = 'hris.write_back' AND receipt->>'changed' = 'true'`))
			require.NoError(t, s.db.RawScan(t.Context(), &intents, `SELECT count(*) FROM intents`))
			require.Equal(t, []int{2, 1, 1}, []int{verified, receipts, intents}, "verified fields, receipts, intents")
		})
	}
}
