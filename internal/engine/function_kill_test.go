package engine_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/connector/fake"
	"joinery/internal/engine"
	"joinery/internal/joiner"
	"joinery/internal/luavm"
	"joinery/internal/node"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
)

const stampFunction = `
key: stamp
name: Stamp
source: |
  return function(input)
    plan.set("dir", "title", input.at .. " " .. run.now())
    plan.add_group("dir", "sales")
    return {at = input.at, now = run.now()}
  end
manifest:
  input: {type: object, required: [at], properties: {at: {type: string}}}
  output: {type: object, required: [at, now], properties: {at: {type: string}, now: {type: string}}}
  grants: ["directory:dir:groups.add", "directory:dir:accounts.set"]
cases:
  - name: any
    input: {at: x}
    plan:
      - {do: plan.set, args: [dir, title, "x 2026-12-01T12:00:00Z"]}
      - {do: plan.add_group, args: [dir, sales]}
    output: {at: x, now: "2026-12-01T12:00:00Z"}
`

const stampFlow = `
key: join
name: Join
trigger: hired
nodes:
  - {id: hired, type: hris.event, params: {connection: hr, events: [worker.hired]}}
  - {id: create, type: account.ensure, params: {directory: dir, name: =Lower(joiner.last_name)}}
  - {id: place, type: function, params: {function: stamp, input: {at: '=string(now)'}}}
edges:
  - {from: hired.started, to: create}
  - {from: create.created, to: place}
  - {from: create.existed, to: place}
`

// A process that dies in the middle of a step leaves the moment that the step's function
// was told: whoever goes on tells it the same, so that what was changed by the first try
// is not changed again to something else.
func TestFunction_KilledWithinItsStep(t *testing.T) {
	if testing.Short() {
		t.Skip("needs PostgreSQL")
	}
	t.Parallel()
	for _, at := range []string{engine.AfterMoment + "#1", engine.BeforeIntent + "#2", engine.AfterIntent + "#2", engine.AfterEffect + "#2", engine.AfterEffect + "#3", engine.BeforeCheckpoint + "#2"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			s := stampScene(t)
			first := s.child
			first.Owner, first.DieAt = "first", at
			first.start(t).died(t, 60*time.Second)
			var title string
			for _, a := range look(t, s.child).Accounts {
				title, _ = a.Attributes["title"].(string)
			}
			var told time.Time
			require.NoError(t, s.db.RawScan(t.Context(), &told, `SELECT at FROM function_moments WHERE node = 'place'`))
			s.takeOver(true)
			d := s.until(60*time.Second, run.Succeeded, run.Failed)
			require.Equal(t, run.Succeeded, d.State, "%s", step(t, d, "place").Error)
			calls, err := s.db.FunctionCalls(t.Context(), d.ID)
			require.NoError(t, err)
			require.Len(t, calls, 1)
			require.True(t, told.Equal(calls[0].At), "told %s, and %s at first", calls[0].At, told)
			for _, a := range look(t, s.child).Accounts {
				if title != "" {
					require.Equal(t, title, a.Attributes["title"], "what the first try set stays")
				}
				require.Equal(t, []string{"sales"}, a.Groups)
			}
			require.Equal(t, told.UTC().Format(time.RFC3339), output(t, d, "place")["result"].(map[string]any)["now"])
			kept, err := s.db.FunctionCall(t.Context(), d.ID, "place", 1)
			require.NoError(t, err)
			var tape luavm.Tape
			require.NoError(t, json.Unmarshal([]byte(kept.Tape), &tape))
			require.Contains(t, string(tape.Input), told.UTC().Format("15:04:05"), "its input is of the same moment")
			var left int
			require.NoError(t, s.db.RawScan(t.Context(), &left, `SELECT count(*) FROM function_moments`))
			require.Zero(t, left, "a step that is over needs no moment")
		})
	}
}

// stampScene is one joiner, an account of whom a function marks.
func stampScene(t *testing.T) *scene {
	t.Helper()
	app, _ := pgtest.URLs(t)
	dir := t.TempDir()
	s := &scene{t: t, worker: "w1", child: child{URL: app, File: filepath.Join(dir, "state.json"), Outbox: filepath.Join(dir, "mails")}}
	kinds := artifact.Kinds{Flows: node.All(), Connectors: childTypes(s.child.File, nil)}
	db, err := postgres.Open(t.Context(), postgres.Config{URL: app, Conns: 3, Artifacts: kinds})
	require.NoError(t, err)
	t.Cleanup(db.Close)
	s.db = db
	require.NoError(t, fake.Change(s.child.File, func(st *fake.State) {
		st.Groups["sales"] = nil
		st.Workers["w1"] = joiner.Worker{ID: "w1", Attributes: map[string]any{"first_name": "Ada", "last_name": "Stamp"}}
	}))
	s.live(kinds, review.Connection, fmt.Sprintf(`{"key":"hr","name":"HR","type":"fake-hris","settings":{"path":%q}}`, s.child.File))
	s.live(kinds, review.Connection, fmt.Sprintf(`{"key":"dir","name":"Directory","type":"fake-directory","settings":{"path":%q}}`, s.child.File))
	s.live(kinds, review.Function, stampFunction)
	s.live(kinds, review.Flow, stampFlow)
	_, err = db.AcceptEvent(t.Context(), postgres.Incoming{Connection: "hr", Event: joiner.Event{Key: "hired", Type: "worker.hired", Worker: "w1"}})
	require.NoError(t, err)
	return s
}
