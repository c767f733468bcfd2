package luavm

import (
	"fmt"
	"strconv"

	"github.com/yuin/gopher-lua/ast"
)

// Mutant is one small change of the source. A test that is worth something fails
// under it.
type Mutant struct {
	Line   int    `json:"line"`
	Change string `json:"change"`
}

// maxMutants bounds how many changes of one source are tried.
const maxMutants = 150

// mutator numbers the changes that a tree allows, and makes one of them.
type mutator struct {
	make int // the number to make, from 1; 0 makes none
	list []Mutant
}

// mutants lists the changes of a tree; with n from 1 the n-th is made in it.
func mutants(chunk []ast.Stmt, n int) ([]ast.Stmt, []Mutant) {
	m := &mutator{make: n}
	chunk = m.block(chunk)
	return chunk, m.list
}

// at notes a change and says whether it is the one to make.
func (m *mutator) at(line int, format string, args ...any) bool {
	if len(m.list) >= maxMutants {
		return false
	}
	m.list = append(m.list, Mutant{Line: line, Change: fmt.Sprintf(format, args...)})
	return len(m.list) == m.make
}

func (m *mutator) block(list []ast.Stmt) []ast.Stmt {
	out := make([]ast.Stmt, 0, len(list))
	for _, s := range list {
		switch s := s.(type) {
		case *ast.FuncCallStmt:
			if call, ok := s.Expr.(*ast.FuncCallExpr); ok && logs(call) {
				out = append(out, s)
				continue
			}
			if m.at(s.Line(), "this call was left out") {
				continue
			}
		case *ast.AssignStmt:
			if m.at(s.Line(), "this assignment was left out") {
				continue
			}
		}
		m.stmt(s)
		out = append(out, s)
	}
	return out
}

func (m *mutator) stmt(s ast.Stmt) {
	switch s := s.(type) {
	case *ast.AssignStmt:
		m.exprs(s.Lhs)
		m.exprs(s.Rhs)
	case *ast.LocalAssignStmt:
		m.exprs(s.Exprs)
	case *ast.FuncCallStmt:
		s.Expr = m.expr(s.Expr)
	case *ast.DoBlockStmt:
		s.Stmts = m.block(s.Stmts)
	case *ast.WhileStmt:
		s.Condition = m.condition(s.Condition)
		s.Stmts = m.block(s.Stmts)
	case *ast.RepeatStmt:
		s.Stmts = m.block(s.Stmts)
		s.Condition = m.condition(s.Condition)
	case *ast.IfStmt:
		s.Condition = m.condition(s.Condition)
		s.Then, s.Else = m.block(s.Then), m.block(s.Else)
	case *ast.NumberForStmt:
		s.Init, s.Limit = m.expr(s.Init), m.expr(s.Limit)
		s.Stmts = m.block(s.Stmts)
	case *ast.GenericForStmt:
		m.exprs(s.Exprs)
		s.Stmts = m.block(s.Stmts)
	case *ast.FuncDefStmt:
		s.Func.Stmts = m.block(s.Func.Stmts)
	case *ast.ReturnStmt:
		m.exprs(s.Exprs)
	}
}

// condition turns a condition round.
func (m *mutator) condition(e ast.Expr) ast.Expr {
	if m.at(e.Line(), "this condition was turned round") {
		return at(&ast.UnaryNotOpExpr{Expr: e}, e)
	}
	return m.expr(e)
}

func (m *mutator) exprs(list []ast.Expr) {
	for i, e := range list {
		list[i] = m.expr(e)
	}
}

// neighbour is the comparison that another is easily confused with.
func neighbour(op string) string {
	return map[string]string{"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "~=", "~=": "=="}[op]
}

func (m *mutator) expr(e ast.Expr) ast.Expr {
	switch e := e.(type) {
	case *ast.NumberExpr:
		if f, err := strconv.ParseFloat(e.Value, 64); err == nil {
			next := number(f + 1)
			if m.at(e.Line(), "%s became %s", e.Value, next) {
				return at(&ast.NumberExpr{Value: next}, e)
			}
		}
	case *ast.StringExpr:
		if e.Value != "" && m.at(e.Line(), "the text %q became empty", clip(e.Value, 40)) {
			return at(&ast.StringExpr{}, e)
		}
	case *ast.TrueExpr:
		if m.at(e.Line(), "true became false") {
			return at(&ast.FalseExpr{}, e)
		}
	case *ast.FalseExpr:
		if m.at(e.Line(), "false became true") {
			return at(&ast.TrueExpr{}, e)
		}
	case *ast.RelationalOpExpr:
		if other := neighbour(e.Operator); m.at(e.Line(), "%s became %s", e.Operator, other) {
			e.Operator = other
		}
		e.Lhs, e.Rhs = m.expr(e.Lhs), m.expr(e.Rhs)
	case *ast.LogicalOpExpr:
		other := map[string]string{"and": "or", "or": "and"}[e.Operator]
		if m.at(e.Line(), "%s became %s", e.Operator, other) {
			e.Operator = other
		}
		e.Lhs, e.Rhs = m.expr(e.Lhs), m.expr(e.Rhs)
	case *ast.ArithmeticOpExpr:
		other := map[string]string{"+": "-", "-": "+", "*": "/", "/": "*", "%": "*", "^": "*"}[e.Operator]
		if m.at(e.Line(), "%s became %s", e.Operator, other) {
			e.Operator = other
		}
		e.Lhs, e.Rhs = m.expr(e.Lhs), m.expr(e.Rhs)
	case *ast.StringConcatOpExpr:
		e.Lhs, e.Rhs = m.expr(e.Lhs), m.expr(e.Rhs)
	case *ast.UnaryNotOpExpr:
		if m.at(e.Line(), "not was left out") {
			return e.Expr
		}
		e.Expr = m.expr(e.Expr)
	case *ast.UnaryMinusOpExpr:
		e.Expr = m.expr(e.Expr)
	case *ast.UnaryLenOpExpr:
		e.Expr = m.expr(e.Expr)
	case *ast.AttrGetExpr:
		e.Object = m.expr(e.Object) // a field's name is not changed: it would be no small mistake
	case *ast.TableExpr:
		for _, f := range e.Fields {
			f.Value = m.expr(f.Value)
		}
	case *ast.FuncCallExpr:
		if logs(e) {
			return e // what is logged is for people, not for tests
		}
		if e.Func != nil {
			e.Func = m.expr(e.Func)
		}
		if e.Receiver != nil {
			e.Receiver = m.expr(e.Receiver)
		}
		m.exprs(e.Args)
	case *ast.FunctionExpr:
		e.Stmts = m.block(e.Stmts)
	}
	return e
}

func logs(e *ast.FuncCallExpr) bool {
	get, ok := e.Func.(*ast.AttrGetExpr)
	if !ok {
		return false
	}
	id, ok := get.Object.(*ast.IdentExpr)
	return ok && id.Value == "log"
}
