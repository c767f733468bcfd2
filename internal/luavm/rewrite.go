package luavm

import (
	"strconv"

	"github.com/yuin/gopher-lua/ast"
)

// rewriter turns what gopher-lua 1.1.2 compiles wrongly into code that means
// the same and is compiled rightly:
//   - an assignment to several targets evaluates all of its parts into
//     temporaries first (a local target was overwritten too early), and so does
//     one of a condition's value to a name (a local target could stay as it was);
//   - conditions and operands that are constant are folded (jumps over them
//     were patched twice);
//   - concatenation becomes a call of the library, which bounds what it makes
//     and writes numbers as Lua does.
//
// Names of temporaries hold a $, which no name of the source can.
type rewriter struct{ n int }

const concatName = "$concat"

func rewrite(chunk []ast.Stmt) []ast.Stmt { return (&rewriter{}).block(chunk) }

func (r *rewriter) block(list []ast.Stmt) []ast.Stmt {
	out := make([]ast.Stmt, 0, len(list))
	for _, s := range list {
		out = append(out, r.stmt(s)...)
	}
	return out
}

func (r *rewriter) exprs(list []ast.Expr) {
	for i, e := range list {
		list[i] = r.expr(e)
	}
}

func (r *rewriter) stmt(s ast.Stmt) []ast.Stmt {
	switch s := s.(type) {
	case *ast.AssignStmt:
		r.exprs(s.Lhs)
		r.exprs(s.Rhs)
		if len(s.Lhs) > 1 || jumps(s) {
			return []ast.Stmt{r.assign(s)}
		}
	case *ast.LocalAssignStmt:
		r.exprs(s.Exprs)
	case *ast.FuncCallStmt:
		s.Expr = r.expr(s.Expr)
	case *ast.DoBlockStmt:
		s.Stmts = r.block(s.Stmts)
	case *ast.WhileStmt:
		s.Condition = r.expr(s.Condition)
		s.Stmts = r.block(s.Stmts)
		if truth, constant := constantTruth(s.Condition); constant && !truth {
			return nil
		}
	case *ast.RepeatStmt:
		s.Stmts = r.block(s.Stmts)
		s.Condition = r.expr(s.Condition)
	case *ast.IfStmt:
		s.Condition = r.expr(s.Condition)
		s.Then = r.block(s.Then)
		s.Else = r.block(s.Else)
		if truth, constant := constantTruth(s.Condition); constant {
			kept := s.Else
			if truth {
				kept = s.Then
			}
			return []ast.Stmt{at(&ast.DoBlockStmt{Stmts: kept}, s)}
		}
	case *ast.NumberForStmt:
		s.Init, s.Limit = r.expr(s.Init), r.expr(s.Limit)
		if s.Step != nil {
			s.Step = r.expr(s.Step)
		}
		s.Stmts = r.block(s.Stmts)
	case *ast.GenericForStmt:
		r.exprs(s.Exprs)
		s.Stmts = r.block(s.Stmts)
	case *ast.FuncDefStmt:
		s.Func.Stmts = r.block(s.Func.Stmts)
	case *ast.ReturnStmt:
		r.exprs(s.Exprs)
	}
	return []ast.Stmt{s}
}

// assign spreads "a, t[k] = x, y" into temporaries and single assignments.
// Lua leaves the order of the assignments open; PUC Lua goes from right to left.
func (r *rewriter) assign(s *ast.AssignStmt) ast.Stmt {
	var stmts []ast.Stmt
	keep := func(e ast.Expr) ast.Expr {
		switch e.(type) {
		case *ast.StringExpr, *ast.NumberExpr, *ast.TrueExpr, *ast.FalseExpr:
			return e
		}
		name := r.name()
		stmts = append(stmts, at(&ast.LocalAssignStmt{Names: []string{name}, Exprs: []ast.Expr{e}}, s))
		return at(&ast.IdentExpr{Value: name}, s)
	}
	for _, target := range s.Lhs {
		if get, ok := target.(*ast.AttrGetExpr); ok {
			get.Object, get.Key = keep(get.Object), keep(get.Key)
		}
	}
	names := make([]string, len(s.Lhs))
	for i := range names {
		names[i] = r.name()
	}
	stmts = append(stmts, at(&ast.LocalAssignStmt{Names: names, Exprs: s.Rhs}, s))
	for i := len(s.Lhs) - 1; i >= 0; i-- {
		value := at(&ast.IdentExpr{Value: names[i]}, s)
		stmts = append(stmts, at(&ast.AssignStmt{Lhs: []ast.Expr{s.Lhs[i]}, Rhs: []ast.Expr{value}}, s))
	}
	return at(&ast.DoBlockStmt{Stmts: stmts}, s)
}

