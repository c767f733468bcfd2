package luavm

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestGuide_ListsTheLibrary holds the guide's table to the catalogue; -record writes it.
func TestGuide_ListsTheLibrary(t *testing.T) {
	const path, from, to = "../../docs/functions.md", "<!-- library -->\n", "<!-- end of library -->"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(raw), from)
	old, tail, ok2 := strings.Cut(rest, to)
	if !ok || !ok2 {
		t.Fatal("the guide lost its place for the library")
	}
	want := libraryTable()
	if *record {
		if err := os.WriteFile(path, []byte(head+from+want+to+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if old != want {
		t.Error("docs/functions.md does not list the library as it is: go test ./internal/luavm -run TestGuide -record")
	}
}

func libraryTable() string {
	cell := strings.NewReplacer("|", `\|`, "\n", " ").Replace
	var b strings.Builder
	b.WriteString("| function | what it does | grant |\n| --- | --- | --- |\n")
	for _, f := range Catalogue() {
		grant := ""
		if f.Capability != "" {
			grant = "`" + f.Grant("<connection>") + "`"
		}
		help := f.Help
		if f.Example != "" && f.Module() != "string" && !strings.HasPrefix(f.Example, f.Name+"(") || strings.Contains(f.Example, "--") {
			help += " `" + f.Example + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", cell(f.Signature()), cell(help), grant)
	}
	return b.String()
}

// Every function of the library explains itself, has a name of its own, and an example that can be read.
func TestCatalogue(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Catalogue() {
		if seen[f.Name] || f.Help == "" || f.Example == "" || f.Effect == "" {
			t.Errorf("%s: twice, or without help, example or effect", f.Name)
		}
		seen[f.Name] = true
		if (f.Effect == Reads || f.Effect == Plans) != (f.Capability != "" && f.Operation != "") {
			t.Errorf("%s: a grant belongs to what reads or plans, and to nothing else", f.Name)
		}
	}
	m := newMachine(Defaults())
	for _, f := range Catalogue() {
		module, short, ok := strings.Cut(f.Name, ".")
		v := m.state.G.Global.RawGetString(module)
		if ok {
			v = m.state.GetField(v, short)
		}
		if v.Type().String() != "function" {
			t.Errorf("%s is in the catalogue and not in the library", f.Name)
		}
	}
}
