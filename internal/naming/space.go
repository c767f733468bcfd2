package naming

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Kind is a kind of name space: what a name there may look like.
type Kind string

// The kinds.
const (
	ADLogin   Kind = "ad-login" // sAMAccountName: 20 characters
	UPN       Kind = "upn"      // userPrincipalName: local part @ domain
	MailSpace Kind = "mail"     // e-mail address: RFC 5321 without quoted local parts
	POSIX     Kind = "posix"    // user name on Unix: 32 characters
	CN        Kind = "cn"       // common name in a directory: as people write it, 64 characters
	Free      Kind = "plain"    // any text
)

// rules are what a kind allows.
type rules struct {
	title string
	// max is in UTF-16 units (what directories count), for the part before the @.
	max      int
	whole    int // the longest name with its domain
	alphabet string
	// forbidden characters are those that the system itself refuses.
	forbidden string
	equality  Equality
	domain    bool
	lower     bool
	// written says that the name stays as people write it, in any script.
	written bool
}

// Sources: [MS-ADTS] 3.1.1.5.2 and Microsoft's table of characters for account
// names; RFC 5321 4.5.3.1; Entra's limits for user names; shadow-utils' default.
var kinds = map[Kind]rules{
	ADLogin:   {title: "Active Directory login (sAMAccountName)", max: 20, alphabet: "a-z0-9.", forbidden: "\"/\\[]:;|=,+*?<>@% ", equality: Folded, lower: true},
	UPN:       {title: "User principal name", max: 64, whole: 113, alphabet: "a-z0-9.", forbidden: "\"/\\[]:;|=,+*?<>@%&(){}~ ", equality: Folded, domain: true, lower: true},
	MailSpace: {title: "E-mail address", max: 64, whole: 254, alphabet: "a-z0-9.", forbidden: "\"\\[]:;,<>()@+ ", equality: Mail, domain: true, lower: true},
	POSIX:     {title: "POSIX user name", max: 32, alphabet: "a-z0-9_-", forbidden: "\"'/\\[]:;|=,+*?<>@$%&(){}!#~^` ", equality: Cased, lower: true},
	CN:        {title: "Common name (cn)", max: 64, equality: Folded, written: true},
	Free:      {title: "Any text", max: 256, equality: Cased, written: true},
}

// Kinds lists the kinds with what people call them.
func Kinds() []struct {
	Kind  Kind
	Title string
} {
	var out []struct {
		Kind  Kind
		Title string
	}
	for _, k := range []Kind{ADLogin, UPN, MailSpace, POSIX, CN, Free} {
		out = append(out, struct {
			Kind  Kind
			Title string
		}{k, kinds[k].title})
	}
	return out
}

// HasDomain reports whether names of the kind end in a domain.
func (k Kind) HasDomain() bool { return kinds[k].domain }

// Written reports whether names of the kind stay as people write them.
func (k Kind) Written() bool { return kinds[k].written }

// MaxLength is the longest name the kind allows, before the @ where it has one.
func (k Kind) MaxLength() int { return kinds[k].max }

// Space is a name space: its kind, and what a company narrows.
type Space struct {
	Name string
	Kind Kind
	// Equality replaces the kind's own; Max shortens it (0: the kind's).
	Equality Equality
	Max      int
	// Alphabet are the characters of a person's name that stay: "a-z0-9.". Empty is
	// the kind's own.
	Alphabet string
	// Case is lower, upper or keep; empty is the kind's own.
	Case string
}

// Check finds what is wrong with a space; "" for nothing. field says where.
func (s Space) Check() (field, detail string) {
	r, ok := kinds[s.Kind]
	switch {
	case !ok:
		return "kind", "Choose a kind of name space."
	case s.Equality != "" && !s.Equality.Known():
		return "equality", "Choose one of the equalities."
	case s.Max < 0 || s.Max > r.max:
		return "max", fmt.Sprintf("Write a number from 1 to %d, the most that %s has.", r.max, r.title)
	case !slices.Contains([]string{"", "lower", "upper", "keep"}, s.Case):
		return "case", "Choose lower, upper or keep."
	}
	set, err := alphabet(s.Alphabet)
	if err != "" {
		return "alphabet", err
	}
	for _, c := range set {
		if strings.ContainsRune(r.forbidden, c) || c < 0x20 {
			return "alphabet", fmt.Sprintf("%s does not allow %q.", r.title, c)
		}
	}
	return "", ""
}

// By gives the equality of the space.
func (s Space) By() Equality {
	if s.Equality != "" {
		return s.Equality
	}
	return kinds[s.Kind].equality
}

