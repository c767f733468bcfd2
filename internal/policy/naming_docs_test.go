package policy

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// The guide's worked example of F1 is what it says.
func TestNaming_F1_TheGuidesExample(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/policies-naming.md")
	require.NoError(t, err)
	block := regexp.MustCompile("(?s)```yaml\n(key: std\n.*?)```").FindSubmatch(text)
	require.NotNil(t, block)
	c := parse(t, string(block[1]))
	require.Empty(t, Check(c, Known{Connections: map[string][]string{"corp-ad": {"directory"}}}))
	require.Len(t, RunCases(t.Context(), c), 6)
}
