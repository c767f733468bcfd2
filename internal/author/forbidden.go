package author

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"joinery/internal/function"
)

// Effect names an effect that the gates can look for.
type Effect string

// The effects. Each but the first is looked for in the manifest's grants, in what tests
// plan, or in what a function gives for its tests and for inputs that no test has.
const (
	InWords         Effect = ""           // only said: the reviewer reads it
	UsesGrant       Effect = "grant"      // uses Grant
	WritesTo        Effect = "writes"     // plans changes in Connection
	ChangesGroups   Effect = "groups"     // puts people into groups of Connection, or takes them out
	ReadsPeople     Effect = "people"     // reads accounts or workers of Connection
	LeavesEmpty     Effect = "empty"      // gives Field without anything in it
	Exceeds         Effect = "longer"     // gives Field with more than Most characters, or entries
	OtherCharacters Effect = "characters" // gives Field with other characters than Only
	Repeats         Effect = "repeats"    // gives Field with what Input holds
)

// Effects lists those that can be looked for.
func Effects() []Effect {
	return []Effect{UsesGrant, WritesTo, ChangesGroups, ReadsPeople, LeavesEmpty, Exceeds, OtherCharacters, Repeats}
}

// Forbidden is an effect that must not be: in words, as something that can be looked
// for, or both. Connection and Field may be * for any.
type Forbidden struct {
	Says       string `json:"says"`
	Effect     Effect `json:"effect,omitempty"`
	Grant      string `json:"grant,omitempty"`
	Connection string `json:"connection,omitempty"`
	Field      string `json:"field,omitempty"`
	Most       int    `json:"most,omitempty"`
	Only       string `json:"only,omitempty"`
	Input      string `json:"input,omitempty"`
}

// any stands for any connection, or any field of the output.
const anyOf = "*"

// Kind is the effect that is looked for.
func (f Forbidden) Kind() Effect {
	if f.Effect == InWords && f.Grant != "" {
		return UsesGrant
	}
	return f.Effect
}

// OfGrants says that the effect shows in grants; OfOutput that it shows in what a
// function gives.
func (e Effect) OfGrants() bool {
	return slices.Contains([]Effect{UsesGrant, WritesTo, ChangesGroups, ReadsPeople}, e)
}

// OfOutput says that the effect shows in what a function gives.
func (e Effect) OfOutput() bool {
	return slices.Contains([]Effect{LeavesEmpty, Exceeds, OtherCharacters, Repeats}, e)
}

// Sentence says what is looked for; "" for what is said in words only.
func (f Forbidden) Sentence() string {
	where := f.Connection
	if where == "" || where == anyOf {
		where = "any connection"
	}
	field := f.Field
	if field == anyOf {
		field = "any output"
	}
	switch f.Kind() {
	case UsesGrant:
		return "It never uses the grant " + f.Grant + "."
	case WritesTo:
		return "It never writes to " + where + "."
	case ChangesGroups:
		return "It never changes groups in " + where + "."
	case ReadsPeople:
		return "It never reads accounts or workers in " + where + "."
	case LeavesEmpty:
		return "It never leaves " + field + " empty."
	case Exceeds:
		return fmt.Sprintf("It never gives %s longer than %d.", field, f.Most)
	case OtherCharacters:
		return fmt.Sprintf("It never gives %s with other characters than %s.", field, f.Only)
	case Repeats:
		return fmt.Sprintf("It never gives %s with what %s holds.", field, f.Input)
	}
	return ""
}

// Whole is what must not be, in words: the person's own, and what is looked for.
func (f Forbidden) Whole() string {
	says, looked := strings.TrimSpace(f.Says), f.Sentence()
	switch {
	case says == "":
		return looked
	case looked == "":
		return says
	}
	if !strings.ContainsRune(".!?", rune(says[len(says)-1])) {
		says += "."
	}
	return says + " " + looked
}

// covers says whether a grant has the effect.
func (f Forbidden) covers(g function.Grant) bool {
	no := function.Grant{Connection: f.Connection}
	switch f.Kind() {
	case UsesGrant:
		var ok bool
		if no, ok = function.ParseGrant(f.Grant); !ok || no.Kind() != g.Kind() {
			return false
		}
	case WritesTo:
		if !g.Writes() {
			return false
		}
	case ChangesGroups:
		if !g.Writes() || !strings.HasPrefix(g.Operation, "groups.") {
			return false
		}
	case ReadsPeople:
		if !slices.ContainsFunc(function.Sensitives(), func(s function.Sensitive) bool { return s.Kind == g.Kind() && !s.Writes }) {
			return false
		}
	default:
		return false
	}
	return no.Connection == "" || no.Connection == anyOf || no.Connection == g.Connection
}

