package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// kept are the uses of a request's reused memory that were looked at: the body's
// length, before anything is kept.
var kept = []string{"web/guard.go: Request().Body()"}

// reused finds what would outlive a request although fasthttp uses its memory
// again: the raw body, and a fiber.Ctx that is stored or handed to a goroutine.
func reused(path string, file *ast.File) []string {
	var out []string
	add := func(what string) { out = append(out, path+": "+what) }
	ctxNames := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if f, ok := n.(*ast.Field); ok && isCtx(f.Type) {
			for _, name := range f.Names {
				ctxNames[name.Name] = true
			}
		}
		return true
	})
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.StructType:
			for _, f := range n.Fields.List {
				if isCtx(f.Type) {
					add("a struct keeps a fiber.Ctx")
				}
			}
		case *ast.CallExpr:
			if outer, ok := n.Fun.(*ast.SelectorExpr); ok && outer.Sel.Name == "Body" {
				if inner, ok := outer.X.(*ast.CallExpr); ok {
					if sel, ok := inner.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Request" {
						add("Request().Body()")
					}
				}
			}
			if sel, ok := n.Fun.(*ast.SelectorExpr); ok && (sel.Sel.Name == "Go" || sel.Sel.Name == "AfterFunc" || sel.Sel.Name == "SetBodyStreamWriter") {
				for _, a := range n.Args {
					if uses(a, ctxNames) {
						add("a fiber.Ctx outlives its handler in " + sel.Sel.Name)
					}
				}
			}
		case *ast.GoStmt:
			if uses(n.Call, ctxNames) {
				add("a goroutine uses a fiber.Ctx")
			}
		case *ast.SendStmt:
			if uses(n.Value, ctxNames) {
				add("a fiber.Ctx is sent on a channel")
			}
		}
		return true
	})
	return out
}

func isCtx(e ast.Expr) bool {
	star, ok := e.(*ast.StarExpr)
	if !ok {
		return false
	}
	sel, ok := star.X.(*ast.SelectorExpr)
	return ok && sel.Sel.Name == "Ctx"
}

func uses(n ast.Node, names map[string]bool) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		found = found || ok && names[id.Name]
		return true
	})
	return found
}

func TestS04_NothingKeepsARequest(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("../../web/*.go")
	require.NoError(t, err)
	require.Greater(t, len(paths), 60)
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		require.NoError(t, err)
		for _, f := range reused("web/"+filepath.Base(path), file) {
			require.Contains(t, kept, f)
		}
	}
	// The check itself sees each breach.
	for n, body := range []string{"keep(c.Request().Body())", "go func() { _ = c.Path() }()", "ch <- c", "wg.Go(func() { c.Next() })", "c.Context().SetBodyStreamWriter(func(w any) { c.Path() })"} {
		text := "package web\nfunc h(c *fiber.Ctx) { " + body + " }"
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", text, 0)
		require.NoError(t, err)
		require.Len(t, reused("x.go", file), 1, "case %d", n)
	}
	file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package web\ntype keeper struct { c *fiber.Ctx }", 0)
	require.NoError(t, err)
	require.Len(t, reused("x.go", file), 1)
}

// What templ does not escape: text written raw, addresses declared safe, scripts
// made of values, and attributes whose names come from data.
var (
	bypass    = regexp.MustCompile(`templ\.(Raw|SafeURL|SafeCSS|SafeCSSProperty|SafeScript|SafeScriptInline|ComponentScript|JSExpression|JSUnsafeFuncCall|JSFuncCall|WithoutEscape)\b|WriteString\(|\.Write\(|Fprint|@?templ\.JSONScript|\bscript [A-Za-z]+\(|\bcss [A-Za-z]+\(|<script[ >]|<style[ >]|\son[a-z]+=|\sstyle=|srcdoc=`)
	spread    = regexp.MustCompile(`\{ *[A-Za-z][\w.()]*\.\.\. *\}`)
	keyed     = regexp.MustCompile(`\{ *[\w.()]+ *\}=`)
	spreading = []string{"ui/fields.templ"} // names fixed in ui.go, values escaped
	scripts   = []string{"layout/layout.templ"}
)

func escapes(rel, text string) []string {
	var out []string
	for n, line := range strings.Split(text, "\n") {
		for _, m := range bypass.FindAllString(line, -1) {
			// The page's own script and style files are named in the shell.
			if strings.HasPrefix(m, "<script") && slices.Contains(scripts, rel) && strings.Contains(line, "src={ ") {
				continue
			}
			out = append(out, fmt.Sprintf("views/%s:%d: %s", rel, n+1, strings.TrimSpace(m)))
		}
		if keyed.MatchString(line) {
			out = append(out, fmt.Sprintf("views/%s:%d: an attribute's name is an expression", rel, n+1))
		}
		if spread.MatchString(strings.ReplaceAll(line, "{ children... }", "")) && !slices.Contains(spreading, rel) {
			out = append(out, fmt.Sprintf("views/%s:%d: attributes are spread", rel, n+1))
		}
	}
	return out
}

func TestS16_ViewsEscapeEverything(t *testing.T) {
	t.Parallel()
	seen := 0
	err := filepath.WalkDir("../../views", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, "_templ.go") {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel("../../views", path)
		seen++
		require.Empty(t, escapes(filepath.ToSlash(rel), string(raw)))
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, seen, 15)
	for _, bad := range []string{`@templ.Raw(p.Text)`, `<a href={ templ.SafeURL(p.URL) }>`, `<div { p.Attrs... }>`, `<div { p.Name }="x">`, `<script>alert(1)</script>`, `<p onclick="x()">`, `<p style="color:red">`} {
		require.NotEmpty(t, escapes("x.templ", bad), bad)
	}
}
