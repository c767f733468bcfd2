package expr

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParses(t *testing.T) {
	t.Parallel()
	t.Run("a kept tree gives what a new one gives", func(t *testing.T) {
		t.Parallel()
		known := Decls{Attributes: []string{"first_name", "email"}, Steps: map[string]map[string]Type{"a": {"x": String, "l": List}}, Vars: map[string]any{"n": 3}}
		for _, source := range []string{
			`joiner.first_name + "ü" + steps.a.x`, `math.greatest(vars.n, 2) == 3`, `steps.a.l.exists(e, e == "x") && has(joiner.email)`,
			`steps.a.l.map(e, string(e) + "1").filter(e, e != "x1").size()`, `Lower(joiner.first_name)`, `"ß" + joiner.frist_name`, "1 +\n steps.b.x", `steps.a.y`,
			`joinery.step.a`, `Lower(1)`, `"a" + 1`, `1 +`, ``, `[1, 2][0] + {"a": 1}["a"]`, `joiner.?email.orValue("")`, strings.Repeat("1+", 300) + "1",
		} {
			fresh := func() *Env {
				e, err := NewEnv(known)
				require.NoError(t, err)
				e.parses = newParses(mostParses)
				return e
			}
			wantValue, want := fresh().Expression(source, Any, Where{Node: "b"})
			kept := fresh()
			_, _ = kept.Expression(source, Any, Where{Node: "b"})
			for range 2 {
				other, err := NewEnv(known)
				require.NoError(t, err)
				other.parses = kept.parses
				value, problems := other.Expression(source, Any, Where{Node: "b"})
				require.Equal(t, want, problems, source)
				require.Equal(t, wantValue == nil, value == nil, source)
				if value == nil {
					continue
				}
				s := Scope{Joiner: map[string]any{"first_name": "Ada"}, Steps: map[string]map[string]any{"a": {"x": "y", "l": []any{"x", "z"}}}, Vars: known.Vars}
				wantGot, wantErr := wantValue.Eval(t.Context(), s)
				got, err := value.Eval(t.Context(), s)
				require.Equal(t, wantErr, err, source)
				require.Equal(t, wantGot, got, source)
			}
		}
	})
	t.Run("environments that name other things share a tree and not its check", func(t *testing.T) {
		t.Parallel()
		p := newParses(mostParses)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				d := Decls{Attributes: []string{"first_name"}}
				if i%2 == 0 {
					d.Steps = map[string]map[string]Type{"a": {"x": String}}
				}
				env, err := NewEnv(d)
				if err != nil {
					t.Error(err)
					return
				}
				env.parses = p
				for range 20 {
					_, problems := env.Expression(`math.greatest(1, 2) == 2 && steps.a.x == "" && string(joinery.step.a) == ""`, Bool, Where{Node: "b"})
					if d.Steps == nil && (len(problems) == 0 || !strings.Contains(problems[0].Detail, `"a"`)) {
						t.Errorf("there is no step, and the problems are %v", problems)
					}
				}
			})
		}
		wg.Wait()
	})
	t.Run("they take no more room than they may", func(t *testing.T) {
		t.Parallel()
		p := newParses(1000)
		env, err := NewEnv(Decls{})
		require.NoError(t, err)
		env.parses = p
		for i := range 1000 {
			_, problems := env.Expression(fmt.Sprintf("%d == 1", i), Bool, Where{})
			require.Empty(t, problems)
			size := 0
			for source := range p.kept {
				size += len(source)
			}
			require.Equal(t, size, p.size)
			require.LessOrEqual(t, p.size, p.most)
		}
		_, problems := env.Expression(`"`+strings.Repeat("x", 1000)+`" == ""`, Bool, Where{})
		require.Empty(t, problems)
		require.LessOrEqual(t, p.size, p.most)
	})
}
