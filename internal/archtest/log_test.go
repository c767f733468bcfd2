package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// logged gives the fields of a call to a logger, and whether it is one. What is
// no constant text is "?".
func logged(call *ast.CallExpr) (fields []string, message string, ok bool) {
	sel, isSel := call.Fun.(*ast.SelectorExpr)
	if !isSel || len(call.Args) == 0 {
		return nil, "", false
	}
	on := ""
	switch x := sel.X.(type) {
	case *ast.Ident:
		on = x.Name
	case *ast.SelectorExpr:
		on = x.Sel.Name
	}
	if !strings.EqualFold(on, "log") && !strings.EqualFold(on, "logger") {
		return nil, "", false
	}
	args := call.Args
	switch sel.Sel.Name {
	case "Debug", "Info", "Warn", "Error":
		message, args = constant(args[0]), args[1:]
	case "DebugContext", "InfoContext", "WarnContext", "ErrorContext":
		message, args = constant(args[1]), args[2:]
	case "With":
	default:
		return nil, "", false
	}
	for i := 0; i < len(args); i += 2 {
		fields = append(fields, constant(args[i]))
	}
	return fields, message, true
}

func constant(e ast.Expr) string {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "?"
	}
	s, err := strconv.Unquote(lit.Value)
	if err != nil {
		return "?"
	}
	return s
}

var metricName = regexp.MustCompile(`^"joinery_[a-z_]+"$`)

// The guide lists every metric, every field that the log can hold, and none that
// is not there, so they cannot drift. Messages and fields are constant, lower-case text.
func TestGuide_ListsMetricsAndLogFields(t *testing.T) {
	t.Parallel()
	have, metrics, calls := map[string]bool{}, map[string]bool{}, 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "node_modules") {
			return err
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && metricName.MatchString(lit.Value) && lit.Value != `"joinery_app"` && lit.Value != `"joinery_owner"` {
				metrics[constant(lit)] = true
			}
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			fields, message, ok := logged(call)
			if !ok {
				return true
			}
			calls++
			at := set.Position(call.Pos()).String()
			require.NotEqual(t, "?", message, "%s: the message is constant", at)
			require.Equal(t, strings.ToLower(message[:min(1, len(message))]), message[:min(1, len(message))], "%s: messages are lower-case", at)
			for _, k := range fields {
				require.Regexp(t, `^[a-z_]+$`, k, "%s: a field is one constant word", at)
				have[k] = true
			}
			return true
		})
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, calls, 30, "the calls were found")
	guide, err := os.ReadFile("../../docs/operating.md")
	require.NoError(t, err)
	var watched []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(joinery_[a-z_]+)` \\| (?:gauge|counter|histogram) \\|").FindAllStringSubmatch(string(guide), -1) {
		watched = append(watched, row[1])
	}
	slices.Sort(watched)
	require.Equal(t, slices.Sorted(maps.Keys(metrics)), watched, "docs/operating.md, Metrics")
	_, section, found := strings.Cut(string(guide), "## The log")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	var told []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(section, -1) {
		told = append(told, row[1])
	}
	require.Equal(t, slices.Sorted(maps.Keys(have)), told, "docs/operating.md, The log")
}
