package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/backtest"
	"joinery/internal/connector/all"
	"joinery/internal/node"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
)

// A backtest asked for on the command line waits for its report, prints it, and
// ends as the report says.
func TestFlowBacktest(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.run("correct horse battery\n", 0, "user", "add", "--email", "ada@x.example", "--name", "Ada", "--role", "admin", "--password-stdin")
	s.run("correct horse battery\n", 0, "user", "add", "--email", "eve@x.example", "--name", "Eve", "--role", "viewer", "--password-stdin")
	dir := t.TempDir()
	put := func(path, text string) {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(path)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, path), []byte(text), 0o600))
	}
	put("connections/hr.yaml", "key: hr\nname: HR\ntype: hris-rest\nsettings: {base_url: https://hr.example.com}\n")
	put("flows/f.yaml", "key: f\nname: F\ntrigger: start\nnodes:\n  - {id: start, type: manual, params: {connection: hr}}\n")
	s.run("", 0, "apply", "-f", dir)
	for want, args := range map[string][]string{
		"There is no":                    {"nothing"},
		"needs the permission":           {"f", "--as", "eve@x.example"},
		"from 1 to 500":                  {"f", "--joiners", "501"},
		"hr, which this uses, is not li": {"f"},
	} {
		_, errs := s.run("", 1, append([]string{"flow", "backtest"}, args...)...)
		require.Contains(t, errs, want)
	}
	s.run("", 2, "flow", "backtest")
	s.run("", 2, "flow", "backtest", "f", "--joiners", "-1")

	db, err := postgres.Open(t.Context(), postgres.Config{URL: s.owner, Artifacts: artifact.Kinds{Flows: node.All(), Connectors: all.New()}})
	require.NoError(t, err)
	defer db.Close()
	ada, err := db.FindUserByEmail(t.Context(), "ada@x.example")
	require.NoError(t, err)
	_, err = db.BreakGlass(t.Context(), ada.Actor(), review.Connection, "hr", 1, "Approved for this test")
	require.NoError(t, err)
	// carry does what a server does.
	carry := func(r *backtest.Report, lines ...backtest.Line) {
		var id string
		pgtest.Eventually(t, 20*time.Second, "the backtest waits", func() bool {
			id, err = db.TakeBacktest(t.Context(), "me")
			return err == nil && id != ""
		})
		if r == nil {
			require.NoError(t, db.FailBacktest(t.Context(), id, "me", "The record of a run cannot be read."))
			return
		}
		var people []postgres.BacktestPerson
		for _, l := range lines {
			people = append(people, postgres.BacktestPerson{Line: l})
		}
		kept, err := db.EndBacktest(t.Context(), id, "me", *r, people, time.Second)
		require.NoError(t, err)
		require.True(t, kept)
	}
	differs := backtest.Line{N: 1, Run: "rn_1", End: "comes through", Differences: []backtest.Difference{{Kind: backtest.Group, Where: "dir", What: "all-staff", Is: "yes"}}}
	same := backtest.Line{N: 2, Run: "rn_2", End: "comes through"}
	fails := backtest.Line{N: 3, Run: "rn_3", End: "fails at Create", Fails: true}
	for name, c := range map[string]struct {
		lines []backtest.Line
		args  []string
		none  bool
		want  int
		says  []string
	}{
		"differs":               {[]backtest.Line{differs, same}, []string{"--people"}, false, 0, []string{"revision 1 (nothing was live): done", "would differ           1", "- 1 of 2 joiners would", "run rn_1: comes through", "/backtests/bt_", "report "}},
		"must be the same":      {[]backtest.Line{differs, same}, []string{"--same"}, false, 1, []string{"would differ           1"}},
		"is the same":           {[]backtest.Line{same}, []string{"--same", "--revision", "1"}, false, 0, []string{"would differ           0"}},
		"fails where none did":  {[]backtest.Line{fails}, []string{"--recorded"}, false, 1, []string{"newly failing          1 (1 fail in all)"}},
		"nobody came":           {nil, nil, false, 0, []string{"says nothing"}},
		"does not come to that": {nil, nil, true, 1, []string{": failed.", "cannot be read"}},
	} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			if c.none {
				carry(nil)
				return
			}
			r := backtest.Sum(c.lines, true)
			carry(&r, c.lines...)
		}()
		out, _ := s.run("", c.want, append([]string{"flow", "backtest", "f"}, c.args...)...)
		<-done
		for _, say := range c.says {
			require.Contains(t, out, say, name)
		}
		require.NotContains(t, out, "rn_2", "nothing differs for them")
	}
	// Nobody carries it: it stays, and the command says where to look.
	_, errs := s.run("", 1, "flow", "backtest", "f", "--timeout", "300ms")
	require.Contains(t, errs, "Is a server running on this database?")
}
