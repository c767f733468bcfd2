package ldap

import (
	"errors"
	"strings"
)

// description is one entry of a subschema, in the form of RFC 4512 4.1:
// ( 2.5.4.4 NAME ( 'sn' 'surname' ) SUP name ).
type description struct {
	oid    string
	fields map[string][]string // keyword in capitals → its values
}

func (d description) first(key string) string {
	if v := d.fields[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// names gives the names, or the OID where there is none.
func (d description) names() []string {
	if n := d.fields["NAME"]; len(n) > 0 {
		return n
	}
	return []string{d.oid}
}

var errDescription = errors.New("not a schema description")

// parseDescription reads one. Keywords stand bare in capitals; values are bare
// words, quoted texts, or either in parentheses, parted by spaces or $.
func parseDescription(text string) (description, error) {
	d := description{fields: map[string][]string{}}
	words, err := schemaWords(text)
	if err != nil || len(words) < 3 || words[0].text != "(" || words[len(words)-1].text != ")" {
		return d, errDescription
	}
	d.oid = words[1].text
	key, depth := "", 0
	for _, w := range words[2 : len(words)-1] {
		switch {
		case !w.quoted && w.text == "(":
			depth++
		case !w.quoted && w.text == ")":
			depth--
		case !w.quoted && w.text == "$":
		case !w.quoted && depth == 0 && keyword(w.text):
			key = w.text
			if _, ok := d.fields[key]; !ok {
				d.fields[key] = nil
			}
		case key != "":
			d.fields[key] = append(d.fields[key], w.text)
		}
	}
	if depth != 0 {
		return d, errDescription
	}
	return d, nil
}

// keyword tells a field's name from a bare value. Attribute and class names may
// be all capitals too ("O"), so only the known ones and extensions count.
func keyword(s string) bool {
	switch s {
	case "NAME", "DESC", "OBSOLETE", "SUP", "EQUALITY", "ORDERING", "SUBSTR", "SYNTAX", "SINGLE-VALUE", "COLLECTIVE", "NO-USER-MODIFICATION", "USAGE",
		"ABSTRACT", "STRUCTURAL", "AUXILIARY", "MUST", "MAY", "AUX", "NOT":
		return true
	}
	return strings.HasPrefix(s, "X-")
}

type schemaWord struct {
	text   string
	quoted bool
}

func schemaWords(s string) ([]schemaWord, error) {
	var out []schemaWord
	for i := 0; i < len(s); {
		switch ch := s[i]; {
		case ch == ' ' || ch == '\t' || ch == '\n' || ch == '\r':
			i++
		case ch == '(' || ch == ')' || ch == '$':
			out = append(out, schemaWord{text: string(ch)})
			i++
		case ch == '\'':
			end := strings.IndexByte(s[i+1:], '\'')
			if end < 0 {
				return nil, errDescription
			}
			out = append(out, schemaWord{text: s[i+1 : i+1+end], quoted: true})
			i += end + 2
		default:
			end := strings.IndexAny(s[i:], " \t\n\r()$'")
			if end < 0 {
				end = len(s) - i
			}
			out = append(out, schemaWord{text: s[i : i+end]})
			i += end
		}
	}
	return out, nil
}
