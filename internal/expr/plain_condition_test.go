package expr

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPlain_BothWays(t *testing.T) {
	for text, want := range map[string]Plain{
		``:                                                        {},
		`joiner.department == "Sales"`:                            {Tests: []PlainTest{{"department", "is", []string{"Sales"}}}},
		`joiner.department != "Sales"`:                            {Tests: []PlainTest{{"department", "is_not", []string{"Sales"}}}},
		`joiner.country in ["DE", "AT"]`:                          {Tests: []PlainTest{{"country", "one_of", []string{"DE", "AT"}}}},
		`!(joiner.country in ["DE"])`:                             {Tests: []PlainTest{{"country", "none_of", []string{"DE"}}}},
		`joiner.title.startsWith("Head")`:                         {Tests: []PlainTest{{"title", "starts_with", []string{"Head"}}}},
		`!joiner.title.endsWith("(ext)")`:                         {Tests: []PlainTest{{"title", "not_ends_with", []string{"(ext)"}}}},
		`joiner.title.contains("\"q\" \\ é")`:                     {Tests: []PlainTest{{"title", "contains", []string{`"q" \ é`}}}},
		`joiner.manager_id == ""`:                                 {Tests: []PlainTest{{"manager_id", "empty", nil}}},
		`joiner.end_date != "" && joiner.end_date < "2027-01-01"`: {Tests: []PlainTest{{"end_date", "not_empty", nil}, {"end_date", "before", []string{"2027-01-01"}}}},
		`joiner.location == "HQ" || inputs.site == "hq" || joiner.start_date >= "2026-01-01"`: {Any: true,
			Tests: []PlainTest{{"location", "is", []string{"HQ"}}, {"inputs.site", "is", []string{"hq"}}, {"start_date", "from", []string{"2026-01-01"}}}},
		`joiner.web == "https://x//y"`: {Tests: []PlainTest{{"web", "is", []string{"https://x//y"}}}},
	} {
		got, ok := ReadPlain(text)
		require.True(t, ok, text)
		require.Equal(t, want, got, text)
		require.Equal(t, text, got.CEL())
	}
}

// What is written in other ways is read, and written in ours.
func TestPlain_OtherWriting(t *testing.T) {
	for text, want := range map[string]string{
		`= joiner.a == 'x'`: `joiner.a == "x"`,
		`(joiner.a == "x" && (joiner.b == "y")) && joiner.c == ""`: `joiner.a == "x" && joiner.b == "y" && joiner.c == ""`,
		"joiner.a == \"\\u0007\"":                                  "joiner.a == \"\\a\"",
	} {
		got, ok := ReadPlain(text)
		require.True(t, ok, text)
		require.Equal(t, want, got.CEL(), text)
	}
}

func TestPlain_OnlyText(t *testing.T) {
	for _, text := range []string{
		`joiner.a == "x" && (joiner.b == "y" || joiner.c == "z")`, `joiner.a == joiner.b`, `Lower(joiner.a) == "x"`, `joiner.a in []`,
		`joiner.a in joiner.b`, `!(joiner.a == "x")`, `joiner.a > "x"`, `joiner.grade == 4`, `true`, `has(joiner.a)`, `joiner.a ==`, `steps.x.y == "z"`,
		"joiner.a == \"x\" // because", `"x" == joiner.a`, `[1,2].exists(x, x == 1)`, `joiner.a.b == "x"`,
	} {
		_, ok := ReadPlain(text)
		require.False(t, ok, text)
	}
	require.Empty(t, Plain{Tests: []PlainTest{{"a; drop", "is", []string{"x"}}}}.CEL())
	require.Empty(t, Plain{Tests: []PlainTest{{"a", "is", nil}}}.CEL())
	require.Empty(t, Plain{Tests: []PlainTest{{"a", "likes", []string{"x"}}}}.CEL())
}

// Whatever a person types into a form comes back as they typed it, and compiles.
func FuzzPlain(f *testing.F) {
	for _, s := range []string{"Sales", `"`, `\`, "ß😀", "\x00", "a\nb", "//", "{{", "\x7f\u0085"} {
		f.Add(s)
	}
	e, err := NewEnv(Decls{Attributes: []string{"department"}})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, v string) {
		if len(v) > 500 || v == "" || string([]rune(v)) != v {
			t.Skip()
		}
		p := Plain{Tests: []PlainTest{{"department", "is", []string{v}}, {"department", "one_of", []string{v, "x"}}}}
		got, ok := ReadPlain(p.CEL())
		require.True(t, ok, p.CEL())
		require.Equal(t, p, got)
		_, problems := e.Expression(p.CEL(), Bool, Where{})
		require.Empty(t, problems)
	})
}
