package naming

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Pattern is one candidate for a name: text and tokens.
//
//	{first} {last} {middle} {preferred}   names, as far as the space's alphabet has their letters
//	{f} {l} {m} {p}                       their first letters
//	{one}                                 the name of a person who has only one
//	{n}                                   a number, from 2 on; {n:2} with two digits
//	{worker}                              the worker's id in the HRIS
//	{employee_number} and the like        an attribute of the joiner
//	{last:3}                              the first three letters of a token
type Pattern struct {
	source string
	parts  []part
}

type part struct {
	text  string // literal
	token string // "" for a literal
	count int    // {last:3}; 0 for all
}

// initials are tokens that stand for the first letter of another.
var initials = map[string]string{"f": "first", "l": "last", "m": "middle", "p": "preferred"}

// Tokens lists the tokens that do not come from the joiner's attributes.
func Tokens() []string {
	return []string{"first", "f", "last", "l", "middle", "m", "preferred", "p", "one", "n", "worker"}
}

// Parse reads a pattern. attributes are the joiner's attributes it may name. The
// sentence is "" when there is nothing wrong.
func Parse(source string, attributes []string) (Pattern, string) {
	p := Pattern{source: source}
	rest := strings.TrimSpace(source)
	if rest == "" {
		return p, "Write a pattern such as {f}{last}."
	}
	for rest != "" {
		at := strings.IndexAny(rest, "{}")
		if at < 0 {
			p.parts = append(p.parts, part{text: rest})
			break
		}
		if at > 0 {
			p.parts = append(p.parts, part{text: rest[:at]})
		}
		end := strings.IndexByte(rest[at:], '}')
		if rest[at] == '}' || end < 0 {
			return p, "Each { needs its }."
		}
		t, problem := token(rest[at+1:at+end], attributes)
		if problem != "" {
			return p, problem
		}
		p.parts = append(p.parts, t)
		rest = rest[at+end+1:]
	}
	return p, p.check()
}

func token(text string, attributes []string) (part, string) {
	name, digits, counted := strings.Cut(strings.TrimSpace(text), ":")
	t := part{token: name}
	if !slices.Contains(Tokens(), name) && !slices.Contains(attributes, name) {
		return t, fmt.Sprintf("There is no token {%s}. Use {first}, {f}, {last}, {l}, {middle}, {m}, {preferred}, {one}, {worker}, {n} or an attribute such as {employee_number}.", name)
	}
	if counted {
		n, err := strconv.Atoi(digits)
		if err != nil || n < 1 || n > 64 {
			return t, fmt.Sprintf("After the colon in {%s} comes a number from 1 to 64.", text)
		}
		t.count = n
	}
	return t, ""
}

func (p Pattern) check() string {
	counters, names := 0, 0
	for _, t := range p.parts {
		switch t.token {
		case "n":
			counters++
		case "":
		default:
			names++
		}
	}
	switch {
	case counters > 1:
		return "A pattern has one {n} at most."
	case names == 0:
		return "A pattern needs something of the person, such as {last}."
	}
	return ""
}

// Source is the pattern as it was written.
func (p Pattern) Source() string { return p.source }

// Counts reports whether the pattern has a number.
func (p Pattern) Counts() bool {
	return slices.ContainsFunc(p.parts, func(t part) bool { return t.token == "n" })
}

// ForOneName reports whether the pattern is for people with a single name.
func (p Pattern) ForOneName() bool {
	return slices.ContainsFunc(p.parts, func(t part) bool { return t.token == "one" })
}

// Literals are the characters that the pattern itself brings, in either case.
func (p Pattern) Literals() string {
	var b strings.Builder
	for _, t := range p.parts {
		if t.token == "" {
			b.WriteString(t.text)
		}
		if t.token == "n" {
			b.WriteString("0123456789")
		}
	}
	return b.String() + strings.ToLower(b.String()) + strings.ToUpper(b.String())
}

