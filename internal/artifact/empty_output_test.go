package artifact_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/review"
)

// A case of a function that only plans expects the empty table: it stays through what
// is stored and what people read.
func TestFunction_EmptyOutputStays(t *testing.T) {
	t.Parallel()
	var kinds artifact.Kinds
	doc, err := kinds.Read(review.Function, "f", []byte(`{"key":"f","name":"F","source":"return function() return {} end","cases":[{"name":"one","output":{}},{"name":"two","error":"x"}]}`))
	require.NoError(t, err)
	require.Contains(t, string(doc.Content), `"output":{}`)
	require.Empty(t, kinds.Check(review.Function, doc.Content, artifact.Known{}))
	text, err := kinds.YAML(review.Function, doc.Content)
	require.NoError(t, err)
	again, err := kinds.ReadText(review.Function, "f", text)
	require.NoError(t, err)
	require.Equal(t, doc.Hash, again.Hash, "%s", text)
}