// broken says how an output has the effect; "" when it has not.
func (f Forbidden) broken(input, output map[string]any, plan []function.Planned) string {
	fields := []string{f.Field}
	if f.Field == anyOf {
		fields = sortedNames(output)
	}
	for _, name := range fields {
		v := output[name]
		switch f.Kind() {
		case LeavesEmpty:
			if isEmpty(v) {
				return name + " is empty"
			}
		case Exceeds:
			if n := longest(v); n > f.Most {
				return fmt.Sprintf("%s is %d long", name, n)
			}
		case OtherCharacters:
			if has, bad := stranger(v, f.Only); bad {
				return fmt.Sprintf("%s has the character %q", name, has)
			}
		case Repeats:
			if holds(v, input, f.Input) {
				return name + " has what " + f.Input + " holds"
			}
		}
	}
	if f.Kind() == Repeats && f.Field == anyOf {
		for _, p := range plan {
			if holds(p.Args, input, f.Input) {
				return p.Do + " is planned with what " + f.Input + " holds"
			}
		}
	}
	return ""
}

func isEmpty(v any) bool {
	switch x := v.(type) {
	case nil:
		return true
	case string:
		return strings.TrimSpace(x) == ""
	case []any:
		return len(x) == 0
	case map[string]any:
		return len(x) == 0
	}
	return false
}

// longest is how many characters the longest text in a value has, or how many entries
// its longest list.
func longest(v any) int {
	n := 0
	if list, ok := v.([]any); ok {
		n = len(list)
	}
	for _, t := range textsIn(v) {
		n = max(n, len([]rune(t)))
	}
	return n
}

func stranger(v any, only string) (rune, bool) {
	allowed, why := characters(only)
	if why != "" {
		return 0, false
	}
	for _, t := range textsIn(v) {
		for _, r := range t {
			if !allowed(r) {
				return r, true
			}
		}
	}
	return 0, false
}

// leastHeld is how many characters a value of the input needs to be looked for: shorter
// ones are found in anything.
const leastHeld = 3

// holds says whether a value repeats a field of the input. What another field holds too
// says nothing: it may come from there.
func holds(v any, input map[string]any, field string) bool {
	within := func(all []string, h string) bool {
		return slices.ContainsFunc(all, func(t string) bool { return strings.Contains(strings.ToLower(t), h) })
	}
	for _, h := range textsIn(input[field]) {
		if h = strings.ToLower(strings.TrimSpace(h)); len([]rune(h)) < leastHeld || !within(textsIn(v), h) {
			continue
		}
		elsewhere := false
		for _, name := range sortedNames(input) {
			elsewhere = elsewhere || name != field && within(textsIn(input[name]), h)
		}
		if !elsewhere {
			return true
		}
	}
	return false
}

// textsIn gives the texts and numbers of a value.
func textsIn(v any) []string {
	switch x := v.(type) {
	case nil, bool:
		return nil
	case string:
		return []string{x}
	case []any:
		var out []string
		for _, e := range x {
			out = append(out, textsIn(e)...)
		}
		return out
	case map[string]any:
		var out []string
		for _, name := range sortedNames(x) {
			out = append(out, textsIn(x[name])...)
		}
		return out
	}
	return []string{strings.Trim(pretty(v), `"`)}
}

var rangeForm = regexp.MustCompile(`(?s)(.)-(.)|(.)`)

// characters reads what characters are meant: single ones and ranges, with spaces between
// that do not count, and the words letters, digits and space.
func characters(only string) (func(r rune) bool, string) {
	var all []func(rune) bool
	for _, part := range strings.Fields(only) {
		switch part {
		case "letters":
			all = append(all, unicode.IsLetter)
			continue
		case "digits":
			all = append(all, unicode.IsDigit)
			continue
		case "space":
			all = append(all, func(r rune) bool { return r == ' ' })
			continue
		}
		for _, m := range rangeForm.FindAllStringSubmatch(part, -1) {
			from, to := []rune(m[1] + m[3])[0], []rune(m[2] + m[3])[0]
			if from > to {
				return nil, fmt.Sprintf("%s goes backwards. Write %c-%c.", m[0], to, from)
			}
			all = append(all, func(r rune) bool { return r >= from && r <= to })
		}
	}
	if len(all) == 0 {
		return nil, "Say which characters it may have, such as a-z 0-9 . -"
	}
	return func(r rune) bool { return slices.ContainsFunc(all, func(is func(rune) bool) bool { return is(r) }) }, ""
}
