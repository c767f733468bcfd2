package function

import (
	"reflect"
	"testing"
)

// Inputs that no test has are those of a test with one field another, within the schema,
// and always the same ones; systems answer as they did in the test.
func TestVariations(t *testing.T) {
	t.Parallel()
	c := Content{Manifest: Manifest{Input: map[string]any{"type": "object", "required": []any{"last"}, "properties": map[string]any{
		"last": map[string]any{"type": "string", "maxLength": 20}, "kind": map[string]any{"type": "string", "enum": []any{"a", "b"}}}}},
		Cases: []Case{{Name: "one", Input: map[string]any{"last": "Exempel", "kind": "a"}, Stubs: []Stub{{Call: "directory.username_taken", Args: []any{"x", "y"}, Answer: true}, {Call: "directory.username_taken", Args: []any{"x", "z"}, Answer: false}}, Output: map[string]any{}},
			{Name: "fails", Error: "no"}}}
	all := Variations(c)
	if len(all) < 8 || len(all) > mostVaried || !reflect.DeepEqual(all, Variations(c)) {
		t.Fatalf("%d variations", len(all))
	}
	seen := map[string]bool{}
	for _, v := range all {
		if wrong := Violations(c.Manifest.Input, v.Case.Input); len(wrong) > 0 || v.Of != "one" {
			t.Fatalf("%+v: %v", v, wrong)
		}
		seen[v.With] = true
		if n := len(v.Case.Stubs); n != 3 || v.Case.Stubs[2].Args != nil || v.Case.Stubs[2].Answer != false {
			t.Fatalf("%+v", v.Case.Stubs)
		}
	}
	for _, want := range []string{`kind: "b"`, "kind: nothing", `last: ""`, `last: "O'Brien"`} {
		if !seen[want] {
			t.Fatalf("no variation %s among %v", want, seen)
		}
	}
	if seen["last: nothing"] || seen[`kind: "a"`] {
		t.Fatalf("what the schema refuses, or the test has: %v", seen)
	}
}
