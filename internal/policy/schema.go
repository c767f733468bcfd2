package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"joinery/internal/expr"
	"joinery/internal/fault"
)

// Schema tells which attributes the accounts of one connection may have.
type Schema struct {
	// Find finds an attribute by its name or another name of it.
	Find func(name string) (Attribute, bool)
	// Missing lists the attributes a new account needs that none of the names gives.
	Missing func(names []string) []string
	// Names are all names, for suggestions.
	Names []string
	// ReadAt is when the system told.
	ReadAt time.Time
}

// Attribute is what a system says about one attribute.
type Attribute struct {
	Name string
	// Type is string, bool, number, timestamp, dn, binary or map.
	Type                                  string
	Multi, ReadOnly, CreateOnly, Required bool
	// MaxLength in characters; 0 when none is known.
	MaxLength int
}

// fits finds what keeps a row from being what the system takes.
func (s Schema) fits(at string, r MapRow, v expr.Value) []fault.Problem {
	one := func(field, format string, args ...any) []fault.Problem {
		return []fault.Problem{{Path: at + "." + field, Detail: fmt.Sprintf(format, args...)}}
	}
	a, ok := s.Find(r.Attribute)
	switch {
	case !ok:
		return one("attribute", "Accounts there have no attribute %s.%s", r.Attribute, s.near(r.Attribute))
	case a.ReadOnly:
		return one("attribute", "%s is kept by the system or by the connection itself, so a mapping cannot set it.", a.Name)
	case a.Type == "binary":
		return one("attribute", "%s holds binary data, which a mapping cannot make.", a.Name)
	case a.CreateOnly && r.Apply != ApplyCreate:
		return one("apply", "%s can be given only when the account is made. Choose: on creation.", a.Name)
	}
	if v == nil {
		return nil
	}
	if detail := a.takes(r.Value, expr.Gives(v)); detail != "" {
		return one("value", "%s", detail)
	}
	return nil
}

// takes says why a value cannot be this attribute's; "" when it can, or when that is
// known only once it is computed.
func (a Attribute) takes(source string, gives expr.Type) string {
	word := map[expr.Type]string{expr.Bool: "yes or no", expr.Number: "a number", expr.List: "a list", expr.Map: "names with values", expr.String: "a text", expr.Timestamp: "a moment"}[gives]
	wrong := func(needs string) string { return fmt.Sprintf("%s takes %s, and this gives %s.", a.Name, needs, word) }
	literal := !strings.HasPrefix(source, "=") && !strings.Contains(source, "{{")
	switch {
	case gives == expr.Any:
		return ""
	case gives == expr.List && !a.Multi:
		return fmt.Sprintf("%s takes one value, and this gives a list.", a.Name)
	case gives == expr.List:
		return ""
	}
	switch a.Type {
	case "bool":
		if gives != expr.Bool && !(literal && (source == "TRUE" || source == "FALSE")) {
			return wrong("yes or no") + " Write =true, =false or an expression."
		}
	case "number":
		if _, err := strconv.ParseFloat(strings.TrimSpace(source), 64); gives == expr.Bool || gives == expr.Map || literal && err != nil {
			return wrong("a number")
		}
	case "map":
		if gives != expr.Map {
			return wrong("names with values")
		}
	case "dn":
		if gives != expr.String || literal && !strings.Contains(source, "=") {
			return fmt.Sprintf("%s names another entry of the directory, such as cn=ann,ou=people,dc=corp,dc=example.", a.Name)
		}
	default:
		if gives == expr.Map || gives == expr.Bool {
			return wrong("a text")
		}
	}
	if n := utf8.RuneCountInString(source); literal && a.MaxLength > 0 && n > a.MaxLength {
		return fmt.Sprintf("%s takes up to %d characters, and this has %d.", a.Name, a.MaxLength, n)
	}
	return ""
}

// near suggests the name that was probably meant.
func (s Schema) near(name string) string {
	best, least := "", min(max(len(name)/3, 2)+1, len(name))
	for _, n := range s.Names {
		if d := distance(strings.ToLower(name), strings.ToLower(n)); d < least {
			best, least = n, d
		}
	}
	if best == "" || len(name) > 64 {
		return ""
	}
	return fmt.Sprintf(" Did you mean %s?", best)
}

// distance is the number of edits between two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := slices.Clone(row)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
		}
	}
	return row[len(b)]
}
