package all

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/form"
)

// Every type declares a form that a page can show and a person can understand.
func TestTypes(t *testing.T) {
	t.Parallel()
	kinds := map[string]bool{}
	for _, kind := range New().Types() {
		info := kind.Info()
		require.False(t, kinds[info.Kind], "%s is there twice", info.Kind)
		kinds[info.Kind] = true
		for _, text := range []string{info.Kind, info.Title, info.Icon, info.Help} {
			require.NotEmpty(t, text, info.Kind)
		}
		keys := map[string]form.Field{}
		for _, f := range info.Settings {
			require.NotEmpty(t, f.Label, f.Key)
			require.NotContains(t, keys, f.Key)
			if f.Kind == form.Select {
				values := make([]string, len(f.Options))
				for i, o := range f.Options {
					values[i] = o.Value
				}
				require.Contains(t, values, f.Default, f.Key)
			}
			if f.ShowWhen != nil {
				on, ok := keys[f.ShowWhen.Field]
				require.True(t, ok, "%s depends on a later or unknown field", f.Key)
				require.True(t, slices.ContainsFunc(on.Options, func(o form.Option) bool { return slices.Contains(f.ShowWhen.In, o.Value) }), f.Key)
			}
			keys[f.Key] = f
		}
		_, sends := kind.(connector.Source)
		require.Equal(t, slices.Contains(info.Capabilities, connector.CapWebhook), sends, "%s: webhook capability and Source go together", info.Kind)
		for _, c := range info.Credentials {
			require.NotEmpty(t, c.Label, c.Name)
		}
		found, ok := New().Type(info.Kind)
		require.True(t, ok)
		require.Equal(t, info.Kind, found.Info().Kind)
	}
	_, ok := New().Type("no such")
	require.False(t, ok)
}
