package run

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"joinery/internal/flow"
)

func graph(trigger string, edges ...string) flow.Content {
	c := flow.Content{Trigger: flow.NodeID(trigger)}
	seen := map[flow.NodeID]bool{}
	add := func(id flow.NodeID) {
		if !seen[id] {
			seen[id] = true
			c.Nodes = append(c.Nodes, flow.Node{ID: id})
		}
	}
	add(c.Trigger)
	for i := 0; i < len(edges); i += 2 {
		from, _, _ := cut(edges[i])
		add(flow.NodeID(from))
		add(flow.NodeID(edges[i+1]))
		c.Edges = append(c.Edges, flow.Edge{From: edges[i], To: flow.NodeID(edges[i+1])})
	}
	return c
}

func cut(s string) (string, string, bool) {
	for i := range s {
		if s[i] == '.' {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

func TestNext(t *testing.T) {
	t.Parallel()
	diamond := graph("t", "t.out", "b", "b.yes", "x", "b.no", "y", "x.out", "j", "y.out", "j", "j.out", "z")
	done := func(port string) Step { return Step{State: StepSucceeded, Port: port} }
	for name, c := range map[string]struct {
		flow  flow.Content
		steps map[flow.NodeID]Step
		want  Move
	}{
		"the trigger starts":             {diamond, nil, Move{Start: ids("t")}},
		"one branch starts, one is dead": {diamond, map[flow.NodeID]Step{"t": done("out"), "b": done("yes")}, Move{Start: ids("x"), Skip: ids("y")}},
		"a join waits for what runs":     {diamond, map[flow.NodeID]Step{"t": done("out"), "b": done("yes"), "x": {State: StepRunning}, "y": {State: StepSkipped}}, Move{}},
		"a join runs on one token":       {diamond, map[flow.NodeID]Step{"t": done("out"), "b": done("yes"), "x": done("out"), "y": {State: StepSkipped}}, Move{Start: ids("j")}},
		"skipping runs downstream":       {diamond, map[flow.NodeID]Step{"t": done("out"), "b": done("other")}, Move{Skip: ids("x", "y", "j", "z"), Done: true}},
		"all done":                       {diamond, map[flow.NodeID]Step{"t": done("out"), "b": done("yes"), "x": done("out"), "y": {State: StepSkipped}, "j": done("out"), "z": done("out")}, Move{Done: true}},
		"an unhandled failure stops all": {diamond, map[flow.NodeID]Step{"t": done("out"), "b": {State: StepFailed, Port: "error"}}, Move{Done: true, Failed: "b"}},
		"a handled failure goes on":      {graph("t", "t.out", "w", "w.error", "e", "w.ok", "n"), map[flow.NodeID]Step{"t": done("out"), "w": {State: StepFailed, Port: "error"}}, Move{Start: ids("e"), Skip: ids("n")}},
		"two branches start at once":     {graph("t", "t.out", "a", "t.out", "b"), map[flow.NodeID]Step{"t": done("out")}, Move{Start: ids("a", "b")}},
		"a waiting step holds the end":   {graph("t", "t.out", "a"), map[flow.NodeID]Step{"t": done("out"), "a": {State: StepWaiting}}, Move{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, Next(c.flow, c.steps))
		})
	}
}

func ids(s ...flow.NodeID) []flow.NodeID { return s }

// Whatever the graph and whichever way steps leave, a run ends, every node is
// settled once, and a node runs exactly when a token reached it.
func TestNext_EveryRunEnds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "nodes")
		c := flow.Content{Trigger: "n0"}
		name := func(i int) flow.NodeID { return flow.NodeID(rune('a' + i)) }
		c.Trigger = name(0)
		for i := range n {
			c.Nodes = append(c.Nodes, flow.Node{ID: name(i)})
		}
		ports := []string{"p", "q", flow.ErrorPort}
		for to := 1; to < n; to++ {
			for range rapid.IntRange(1, 3).Draw(t, "edges") {
				from := rapid.IntRange(0, to-1).Draw(t, "from")
				c.Edges = append(c.Edges, flow.Edge{From: string(name(from)) + "." + rapid.SampledFrom(ports).Draw(t, "port"), To: name(to)})
			}
		}
		steps := map[flow.NodeID]Step{}
		started := map[flow.NodeID]int{}
		var running []flow.NodeID
		for round := 0; ; round++ {
			if round > 3*n+3 {
				t.Fatalf("the run does not end: %v", steps)
			}
			m := Next(c, steps)
			for _, id := range m.Skip {
				if _, ok := steps[id]; ok {
					t.Fatalf("%s is skipped after it began", id)
				}
				steps[id] = Step{State: StepSkipped}
			}
			for _, id := range m.Start {
				started[id]++
				steps[id] = Step{State: StepRunning}
				running = append(running, id)
			}
			if m.Done {
				break
			}
			if len(running) == 0 {
				t.Fatalf("the run is stuck: %v", steps)
			}
			i := rapid.IntRange(0, len(running)-1).Draw(t, "which ends")
			id := running[i]
			running = slices.Delete(running, i, i+1)
			port := rapid.SampledFrom(ports).Draw(t, "leaves by")
			steps[id] = Step{State: StepSucceeded, Port: port}
			if port == flow.ErrorPort {
				steps[id] = Step{State: StepFailed, Port: port}
			}
		}
		for id, k := range started {
			if k != 1 {
				t.Fatalf("%s started %d times", id, k)
			}
			if id == c.Trigger {
				continue
			}
			reached := slices.ContainsFunc(c.Edges, func(e flow.Edge) bool {
				from, port, _ := cut(e.From)
				return e.To == id && steps[flow.NodeID(from)].Port == port
			})
			if !reached {
				t.Fatalf("%s ran without a token", id)
			}
		}
	})
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	for tries := 1; tries < DefaultAttempts; tries++ {
		w, ok := Backoff(nil, tries, 0, nil)
		require.True(t, ok)
		full := min(DefaultFirst<<(tries-1), DefaultMax)
		require.LessOrEqual(t, w, full)
		require.GreaterOrEqual(t, w, full*6/10)
	}
	_, ok := Backoff(nil, DefaultAttempts, 0, nil)
	require.False(t, ok)
	_, ok = Backoff(&flow.Retry{Attempts: 1}, 1, 0, nil)
	require.False(t, ok)
	w, _ := Backoff(nil, 1, 90*time.Second, nil)
	require.Equal(t, 90*time.Second, w, "the other side's wish counts")
	w, _ = Backoff(&flow.Retry{First: "10s", Max: "1s"}, 5, 0, nil)
	require.LessOrEqual(t, w, 10*time.Second)
}

func TestAfter(t *testing.T) {
	t.Parallel()
	c := graph("t", "t.out", "a", "a.out", "b", "t.out", "c")
	require.Equal(t, ids("a", "b"), After(c, "a"))
}
