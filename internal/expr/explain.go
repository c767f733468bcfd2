package expr

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

// references finds names that do not exist, before CEL does: we know what an
// admin may have meant.
func (e *Env) references(parsed *cel.Ast, at Where) []Problem {
	tree := parsed.NativeRep()
	var out []Problem
	add := func(id int64, format string, args ...any) {
		loc := tree.SourceInfo().GetStartLocation(id)
		// The select node stands at its dot; the name begins after it.
		out = append(out, Problem{loc.Line(), loc.Column() + 2, fmt.Sprintf(format, args...)})
	}
	bound := map[string]bool{}
	ast.PreOrderVisit(tree.Expr(), ast.NewExprVisitor(func(x ast.Expr) {
		if x.Kind() == ast.ComprehensionKind {
			bound[x.AsComprehension().IterVar()] = true
			bound[x.AsComprehension().AccuVar()] = true
		}
	}))
	ast.PreOrderVisit(tree.Expr(), ast.NewExprVisitor(func(x ast.Expr) {
		if x.Kind() != ast.SelectKind {
			return
		}
		sel := x.AsSelect()
		op := sel.Operand()
		if op.Kind() == ast.IdentKind && !bound[op.AsIdent()] {
			e.member(op.AsIdent(), sel.FieldName(), at, func(f string, a ...any) { add(x.ID(), f, a...) })
		}
		if op.Kind() == ast.SelectKind && op.AsSelect().Operand().Kind() == ast.IdentKind && op.AsSelect().Operand().AsIdent() == "steps" && !bound["steps"] {
			e.output(op.AsSelect().FieldName(), sel.FieldName(), func(f string, a ...any) { add(x.ID(), f, a...) })
		}
	}))
	return out
}

func (e *Env) member(root, name string, at Where, add func(string, ...any)) {
	known := e.decls.names(root)
	if slices.Contains(known, name) {
		if root != "steps" {
			return
		}
		switch {
		case name == at.Node:
			add("A step cannot use its own result.")
		case at.Before != nil && !at.Before(name):
			add("Step %q does not run before this one, so its result is not there yet.", name)
		}
		return
	}
	near := suggest(name, known)
	switch root {
	case "joiner":
		if near != "" {
			add("A joiner has no attribute %q. Did you mean %q?", name, near)
		}
	case "steps":
		add("There is no step %q.%s", name, meant(near))
	case "vars":
		add("The flow has no variable %q.%s", name, meant(near))
	case "inputs":
		if e.decls.Inputs != nil {
			add("No input %q is declared.%s", name, meant(near))
		}
	case "event", "run":
		add("%s has no %q. It has: %s.", root, name, strings.Join(known, ", "))
	}
}

func (e *Env) output(step, name string, add func(string, ...any)) {
	outputs, ok := e.decls.Steps[step]
	if !ok {
		return
	}
	if _, ok := outputs[name]; ok {
		return
	}
	var names []string
	for n := range outputs {
		names = append(names, n)
	}
	slices.Sort(names)
	if len(names) == 0 {
		add("Step %q has no results.", step)
		return
	}
	add("Step %q has no result %q. It has: %s.", step, name, strings.Join(names, ", "))
}

func meant(near string) string {
	if near == "" {
		return ""
	}
	return fmt.Sprintf(" Did you mean %q?", near)
}

var (
	undeclared = regexp.MustCompile(`undeclared reference to '([^']*)'`)
	noOverload = regexp.MustCompile(`found no matching overload for '([^']*)' applied to '(.*)'`)
	syntax     = regexp.MustCompile(`Syntax error: (.*)`)
	noSuchKey  = regexp.MustCompile(`no such key: (.*)`)
)

// explain turns CEL's findings into sentences.
func explain(iss *cel.Issues, d Decls) []Problem {
	var out []Problem
	for _, e := range iss.Errors() {
		p := Problem{Line: max(e.Location.Line(), 1), Column: max(e.Location.Column(), 0) + 1}
		switch m := e.Message; {
		case undeclared.MatchString(m):
			name := undeclared.FindStringSubmatch(m)[1]
			p.Detail = unknownName(name, d)
		case noOverload.MatchString(m):
			g := noOverload.FindStringSubmatch(m)
			p.Detail = misused(g[1], g[2])
		case syntax.MatchString(m):
			p.Detail = "This is not a complete expression here: " + tidy(syntax.FindStringSubmatch(m)[1])
		default:
			p.Detail = "This does not fit: " + tidy(m)
		}
		out = append(out, p)
		if len(out) == 5 {
			break
		}
	}
	return out
}