// jumps says whether a name is assigned what conditions decide: gopher-lua leaves
// a local target as it was for some of them.
func jumps(s *ast.AssignStmt) bool {
	if _, ok := s.Lhs[0].(*ast.IdentExpr); !ok || len(s.Rhs) != 1 {
		return false
	}
	switch s.Rhs[0].(type) {
	case *ast.LogicalOpExpr, *ast.RelationalOpExpr, *ast.UnaryNotOpExpr:
		return true
	}
	return false
}

func (r *rewriter) name() string {
	r.n++
	return "$" + strconv.Itoa(r.n)
}

func (r *rewriter) expr(e ast.Expr) ast.Expr {
	switch e := e.(type) {
	case *ast.AttrGetExpr:
		e.Object, e.Key = r.expr(e.Object), r.expr(e.Key)
	case *ast.TableExpr:
		for _, f := range e.Fields {
			if f.Key != nil {
				f.Key = r.expr(f.Key)
			}
			f.Value = r.expr(f.Value)
		}
	case *ast.FuncCallExpr:
		if e.Func != nil {
			e.Func = r.expr(e.Func)
		}
		if e.Receiver != nil {
			e.Receiver = r.expr(e.Receiver)
		}
		r.exprs(e.Args)
	case *ast.LogicalOpExpr:
		return r.logical(e)
	case *ast.RelationalOpExpr:
		e.Lhs, e.Rhs = r.expr(e.Lhs), r.expr(e.Rhs)
	case *ast.StringConcatOpExpr:
		return r.concat(e)
	case *ast.ArithmeticOpExpr:
		e.Lhs, e.Rhs = r.expr(e.Lhs), r.expr(e.Rhs)
	case *ast.UnaryMinusOpExpr:
		e.Expr = r.expr(e.Expr)
	case *ast.UnaryNotOpExpr:
		e.Expr = r.expr(e.Expr)
		if truth, constant := constantTruth(e.Expr); constant {
			return boolean(!truth, e)
		}
	case *ast.UnaryLenOpExpr:
		e.Expr = r.expr(e.Expr)
	case *ast.FunctionExpr:
		e.Stmts = r.block(e.Stmts)
	}
	return e
}

func (r *rewriter) logical(e *ast.LogicalOpExpr) ast.Expr {
	e.Lhs, e.Rhs = r.expr(e.Lhs), r.expr(e.Rhs)
	truth, constant := constantTruth(e.Lhs)
	if !constant {
		return e
	}
	if truth == (e.Operator == "and") {
		return single(e.Rhs)
	}
	return e.Lhs
}

func (r *rewriter) concat(e *ast.StringConcatOpExpr) ast.Expr {
	var args []ast.Expr
	var rest ast.Expr = e
	for {
		c, ok := rest.(*ast.StringConcatOpExpr)
		if !ok {
			args = append(args, single(r.expr(rest)))
			break
		}
		args = append(args, single(r.expr(c.Lhs)))
		rest = c.Rhs
		if len(args) == 50 {
			args = append(args, single(r.expr(rest)))
			break
		}
	}
	name := at(&ast.IdentExpr{Value: concatName}, e)
	return at(&ast.FuncCallExpr{Func: name, Args: args, AdjustRet: true}, e)
}

// single makes an expression that could give several values give one.
func single(e ast.Expr) ast.Expr {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		e.AdjustRet = true
	case *ast.Comma3Expr:
		e.AdjustRet = true
	}
	return e
}

func constantTruth(e ast.Expr) (truth, constant bool) {
	switch e.(type) {
	case *ast.TrueExpr, *ast.NumberExpr, *ast.StringExpr:
		return true, true
	case *ast.FalseExpr, *ast.NilExpr:
		return false, true
	}
	return false, false
}

func boolean(b bool, like ast.PositionHolder) ast.Expr {
	if b {
		return at(&ast.TrueExpr{}, like)
	}
	return at(&ast.FalseExpr{}, like)
}

// at gives a made node the lines of the one it stands for.
func at[N ast.PositionHolder](n N, like ast.PositionHolder) N {
	n.SetLine(like.Line())
	n.SetLastLine(like.LastLine())
	return n
}
