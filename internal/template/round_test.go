package template

import (
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/flows"
	"joinery/internal/review"
)

// What is exported as text is read back to the same content.
func TestShippedTexts_ReadBackToTheSame(t *testing.T) {
	t.Parallel()
	for _, key := range append(flows.Keys(), flows.Templates()...) {
		_, texts, err := flows.Policies(key)
		require.NoError(t, err)
		for own, text := range texts {
			doc, err := kinds().ReadText(review.Policy, "", text)
			require.NoError(t, err)
			out, err := kinds().YAML(review.Policy, doc.Content)
			require.NoError(t, err)
			again, err := kinds().ReadText(review.Policy, "", out)
			require.NoError(t, err)
			require.Equal(t, string(doc.Content), string(again.Content), "%s/%s:\n%s", key, own, out)
		}
		text, err := flows.Flow(key)
		require.NoError(t, err)
		doc, err := kinds().ReadText(review.Flow, "", text)
		require.NoError(t, err)
		out, err := kinds().YAML(review.Flow, doc.Content)
		require.NoError(t, err)
		again, err := kinds().ReadText(review.Flow, "", out)
		require.NoError(t, err)
		require.Equal(t, string(doc.Content), string(again.Content), "%s", key)
	}
}