// CheckFor finds what the pattern brings that a space refuses; "" for nothing.
func (p Pattern) CheckFor(s Space) string {
	for _, c := range p.Literals() {
		if strings.ContainsRune(kinds[s.Kind].forbidden, c) || unicode.IsControl(c) || !kinds[s.Kind].written && c > 0x7E {
			return fmt.Sprintf("%s does not allow %q.", kinds[s.Kind].title, c)
		}
	}
	return ""
}

// Render makes the local part of a name with at most limit characters. The number
// and what the pattern itself writes are always kept; names give way, the last one
// in the pattern first. why says what is missing when the pattern does not apply.
func (p Pattern) Render(s Space, who Person, n, limit int) (local, why string) {
	texts := make([]string, len(p.parts))
	total := 0
	for i, t := range p.parts {
		switch t.token {
		case "":
			texts[i] = s.recase(t.text)
		case "n":
			texts[i] = fmt.Sprintf("%0*d", t.count, n)
		default:
			if texts[i], why = p.value(s, who, t); why != "" {
				return "", why
			}
		}
		total += length(texts[i])
	}
	for i := len(p.parts) - 1; i >= 0 && total > limit; i-- {
		if t := p.parts[i].token; t == "" || t == "n" {
			continue
		}
		keep := max(1, length(texts[i])-(total-limit))
		total -= length(texts[i])
		texts[i] = cut(texts[i], keep)
		total += length(texts[i])
	}
	if total > limit {
		return "", fmt.Sprintf("it does not fit into %d characters", limit)
	}
	return s.trim(strings.Join(texts, "")), ""
}

// value gives what a token stands for.
func (p Pattern) value(s Space, who Person, t part) (text, why string) {
	name, first := t.token, false
	if long, ok := initials[name]; ok {
		name, first = long, true
	}
	whole := map[string]string{"first": who.First, "last": who.Last, "middle": who.Middle, "preferred": who.Preferred, "one": who.One(), "worker": who.Worker}
	raw, ok := whole[name]
	if !ok {
		raw = who.Attributes[name]
	}
	if name == "preferred" && raw == "" {
		raw = who.First
	}
	text = s.clean(raw)
	if first {
		for _, c := range text {
			if unicode.IsLetter(c) {
				return string(c), ""
			}
		}
		text = ""
	}
	if text == "" {
		return "", lacks(name)
	}
	if t.count > 0 {
		text = string([]rune(text)[:min(t.count, len([]rune(text)))])
	}
	return text, ""
}

func lacks(name string) string {
	switch name {
	case "one":
		return "it is for people with one name"
	case "first", "last", "middle", "preferred":
		return "there is no " + name + " name"
	case "worker":
		return "there is no worker id"
	}
	return "there is no " + strings.ReplaceAll(name, "_", " ")
}

// clean keeps of a name what the space's alphabet has. Of the signs in people's
// names only hyphens and underscores can stay: a dot would look like the pattern's.
func (s Space) clean(raw string) string {
	text := s.recase(tidy(raw))
	if kinds[s.Kind].written && s.Alphabet == "" {
		return text
	}
	set := s.set()
	return strings.Map(func(c rune) rune {
		sign := c == '-' || c == '_' || c == ' ' && kinds[s.Kind].written
		if (set == nil || has(set, c)) && (sign || unicode.IsLetter(c) || unicode.IsNumber(c)) {
			return c
		}
		return -1
	}, text)
}

// Text makes a local part of a text that was computed elsewhere: the alphabet
// decides alone what stays.
func (s Space) Text(raw string, limit int) string {
	text := s.recase(tidy(raw))
	if set := s.set(); set != nil {
		text = strings.Map(func(c rune) rune {
			if has(set, c) {
				return c
			}
			return -1
		}, text)
	}
	return s.trim(cut(text, limit))
}

// trim puts signs in order where a piece is missing or was cut.
func (s Space) trim(local string) string {
	if kinds[s.Kind].written {
		return strings.Join(strings.Fields(local), " ")
	}
	for strings.Contains(local, "..") {
		local = strings.ReplaceAll(local, "..", ".")
	}
	return strings.Trim(local, ".-")
}
