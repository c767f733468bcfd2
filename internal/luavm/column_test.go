package luavm

import "testing"

// What is wrong is told with its place in the line, where the line shows it.
func TestAnalyze_SaysWhere(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]Problem{
		"return function(input)\n  local a = 1\n  print(a)\nend":                {Line: 3, Column: 3, Width: 5},
		"return function(input)\n  x = 2\nend":                                  {Line: 2, Column: 3, Width: 1},
		"return function(input)\n  local xs = os.time() return {now = os}\nend": {Line: 2, Column: 14, Width: 2},
		"return function(input)\n  local s = textual return text.slugg(s)\nend": {Line: 2, Column: 13, Width: 7},
		"return function(input)\n  return text.slugg(input.s)\nend":             {Line: 2, Column: 10, Width: 10},
		"return function(input)\n  if input.a = 2 then return {} end\nend":      {Line: 2, Column: 14},
		"return function(input)\n  if input.a then return {}\nend":              {},
	} {
		a := analyze(source)
		if len(a.Problems) == 0 {
			t.Errorf("%q: nothing is wrong", source)
			continue
		}
		got := a.Problems[0]
		if got.Line != want.Line && want.Line > 0 || got.Column != want.Column || got.Width != want.Width {
			t.Errorf("%q: %+v", source, got)
		}
	}
}
