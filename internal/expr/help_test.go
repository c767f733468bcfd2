package expr

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the help says is what happens: every example is computed.
func TestHelpers_ExamplesGiveWhatTheySay(t *testing.T) {
	t.Parallel()
	e := env(t)
	for _, h := range Helpers() {
		require.NotEmpty(t, h.Text, h.Name)
		v, problems := e.Expression(h.Example, Any, Where{})
		require.Empty(t, problems, h.Example)
		got, err := v.Eval(t.Context(), scope())
		require.NoError(t, err, h.Example)
		require.Equal(t, h.Result, Text(got), h.Example)
		if gives := Gives(v); gives != Any && h.Gives != Any {
			require.Equal(t, gives, h.Gives, h.Name)
		}
	}
}

// No helper is without help, and no help is without its helper.
func TestHelpers_AreAllThereAre(t *testing.T) {
	t.Parallel()
	var named []string
	for _, h := range Helpers() {
		if h.On == "" && h.Name[0] < 'a' {
			named = append(named, h.Name)
		}
	}
	slices.Sort(named)
	require.Equal(t, Functions(), named)
}
