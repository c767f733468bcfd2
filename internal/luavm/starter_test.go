package luavm

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"

	"joinery/internal/function"
)

// What is offered as a beginning, and what ships as an example, passes its own
// cases, and no line of it is without one.
func TestShippedFunctions(t *testing.T) {
	p := open(t, Config{})
	texts := map[string]string{"starter": function.Starter}
	files, err := filepath.Glob("../../flows/functions/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no functions ship", err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		texts[f] = string(raw)
	}
	for name, text := range texts {
		var m map[string]any
		if err := yaml.Unmarshal([]byte(text), &m); err != nil {
			t.Fatal(name, err)
		}
		if lua, err := os.ReadFile(name[:max(len(name)-5, 0)] + ".lua"); err == nil {
			m["source"] = string(lua)
		}
		raw, _ := json.Marshal(m)
		c, err := function.Decode(raw)
		if err != nil {
			t.Fatal(name, err)
		}
		r, err := p.Test(t.Context(), c, false)
		if err != nil {
			t.Fatal(name, err)
		}
		for _, w := range function.Check(c) {
			t.Errorf("%s: %s: %s", name, w.Path, w.Detail)
		}
		for _, w := range r.Refusals() {
			t.Errorf("%s: %s: %s", name, w.Path, w.Detail)
		}
		if len(r.Missed) > 1 || len(r.Unused()) > 0 {
			t.Errorf("%s: no case runs lines %v; unused grants %v", name, r.Missed, r.Unused())
		}
	}
}
