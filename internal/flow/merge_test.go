package flow_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/flow"
)

// Two changes are brought together as on the canvas: both go through
// testdata/merges.json.
func TestMerge_SharedWithTheCanvas(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/merges.json")
	require.NoError(t, err)
	var cases []struct {
		Name                     string
		Base, Mine, Theirs, Want json.RawMessage
		Clashes                  [][2]any
	}
	require.NoError(t, json.Unmarshal(raw, &cases))
	require.NotEmpty(t, cases)
	read := func(raw json.RawMessage) flow.Content {
		c, err := flow.Decode(raw)
		require.NoError(t, err)
		return c
	}
	for _, k := range cases {
		got, clashes, err := flow.Merge(read(k.Base), read(k.Mine), read(k.Theirs))
		require.NoError(t, err)
		have := [][2]any{}
		for _, c := range clashes {
			fields := []any{}
			for _, f := range c.Fields {
				fields = append(fields, f)
			}
			require.Len(t, c.Mine, len(fields))
			require.Len(t, c.Theirs, len(fields))
			have = append(have, [2]any{c.Part, fields})
		}
		require.Equal(t, k.Clashes, have, k.Name)
		require.Equal(t, read(k.Want), got, k.Name)
	}
}
