// Package eval knows requests of joiner logic whose right answers are settled, and
// measures by them how well an author of functions does.
package eval

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"

	"joinery/internal/function"
)

//go:embed items/*.yaml
var committed embed.FS

// Item is one request with what settles whether an answer is right. The author is
// given what an admin would write and confirm: the request, input and output, the
// connections, what may be asked for and what must never happen. Tests and solution
// are not shown.
type Item struct {
	Key     string   `json:"key"`
	Title   string   `json:"title"`
	About   []string `json:"about"`
	Request string   `json:"request"`
	// Input and Output are JSON Schemas, settled when the intent is confirmed: tests
	// that nobody has seen can only be run against names that everybody knows.
	Input       map[string]any `json:"input"`
	Output      map[string]any `json:"output"`
	Connections []Connection   `json:"connections,omitempty"`
	// Grants are the most that an answer may ask for.
	Grants   []string        `json:"grants,omitempty"`
	Never    []Never         `json:"never,omitempty"`
	Tests    []function.Case `json:"tests"`
	Solution Solution        `json:"solution"`
}

// Connection is what an author may know of a system: its kind and the names of what
// it holds. There are no people in it.
type Connection struct {
	Key    string            `json:"key"`
	System string            `json:"system"`
	Fields map[string]string `json:"fields,omitempty"` // name to type
}

// Never is an effect that is forbidden whatever the input: a change of this kind
// whose arguments, as JSON, match.
type Never struct {
	Says string `json:"says"`
	Do   string `json:"do"`
	Args string `json:"args,omitempty"`

	args *regexp.Regexp
}

// Solution is the answer that proves an item sound.
type Solution struct {
	Source string   `json:"source"`
	Grants []string `json:"grants,omitempty"`
}

// Items are the committed ones, by key.
func Items() ([]Item, error) {
	files, err := fs.Glob(committed, "items/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list requests: %w", err)
	}
	var out []Item
	for _, f := range files {
		raw, err := committed.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("read request: %w", err)
		}
		item, err := decode(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		if want := strings.TrimSuffix(path.Base(f), ".yaml"); item.Key != want {
			return nil, fmt.Errorf("%s: its key is %s", f, item.Key)
		}
		out = append(out, item)
	}
	return out, nil
}

func decode(raw []byte) (Item, error) {
	var plain map[string]any
	if err := yaml.Unmarshal(raw, &plain); err != nil {
		return Item{}, err
	}
	text, err := json.Marshal(plain)
	if err != nil {
		return Item{}, err
	}
	var item Item
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&item); err != nil {
		return Item{}, err
	}
	item.Request = strings.Join(strings.Fields(item.Request), " ")
	for i, n := range item.Never {
		if item.Never[i].args, err = regexp.Compile(n.Args); err != nil {
			return Item{}, fmt.Errorf("never %d: %w", i, err)
		}
	}
	return item, nil
}

// Solved is the reference solution as a function, with the tests as its cases.
func (i Item) Solved() function.Content {
	return function.Content{Key: i.Key, Name: i.Title, Source: i.Solution.Source, Cases: i.Tests,
		Manifest: function.Manifest{Input: i.Input, Output: i.Output, Grants: i.Solution.Grants}}
}
