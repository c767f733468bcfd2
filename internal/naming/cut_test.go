package naming

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A text of millions of letters is cut at once: whoever may try a policy, and every
// HRIS, decides how long a name is.
func TestCut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		n    int
		want string
	}{{"", 0, ""}, {"abc", 3, "abc"}, {"abc", 2, "ab"}, {"abc", 0, ""}, {"abc", -1, ""}, {"a😀b", 2, "a"}, {"a😀b", 3, "a😀"}, {"a\xffb", 2, "a\xff"}, {"über", 2, "üb"}} {
		require.Equal(t, c.want, cut(c.text, c.n), "%q to %d", c.text, c.n)
	}
	require.Equal(t, strings.Repeat("ä", 20), cut(strings.Repeat("ä", 5_000_000), 20))
}
