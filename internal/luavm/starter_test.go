package luavm

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"

	"joinery/internal/function"
)

// mutantsToo also tries what ships against small changes, which takes as long as half
// the package: go test ./internal/luavm -run Shipped -mutants.
var mutantsToo = flag.Bool("mutants", false, "also try shipped functions against small changes of their source")

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
	if len(texts) < 9 {
		t.Errorf("only %d functions ship", len(texts)-1)
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
		r, err := p.Test(t.Context(), c, *mutantsToo && name != "starter")
		if err != nil {
			t.Fatal(name, err)
		}
		for _, w := range function.Check(c) {
			t.Errorf("%s: %s: %s", name, w.Path, w.Detail)
		}
		for _, w := range r.Refusals() {
			t.Errorf("%s: %s: %s", name, w.Path, w.Detail)
		}
		if len(r.Missed) > 0 || len(r.Unused()) > 0 {
			t.Errorf("%s: no case runs lines %v; unused grants %v", name, r.Missed, r.Unused())
		}
		for _, m := range r.Survivors {
			t.Errorf("%s line %d: no case notices that %s", name, m.Line, m.Change)
		}
	}
}