func unknownName(name string, d Decls) string {
	if slices.Contains(d.Attributes, name) {
		return fmt.Sprintf("Nothing is called %q here. Did you mean \"joiner.%s\"?", name, name)
	}
	if _, ok := d.Steps[name]; ok {
		return fmt.Sprintf("Nothing is called %q here. Did you mean \"steps.%s\"?", name, name)
	}
	if slices.Contains(Names(), name) {
		return fmt.Sprintf("%q is a value, not a function: write %s, without brackets.", name, name)
	}
	if near := suggest(name, append(Functions(), Names()...)); near != "" {
		return fmt.Sprintf("Nothing is called %q here. Did you mean %q?", name, near)
	}
	return fmt.Sprintf("Nothing is called %q here. An expression can read %s. A text needs quotes around it.", name, strings.Join(Names(), ", "))
}

func misused(function, args string) string {
	args = strings.Trim(args, "()")
	words := typeWords(args)
	if op := strings.Trim(function, "_"); strings.HasPrefix(function, "_") || strings.HasPrefix(function, "!") {
		return fmt.Sprintf("%s cannot be used with %s.", strings.TrimSuffix(op, "_"), words)
	}
	if words == "" {
		return fmt.Sprintf("%s needs something in its parentheses.", function)
	}
	return fmt.Sprintf("%s cannot be given %s here.", function, words)
}

func typeWords(args string) string {
	var out []string
	for _, a := range strings.Split(args, ", ") {
		a = strings.TrimSpace(a)
		switch {
		case a == "":
			continue
		case a == "string":
			a = "a text"
		case a == "int", a == "uint", a == "double":
			a = "a number"
		case a == "bool":
			a = "true or false"
		case strings.HasSuffix(a, "timestamp") || strings.HasSuffix(a, "Timestamp"):
			a = "a moment"
		case strings.HasPrefix(a, "list"):
			a = "a list"
		case strings.HasPrefix(a, "map"), strings.HasPrefix(a, "joinery."):
			a = "names with values"
		case a == "null":
			a = "nothing"
		case a == "dyn":
			a = "any value"
		}
		out = append(out, a)
	}
	if n := len(out); n > 1 {
		return strings.Join(out[:n-1], ", ") + " and " + out[n-1]
	}
	return strings.Join(out, "")
}

// explainRun says in a sentence why an evaluation stopped.
func explainRun(err error) string {
	m := err.Error()
	switch {
	case strings.Contains(m, "cost limit"), strings.Contains(m, "memory limit"):
		return "it is too much work. Use a smaller list or text."
	case noSuchKey.MatchString(m):
		return fmt.Sprintf("there is no entry %q.", noSuchKey.FindStringSubmatch(m)[1])
	case strings.Contains(m, "no such overload"), strings.Contains(m, "unsupported overload"):
		return "a value is of another type than the operation needs, or is missing."
	case strings.Contains(m, "division by zero"), strings.Contains(m, "divide by zero"):
		return "it divides by zero."
	case strings.Contains(m, "index out of"), strings.Contains(m, "invalid_argument"):
		return "a position is outside the list or text."
	}
	return tidy(m)
}

func tidy(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	s = strings.TrimSuffix(s, ".")
	if r := []rune(s); len(r) > 200 {
		s = string(r[:199]) + "…"
	}
	return s + "."
}

func typeWord(t *types.Type) string { return typeWords(cel.FormatCELType(t)) }

func wantWord(t Type) string {
	switch t {
	case String:
		return "a text"
	case Bool:
		return "true or false"
	case Number:
		return "a number"
	case Timestamp:
		return "a date or a moment"
	case List:
		return "a list"
	case Map:
		return "names with values"
	}
	return "any value"
}

func valueWord(v any) string {
	switch v.(type) {
	case string:
		return "a text"
	case bool:
		return "true or false"
	case int64, float64:
		return "a number"
	case []any:
		return "a list"
	case map[string]any:
		return "names with values"
	}
	return "another value"
}
