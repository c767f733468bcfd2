package naming

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestLatin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		profile   Profile
		in, wants string
	}{
		{German, "Jörg Müller", "Joerg Mueller"}, {German, "ÜBERGROß Öz", "UEBERGROss Oez"}, {Plain, "Jo\u0308rg", "Jorg"}, {German, "Jo\u0308rg", "Joerg"},
		{Plain, "Zoë O’Brien-Núñez", "Zoe O'Brien-Nunez"}, {Plain, "Łukasz Żółć", "Lukasz Zolc"}, {Plain, "Søren Østergård", "Soren Ostergard"}, {Nordic, "Søren Østergård", "Soeren Oestergaard"},
		{Plain, "Nguyễn Thị Đặng Hường", "Nguyen Thi Dang Huong"}, {Plain, "Þórður Æsir", "Thordur Aesir"}, {Plain, "Şahin Iğdır", "Sahin Igdir"}, {Plain, "İpek", "Ipek"}, {Plain, "Straße ﬁn", "Strasse fin"},
		{Plain, "Ｊｏｅ", "Joe"}, {Plain, "Kaʻiulani", "Ka'iulani"}, {Plain, "Ann–Marie", "Ann-Marie"}, {Plain, "Joe 😀", "Joe "},
		{Plain, "Юлия Щербакова", "Iuliia Shcherbakova"}, {ICAO, "Юлия Щербакова", "Iuliia Shcherbakova"}, {ICAO, "Sjö Ång Ñu", "Sjoe Aang Nu"}, {Plain, "Подъячев Фёдор Игоревич", "Podieiachev Fedor Igorevich"},
		{Ukrainian, "Згурський Юрій Їжакевич", "Zghurskyi Yurii Yizhakevych"}, {Bulgarian, "София Щерева", "Sofia Shtereva"},
		{Plain, "Γιώργος Παπαδόπουλος", "Giorgos Papadopoulos"}, {Plain, "Ευάγγελος", "Evangelos"}, {Plain, "Ευθύμιος", "Efthymios"}, {Plain, "Παύλος Μπάμπης", "Pavlos Bampis"}, {Plain, "Αϋφαντής", "Ayfantis"}, {Plain, "Σφιγξ Άγχος", "Sfinx Anchos"},
	} {
		got, lost := Latin(c.in, c.profile)
		require.Empty(t, lost, c.in)
		require.Equal(t, c.wants, got, "%s by %s", c.in, c.profile)
	}
	for _, in := range []string{"王小明", "محمد", "משה", "สมชาย", "ประยุทธ", "김철수", "やまだ", "राम", "Әлия"} {
		_, lost := Latin(in, Plain)
		require.NotEmpty(t, lost, in)
	}
}

// names that differ only in what a system does not tell apart are the same.
func TestEquality_R11(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		by   Equality
		a, b string
		same bool
	}{
		{Folded, "Jörg Müller", "JORG MULLER", true}, {Folded, "Strauß", "strauss", true}, {Folded, "Łukasz", "lukasz", true}, {Folded, "Ægir", "aegir", true}, {Folded, "カナ", "かな", true}, {Folded, "jmuller", "jmueller", false},
		{Cased, "JDoe", "jdoe", true}, {Cased, "jdöe", "jdoe", false}, {Exact, "JDoe", "jdoe", false}, {Exact, "Jo\u0308rg", "Jörg", true},
		{Mail, "Ann.Lee+news@Example.com", "ann.lee@example.com", true}, {Mail, "annlee@x.example", "ann.lee@x.example", false}, {MailNoDots, "annlee@x.example", "a.nn.lee@X.example", true}, {Mail, "ann@a.example", "ann@b.example", false},
	} {
		require.Equal(t, c.same, c.by.Key(c.a) == c.by.Key(c.b), "%s %s %s", c.by, c.a, c.b)
	}
}

func TestSpace_Check(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]Space{
		"Choose a kind": {Kind: "x"}, "from 1 to 20": {Kind: ADLogin, Max: 21}, "does not allow": {Kind: ADLogin, Alphabet: "a-z*"}, "no range": {Kind: ADLogin, Alphabet: "z-a"}, "equalities": {Kind: CN, Equality: "x"}, "lower, upper": {Kind: CN, Case: "x"},
		"":                   {Kind: POSIX, Alphabet: "a-z0-9_-", Max: 16},
		"does not allow '@'": {Kind: MailSpace, Alphabet: "a-z@"},
	} {
		_, got := s.Check()
		if want == "" {
			require.Empty(t, got)
			continue
		}
		require.Contains(t, got, want)
	}
}

