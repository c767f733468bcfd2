package engine_test

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/fault"
	"joinery/internal/function"
	"joinery/internal/luavm"
	"joinery/internal/pgtest"
	"joinery/internal/review"
	"joinery/internal/run"
	"joinery/internal/workertest"
)

const functionText = `
key: place
name: Place
source: |
  return function(input)
    if input.department == "" then
      fail("no-department", "The HRIS has no department for this person. Fill it in and try again.")
    end
    local manager = hris.get_worker("hr", input.manager)
    local group = text.lower(input.department)
    if directory.group_exists("dir", group) then
      plan.add_group("dir", group)
    end
    plan.set("dir", "title", "Reports to " .. (manager and manager.last_name or "nobody"))
    log.info("placed", {group = group})
    return {group = group, pick = rand.id(8), taken = directory.username_taken("dir", input.login)}
  end
manifest:
  input:
    type: object
    required: [department, manager, login]
    properties: {department: {type: string}, manager: {type: string}, login: {type: string}}
    additionalProperties: false
  output: {type: object, required: [group], properties: {group: {type: string}, pick: {type: string}, taken: {type: boolean}}}
  grants: ["directory:dir:groups.find", "directory:dir:groups.add", "directory:dir:accounts.set", "directory:dir:names.taken", "hris:hr:workers.get"]
cases:
  - name: engineering
    input: {department: Engineering, manager: "9", login: lovelace1}
    stubs:
      - {call: hris.get_worker, answer: {last_name: Boss}}
      - {call: directory.group_exists, answer: true}
      - {call: directory.username_taken, answer: false}
    plan:
      - {do: plan.add_group, args: [dir, engineering]}
      - {do: plan.set, args: [dir, title, Reports to Boss]}
    output: {group: engineering, pick: PICK, taken: false}
  - {name: nobody knows, input: {department: "", manager: "9", login: x}, error: no-department}
`

const functionFlow = `
key: join
name: Join
trigger: hired
nodes:
  - {id: hired, type: hris.event, params: {connection: hr, events: [worker.hired]}}
  - {id: create, type: account.ensure, params: {directory: dir, name: =Lower(joiner.last_name)}}
  - {id: place, type: function, params: {function: place, input: {department: =joiner.department, manager: =joiner.manager_id, login: =Lower(joiner.last_name)}}}
edges:
  - {from: hired.started, to: create}
  - {from: create.created, to: place}
  - {from: create.existed, to: place}
`

// functions gives the house a runtime, and the rule that cases must pass.
func (h *house) functions() *luavm.Pool {
	h.t.Helper()
	pool, err := luavm.Open(luavm.Config{Command: []string{workertest.Path(h.t), luavm.SandboxCommand}, AllowReduced: true, Log: slog.New(slog.DiscardHandler)})
	require.NoError(h.t, err)
	h.t.Cleanup(pool.Close)
	h.e.Functions = pool
	return pool
}

// functionOf gives the function's text with what its case's draw really is.
func functionOf(t *testing.T, pool *luavm.Pool, h *house) string {
	t.Helper()
	doc, err := h.db2().ReadText(review.Function, "place", []byte(functionText))
	require.NoError(t, err)
	content, err := function.Decode(doc.Content)
	require.NoError(t, err)
	result, err := pool.RunCase(t.Context(), content, content.Cases[0], 0)
	require.NoError(t, err)
	var out struct{ Pick string }
	require.NoError(t, json.Unmarshal(result.Outcome.Result, &out), result.Why)
	return strings.Replace(functionText, "PICK", out.Pick, 1)
}

// A released function computes, looks things up, and what it plans is made, listed
// and undone like the writes of any step.
func TestFunction_RunsInAFlow(t *testing.T) {
	t.Parallel()
	h := open(t)
	pool := h.functions()
	content := functionOf(t, pool, h)
	h.live(review.Function, "place", content)
	h.live(review.Flow, "join", functionFlow)
	h.start()
	h.person("9", map[string]any{"last_name": "Boss"})
	h.hire("1", map[string]any{"manager_id": "9"})
	d := h.until(run.Succeeded)
	require.Equal(t, "done", step(t, d, "place").Port)
	result := output(t, d, "place")["result"].(map[string]any)
	require.Equal(t, "engineering", result["group"])
	require.Equal(t, false, result["taken"], "the joiner's own login is not taken")
	id, groups := h.groupsOf("hr:1")
	require.Equal(t, []string{"engineering"}, groups)
	require.Equal(t, "Reports to Boss", h.state().Accounts[id].Attributes["title"])
	require.Contains(t, string(step(t, d, "place").Changes), "engineering")

	require.Len(t, d.Calls, 1, "the page of the run leads to it")
	h.replays(d.ID, content)
	err := h.db.CompensateRun(t.Context(), ben, string(d.ID), "not wanted")
	require.NoError(t, err, "%v", fault.Problems(err))
	h.e.Kick()
	h.until(run.Compensated)
	_, groups = h.groupsOf("hr:1")
	require.Empty(t, groups)
}

