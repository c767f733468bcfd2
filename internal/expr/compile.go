package expr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"joinery/internal/fault"
)

// Where is the place of a field: which steps have run before it.
type Where struct {
	// Node is the id of the node the field belongs to.
	Node string
	// Before reports whether a step can have run before this node; nil means any.
	Before func(step string) bool
}

type program struct {
	source string
	prg    cel.Program
	want   Type
	gives  Type
}

// Expression compiles bare CEL (a leading "=" is allowed).
func (e *Env) Expression(source string, want Type, at Where) (Value, []Problem) {
	lead := 0
	text := source
	if t, ok := strings.CutPrefix(strings.TrimLeft(source, " "), "="); ok {
		lead = utf8.RuneCountInString(source) - utf8.RuneCountInString(t)
		text = t
	}
	return e.compile(text, want, at, lead)
}

// Field compiles a field's text: "=expression", a text with {{ templates }}, or a
// literal.
func (e *Env) Field(source string, want Type, at Where) (Value, []Problem) {
	if strings.HasPrefix(source, "=") {
		return e.Expression(source, want, at)
	}
	if strings.Contains(source, "{{") {
		return e.template(source, at)
	}
	return literal{source}, nil
}

// compile gives what was compiled before from the same text. Where a field stands
// matters only for the steps it may name, so only fields of no flow are kept.
func (e *Env) compile(source string, want Type, at Where, lead int) (Value, []Problem) {
	if e.programs == nil || at.Node != "" || at.Before != nil {
		return e.compileNow(source, want, at, lead)
	}
	key := programKey{e, source, want, lead}
	if x, ok := e.programs.find(key); ok {
		return x.value, slices.Clone(x.problems)
	}
	v, problems := e.compileNow(source, want, at, lead)
	e.programs.keep(&keptProgram{key, v, slices.Clone(problems)})
	return v, problems
}

func (e *Env) compileNow(source string, want Type, at Where, lead int) (Value, []Problem) {
	if strings.TrimSpace(source) == "" {
		return nil, []Problem{{1, lead + 1, "Write an expression after the = sign."}}
	}
	if len(source) > maxSource {
		return nil, []Problem{{1, lead + 1, fmt.Sprintf("An expression may have up to %d characters. Split this one over a few set nodes.", maxSource)}}
	}
	shift := func(ps []Problem) []Problem {
		for i := range ps {
			if ps[i].Line == 1 {
				ps[i].Column += lead
			}
		}
		return ps
	}
	parsed, iss := e.parses.parse(e.cel, source)
	if iss.Err() != nil {
		return nil, shift(explain(iss, e.decls))
	}
	if ps := e.references(parsed, at); len(ps) > 0 {
		return nil, shift(ps)
	}
	checked, iss := e.cel.Check(parsed)
	if iss.Err() != nil {
		return nil, shift(explain(iss, e.decls))
	}
	if !fits(checked.OutputType(), want) {
		return nil, shift([]Problem{{1, 1, fmt.Sprintf("This gives %s, and the field needs %s.", typeWord(checked.OutputType()), wantWord(want))}})
	}
	prg, err := e.cel.Program(checked, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost), cel.MemoryLimit(maxMemory), cel.InterruptCheckFrequency(100))
	if err != nil {
		return nil, shift([]Problem{{1, 1, "This expression cannot be prepared: " + tidy(err.Error())}})
	}
	return &program{source: strings.TrimSpace(source), prg: prg, want: want, gives: declared(checked.OutputType())}, nil
}

func (p *program) Eval(ctx context.Context, s Scope) (any, error) {
	return p.eval(ctx, s.reading())
}

func (p *program) eval(ctx context.Context, act *reading) (any, error) {
	out, _, err := p.prg.ContextEval(ctx, act)
	if err != nil {
		if cause := ctx.Err(); cause != nil {
			return nil, fmt.Errorf("evaluate expression: %w", cause)
		}
		return nil, fault.Wrap(fault.Invalid, err, "The expression %s could not be computed: %s", quote(p.source), explainRun(err))
	}
	v, err := convert(plain(out), p.want)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "The expression %s %s", quote(p.source), err.Error())
	}
	return v, nil
}

