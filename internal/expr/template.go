package expr

import (
	"context"
	"strings"
	"unicode/utf8"

	"joinery/internal/fault"
)

// template is a text with expressions in double braces.
type template struct{ parts []Value }

func (e *Env) template(source string, at Where) (Value, []Problem) {
	var t template
	var problems []Problem
	rest := source
	for {
		before, after, found := strings.Cut(rest, "{{")
		if before != "" {
			t.parts = append(t.parts, literal{before})
		}
		if !found {
			break
		}
		start := len(source) - len(after)
		inner := closing(after)
		line, col := position(source, start)
		if inner < 0 {
			problems = append(problems, Problem{line, col, "This {{ has no }} after it."})
			break
		}
		v, ps := e.compile(after[:inner], String, at, 0)
		for _, p := range ps {
			if p.Line == 1 {
				p.Column += col - 1
			}
			p.Line += line - 1
			problems = append(problems, p)
		}
		t.parts = append(t.parts, v)
		rest = after[inner+2:]
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return t, nil
}

// closing finds the }} that ends an expression, passing over quoted texts and
// the braces of map literals; -1 when there is none.
func closing(s string) int {
	depth := 0
	var quote byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0:
			if c == '\\' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '{':
			depth++
		case c == '}' && depth > 0:
			depth--
		case c == '}' && i+1 < len(s) && s[i+1] == '}':
			return i
		}
	}
	return -1
}

func (t template) Eval(ctx context.Context, s Scope) (any, error) {
	act := s.reading()
	var b strings.Builder
	for _, p := range t.parts {
		var v any
		var err error
		if prg, ok := p.(*program); ok {
			v, err = prg.eval(ctx, act)
		} else {
			v, err = p.Eval(ctx, s)
		}
		if err != nil {
			return nil, err
		}
		b.WriteString(Text(v))
		if b.Len() > maxText {
			return nil, fault.New(fault.Invalid, "The text became longer than 1 MB.")
		}
	}
	return b.String(), nil
}

// position turns a byte offset into a line and column, both from 1.
func position(s string, offset int) (line, col int) {
	head := s[:offset]
	line = 1 + strings.Count(head, "\n")
	return line, 1 + utf8.RuneCountInString(head[strings.LastIndexByte(head, '\n')+1:])
}

// Blank reports whether a value is a template of which an expression in braces
// gives nothing: "loc-{{ joiner.location }}" without a location.
func Blank(ctx context.Context, v Value, s Scope) bool {
	t, ok := v.(template)
	if !ok {
		return false
	}
	act := s.reading()
	for _, p := range t.parts {
		prg, ok := p.(*program)
		if !ok {
			continue
		}
		if got, err := prg.eval(ctx, act); err == nil && strings.TrimSpace(Text(got)) == "" {
			return true
		}
	}
	return false
}
