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
