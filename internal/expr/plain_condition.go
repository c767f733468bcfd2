package expr

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// Plain is a condition that a form can show without CEL: a few tests of
// attributes, all of which must hold, or any one of them.
type Plain struct {
	// Any says that one test that holds is enough; otherwise all have to.
	Any   bool        `json:"any,omitempty"`
	Tests []PlainTest `json:"tests"`
}

// PlainTest compares one attribute with values.
type PlainTest struct {
	// Attribute is a name of the joiner ("department"), or one with its root
	// ("inputs.site").
	Attribute string `json:"attribute"`
	// Operator is one of PlainOperators.
	Operator string `json:"operator"`
	// Values has none for "empty" and "not_empty", one or more for "one_of" and
	// "none_of", and one for the others.
	Values []string `json:"values,omitempty"`
}

// PlainOperator is one comparison a form offers.
type PlainOperator struct {
	Name  string
	Label string
	// Values is how many it takes: 0, 1, or 2 for a list.
	Values int
}

// PlainOperators lists the comparisons, the common ones first.
func PlainOperators() []PlainOperator {
	return []PlainOperator{
		{"is", "is", 1}, {"is_not", "is not", 1},
		{"one_of", "is one of", 2}, {"none_of", "is none of", 2},
		{"starts_with", "starts with", 1}, {"not_starts_with", "does not start with", 1},
		{"ends_with", "ends with", 1}, {"not_ends_with", "does not end with", 1},
		{"contains", "contains", 1}, {"not_contains", "does not contain", 1},
		{"empty", "is empty", 0}, {"not_empty", "is not empty", 0},
		{"before", "is before", 1}, {"from", "is, or is after", 1},
	}
}

// memberWords are the operators that CEL writes as a function of the attribute.
var memberWords = map[string]string{"starts_with": "startsWith", "ends_with": "endsWith", "contains": "contains"}

var plainName = regexp.MustCompile(`^([a-z][A-Za-z0-9_]*\.)?[A-Za-z_][A-Za-z0-9_]*$`)

// CEL writes the condition; "" when it has no tests or one that is not whole.
func (p Plain) CEL() string {
	parts := make([]string, 0, len(p.Tests))
	for _, t := range p.Tests {
		s := t.cel()
		if s == "" {
			return ""
		}
		parts = append(parts, s)
	}
	join := " && "
	if p.Any {
		join = " || "
	}
	return strings.Join(parts, join)
}

func (t PlainTest) cel() string {
	if !plainName.MatchString(t.Attribute) {
		return ""
	}
	name := t.Attribute
	if !strings.Contains(name, ".") {
		name = "joiner." + name
	}
	switch t.Operator {
	case "empty":
		return name + ` == ""`
	case "not_empty":
		return name + ` != ""`
	}
	if len(t.Values) == 0 {
		return ""
	}
	if word := memberWords[strings.TrimPrefix(t.Operator, "not_")]; word != "" {
		s := name + "." + word + "(" + celText(t.Values[0]) + ")"
		if strings.HasPrefix(t.Operator, "not_") {
			s = "!" + s
		}
		return s
	}
	list := make([]string, len(t.Values))
	for i, v := range t.Values {
		list[i] = celText(v)
	}
	switch t.Operator {
	case "is":
		return name + " == " + list[0]
	case "is_not":
		return name + " != " + list[0]
	case "one_of":
		return name + " in [" + strings.Join(list, ", ") + "]"
	case "none_of":
		return "!(" + name + " in [" + strings.Join(list, ", ") + "])"
	case "before":
		return name + " < " + list[0]
	case "from":
		return name + " >= " + list[0]
	}
	return ""
}

// celText writes a text as CEL reads it.
func celText(s string) string {
	quoted := strconv.Quote(s)
	if strings.Contains(quoted, `\x`) { // CEL reads \x as a code point, Go as a byte
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s) + `"`
	}
	return quoted
}

