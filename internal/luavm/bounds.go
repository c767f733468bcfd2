package luavm

import (
	"fmt"
	"strings"

	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"
)

// CompileError is source that is not Lua that runs here.
type CompileError struct {
	Line   int
	Column int // counts from 1; 0 is the whole line
	Detail string
}

func (e *CompileError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("line %d: %s", e.Line, e.Detail)
	}
	return e.Detail
}

// parseSource reads source within the bounds of size, depth and number of parts.
func parseSource(source string) ([]ast.Stmt, error) {
	if len(source) > maxSource {
		return nil, &CompileError{Detail: fmt.Sprintf("The source has %d bytes; %d are the most.", len(source), maxSource)}
	}
	if i := strings.IndexByte(source, 0); i >= 0 {
		return nil, &CompileError{Line: 1 + strings.Count(source[:i], "\n"), Detail: "The source holds a zero byte."}
	}
	chunk, err := parse.Parse(strings.NewReader(source), "function")
	if err != nil {
		return nil, parseError(err)
	}
	b := &bounds{}
	b.stmts(chunk, 0)
	if b.err != nil {
		return nil, b.err
	}
	return chunk, nil
}

func parseError(err error) error {
	if p, ok := err.(*parse.Error); ok {
		if p.Pos.Line == parse.EOF || p.Token == "" && p.Message == "syntax error" {
			return &CompileError{Line: max(p.Pos.Line, 0), Detail: "The source ends in the middle of something. Is an end, a bracket or a quote missing?"}
		}
		detail := upperFirst(p.Message) + "."
		if token := strings.TrimSpace(clip(p.Token, 60)); token != "" {
			detail = fmt.Sprintf("%s near %s. Look here and just before it: is something missing, such as then, do, end, a comma or a bracket?", upperFirst(p.Message), token)
		}
		return &CompileError{Line: max(p.Pos.Line, 0), Column: max(p.Pos.Column-len(p.Token)+1, 0), Detail: detail}
	}
	return &CompileError{Detail: clip(err.Error(), 300)}
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// clip cuts text at a byte length, not within a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// bounds walks a tree no deeper than it may be.
type bounds struct {
	nodes int
	err   error
}

func (b *bounds) enter(n ast.PositionHolder, depth int) bool {
	b.nodes++
	if b.err != nil {
		return false
	}
	if depth > maxDepth {
		b.err = &CompileError{Line: n.Line(), Detail: fmt.Sprintf("The code is nested deeper than %d levels.", maxDepth)}
		return false
	}
	if b.nodes > maxNodes {
		b.err = &CompileError{Line: n.Line(), Detail: fmt.Sprintf("The code has more than %d parts.", maxNodes)}
		return false
	}
	if _, ok := n.(*ast.GotoStmt); ok {
		b.err = &CompileError{Line: n.Line(), Detail: "goto is not Lua 5.1."}
		return false
	}
	return true
}

func (b *bounds) stmts(list []ast.Stmt, depth int) {
	for _, s := range list {
		if !b.enter(s, depth) {
			return
		}
		children(s, func(e ast.Expr) { b.expr(e, depth+1) }, func(l []ast.Stmt) { b.stmts(l, depth+1) })
	}
}

func (b *bounds) expr(e ast.Expr, depth int) {
	if e == nil || !b.enter(e, depth) {
		return
	}
	parts(e, func(e ast.Expr) { b.expr(e, depth+1) }, func(l []ast.Stmt) { b.stmts(l, depth+1) })
}

// children hands on what a statement is made of, in the order of the source.
func children(s ast.Stmt, expr func(ast.Expr), block func([]ast.Stmt)) {
	each := func(list []ast.Expr) {
		for _, e := range list {
			expr(e)
		}
	}
	switch s := s.(type) {
	case *ast.AssignStmt:
		each(s.Lhs)
		each(s.Rhs)
	case *ast.LocalAssignStmt:
		each(s.Exprs)
	case *ast.FuncCallStmt:
		expr(s.Expr)
	case *ast.DoBlockStmt:
		block(s.Stmts)
	case *ast.WhileStmt:
		expr(s.Condition)
		block(s.Stmts)
	case *ast.RepeatStmt:
		block(s.Stmts)
		expr(s.Condition)
	case *ast.IfStmt:
		expr(s.Condition)
		block(s.Then)
		block(s.Else)
	case *ast.NumberForStmt:
		expr(s.Init)
		expr(s.Limit)
		if s.Step != nil {
			expr(s.Step)
		}
		block(s.Stmts)
	case *ast.GenericForStmt:
		each(s.Exprs)
		block(s.Stmts)
	case *ast.FuncDefStmt:
		if s.Name.Func != nil {
			expr(s.Name.Func)
		}
		if s.Name.Receiver != nil {
			expr(s.Name.Receiver)
		}
		expr(s.Func)
	case *ast.ReturnStmt:
		each(s.Exprs)
	}
}

// parts hands on what an expression is made of.
func parts(e ast.Expr, expr func(ast.Expr), block func([]ast.Stmt)) {
	switch e := e.(type) {
	case *ast.AttrGetExpr:
		expr(e.Object)
		expr(e.Key)
	case *ast.TableExpr:
		for _, f := range e.Fields {
			if f.Key != nil {
				expr(f.Key)
			}
			expr(f.Value)
		}
	case *ast.FuncCallExpr:
		if e.Func != nil {
			expr(e.Func)
		}
		if e.Receiver != nil {
			expr(e.Receiver)
		}
		for _, a := range e.Args {
			expr(a)
		}
	case *ast.LogicalOpExpr:
		expr(e.Lhs)
		expr(e.Rhs)
	case *ast.RelationalOpExpr:
		expr(e.Lhs)
		expr(e.Rhs)
	case *ast.StringConcatOpExpr:
		expr(e.Lhs)
		expr(e.Rhs)
	case *ast.ArithmeticOpExpr:
		expr(e.Lhs)
		expr(e.Rhs)
	case *ast.UnaryMinusOpExpr:
		expr(e.Expr)
	case *ast.UnaryNotOpExpr:
		expr(e.Expr)
	case *ast.UnaryLenOpExpr:
		expr(e.Expr)
	case *ast.FunctionExpr:
		block(e.Stmts)
	}
}
