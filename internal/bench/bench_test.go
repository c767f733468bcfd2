package bench

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/pgserver"
)

// A short measurement of all rows, and a kill in a burst: everything that is
// accepted has exactly one account, and the table has its ratios.
func TestBench(t *testing.T) {
	if testing.Short() || !pgserver.Present() {
		t.Skip("needs PostgreSQL")
	}
	dir, err := TempDir()
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	program := filepath.Join(t.TempDir(), "joinery")
	out, err := exec.Command("go", "build", "-o", program, "joinery/cmd/joinery").CombinedOutput()
	require.NoError(t, err, string(out))
	var said bytes.Buffer
	b := &Bench{Program: program, Dir: dir, Rows: []string{"joinery", "river-plain", "batch"}, Scenarios: []string{"throughput", "kill", "lists", "bombs", "author"}, Clients: []int{16}, Latencies: []time.Duration{0},
		Length: time.Second, Repeats: 1, Checkpoints: 3, Stored: 12_000, Rate: 50, Limit: 50, Joiners: 100, Out: &said}
	require.NoError(t, b.Run(t.Context()), said.String())
	seen := map[string]bool{}
	for _, r := range b.results {
		require.Zero(t, r.Doubles, "%s %s", r.Row, r.Scenario)
		require.Zero(t, r.Lost, "%s %s", r.Row, r.Scenario)
		if r.Scenario == "throughput" {
			require.Positive(t, r.Done, r.Row)
			seen[r.Row] = true
		}
		if r.Scenario == "kill" {
			require.Greater(t, r.Accepted, int64(100))
			require.Less(t, r.EndToEnd.P99, 15_000.0, "ms until all goes on after the restart")
		}
	}
	require.Len(t, seen, 3)
	require.Contains(t, said.String(), " bombs ended")
	require.Contains(t, said.String(), "20 conversations at once")
	require.Contains(t, said.String(), "| throughput | 0 | 16 | joinery |")
}

func TestBench_UnknownWords(t *testing.T) {
	t.Parallel()
	b := &Bench{Rows: []string{"joinery"}, Scenarios: []string{"everything"}}
	require.ErrorContains(t, b.Run(t.Context()), `There is no scenario "everything"`)
	b = &Bench{Rows: []string{"n8n"}, Scenarios: []string{"drain"}}
	require.ErrorContains(t, b.Run(t.Context()), `There is no row "n8n"`)
}
