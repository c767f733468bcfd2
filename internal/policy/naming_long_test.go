package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/joiner"
)

// What is far too long for a name goes to a person and through no candidate.
func TestNaming_FarTooLong(t *testing.T) {
	t.Parallel()
	c := parse(t, std)
	long := strings.Repeat("ä", 1_000_000)
	for field, w := range map[string]joiner.Worker{
		"first_name":     {ID: "1", Attributes: map[string]any{"first_name": long, "last_name": "Lee"}},
		"last_name":      {ID: "1", Attributes: map[string]any{"first_name": "Ann", "last_name": long}},
		"preferred_name": {ID: "1", Attributes: map[string]any{"first_name": "Ann", "last_name": "Lee", "preferred_name": long}},
		"id":             {ID: long, Attributes: map[string]any{"first_name": "Ann", "last_name": "Lee"}},
	} {
		o, err := c.Naming.Try(t.Context(), Subject{Now: time.Now(), Lookups: taken{}, Worker: w})
		require.NoError(t, err)
		require.Contains(t, o.Person, field)
		require.Contains(t, o.Person, "1000000 letters")
		require.Empty(t, o.Names)
	}
	o, err := c.Naming.Try(t.Context(), Subject{Now: time.Now(), Lookups: taken{}, Worker: joiner.Worker{ID: "1", Attributes: map[string]any{"first_name": "Ann", "last_name": strings.Repeat("ä", 1500)}}})
	require.NoError(t, err)
	require.Empty(t, o.Person, "a long name is cut as before")
	require.Len(t, o.Names, 4)
}
