package luavm

import (
	"fmt"
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// Analysis is what reading the source tells: what is wrong with it, and which
// functions of the library it calls. The set of calls is complete, because a
// module is reached by its name alone; which of them happen is not known.
type Analysis struct {
	Problems []Problem `json:"problems,omitempty"`
	Uses     []Use     `json:"uses,omitempty"`
	// Mutants are the small changes that tests are tried against.
	Mutants []Mutant `json:"mutants,omitempty"`
}

// Problem is something wrong (or, as a warning, doubtful) in the source.
type Problem struct {
	Line int `json:"line"`
	// Column counts bytes from 1 and Width is how many it is about; 0 is the whole line.
	Column  int    `json:"column,omitempty"`
	Width   int    `json:"width,omitempty"`
	Warning bool   `json:"warning,omitempty"`
	Detail  string `json:"detail"`
}

// Use is one place that calls the library for more than computing.
type Use struct {
	Name       string `json:"name"`
	Effect     Effect `json:"effect"`
	Connection string `json:"connection,omitempty"` // "?" when it is not a plain text
	Grant      string `json:"grant,omitempty"`
	Line       int    `json:"line"`
	Loop       bool   `json:"loop,omitempty"`
}

// Wrong says whether something must be mended before the code may run.
func (a Analysis) Wrong() bool {
	return slices.ContainsFunc(a.Problems, func(p Problem) bool { return !p.Warning })
}

// Grants are the grants that the calls need, sorted; those of a connection that
// is not plain text are not among them.
func (a Analysis) Grants() []string {
	set := map[string]bool{}
	for _, u := range a.Uses {
		if u.Grant != "" {
			set[u.Grant] = true
		}
	}
	return sortedKeys(set)
}

// analyze reads source; it does not run it. Use it where a process may be
// killed: the time that parsing takes is bounded by size only.
func analyze(source string) Analysis {
	chunk, err := parseSource(source)
	if err != nil {
		p := Problem{Detail: err.Error()}
		if c, ok := err.(*CompileError); ok {
			p.Line, p.Column, p.Detail = c.Line, c.Column, c.Detail
		}
		return Analysis{Problems: []Problem{p}}
	}
	r := &reader{lines: strings.Split(source, "\n"), library: map[string]Func{}, modules: map[string]bool{}, globals: map[string]bool{}}
	for _, f := range Catalogue() {
		r.library[f.Name] = f
		if m := f.Module(); m != "" {
			r.modules[m] = true
		} else {
			r.globals[f.Name] = true
		}
	}
	r.members = map[string]bool{"math.huge": true, "math.pi": true}
	r.block(chunk)
	if n := len(chunk); n == 0 || !isReturn(chunk[n-1]) {
		r.wrong(0, `The source gives no function. End it with "return function(input) … end".`)
	}
	slices.SortStableFunc(r.out.Problems, func(a, b Problem) int { return a.Line - b.Line })
	return r.out
}

func isReturn(s ast.Stmt) bool {
	r, ok := s.(*ast.ReturnStmt)
	return ok && len(r.Exprs) == 1
}

// reader walks the tree with the names that are in scope.
type reader struct {
	lines   []string
	out     Analysis
	library map[string]Func
	modules map[string]bool
	globals map[string]bool
	members map[string]bool
	scopes  []map[string]bool
	loops   int
}

func (r *reader) wrong(line int, format string, args ...any) {
	r.out.Problems = append(r.out.Problems, Problem{Line: line, Detail: fmt.Sprintf(format, args...)}.at(r.lines, args))
}

func (r *reader) doubt(line int, format string, args ...any) {
	r.out.Problems = append(r.out.Problems, Problem{Line: line, Warning: true, Detail: fmt.Sprintf(format, args...)}.at(r.lines, args))
}

// at finds the name that a problem is about in its line; the tree knows lines only.
func (p Problem) at(lines []string, about []any) Problem {
	if p.Line < 1 || p.Line > len(lines) || len(about) == 0 {
		return p
	}
	name, ok := about[0].(string)
	if !ok || name == "" {
		return p
	}
	text := lines[p.Line-1]
	word := func(i int) bool {
		return i >= 0 && i < len(text) && (text[i] == '_' || text[i] >= '0' && text[i] <= '9' || text[i]|0x20 >= 'a' && text[i]|0x20 <= 'z')
	}
	for from := 0; from < len(text); {
		i := strings.Index(text[from:], name)
		if i < 0 {
			return p
		}
		if i += from; !word(i-1) && !word(i+len(name)) {
			p.Column, p.Width = i+1, len(name)
			return p
		}
		from = i + 1
	}
	return p
}

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