// Limit is the longest name, before the @, that fits with this domain.
func (s Space) Limit(domain string) int {
	r := kinds[s.Kind]
	n := r.max
	if s.Max > 0 {
		n = min(n, s.Max)
	}
	if r.domain && r.whole > 0 {
		n = min(n, r.whole-len(domain)-1)
	}
	return n
}

// Make makes the name of a local part: with the domain, where the kind has one.
// within sets names of different places (an OU) apart.
func (s Space) Make(local, domain, within string) Name {
	n := Name{Space: s.Name, Name: local, Within: fold(within), Equality: s.By()}
	if kinds[s.Kind].domain {
		n.Name = local + "@" + strings.ToLower(domain)
	}
	n.Key = n.Equality.Key(n.Name)
	return n
}

// Allows finds what keeps a local part from being a name here; "" for nothing.
// literals are characters that patterns add to the alphabet.
func (s Space) Allows(local, domain, literals string) string {
	r := kinds[s.Kind]
	if local == "" {
		return "nothing is left of the name"
	}
	if n := length(local); n > s.Limit(domain) {
		return fmt.Sprintf("it has %d characters, and %d are the most", n, s.Limit(domain))
	}
	if s.By().Key(local) == "" {
		return "nothing is left of the name"
	}
	set := s.set()
	for _, c := range local {
		if strings.ContainsRune(r.forbidden, c) || set != nil && !has(set, c) && !strings.ContainsRune(literals, c) && !r.written {
			return fmt.Sprintf("%q is not allowed in it", c)
		}
		if unicode.IsControl(c) {
			return "it holds a control character"
		}
	}
	if r.written {
		if strings.TrimSpace(local) != local {
			return "it begins or ends with a space"
		}
		return ""
	}
	return s.shape(local)
}

// shape judges where dots and digits stand.
func (s Space) shape(local string) string {
	switch {
	case strings.HasPrefix(local, "."), strings.HasSuffix(local, "."), strings.Contains(local, ".."):
		return "dots stand between other characters, one at a time"
	case s.Kind == POSIX && !unicode.IsLetter(rune(local[0])) && local[0] != '_':
		return "a POSIX user name begins with a letter"
	case strings.Trim(local, ".-_") == "":
		return "it has no letter and no digit"
	}
	return ""
}

func length(s string) int { return len(utf16.Encode([]rune(s))) }

// cut gives the beginning of a text that has at most n UTF-16 units. It reads no
// further than that: a text may come from anybody and be very long.
func cut(s string, n int) string {
	for i, r := range s {
		if n -= utf16.RuneLen(r); n < 0 {
			return s[:i]
		}
	}
	return s
}

// set is the alphabet's runes; nil for any.
func (s Space) set() []rune {
	text := s.Alphabet
	if text == "" {
		text = kinds[s.Kind].alphabet
	}
	if text == "" {
		return nil
	}
	set, _ := alphabet(text)
	if s.casing() == "upper" {
		for _, c := range set {
			set = append(set, unicode.ToUpper(c))
		}
	}
	if s.casing() == "keep" {
		for _, c := range set {
			set = append(set, unicode.ToUpper(c), unicode.ToLower(c))
		}
	}
	return set
}

func (s Space) casing() string {
	switch {
	case s.Case != "":
		return s.Case
	case kinds[s.Kind].lower:
		return "lower"
	}
	return "keep"
}

func (s Space) recase(t string) string {
	switch s.casing() {
	case "lower":
		return strings.ToLower(t)
	case "upper":
		return strings.ToUpper(t)
	}
	return t
}

func has(set []rune, c rune) bool { return slices.Contains(set, c) }

// alphabet reads "a-z0-9." into its characters.
func alphabet(text string) ([]rune, string) {
	rs := []rune(text)
	var out []rune
	for i := 0; i < len(rs); i++ {
		if i+2 < len(rs) && rs[i+1] == '-' {
			from, to := rs[i], rs[i+2]
			if to < from || to-from > 1000 {
				return nil, fmt.Sprintf("%c-%c is no range of characters.", from, to)
			}
			for c := from; c <= to; c++ {
				out = append(out, c)
			}
			i += 2
			continue
		}
		out = append(out, rs[i])
	}
	return out, ""
}

// CheckDomain judges a domain; "" for nothing wrong.
func CheckDomain(d string) string {
	if d == "" {
		return "the domain is empty"
	}
	if len(d) > 253 {
		return "the domain is longer than 253 characters"
	}
	for _, label := range strings.Split(d, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return fmt.Sprintf("%q is no domain", d)
		}
	}
	return ""
}
