package expr

import (
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// maxArgs bounds the helpers that take any number of values: CEL knows none, so
// each count is an overload of its own.
const maxArgs = 16

// helpers declares the functions under the names directory engineers know from
// provisioning tools. Positions count from 1, as theirs do.
func helpers() []cel.EnvOption {
	text, number, dyn := cel.StringType, cel.IntType, cel.DynType
	list := cel.ListType(dyn)
	out := []cel.EnvOption{
		fn("NormalizeDiacritics", []*cel.Type{text}, text, func(a []ref.Val) ref.Val { return str(normalize(txt(a[0]))) }),
		fn("StripSpaces", []*cel.Type{text}, text, func(a []ref.Val) ref.Val { return str(strings.Join(strings.Fields(txt(a[0])), "")) }),
		fn("Trim", []*cel.Type{text}, text, func(a []ref.Val) ref.Val { return str(strings.TrimSpace(txt(a[0]))) }),
		fn("LettersOnly", []*cel.Type{text}, text, func(a []ref.Val) ref.Val { return str(lettersOnly(txt(a[0]))) }),
		fn("DigitsOnly", []*cel.Type{text}, text, func(a []ref.Val) ref.Val { return str(digitsOnly(txt(a[0]))) }),
		fn("Left", []*cel.Type{text, number}, text, func(a []ref.Val) ref.Val { return str(mid(txt(a[0]), 1, num(a[1]))) }),
		fn("Right", []*cel.Type{text, number}, text, func(a []ref.Val) ref.Val { return str(right(txt(a[0]), num(a[1]))) }),
		fn("Mid", []*cel.Type{text, number, number}, text, func(a []ref.Val) ref.Val { return str(mid(txt(a[0]), num(a[1]), num(a[2]))) }),
		fn("Append", []*cel.Type{text, text}, text, func(a []ref.Val) ref.Val { return str(txt(a[0]) + txt(a[1])) }),
		fn("Split", []*cel.Type{text, text}, cel.ListType(text), func(a []ref.Val) ref.Val { return strs(split(txt(a[0]), txt(a[1]))) }),
		fn("Replace", []*cel.Type{text, text, text}, text, func(a []ref.Val) ref.Val { return replace(txt(a[0]), txt(a[1]), txt(a[2])) }),
		fn("RegexReplace", []*cel.Type{text, text, text}, text, func(a []ref.Val) ref.Val { return regexReplace(txt(a[0]), txt(a[1]), txt(a[2])) }),
		fn("InStr", []*cel.Type{text, text}, number, func(a []ref.Val) ref.Val { return types.Int(inStr(txt(a[0]), txt(a[1]))) }),
		fn("Word", []*cel.Type{text, number, text}, text, func(a []ref.Val) ref.Val { return str(word(txt(a[0]), num(a[1]), txt(a[2]))) }),
		fn("CStr", []*cel.Type{dyn}, text, func(a []ref.Val) ref.Val { return str(Text(plain(a[0]))) }),
		fn("CBool", []*cel.Type{dyn}, cel.BoolType, func(a []ref.Val) ref.Val { return toBool(plain(a[0])) }),
		fn("Count", []*cel.Type{list}, number, func(a []ref.Val) ref.Val { return types.Int(len(items(a[0]))) }),
		fn("Item", []*cel.Type{list, number}, dyn, func(a []ref.Val) ref.Val { return item(items(a[0]), num(a[1])) }),
		fn("RemoveDuplicates", []*cel.Type{list}, list, func(a []ref.Val) ref.Val { return vals(removeDuplicates(items(a[0]))) }),
		fn("List", []*cel.Type{dyn}, list, func(a []ref.Val) ref.Val {
			if _, ok := a[0].(lister); ok || blank(a[0]) {
				return vals(items(a[0]))
			}
			return vals(a)
		}),
		fn("IsPresent", []*cel.Type{dyn}, cel.BoolType, func(a []ref.Val) ref.Val { return types.Bool(!blank(a[0])) }),
		fn("IsNullOrEmpty", []*cel.Type{dyn}, cel.BoolType, func(a []ref.Val) ref.Val { return types.Bool(blank(a[0])) }),
		fn("IsNull", []*cel.Type{dyn}, cel.BoolType, func(a []ref.Val) ref.Val { return types.Bool(a[0].Type() == types.NullType) }),
		fn("IsString", []*cel.Type{dyn}, cel.BoolType, func(a []ref.Val) ref.Val { return types.Bool(a[0].Type() == types.StringType) }),
		fn("Not", []*cel.Type{cel.BoolType}, cel.BoolType, func(a []ref.Val) ref.Val { return a[0].(types.Bool).Negate() }),
		fn("Attribute", []*cel.Type{dyn, text}, dyn, attribute),
	}
	for name, f := range map[string]func(string) string{
		"Upper": strings.ToUpper, "ToUpper": strings.ToUpper, "Lower": strings.ToLower, "ToLower": strings.ToLower, "PCase": properCase,
	} {
		out = append(out, fn(name, []*cel.Type{text}, text, func(a []ref.Val) ref.Val { return str(f(txt(a[0]))) }))
	}
	out = append(out, choices()...)
	return append(out, dateHelpers()...)
}

// choices declares Coalesce, IIF, Switch and Join.
func choices() []cel.EnvOption {
	a, k := cel.TypeParamType("A"), cel.TypeParamType("K")
	iif := fn("IIF", []*cel.Type{cel.BoolType, a, a}, a, func(v []ref.Val) ref.Val {
		if v[0] == types.True {
			return v[1]
		}
		return v[2]
	})
	var coalesce, sw []cel.FunctionOpt
	join := []cel.FunctionOpt{overload("Join", []*cel.Type{cel.StringType, cel.ListType(cel.DynType)}, cel.StringType, func(v []ref.Val) ref.Val {
		return str(joined(txt(v[0]), items(v[1])))
	})}
	for n := 2; n <= maxArgs; n++ {
		args := repeat(n, a)
		coalesce = append(coalesce, overload("Coalesce", args, a, func(v []ref.Val) ref.Val {
			for _, x := range v {
				if !blank(x) {
					return x
				}
			}
			return v[len(v)-1]
		}))
		join = append(join, overload("Join", append([]*cel.Type{cel.StringType}, repeat(n, cel.StringType)...), cel.StringType, func(v []ref.Val) ref.Val {
			return str(joined(txt(v[0]), v[1:]))
		}))
		pairs := []*cel.Type{k, a}
		for range n - 1 {
			pairs = append(pairs, k, a)
		}
		sw = append(sw, overload("Switch", pairs, a, switchOn))
	}
	return []cel.EnvOption{iif, cel.Function("Coalesce", coalesce...), cel.Function("Switch", sw...), cel.Function("Join", join...)}
}

// switchOn is Switch(source, default, key1, value1, …).
func switchOn(v []ref.Val) ref.Val {
	for i := 2; i+1 < len(v); i += 2 {
		if v[0].Equal(v[i]) == types.True {
			return v[i+1]
		}
	}
	return v[1]
}

// attribute is Attribute(joiner, "cost center"): for names that are no words of
// the expression language.
func attribute(a []ref.Val) ref.Val {
	m, ok := a[0].(mapper)
	if !ok {
		return types.NewErr("Attribute needs the joiner or another value with names")
	}
	if v, found := m.Find(a[1]); found {
		return v
	}
	return types.String("")
}

func fn(name string, args []*cel.Type, result *cel.Type, f func([]ref.Val) ref.Val) cel.EnvOption {
	return cel.Function(name, overload(name, args, result, f))
}

func overload(name string, args []*cel.Type, result *cel.Type, f func([]ref.Val) ref.Val) cel.FunctionOpt {
	id := fmt.Sprintf("%s_%d_%s", name, len(args), strings.ToLower(args[len(args)-1].TypeName()))
	var bind cel.OverloadOpt
	switch len(args) {
	case 1:
		bind = cel.UnaryBinding(func(v ref.Val) ref.Val { return f([]ref.Val{v}) })
	case 2:
		bind = cel.BinaryBinding(func(l, r ref.Val) ref.Val { return f([]ref.Val{l, r}) })
	default:
		bind = cel.FunctionBinding(func(v ...ref.Val) ref.Val { return f(v) })
	}
	return cel.Overload(id, args, result, bind)
}

func repeat(n int, t *cel.Type) []*cel.Type {
	out := make([]*cel.Type, n)
	for i := range out {
		out[i] = t
	}
	return out
}

// blank is null, "", a text of spaces, an empty list or an empty map.
func blank(v ref.Val) bool {
	switch x := v.(type) {
	case types.Null:
		return true
	case types.String:
		return strings.TrimSpace(string(x)) == ""
	}
	if s, ok := v.(interface{ Size() ref.Val }); ok {
		return s.Size() == types.IntZero
	}
	return false
}

func str(s string) ref.Val {
	if len(s) > maxText {
		return types.NewErr("the text became longer than 1 MB")
	}
	return types.String(s)
}

func strs(s []string) ref.Val { return types.NewStringList(types.DefaultTypeAdapter, s) }

func vals(v []ref.Val) ref.Val { return types.NewRefValList(types.DefaultTypeAdapter, v) }

func txt(v ref.Val) string { return asText(plain(v)) }

func num(v ref.Val) int {
	i, _ := v.(types.Int)
	return int(min(max(i, -1<<31), 1<<31))
}

func items(v ref.Val) []ref.Val {
	l, ok := v.(lister)
	if !ok {
		return nil
	}
	var out []ref.Val
	for it := l.Iterator(); it.HasNext() == types.True; {
		out = append(out, it.Next())
	}
	return out
}
