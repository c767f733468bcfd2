package expr

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPrograms(t *testing.T) {
	t.Parallel()
	decls := Decls{Attributes: []string{"first_name"}, Inputs: map[string]Type{"site": String}}
	t.Run("what was compiled is not compiled again", func(t *testing.T) {
		t.Parallel()
		p := NewPrograms(10_000)
		for range 3 {
			env, err := p.Env(decls)
			require.NoError(t, err)
			v, problems := env.Expression("joiner.first_name == 'Ada'", Bool, Where{})
			require.Empty(t, problems)
			got, err := v.Eval(t.Context(), Scope{Joiner: map[string]any{"first_name": "Ada"}})
			require.NoError(t, err)
			require.Equal(t, true, got)
			_, problems = env.Field("{{ inputs.site }} {{ joiner.frist_name }}", String, Where{})
			require.Equal(t, []Problem{{1, 29, problems[0].Detail}}, problems, "the place stays where it is")
		}
		require.Equal(t, 3, p.Compiled())
	})
	t.Run("another type, other names and steps are another compilation", func(t *testing.T) {
		t.Parallel()
		p := NewPrograms(10_000)
		env, err := p.Env(decls)
		require.NoError(t, err)
		_, problems := env.Expression("joiner.first_name", String, Where{})
		require.Empty(t, problems)
		_, problems = env.Expression("joiner.first_name", Bool, Where{})
		require.NotEmpty(t, problems)
		other, err := p.Env(Decls{Attributes: []string{"first_name"}})
		require.NoError(t, err)
		_, problems = other.Expression("inputs.site", String, Where{})
		require.NotEmpty(t, problems)
		_, problems = env.Expression("inputs.site", String, Where{})
		require.Empty(t, problems)
		flow, err := p.Env(Decls{Steps: map[string]map[string]Type{"a": {"x": String}}})
		require.NoError(t, err)
		_, problems = flow.Expression("steps.a.x", String, Where{Node: "b", Before: func(string) bool { return true }})
		require.Empty(t, problems)
		_, problems = flow.Expression("steps.a.x", String, Where{Node: "b", Before: func(string) bool { return false }})
		require.NotEmpty(t, problems, "where a field stands is asked each time")
	})
	t.Run("what was not used for longest goes first", func(t *testing.T) {
		t.Parallel()
		p := NewPrograms(10 * (programWeight + 10))
		env, err := p.Env(decls)
		require.NoError(t, err)
		compile := func(i int) { _, _ = env.Expression(fmt.Sprintf("%8d==1", i), Bool, Where{}) }
		for i := range 100 {
			compile(i)
			compile(0)
		}
		require.Equal(t, 100, p.Compiled(), "the one in use stays")
		require.LessOrEqual(t, p.size, p.most)
		require.Equal(t, p.order.Len(), len(p.kept))
		compile(1)
		require.Equal(t, 101, p.Compiled())
		_, _ = env.Expression("'"+strings.Repeat("x", p.most)+"' == ''", Bool, Where{})
		require.LessOrEqual(t, p.size, p.most, "one that is larger than all room is not kept")
		for i := range 3 * mostEnvs {
			_, err := p.Env(Decls{Attributes: []string{fmt.Sprint("a", i)}})
			require.NoError(t, err)
		}
		require.LessOrEqual(t, len(p.envs), mostEnvs)
	})
}
