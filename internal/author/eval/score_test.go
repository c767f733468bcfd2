package eval

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/canon"
	"joinery/internal/luavm"
)

var update = flag.Bool("update", false, "measure anew which small changes of the solutions the hidden tests notice")

// leastScore is how many of a hundred small changes of a solution its tests notice.
const leastScore = 90

const scoreFile = "testdata/scores.json"

// score is what was measured of one item, which its hash names.
type score struct {
	Hash      string   `json:"hash"`
	Tried     int      `json:"tried"`
	Noticed   int      `json:"noticed"`
	Survivors []string `json:"survivors,omitempty"`
}

func (s score) percent() int { return s.Noticed * 100 / s.Tried }

// Hidden tests that let a wrong answer pass would measure nothing: they are tried on
// every small change of the solution. That takes a minute, so what was measured is
// kept by the item's hash, and one item is measured each time:
// go test ./internal/author/eval -run Scores -update
func TestItems_Scores(t *testing.T) {
	t.Parallel()
	items, err := Items()
	require.NoError(t, err)
	kept := map[string]score{}
	raw, err := os.ReadFile(scoreFile)
	if err == nil {
		require.NoError(t, json.Unmarshal(raw, &kept))
	}
	pool, now := open(t), map[string]score{}
	for _, item := range items {
		hash := item.hash(t)
		if now[item.Key] = kept[item.Key]; kept[item.Key].Hash != hash && *update {
			now[item.Key] = item.measure(t, pool, hash)
		}
		s := now[item.Key]
		if s.Hash != hash {
			t.Errorf("%s has changed since it was measured; run this test with -update", item.Key)
		} else if s.percent() < leastScore {
			t.Errorf("%s: its tests notice %d of %d small changes\n  %s", item.Key, s.Noticed, s.Tried, strings.Join(s.Survivors, "\n  "))
		}
	}
	if *update {
		out, err := json.MarshalIndent(now, "", " ")
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(scoreFile, append(out, '\n'), 0o644))
	}
	one := items[slices.IndexFunc(items, func(i Item) bool { return i.Key == "badge-number" })]
	require.Equal(t, kept[one.Key], one.measure(t, pool, one.hash(t)), "what is kept is what is measured")
}

// hash names what a score is of: the tests and the solution.
func (i Item) hash(t *testing.T) string {
	raw, err := canon.Value(i.Solved())
	require.NoError(t, err)
	hash, err := canon.Hash(raw)
	require.NoError(t, err)
	return hash
}

// measure tries the hidden tests on every small change of the solution.
func (i Item) measure(t *testing.T, pool *luavm.Pool, hash string) score {
	content := i.Solved()
	reading, err := pool.Check(t.Context(), content.Source)
	require.NoError(t, err)
	s := score{Hash: hash, Tried: len(reading.Mutants)}
	for n, m := range reading.Mutants {
		if i.notices(t.Context(), t, pool, n+1) {
			s.Noticed++
		} else {
			s.Survivors = append(s.Survivors, fmt.Sprintf("line %d: %s", m.Line, m.Change))
		}
	}
	return s
}

func (i Item) notices(ctx context.Context, t *testing.T, pool *luavm.Pool, mutant int) bool {
	for _, k := range i.Tests {
		why, _, err := i.try(ctx, pool, i.Solved(), k, mutant)
		require.NoError(t, err)
		if why != "" {
			return true
		}
	}
	return false
}
