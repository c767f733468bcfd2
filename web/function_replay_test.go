package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/luavm"
	"joinery/internal/review"
	"joinery/internal/run"
)

const replayedFunction = `key: replayed
name: Replayed
source: |
  return function(input)
    local boss = hris.get_worker("hr", input.manager)
    log.info("looked", {boss = boss.last_name})
    return {boss = boss.last_name, ticket = rand.id(6)}
  end
manifest: {grants: ["hris:hr:workers.get"]}
cases: [{name: any, input: {manager: "9"}, stubs: [{call: hris.get_worker, answer: {last_name: Bosworth}}], output: {}}]
`

// A call on record is shown, and replayed: the same, or what differs; what cannot be
// replayed says why. Who may not see personal values sees none, also in differences.
func TestFunctionReplay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "plain")
	w.functions(t)
	_, n := w.save(review.Function, replayedFunction)
	rev, err := w.server.DB.Revision(t.Context(), review.Function, "replayed", n)
	require.NoError(t, err)
	id := w.run(run.Failed)
	var content struct{ Source string }
	require.NoError(t, json.Unmarshal([]byte(rev.Content), &content))
	asked := []luavm.Asked{{Name: "hris.get_worker", Args: json.RawMessage(`["hr","9"]`), Line: 2, Answer: json.RawMessage(`{"last_name":"Bosworth"}`)}}
	tape := luavm.Tape{Input: json.RawMessage(`{"manager":"9","personal_email":"ada@lovelace.example"}`), Now: time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC), Seed: "s", RunID: id, Limits: luavm.Defaults(), Grants: []string{"hris:hr:workers.get"}, Asked: asked}
	first, err := w.server.Functions.Replay(t.Context(), content.Source, tape)
	require.NoError(t, err)
	require.Equal(t, luavm.OK, first.Outcome.Kind, first.Outcome.Sentence())
	out := first.Outcome
	tape.End = luavm.Ending{Kind: out.Kind, Result: out.Result, Steps: out.Steps}
	tape.Log = out.Log
	keep := func(tape luavm.Tape, revision int, hash string) {
		raw, err := json.Marshal(tape)
		require.NoError(t, err)
		w.exec(`INSERT INTO function_calls (run_id, node, number, function, revision, hash, at, tape) VALUES ($1, 'by_hand', 1, 'replayed', $2, $3, now(), $4) ON CONFLICT (run_id, node, number) DO UPDATE SET revision = $2, hash = $3, tape = $4`, id, revision, hash, string(raw))
	}
	at := "/runs/" + id + "/steps/by_hand/calls/1"
	keep(tape, n, rev.Hash)
	viewer := w.person(t, "viewer@example.com", auth.Viewer)
	page := w.ada.get(t, at)
	require.Equal(t, http.StatusOK, page.status)
	for _, text := range []string{"Bosworth", "lovelace.example", "2026-12-01T08:00:00Z", "Replay this call", "hris.get_worker"} {
		require.Contains(t, page.body, text)
	}
	require.Contains(t, w.ada.post(t, at, fields()).body, "Same result")

	changed := tape
	changed.End.Result = json.RawMessage(`{"boss":"Bosworth","ticket":"another"}`)
	keep(changed, n, rev.Hash)
	got := w.ada.post(t, at, fields()).body
	require.Contains(t, got, "1 thing differs")
	require.Contains(t, got, "another")
	for _, page := range []string{viewer.get(t, at).body, viewer.post(t, at, fields()).body} {
		require.NotContains(t, page, "Bosworth")
		require.NotContains(t, page, "lovelace.example")
	}
	require.Contains(t, viewer.post(t, at, fields()).body, "1 thing differs")

	changed = tape
	changed.Asked = []luavm.Asked{{Name: asked[0].Name, Args: asked[0].Args}}
	keep(changed, n, rev.Hash)
	require.Contains(t, w.ada.post(t, at, fields()).body, "is missing in the record")
	keep(tape, n, strings.Repeat("0", 64))
	require.Contains(t, w.ada.post(t, at, fields()).body, "its hash is another")
	keep(tape, 77, rev.Hash)
	require.Contains(t, w.ada.post(t, at, fields()).body, "is not here any more")
	require.Equal(t, http.StatusNotFound, w.ada.get(t, "/runs/"+id+"/steps/by_hand/calls/2").status)
}
