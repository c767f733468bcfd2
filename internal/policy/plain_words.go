package policy

import (
	"strings"

	"joinery/internal/expr"
)

// PlainWords tells a condition of common comparisons in words: "department is Sales
// and location starts with Ber". Any other one is its own text.
func PlainWords(source string) string {
	p, ok := expr.ReadPlain(source)
	if !ok || len(p.Tests) == 0 {
		return strings.Join(strings.Fields(source), " ")
	}
	labels := map[string]string{}
	for _, o := range expr.PlainOperators() {
		labels[o.Name] = o.Label
	}
	var parts []string
	for _, t := range p.Tests {
		parts = append(parts, strings.TrimSpace(strings.ReplaceAll(t.Attribute, "_", " ")+" "+labels[t.Operator]+" "+strings.Join(t.Values, ", ")))
	}
	if p.Any {
		return strings.Join(parts, " or ")
	}
	return strings.Join(parts, " and ")
}