// replays runs the recorded call of the step again, as it was and after an edit.
func (h *house) replays(id, text string) {
	t := h.t
	calls, err := h.db.FunctionCalls(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, calls, 1)
	require.Equal(t, 1, calls[0].Revision)
	kept, err := h.db.FunctionCall(t.Context(), id, "place", 1)
	require.NoError(t, err)
	var tape luavm.Tape
	require.NoError(t, json.Unmarshal([]byte(kept.Tape), &tape))
	require.Len(t, tape.Asked, 3, "every question with its answer")
	require.Contains(t, string(tape.Input), "Engineering")
	doc, err := h.db2().ReadText(review.Function, "place", []byte(text))
	require.NoError(t, err)
	require.Equal(t, doc.Hash, kept.Hash)
	c, err := function.Decode(doc.Content)
	require.NoError(t, err)
	r, err := h.e.Functions.Replay(t.Context(), c.Source, tape)
	require.NoError(t, err)
	require.True(t, r.Same(), "%v", r.Differences)
	r, err = h.e.Functions.Replay(t.Context(), strings.Replace(c.Source, "Reports to", "Works for", 1), tape)
	require.NoError(t, err)
	require.Len(t, r.Differences, 1)
	require.Contains(t, r.Differences[0].Now, "Works for Boss")
}

// A step that is tried again tells its function the moment of the first try, and the
// same chance: whether a question had no answer, or a change could not be made.
func TestFunction_TriesAgainWithTheSameClock(t *testing.T) {
	t.Parallel()
	h := open(t, "FindGroup#1:fail", "EnsureMember#1:fail")
	h.live(review.Function, "place", functionOf(t, h.functions(), h))
	h.live(review.Flow, "join", functionFlow)
	h.start()
	h.person("9", map[string]any{"last_name": "Boss"})
	h.hire("1", map[string]any{"manager_id": "9"})
	pgtest.Eventually(t, 30*time.Second, "the third try succeeds", func() bool {
		h.clock.Forward(time.Minute)
		h.e.Kick()
		return h.runs()[0].State == run.Succeeded
	})
	calls, err := h.db.FunctionCalls(t.Context(), h.runs()[0].ID)
	require.NoError(t, err)
	require.Len(t, calls, 3)
	for _, c := range calls {
		require.Equal(t, calls[0].At, c.At)
	}
	tapes := [3]luavm.Tape{}
	for i := range tapes {
		kept, err := h.db.FunctionCall(t.Context(), h.runs()[0].ID, "place", i+1)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal([]byte(kept.Tape), &tapes[i]))
	}
	require.Equal(t, tapes[0].Now, tapes[2].Now)
	require.JSONEq(t, string(tapes[1].End.Result), string(tapes[2].End.Result), "the same chance")
	d, err := h.db.RunDetail(t.Context(), h.runs()[0].ID)
	require.NoError(t, err)
	require.NotContains(t, output(t, d, "place"), "clock")
}

// fail stops the step with the sentence of the code; nothing that was planned before is made.
func TestFunction_AskesForAPerson(t *testing.T) {
	t.Parallel()
	h := open(t)
	pool := h.functions()
	h.live(review.Function, "place", functionOf(t, pool, h))
	h.live(review.Flow, "join", functionFlow)
	h.start()
	h.hire("1", map[string]any{"manager_id": "9", "department": ""})
	d := h.until(run.Failed)
	require.Contains(t, step(t, d, "place").Error, "The HRIS has no department for this person.")
	_, groups := h.groupsOf("hr:1")
	require.Empty(t, groups)
}

// What a function may not do keeps it from being submitted: a case that fails, a
// call that no grant covers.
func TestFunction_IsJudgedBeforeReview(t *testing.T) {
	t.Parallel()
	h := open(t)
	kinds := h.db2()
	kinds.Functions = &luavm.Judge{Pool: h.functions()}
	problems := func(text string) []fault.Problem {
		doc, err := kinds.ReadText(review.Function, "place", []byte(text))
		require.NoError(t, err)
		return kinds.Check(review.Function, doc.Content, artifact.Known{})
	}
	good := functionOf(t, h.e.Functions, h)
	require.Empty(t, problems(good))
	wrong := problems(strings.Replace(good, "Reports to Boss", "Reports to nobody", 1))
	require.Len(t, wrong, 1)
	require.Equal(t, "cases.0", wrong[0].Path)
	require.Contains(t, wrong[0].Detail, "instead of plan.set")
	wrong = problems(strings.Replace(good, `, "directory:dir:accounts.set"`, "", 1))
	require.Equal(t, "manifest.grants", wrong[0].Path)
	require.Contains(t, wrong[0].Detail, "directory:dir:accounts.set")
	wrong = problems(strings.Replace(good, "log.info(", "print(", 1))
	require.Equal(t, "source", wrong[0].Path)
	require.Contains(t, wrong[0].Detail, "log.info")
}
