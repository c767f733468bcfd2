package expr

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// object is a declared shape such as joiner or one step. open lets names that
// are not declared be read as untyped.
type object struct {
	fields map[string]*types.Type
	open   bool
}

// provider adds our objects to CEL's own types. It never changes once made.
type provider struct {
	types.Provider
	objects map[string]object
}

func (p *provider) FindStructType(name string) (*types.Type, bool) {
	if _, ok := p.objects[name]; ok {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return p.Provider.FindStructType(name)
}

func (p *provider) FindStructFieldNames(name string) ([]string, bool) {
	if o, ok := p.objects[name]; ok {
		return slices.Sorted(maps.Keys(o.fields)), true
	}
	return p.Provider.FindStructFieldNames(name)
}

func (p *provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	o, ok := p.objects[name]
	if !ok {
		return p.Provider.FindStructFieldType(name, field)
	}
	t, ok := o.fields[field]
	if !ok {
		if !o.open || suggest(field, slices.Collect(maps.Keys(o.fields))) != "" {
			return nil, false
		}
		t = nil
	}
	return fieldOf(field, t), true
}

// fieldOf reads one field of a plain map; absent reads as the empty value. An
// undeclared attribute (t == nil) is untyped, and text when absent.
func fieldOf(name string, t *types.Type) *types.FieldType {
	empty := any("")
	if t == nil {
		t = types.DynType
	} else {
		empty = emptyOf(t)
	}
	return &types.FieldType{
		Type: t,
		IsSet: func(target any) bool {
			v, ok := asMap(target)[name]
			return ok && v != nil
		},
		GetFrom: func(target any) (any, error) {
			if v, ok := asMap(target)[name]; ok && v != nil {
				return v, nil
			}
			return empty, nil
		},
	}
}

func emptyOf(t *types.Type) any {
	switch t.Kind() {
	case types.StringKind:
		return ""
	case types.BoolKind:
		return false
	case types.ListKind:
		return []any{}
	case types.MapKind, types.StructKind:
		return map[string]any{}
	}
	return types.NullValue
}

func asMap(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// celType gives the CEL type of a declared one. Numbers are untyped for the
// checker, so that 5, 5.0 and a JSON number can be compared with each other.
func celType(t Type) *cel.Type {
	switch t {
	case String:
		return cel.StringType
	case Bool:
		return cel.BoolType
	case Timestamp:
		return cel.TimestampType
	case List:
		return cel.ListType(cel.DynType)
	case Map:
		return cel.MapType(cel.StringType, cel.DynType)
	}
	return cel.DynType
}

func typeOfValue(v any) Type {
	switch v.(type) {
	case string:
		return String
	case bool:
		return Bool
	case []any, []string:
		return List
	case map[string]any:
		return Map
	}
	return Any
}

// adapter turns Go values into CEL's. Whole floats become integers, because JSON
// has only one kind of number and `5 + 1` should be 6.
type adapter struct{ base types.Adapter }

func (a adapter) NativeToValue(v any) ref.Val {
	switch x := v.(type) {
	case float64:
		if x == math.Trunc(x) && math.Abs(x) < 1<<53 {
			return types.Int(int64(x))
		}
	case json.Number:
		if i, err := x.Int64(); err == nil {
			return types.Int(i)
		}
		f, _ := x.Float64()
		return types.Double(f)
	case map[string]any:
		return types.NewStringInterfaceMap(a, x)
	case []any:
		return types.NewDynamicList(a, x)
	case []string:
		return types.NewStringList(a, x)
	case uint64:
		if x < math.MaxInt64 {
			return types.Int(int64(x))
		}
	}
	return a.base.NativeToValue(v)
}

// Plain turns a CEL value into a plain Go value.
func plain(v ref.Val) any {
	switch x := v.(type) {
	case types.String:
		return string(x)
	case types.Bool:
		return bool(x)
	case types.Int:
		return int64(x)
	case types.Uint:
		return int64(x) //nolint:gosec // flows hold no numbers of that size
	case types.Double:
		return float64(x)
	case types.Timestamp:
		return x.Time
	case types.Duration:
		return x.Duration.String()
	case types.Bytes:
		return string(x)
	case types.Null:
		return nil
	}
	if l, ok := v.(lister); ok {
		out := []any{}
		for it := l.Iterator(); it.HasNext() == types.True; {
			out = append(out, plain(it.Next()))
		}
		return out
	}
	if m, ok := v.(mapper); ok {
		out := map[string]any{}
		for it := m.Iterator(); it.HasNext() == types.True; {
			k := it.Next()
			out[asText(plain(k))] = plain(m.Get(k))
		}
		return out
	}
	return v.Value()
}

// suggest finds the name that was probably meant; "" when none is close.
func suggest(got string, names []string) string {
	flat := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "")) }
	best, bestAt := "", 3
	for _, n := range slices.Sorted(slices.Values(names)) {
		if flat(n) == flat(got) {
			return n
		}
		d := distance(flat(got), flat(n), bestAt)
		if d < bestAt && d*3 < len(n) {
			best, bestAt = n, d
		}
	}
	return best
}

// distance is the number of edits between two words, swaps of neighbours
// counting one; limit or more when they are further apart.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

func asText(v any) string {
	s, _ := v.(string)
	if v == nil || s != "" {
		return s
	}
	return Text(v)
}
