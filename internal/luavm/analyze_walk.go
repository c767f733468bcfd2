package luavm

import (
	"slices"

	"github.com/yuin/gopher-lua/ast"
)

func (r *reader) scope(f func()) {
	r.scopes = append(r.scopes, map[string]bool{})
	f()
	r.scopes = r.scopes[:len(r.scopes)-1]
}

func (r *reader) declare(line int, names ...string) {
	for _, n := range names {
		if r.modules[n] || r.globals[n] {
			r.wrong(line, "%s is a name of the library; call the variable something else.", n)
		}
		r.scopes[len(r.scopes)-1][n] = true
	}
}

func (r *reader) local(name string) bool {
	return slices.ContainsFunc(r.scopes, func(s map[string]bool) bool { return s[name] })
}

func (r *reader) block(list []ast.Stmt) {
	r.scope(func() { r.stmts(list) })
}

func (r *reader) stmts(list []ast.Stmt) {
	for _, s := range list {
		r.stmt(s)
	}
}

func (r *reader) stmt(s ast.Stmt) {
	switch s := s.(type) {
	case *ast.LocalAssignStmt:
		if len(s.Names) == 1 && len(s.Exprs) == 1 {
			if f, ok := s.Exprs[0].(*ast.FunctionExpr); ok {
				r.declare(s.Line(), s.Names...) // "local function" may call itself
				r.function(f)
				return
			}
		}
		r.exprs(s.Exprs)
		r.declare(s.Line(), s.Names...)
	case *ast.AssignStmt:
		r.exprs(s.Rhs)
		for _, t := range s.Lhs {
			r.target(t)
		}
	case *ast.FuncDefStmt:
		if s.Name.Func != nil {
			r.target(s.Name.Func)
		} else {
			r.expr(s.Name.Receiver)
		}
		r.function(s.Func)
	case *ast.NumberForStmt:
		r.expr(s.Init)
		r.expr(s.Limit)
		if s.Step != nil {
			r.expr(s.Step)
		}
		r.loop(s.Line(), []string{s.Name}, s.Stmts)
	case *ast.GenericForStmt:
		r.exprs(s.Exprs)
		r.loop(s.Line(), s.Names, s.Stmts)
	case *ast.WhileStmt:
		r.expr(s.Condition)
		r.loop(s.Line(), nil, s.Stmts)
	case *ast.RepeatStmt:
		r.loops++
		r.scope(func() {
			r.stmts(s.Stmts)
			r.expr(s.Condition)
		})
		r.loops--
	case *ast.IfStmt:
		if _, constant := constantTruth(s.Condition); constant {
			r.doubt(s.Line(), "This condition is always the same.")
		}
		r.expr(s.Condition)
		r.block(s.Then)
		r.block(s.Else)
	default:
		children(s, r.expr, r.block)
	}
}

func (r *reader) loop(line int, names []string, body []ast.Stmt) {
	r.loops++
	r.scope(func() {
		r.declare(line, names...)
		r.stmts(body)
	})
	r.loops--
}

func (r *reader) target(e ast.Expr) {
	switch e := e.(type) {
	case *ast.IdentExpr:
		if r.modules[e.Value] || r.globals[e.Value] {
			r.wrong(e.Line(), "%s belongs to the library and cannot be set.", e.Value)
		} else if !r.local(e.Value) {
			r.wrong(e.Line(), `%s is not declared; write "local %s = …".`, e.Value, e.Value)
		}
	case *ast.AttrGetExpr:
		if id, ok := e.Object.(*ast.IdentExpr); ok && r.modules[id.Value] && !r.local(id.Value) {
			r.wrong(e.Line(), "%s belongs to the library and cannot be changed.", id.Value)
			return
		}
		r.expr(e.Object)
		r.expr(e.Key)
	}
}

func (r *reader) exprs(list []ast.Expr) {
	for _, e := range list {
		r.expr(e)
	}
}

func (r *reader) function(f *ast.FunctionExpr) {
	loops := r.loops
	r.loops = 0
	r.scope(func() {
		r.declare(f.Line(), f.ParList.Names...)
		r.stmts(f.Stmts)
	})
	r.loops = loops
}

func (r *reader) expr(e ast.Expr) {
	switch e := e.(type) {
	case *ast.IdentExpr:
		switch {
		case r.local(e.Value), r.globals[e.Value] && r.library[e.Value].Effect == Computes:
		case r.globals[e.Value]:
			r.wrong(e.Line(), "%s can only be called, not kept or passed on.", e.Value)
		case r.modules[e.Value]:
			r.wrong(e.Line(), "%s can only be used as %s.function(…), not kept or passed on.", e.Value, e.Value)
		default:
			r.wrong(e.Line(), "There is no %s. %s", e.Value, r.hint(e.Value))
		}
	case *ast.AttrGetExpr:
		if name, ok := r.member(e); ok {
			if r.known(name, e.Line()) && r.library[name].Effect != Computes && !r.members[name] {
				r.wrong(e.Line(), "%s can only be called, not kept or passed on.", name)
			}
			return
		}
		r.expr(e.Object)
		r.expr(e.Key)
	case *ast.FuncCallExpr:
		r.call(e)
	case *ast.FunctionExpr:
		r.function(e)
	default:
		parts(e, r.expr, func(l []ast.Stmt) { r.block(l) })
	}
}
