package naming

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Equality is when two names are the same in a name space.
type Equality string

// The equalities.
const (
	// Folded is Active Directory's: case, marks, width and kana do not count, ß is
	// ss, æ is ae. It folds letters such as ø and ł too: where a directory tells
	// them apart, a name too many is held, which does no harm.
	Folded Equality = "ad"
	// Cased holds names apart but for case: POSIX tools that fold it exist.
	Cased Equality = "case"
	// Exact tells every character apart.
	Exact Equality = "exact"
	// Mail is that of mailboxes: case and marks do not count, nor what follows a
	// plus sign before the @.
	Mail Equality = "mail"
	// MailNoDots is Mail where dots before the @ do not count either.
	MailNoDots Equality = "mail_no_dots"
)

// Equalities lists the equalities with what people call them.
func Equalities() []struct {
	Equality Equality
	Title    string
} {
	return []struct {
		Equality Equality
		Title    string
	}{
		{Folded, "as Active Directory: case and marks do not count, ß is ss"}, {Cased, "case does not count"}, {Exact, "every character counts"},
		{Mail, "as mailboxes: case, marks and +tags do not count"}, {MailNoDots, "as mailboxes where dots do not count either"},
	}
}

// Known reports whether there is such an equality.
func (e Equality) Known() bool {
	for _, x := range Equalities() {
		if x.Equality == e {
			return true
		}
	}
	return false
}

// Key gives a name by this equality.
func (e Equality) Key(name string) string {
	switch e {
	case Exact:
		return norm.NFC.String(name)
	case Cased:
		return norm.NFC.String(lower(norm.NFC.String(name)))
	case Mail, MailNoDots:
		// Folded first: a full-width @ is an @, and one character may hold a dot (⒈).
		local, domain, found := cutLast(fold(name), "@")
		local, _, _ = strings.Cut(local, "+")
		if e == MailNoDots {
			local = strings.ReplaceAll(local, ".", "")
		}
		local = strings.TrimSpace(local)
		if !found {
			return local
		}
		return local + "@" + domain
	}
	return fold(name)
}

// Keys gives the keys of what a person typed by every equality, each once.
func Keys(typed string) []string {
	var out []string
	seen := map[string]bool{}
	for _, e := range Equalities() {
		if k := e.Equality.Key(typed); k != "" && !seen[k] {
			seen[k] = true
			out = append(out, k)
		}
	}
	return out
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

func lower(s string) string { return strings.ToLower(strings.ToLower(s)) }

// fold takes case, marks, width, kana and the specials out of a name.
func fold(s string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(s) {
		r = unicode.ToLower(r)
		switch {
		case unicode.Is(unicode.Mn, r), unicode.Is(unicode.Cf, r), unicode.IsControl(r) && !unicode.IsSpace(r):
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		case r >= 0x30A1 && r <= 0x30F6:
			b.WriteRune(r - 0x60) // katakana as hiragana
		case r == 'ς':
			b.WriteRune('σ')
		default:
			if t, ok := specials[r]; ok {
				b.WriteString(t)
				continue
			}
			b.WriteRune(r)
		}
	}
	return strings.Join(strings.Fields(norm.NFKC.String(b.String())), " ")
}
