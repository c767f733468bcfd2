// Package naming knows how a person's name becomes the names that systems take:
// transliteration, patterns, what each name space allows, and when two names are
// the same there. It is pure: who holds a name comes from elsewhere.
package naming

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Name is one name in one name space.
type Name struct {
	Space string `json:"space"`
	Name  string `json:"name"`
	// Key is the name by the space's equality: two names are the same there when
	// their keys are.
	Key string `json:"key"`
	// Within is the place (an OU) whose names are told apart from others', folded.
	Within string `json:"within,omitempty"`
	// Equality is by which the key was made.
	Equality Equality `json:"equality"`
}

// Person is what names are made of.
type Person struct {
	First, Last, Middle, Preferred string
	// Worker is the person's id in the HRIS.
	Worker string
	// Attributes are further texts that patterns may name.
	Attributes map[string]string
}

// One gives the only name of a person who has just one; "" for others.
func (p Person) One() string {
	switch {
	case p.First == "":
		return p.Last
	case p.Last == "":
		return p.First
	}
	return ""
}

// Latin gives the person in Latin letters. What has no Latin form by the profile
// is listed, each character once.
func (p Person) Latin(profile Profile) (Person, []rune) {
	var missing []rune
	write := func(s string) string {
		out, lost := Latin(s, profile)
		for _, r := range lost {
			if !strings.ContainsRune(string(missing), r) {
				missing = append(missing, r)
			}
		}
		return out
	}
	out := Person{First: write(p.First), Last: write(p.Last), Worker: p.Worker, Attributes: map[string]string{}}
	// Names that few patterns use: a character that is lost here is no reason to ask.
	out.Middle, _ = Latin(p.Middle, profile)
	out.Preferred, _ = Latin(p.Preferred, profile)
	out.Worker, _ = Latin(p.Worker, profile)
	for k, v := range p.Attributes {
		out.Attributes[k], _ = Latin(v, profile)
	}
	return out, missing
}

// tidy takes what a system's form would not show out of a name as people write
// it: control and format characters, and more than one space.
func tidy(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r) && r != 0x200C && r != 0x200D, r == unicode.ReplacementChar, unicode.Is(unicode.Co, r):
			return -1
		}
		return r
	}, norm.NFC.String(s))
	return strings.Join(strings.Fields(s), " ")
}
