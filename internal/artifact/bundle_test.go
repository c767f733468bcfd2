package artifact_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/fault"
	"joinery/internal/review"
)

const twoParts = `# flows/f.yaml
key: f
name: F
trigger: start
nodes:
  - {id: start, type: manual, params: {connection: hr}}
  - id: names
    type: name.generate
    params:
      policy: own-names
edges:
  - {from: start.started, to: names}
---
key: own-groups
name: Groups
type: groups
groups:
  rows:
    - {groups: [a]}
    - {groups: [b], when: joiner.nothing ==}
---
# nothing here
---
key: fn
nam: Function
source: |
  --- not the end of a part
  return {}
---
{"key": "hr", "name": "HR", "type": "hris-rest", "settings": {}}
`

// A text is taken apart, each part is what its fields say, and lines count through.
func TestReadParts(t *testing.T) {
	t.Parallel()
	parts, err := kinds().ReadParts([]byte(twoParts))
	require.NoError(t, err)
	require.Len(t, parts, 4)
	var of []review.Kind
	for _, p := range parts {
		of = append(of, p.Kind)
	}
	require.Equal(t, []review.Kind{review.Flow, review.Policy, review.Function, review.Connection}, of)
	require.NoError(t, parts[0].Err)
	require.Equal(t, 10, parts[0].LineOf("nodes.names.params.policy"))
	require.Equal(t, 7, parts[0].LineOf("nodes.names.nothing"), "the nearest thing around it")
	require.Equal(t, 12, parts[0].LineOf("edges.0"))
	require.Zero(t, parts[0].LineOf("limits"))
	require.Equal(t, 20, parts[1].LineOf("groups.rows.1.when"))
	require.ErrorContains(t, parts[2].Err, `unknown field "nam"`)
	require.Equal(t, 24, parts[2].Line)
	require.NoError(t, parts[3].Err)

	bad := strings.Replace(twoParts, "trigger: start", "triger: start", 1)
	parts, err = kinds().ReadParts([]byte("---\n---\n" + bad))
	require.NoError(t, err)
	require.Equal(t, "line 6", fault.Problems(parts[0].Err)[0].Path)
	for _, empty := range []string{"", "\n---\n# x\n---\n"} {
		_, err = kinds().ReadParts([]byte(empty))
		require.ErrorContains(t, err, "nothing in it")
	}
	_, err = kinds().ReadParts([]byte(strings.Repeat("a: b\n---\n", artifact.MaxParts+1)))
	require.ErrorContains(t, err, "more than 100")
}

// A content under another key is used under it.
func TestRenamed(t *testing.T) {
	t.Parallel()
	parts, err := kinds().ReadParts([]byte(twoParts))
	require.NoError(t, err)
	d, err := kinds().Renamed(parts[0].Doc, "g", map[artifact.Ref]string{{Kind: review.Policy, Key: "own-names"}: "their-names", {Kind: review.Function, Key: "own-names"}: "no"})
	require.NoError(t, err)
	require.Equal(t, "g", d.Key)
	require.Contains(t, string(d.Content), `"policy":"their-names"`)
	same, err := kinds().Renamed(parts[0].Doc, "f", nil)
	require.NoError(t, err)
	require.Equal(t, parts[0].Doc.Hash, same.Hash)
}
