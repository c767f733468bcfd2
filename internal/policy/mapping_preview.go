package policy

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"joinery/internal/expr"
)

// What a mapping would do to an attribute of an account that is there.
const (
	PreviewSame   = "unchanged"   // it has this value
	PreviewSet    = "would set"   // it gets another value
	PreviewClear  = "would clear" // its value is removed
	PreviewLeft   = "left"        // no row decides, or an empty value keeps it
	PreviewCreate = "on creation" // given only to a new account
)

// Preview is one attribute beside what the account holds now; nil is nothing.
type Preview struct {
	Attribute  string
	Row        int
	Does       string
	Now, Would any
}

// Preview holds what a mapping gave against what an account has now. Names of
// attributes are compared without regard to case, lists as sets.
func (m *Mapping) Preview(o Outcome, now map[string]any) []Preview {
	always, _ := o.Output["attributes"].(map[string]any)
	create, _ := o.Output["create_only"].(map[string]any)
	var out []Preview
	seen := map[string]bool{}
	for i, r := range m.Rows {
		name := strings.TrimSpace(r.Attribute)
		if seen[strings.ToLower(name)] {
			continue
		}
		seen[strings.ToLower(name)] = true
		p := Preview{Attribute: name, Row: m.decided(o, name, i+1), Does: PreviewLeft, Now: named(now, name)}
		if would, given := always[name]; given {
			p.Would = would
			switch {
			case sameSet(p.Now, would):
				p.Does = PreviewSame
			case would == nil:
				p.Does = PreviewClear
			default:
				p.Does = PreviewSet
			}
		} else if would, given := create[name]; given {
			p.Would, p.Does = would, PreviewCreate
		}
		out = append(out, p)
	}
	return out
}

// decided is the row that decided an attribute, or else the first one that names it.
func (m *Mapping) decided(o Outcome, name string, otherwise int) int {
	for _, r := range o.Reasons {
		if r.Took && r.Row > 0 && r.Row <= len(m.Rows) && strings.EqualFold(strings.TrimSpace(m.Rows[r.Row-1].Attribute), name) {
			return r.Row
		}
	}
	return otherwise
}

func named(values map[string]any, name string) any {
	if v, ok := values[name]; ok {
		return tidy(v)
	}
	for _, k := range slices.Sorted(maps.Keys(values)) {
		if strings.EqualFold(k, name) {
			return tidy(values[k])
		}
	}
	return nil
}

// sameSet compares values as directories do: texts, in any order.
func sameSet(a, b any) bool { return reflect.DeepEqual(textsOf(a), textsOf(b)) }

func textsOf(v any) []string {
	var out []string
	switch x := v.(type) {
	case nil:
	case []any:
		for _, e := range x {
			out = append(out, expr.Text(e))
		}
	case []string:
		out = slices.Clone(x)
	case bool:
		out = []string{strings.ToUpper(expr.Text(x))}
	default:
		out = []string{expr.Text(x)}
	}
	for i, s := range out {
		if strings.EqualFold(s, "true") || strings.EqualFold(s, "false") {
			out[i] = strings.ToUpper(s)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