// convert makes a value fit what the field needs.
func convert(v any, want Type) (any, error) {
	if v == nil {
		if want == Bool {
			return nil, errors.New("gave nothing, and true or false is needed.")
		}
		return nil, nil
	}
	switch want {
	case String:
		switch v.(type) {
		case []any, map[string]any:
			return nil, fmt.Errorf("gave %s, and a text is needed.", valueWord(v))
		}
		return Text(v), nil
	case Bool:
		if _, ok := v.(bool); !ok {
			return nil, fmt.Errorf("gave %s, and true or false is needed.", valueWord(v))
		}
	case Number:
		switch x := v.(type) {
		case int64, float64:
		case string:
			f, err := strconv.ParseFloat(x, 64)
			if err != nil {
				return nil, errors.New("gave a text that is no number.")
			}
			return f, nil
		default:
			return nil, fmt.Errorf("gave %s, and a number is needed.", valueWord(v))
		}
	case Timestamp:
		switch v.(type) {
		case string, time.Time:
		default:
			return nil, fmt.Errorf("gave %s, and a date is needed.", valueWord(v))
		}
	case List:
		if _, ok := v.([]any); !ok {
			return []any{v}, nil
		}
	case Map:
		if _, ok := v.(map[string]any); !ok {
			return nil, fmt.Errorf("gave %s, and names with values are needed.", valueWord(v))
		}
	}
	return v, nil
}

// fits tells whether a checked type can be what a field needs. Untyped values
// are judged when they are computed.
func fits(got *types.Type, want Type) bool {
	if got.Kind() == types.DynKind || got.Kind() == types.NullTypeKind {
		return want != Bool || got.Kind() == types.DynKind
	}
	switch want {
	case String:
		switch got.Kind() {
		case types.ListKind, types.MapKind, types.StructKind, types.TypeKind:
			return false
		}
		return true
	case Bool:
		return got.Kind() == types.BoolKind
	case Number:
		return got.Kind() == types.IntKind || got.Kind() == types.UintKind || got.Kind() == types.DoubleKind || got.Kind() == types.StringKind
	case Timestamp:
		return got.Kind() == types.TimestampKind || got.Kind() == types.StringKind
	case List:
		return got.Kind() == types.ListKind || got.Kind() == types.StringKind
	case Map:
		return got.Kind() == types.MapKind || got.Kind() == types.StructKind
	}
	return true
}

// Text writes a value as people read it: nothing for null, whole numbers without
// a point, moments in RFC 3339, lists with commas.
func Text(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	case bool:
		return strconv.FormatBool(x)
	case int64:
		return strconv.FormatInt(x, 10)
	case int:
		return strconv.Itoa(x)
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	case time.Time:
		return x.UTC().Format(time.RFC3339)
	case []any:
		parts := make([]string, len(x))
		for i, e := range x {
			parts[i] = Text(e)
		}
		return strings.Join(parts, ", ")
	}
	return fmt.Sprint(v)
}

func quote(s string) string {
	if utf8.RuneCountInString(s) > 80 {
		s = string([]rune(s)[:79]) + "…"
	}
	return "“" + s + "”"
}

// Gives tells what a compiled value will be, as far as that is known before it is
// computed; Any when it is not.
func Gives(v Value) Type {
	switch x := v.(type) {
	case *program:
		return x.gives
	case template:
		return String
	case literal:
		return typeOfValue(x.v)
	}
	return Any
}

// Computed reports whether a value is worked out rather than written down.
func Computed(v Value) bool {
	_, plain := v.(literal)
	return !plain
}

// TypeOf is our word for the type of a plain value.
func TypeOf(v any) Type { return typeOfValue(v) }

// declared is our word for a type that CEL found.
func declared(t *types.Type) Type {
	switch t.Kind() {
	case types.StringKind:
		return String
	case types.BoolKind:
		return Bool
	case types.IntKind, types.UintKind, types.DoubleKind:
		return Number
	case types.TimestampKind:
		return Timestamp
	case types.ListKind:
		return List
	case types.MapKind, types.StructKind:
		return Map
	}
	return Any
}
