package eval

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"joinery/internal/author"
	"joinery/internal/function"
	"joinery/internal/luavm"
)

// Restated is how well the request was understood, before anybody corrected it: of the
// worked examples, how many are right, how many are wrong, and how many speak of other
// fields than those settled; and which grants it wanted beyond what the item allows.
type Restated struct {
	Right     int      `json:"right"`
	Wrong     int      `json:"wrong"`
	Other     int      `json:"other"`
	Questions int      `json:"questions"`
	Excess    []string `json:"excess,omitempty"`
}

// ask is what an admin would write: the request, and what goes in and comes out.
func (i Item) ask() string {
	names := func(schema map[string]any) string {
		var out []string
		for _, v := range values(schema) {
			out = append(out, v.Name+" ("+v.Type+")")
		}
		return strings.Join(out, ", ")
	}
	return fmt.Sprintf("%s\nIt takes %s, and gives %s.", i.Request, names(i.Input), names(i.Output))
}

// settle does what a careful admin does with a restated intent: names, types, grants
// and what is forbidden become those of the item, and of the worked examples only the
// right ones stay. The solution says which are.
func (i Item) settle(ctx context.Context, pool *luavm.Pool, in author.Intent) (author.Intent, Restated, error) {
	out := in
	out.Key, out.Inputs, out.Outputs, out.Examples, out.Reads, out.Writes, out.Forbidden = i.Key, values(i.Input), values(i.Output), nil, nil, nil, nil
	r := Restated{Questions: len(in.Questions)}
	for _, k := range in.Examples {
		verdict, err := i.example(ctx, pool, k)
		if err != nil {
			return out, r, err
		}
		switch verdict {
		case right:
			r.Right++
			out.Examples = append(out.Examples, k)
		case wrong:
			r.Wrong++
		default:
			r.Other++
		}
	}
	for _, g := range i.Grants {
		if author.Writes(g) {
			out.Writes = append(out.Writes, g)
		} else {
			out.Reads = append(out.Reads, g)
		}
	}
	for _, g := range slices.Concat(in.Reads, in.Writes) {
		if !slices.Contains(i.Grants, g) {
			r.Excess = append(r.Excess, g)
		}
	}
	for _, n := range i.Never {
		out.Forbidden = append(out.Forbidden, n.forbidden(i.Grants)...)
	}
	return out, r, nil
}

// What a worked example is worth.
const (
	right = "right"
	wrong = "wrong"
	other = "other"
)

func (i Item) example(ctx context.Context, pool *luavm.Pool, k function.Case) (string, error) {
	if len(function.Violations(i.Input, orEmpty(k.Input))) > 0 || k.Output != nil && len(function.Violations(i.Output, k.Output)) > 0 {
		return other, nil
	}
	if k.Error != "" {
		k.Error = anyFailure // in its own words
	}
	why, _, err := i.try(ctx, pool, i.Solved(), k, 0)
	if why != "" {
		return wrong, err
	}
	return right, err
}

func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

// forbidden says it to the author. What is forbidden for some arguments only has no
// grant that could be refused.
func (n Never) forbidden(allowed []string) []author.Forbidden {
	out := []author.Forbidden{{Says: n.Says}}
	if n.Args != "" {
		return out
	}
	for _, f := range luavm.Catalogue() {
		grant := f.Grant("*")
		if f.Effect == luavm.Plans && strings.HasPrefix(f.Name, n.Do) && !slices.ContainsFunc(allowed, func(g string) bool { return sameKind(g, grant) }) {
			out = append(out, author.Forbidden{Says: n.Says, Grant: grant})
		}
	}
	return out
}

func sameKind(a, b string) bool {
	x, _ := function.ParseGrant(a)
	y, _ := function.ParseGrant(b)
	return x.Kind() == y.Kind()
}

// values are the fields of a schema as an intent lists them, sorted. What the types of
// an intent cannot say stands in the meaning.
func values(schema map[string]any) []author.Value {
	props, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]any)
	var out []author.Value
	for _, name := range slices.Sorted(maps.Keys(props)) {
		shape, _ := props[name].(map[string]any)
		v := author.Value{Name: name, Type: typeOf(shape), Optional: !slices.Contains(required, any(name))}
		v.Means, _ = shape["description"].(string)
		if more := closer(shape); more != "" {
			v.Means = strings.TrimSpace(v.Means + " " + more)
		}
		out = append(out, v)
	}
	return out
}

func typeOf(shape map[string]any) string {
	kind, _ := shape["type"].(string)
	for name, schema := range author.Types() {
		if schema == kind {
			return name
		}
	}
	return "number" // integer
}

// closer is what a schema says beyond type and description, as JSON.
func closer(shape map[string]any) string {
	rest := maps.Clone(shape)
	delete(rest, "description")
	if rest["type"] != "integer" {
		delete(rest, "type")
	}
	if len(rest) == 0 {
		return ""
	}
	raw, err := json.Marshal(rest)
	if err != nil {
		return ""
	}
	return "(schema: " + string(raw) + ")"
}
