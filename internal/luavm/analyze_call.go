package luavm

import (
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// member is the name of module.function; a name that is worked out is not one.
func (r *reader) member(e *ast.AttrGetExpr) (string, bool) {
	id, ok := e.Object.(*ast.IdentExpr)
	if !ok || r.local(id.Value) || !r.modules[id.Value] {
		return "", false
	}
	key, ok := e.Key.(*ast.StringExpr)
	if !ok {
		return "", false
	}
	return id.Value + "." + key.Value, true
}

func (r *reader) known(name string, line int) bool {
	if _, ok := r.library[name]; ok || r.members[name] {
		return true
	}
	r.wrong(line, "There is no %s. %s", name, r.hint(name))
	return false
}

func (r *reader) hint(name string) string {
	switch module, _, _ := strings.Cut(name, "."); module {
	case "os", "io", "package", "require", "dofile", "loadfile", "load", "loadstring", "module", "debug":
		return "Functions reach no files, no network and no other code."
	case "_G", "getfenv", "setfenv", "setmetatable", "getmetatable", "rawset", "rawget", "coroutine", "newproxy", "collectgarbage":
		return "It is not part of Lua here."
	case "print":
		return "Write log.info(…)."
	}
	best, like := "", 0.84
	for n := range r.library {
		if l := jaroWinkler([]rune(n), []rune(name)); l > like || l == like && n < best {
			best, like = n, l
		}
	}
	if best != "" {
		return "Did you mean " + best + "?"
	}
	return "Is a local missing, or a letter wrong?"
}

func (r *reader) call(e *ast.FuncCallExpr) {
	if e.Receiver != nil { // s:method(…)
		if id, ok := e.Receiver.(*ast.IdentExpr); ok && r.modules[id.Value] && !r.local(id.Value) {
			r.wrong(e.Line(), "Write %s.%s(…) with a dot.", id.Value, e.Method)
		} else {
			r.expr(e.Receiver)
		}
		r.exprs(e.Args)
		return
	}
	args := e.Args
	name := ""
	switch f := e.Func.(type) {
	case *ast.AttrGetExpr:
		if n, ok := r.member(f); ok {
			name = n
		}
	case *ast.IdentExpr:
		if !r.local(f.Value) && r.globals[f.Value] {
			name = f.Value
		}
	}
	switch {
	case name == "":
		r.expr(e.Func)
	case name == "pcall" && len(args) > 0:
		// pcall(module.function, …) is a call of that function.
		if get, ok := args[0].(*ast.AttrGetExpr); ok {
			if n, ok := r.member(get); ok {
				if r.known(n, e.Line()) {
					r.use(r.library[n], args[1:], e.Line())
				}
				args = args[1:]
			}
		}
	case r.known(name, e.Line()):
		r.use(r.library[name], args, e.Line())
	}
	r.exprs(args)
}

func (r *reader) use(f Func, args []ast.Expr, line int) {
	if f.Effect == Computes || f.Effect == Observes {
		return
	}
	u := Use{Name: f.Name, Effect: f.Effect, Line: line, Loop: r.loops > 0}
	if f.Capability != "" {
		u.Connection = "?"
		if len(args) > 0 {
			if s, ok := args[0].(*ast.StringExpr); ok {
				u.Connection, u.Grant = s.Value, f.Grant(s.Value)
			}
		}
		if u.Connection == "?" {
			r.doubt(line, "Which connection %s is called for is worked out; write its key as plain text, so that a reviewer sees it.", f.Name)
		}
	}
	if f.Effect == Plans && u.Loop {
		r.doubt(line, "%s is in a loop: how much is planned depends on the input.", f.Name)
	}
	r.out.Uses = append(r.out.Uses, u)
}
