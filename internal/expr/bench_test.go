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
