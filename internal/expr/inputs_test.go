package expr

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInputs(t *testing.T) {
	e, err := NewEnv(Decls{Attributes: []string{"title"}, Inputs: map[string]Type{"site_code": String, "approved": Bool}})
	require.NoError(t, err)
	v, problems := e.Field(`="loc-" + inputs.site_code`, String, Where{})
	require.Empty(t, problems)
	for _, s := range []Scope{{Inputs: map[string]any{"site_code": "ham"}}, {}} {
		got, err := v.Eval(t.Context(), s)
		require.NoError(t, err)
		require.Equal(t, "loc-"+Text(s.Inputs["site_code"]), got)
	}
	_, problems = e.Expression(`inputs.sitecode == "x"`, Bool, Where{})
	require.Len(t, problems, 1)
	require.Contains(t, problems[0].Detail, `Did you mean "site_code"?`)
	_, problems = env(t).Expression(`inputs.x == "y"`, Bool, Where{})
	require.NotEmpty(t, problems, "a flow has no inputs")
}
