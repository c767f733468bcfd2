// Package flows holds the flows that ship, as data.
package flows

import (
	"bytes"
	"embed"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Files are the shipped flows: <key>/flow.yaml, the policies they use in
// <key>/policies/*.yaml, and <key>/cases/*.yaml, which say what must come of them.
// Those with a <key>/template.yaml are offered to everybody who makes a new flow.
//
//go:embed functions/*.yaml functions/*.lua */flow.yaml */template.yaml */policies/*.yaml */cases/*.yaml
var Files embed.FS

// Keys lists the flows that the demo company uses.
func Keys() []string { return []string{"employee-joiner", "employee-joiner-ldap"} }

// Templates lists the flows that are offered as a start for one's own.
func Templates() []string {
	return []string{"employee", "contractor", "external", "future-hire", "rehire", "acquired"}
}

// Functions gives the functions that ship, by their keys in order.
func Functions() (keys []string, err error) {
	names, err := fs.Glob(Files, "functions/*.yaml")
	for _, name := range names {
		keys = append(keys, strings.TrimSuffix(path.Base(name), ".yaml"))
	}
	return keys, err
}

// Function gives a function that ships as one text; nil where none has the key. Its Lua
// lies in a file of its own, for editors.
func Function(key string) []byte {
	text, err := Files.ReadFile("functions/" + key + ".yaml")
	if err != nil {
		return nil
	}
	if lua, err := Files.ReadFile("functions/" + key + ".lua"); err == nil {
		text = append(bytes.Clone(text), "source: |\n  "+strings.ReplaceAll(strings.TrimRight(string(lua), "\n"), "\n", "\n  ")+"\n"...)
	}
	return text
}

// Flow gives the text of a shipped flow.
func Flow(key string) ([]byte, error) { return Files.ReadFile(key + "/flow.yaml") }

// Policies gives the texts of the policies that a shipped flow uses, by their keys
// in order. It is empty for a flow without any.
func Policies(key string) (keys []string, texts map[string][]byte, err error) {
	names, err := fs.Glob(Files, key+"/policies/*.yaml")
	if err != nil {
		return nil, nil, err
	}
	texts = map[string][]byte{}
	for _, name := range names {
		own := strings.TrimSuffix(path.Base(name), ".yaml")
		if texts[own], err = Files.ReadFile(name); err != nil {
			return nil, nil, err
		}
		keys = append(keys, own)
	}
	slices.Sort(keys)
	return keys, texts, nil
}
