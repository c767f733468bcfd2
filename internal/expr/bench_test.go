package expr

import "testing"

func BenchmarkNewEnv(b *testing.B) {
	_, _ = NewEnv(Decls{})
	for b.Loop() {
		_, _ = NewEnv(Decls{Attributes: []string{"first_name"}})
	}
}

func BenchmarkEval(b *testing.B) {
	e, _ := NewEnv(Decls{Attributes: []string{"first_name", "last_name"}})
	v, _ := e.Field("=Lower(NormalizeDiacritics(Left(joiner.first_name,1)+joiner.last_name))", String, Where{})
	s := scope()
	for b.Loop() {
		_, _ = v.Eval(b.Context(), s)
	}
}

// What a flow's field costs when its flow is checked once more, with an environment of
// its own because a step came.
func BenchmarkCompile(b *testing.B) {
	const source = `joiner.first_name != "" && (steps.a.x == "London" || steps.a.x == "Paris") ? Lower(joiner.first_name) + "@example.com" : "nobody"`
	for _, kept := range []bool{false, true} {
		b.Run(map[bool]string{false: "new", true: "kept"}[kept], func(b *testing.B) {
			e, _ := NewEnv(Decls{Attributes: []string{"first_name"}, Steps: map[string]map[string]Type{"a": {"x": String}}})
			e.parses = newParses(map[bool]int{false: 0, true: mostParses}[kept])
			for b.Loop() {
				if _, problems := e.Expression(source, String, Where{Node: "b"}); len(problems) > 0 {
					b.Fatal(problems)
				}
			}
		})
	}
}
