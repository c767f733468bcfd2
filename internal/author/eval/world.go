package eval

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"joinery/internal/author"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/function"
	"joinery/internal/luavm"
	"joinery/internal/node"
)

// world is a console that has the item's connections, and no functions or policies that
// an answer could be copied from.
type world struct{ item Item }

var _ author.World = world{}

// Library describes what code may call.
func (world) Library() string { return luavm.LibraryText() }

// Nodes are the kinds of steps.
func (world) Nodes() []flow.Spec { return node.All().Specs() }

// Connections are those of the item.
func (w world) Connections(context.Context) ([]author.Connection, error) {
	out := []author.Connection{}
	for _, c := range w.item.Connections {
		told := author.Connection{Key: c.Key, Kind: c.System, Capabilities: []string{"directory"}}
		if c.System == "HRIS" {
			told.Capabilities = []string{"hris"}
		}
		for _, name := range slices.Sorted(maps.Keys(c.Fields)) {
			kind, multi := strings.CutPrefix(c.Fields[name], "list of ")
			told.Fields = append(told.Fields, author.Field{Name: name, Type: kind, Multi: multi})
		}
		out = append(out, told)
	}
	return out, nil
}

// Functions gives none.
func (world) Functions(context.Context) ([]author.Named, error) { return []author.Named{}, nil }

// Function finds none.
func (world) Function(context.Context, string) (function.Content, error) {
	return function.Content{}, fault.New(fault.NotFound, "There is no such function.")
}

// Policies gives none.
func (world) Policies(context.Context) ([]author.Named, error) { return []author.Named{}, nil }

// PolicyShape finds none.
func (world) PolicyShape(context.Context, string) (json.RawMessage, error) {
	return nil, fault.New(fault.NotFound, "There is no such policy.")
}

// nobody knows no people: all that goes out of an evaluation is committed text.
type nobody struct{}

var _ author.Filter = nobody{}

// Leaks finds nothing.
func (nobody) Leaks(context.Context, string, func(string) bool) ([]author.Leak, error) {
	return nil, nil
}