// ReadPlain reads a condition that Plain can express; false for any other, which
// only its text can show. An empty condition has no tests.
func ReadPlain(source string) (Plain, bool) {
	text := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(source), "="))
	if text == "" {
		return Plain{}, true
	}
	env, err := base()
	if err != nil || len(text) > maxSource {
		return Plain{}, false
	}
	parsed, iss := env.Parse(text)
	if iss.Err() != nil {
		return Plain{}, false
	}
	var p Plain
	root := parsed.NativeRep().Expr()
	p.Any = root.Kind() == ast.CallKind && root.AsCall().FunctionName() == operators.LogicalOr
	operator := operators.LogicalAnd
	if p.Any {
		operator = operators.LogicalOr
	}
	if !flatten(root, operator, &p.Tests) {
		return Plain{}, false
	}
	if remarks(text, p) {
		return Plain{}, false
	}
	return p, true
}

// remarks tells a comment in the text: a form would lose it.
func remarks(text string, p Plain) bool {
	n := strings.Count(text, "//")
	for _, t := range p.Tests {
		for _, v := range t.Values {
			n -= strings.Count(v, "//")
		}
	}
	return n > 0
}

func flatten(x ast.Expr, operator string, out *[]PlainTest) bool {
	if x.Kind() == ast.CallKind && x.AsCall().FunctionName() == operator {
		for _, a := range x.AsCall().Args() {
			if !flatten(a, operator, out) {
				return false
			}
		}
		return true
	}
	t, ok := plainTest(x)
	*out = append(*out, t)
	return ok
}

// opposites turns a test that stands behind "!" into one of its own.
var opposites = map[string]string{"one_of": "none_of", "starts_with": "not_starts_with", "ends_with": "not_ends_with", "contains": "not_contains"}

func plainTest(x ast.Expr) (PlainTest, bool) {
	if x.Kind() != ast.CallKind {
		return PlainTest{}, false
	}
	call := x.AsCall()
	if call.FunctionName() == operators.LogicalNot {
		t, ok := plainTest(call.Args()[0])
		t.Operator = opposites[t.Operator]
		return t, ok && t.Operator != ""
	}
	if call.IsMemberFunction() {
		return memberTest(call)
	}
	if len(call.Args()) != 2 {
		return PlainTest{}, false
	}
	name, ok := plainAttribute(call.Args()[0])
	if !ok {
		return PlainTest{}, false
	}
	t := PlainTest{Attribute: name}
	if call.FunctionName() == operators.In {
		t.Operator = "one_of"
		t.Values, ok = plainList(call.Args()[1])
		return t, ok
	}
	value, ok := plainValue(call.Args()[1])
	t.Values = []string{value}
	switch call.FunctionName() {
	case operators.Equals:
		t.Operator = "is"
	case operators.NotEquals:
		t.Operator = "is_not"
	case operators.Less:
		t.Operator = "before"
	case operators.GreaterEquals:
		t.Operator = "from"
	default:
		return PlainTest{}, false
	}
	if empty := map[string]string{"is": "empty", "is_not": "not_empty"}[t.Operator]; empty != "" && value == "" {
		t.Operator, t.Values = empty, nil
	}
	return t, ok
}

func memberTest(call ast.CallExpr) (PlainTest, bool) {
	name, ok := plainAttribute(call.Target())
	if !ok || len(call.Args()) != 1 {
		return PlainTest{}, false
	}
	value, ok := plainValue(call.Args()[0])
	for operator, word := range memberWords {
		if word == call.FunctionName() {
			return PlainTest{Attribute: name, Operator: operator, Values: []string{value}}, ok
		}
	}
	return PlainTest{}, false
}

func plainAttribute(x ast.Expr) (string, bool) {
	if x.Kind() != ast.SelectKind || x.AsSelect().IsTestOnly() || x.AsSelect().Operand().Kind() != ast.IdentKind {
		return "", false
	}
	root, name := x.AsSelect().Operand().AsIdent(), x.AsSelect().FieldName()
	if root != "joiner" {
		name = root + "." + name
	}
	return name, plainName.MatchString(name) && slices.Contains([]string{"joiner", "inputs", "event", "vars"}, root)
}

func plainValue(x ast.Expr) (string, bool) {
	if x.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := x.AsLiteral().(types.String)
	return string(s), ok
}

func plainList(x ast.Expr) ([]string, bool) {
	if x.Kind() != ast.ListKind || x.AsList().Size() == 0 || len(x.AsList().OptionalIndices()) > 0 {
		return nil, false
	}
	var out []string
	for _, e := range x.AsList().Elements() {
		s, ok := plainValue(e)
		if !ok {
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}