func TestPattern_Wrong(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{"": "Write a pattern", "{fisrt}": "no token {fisrt}", "{f": "needs its }", "f}": "needs its }", "{n}{n}{last}": "one {n}", "abc{n}": "something of the person", "{last:0}": "from 1 to 64", "{last:x}": "from 1 to 64"} {
		_, got := Parse(source, nil)
		require.Contains(t, got, want, source)
	}
	p, why := Parse("{last}*", nil)
	require.Empty(t, why)
	require.Contains(t, p.CheckFor(Space{Kind: ADLogin}), "does not allow")
}

func TestReserved(t *testing.T) {
	t.Parallel()
	login := Space{Kind: ADLogin}
	for name, want := range map[string]bool{"Administrator": true, "postmaster": true, "con": true, "krbtgt": true, "ceo": true, "jdoe": false} {
		require.Equal(t, want, login.Reserved(name, []string{"CEO"}), name)
	}
	require.False(t, Space{Kind: CN}.Reserved("Root", nil), "people are called so")
}

// Whatever a person is called: never empty, within length and alphabet, and the
// same each time. S-84: what could mean something to LDAP or SCIM is not let through.
func TestRender_S84_AlwaysWithinTheRules(t *testing.T) {
	t.Parallel()
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "Jörg", "van der Berg", "O'Brien-Núñez", "Featherstonehaugh-Cholmondeley", "*)(uid=*", "\" or 1 eq 1", "../../etc", "a\x00b", "x,ou=admins", "$filter=", "Юлия", "…", "-.-", "Ann;DROP"}))
	patterns := []string{"{f}{last}", "{f}{m}{last}", "{first}.{last}", "{f}{last}{n}", "c-{f}{last}", "{first}.{last}.ext", "{last:3}{first:2}{n:3}", "{one}", "{worker}", "{employee_number}"}
	rapid.Check(t, func(t *rapid.T) {
		who, _ := Person{First: text.Draw(t, "first"), Last: text.Draw(t, "last"), Middle: text.Draw(t, "middle"), Worker: text.Draw(t, "worker"), Attributes: map[string]string{"employee_number": text.Draw(t, "no")}}.Latin(rapid.SampledFrom([]Profile{Plain, German, Nordic, ICAO, Ukrainian, Bulgarian}).Draw(t, "profile"))
		s := Space{Name: "s", Kind: rapid.SampledFrom([]Kind{ADLogin, UPN, MailSpace, POSIX, CN, Free}).Draw(t, "kind"), Max: rapid.SampledFrom([]int{0, 12, 20}).Draw(t, "max")}
		p, why := Parse(rapid.SampledFrom(patterns).Draw(t, "pattern"), []string{"employee_number"})
		require.Empty(t, why)
		n := rapid.IntRange(2, 9999).Draw(t, "n")
		limit := s.Limit("example.com")
		got, why := p.Render(s, who, n, limit)
		again, _ := p.Render(s, who, n, limit)
		require.Equal(t, got, again)
		if why != "" || s.Allows(got, "example.com", p.Literals()) != "" {
			return // refused with a reason, never used
		}
		require.NotEmpty(t, got)
		require.LessOrEqual(t, length(got), limit)
		require.NotEmpty(t, s.By().Key(got))
		require.Equal(t, s.By().Key(got), s.By().Key(s.By().Key(got)))
		if p.Counts() {
			require.True(t, strings.ContainsFunc(got, unicode.IsDigit), "the number is kept")
		}
		for _, c := range got {
			require.False(t, unicode.IsControl(c))
			require.NotContains(t, kinds[s.Kind].forbidden, string(c))
			if !s.Kind.Written() {
				require.Less(t, c, rune(0x80))
				require.True(t, has(s.set(), c) || strings.ContainsRune(p.Literals(), c), "%q in %q", c, got)
			}
		}
	})
}

func TestEquality_Properties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		for _, e := range Equalities() {
			k := e.Equality.Key(s)
			require.Equal(t, k, e.Equality.Key(k), "%s of %q", e.Equality, s)
			if e.Equality != Exact {
				require.Equal(t, e.Equality.Key(strings.ToUpper(k)), e.Equality.Key(strings.ToLower(strings.ToUpper(k))))
			}
		}
		out, _ := Latin(s, Plain)
		for _, c := range out {
			require.Less(t, c, rune(0x80), "%q", out)
		}
	})
}
