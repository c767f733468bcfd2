package expr

import (
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
)

// parses keeps what texts were parsed into, for all environments: what may be named
// is asked when an expression is checked, and not before. A flow that is typed at is
// a new environment at each pause, and most of its expressions are what they were.
// It is safe for concurrent use.
type parses struct {
	most int

	mu   sync.Mutex
	size int // of the texts, in bytes
	kept map[string]func() *cel.Ast
}

// Bounds of parses. A tree takes about forty times the room of its text.
const (
	mostParses = 128 << 10
	// deepest is how deep CEL takes a tree that it did not parse itself just now.
	deepest = 250
)

func newParses(most int) *parses { return &parses{most: most, kept: map[string]func() *cel.Ast{}} }

// parse gives a tree of the caller's own: to check it changes it. A text that cannot
// be parsed is not kept.
func (p *parses) parse(env *cel.Env, source string) (*cel.Ast, *cel.Issues) {
	p.mu.Lock()
	again := p.kept[source]
	p.mu.Unlock()
	if again != nil {
		return again(), nil
	}
	parsed, iss := env.Parse(source)
	if iss.Err() != nil || len(source) > p.most || ast.ExceedsDepth(parsed.NativeRep(), deepest) {
		return parsed, iss
	}
	tree, err := cel.AstToParsedExpr(parsed)
	if err != nil {
		return parsed, iss
	}
	src := parsed.Source()
	p.keep(source, func() *cel.Ast { return cel.ParsedExprToAstWithSource(tree, src) })
	return parsed, iss
}

func (p *parses) keep(source string, again func() *cel.Ast) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.kept[source]; ok {
		return
	}
	if p.size+len(source) > p.most {
		clear(p.kept) // seldom, and only time is lost
		p.size = 0
	}
	p.kept[source] = again
	p.size += len(source)
}
