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

// world is a console that has the connections of all items, and no functions or policies
// that an answer could be copied from.
type world struct{ connections []author.Connection }

var _ author.World = world{}

// Library describes what code may call.
func (world) Library() string { return luavm.LibraryText() }

// Nodes are the kinds of steps.
func (world) Nodes() []flow.Spec { return node.All().Specs() }

// newWorld puts together what the items say of each connection.
func newWorld(items []Item) world {
	systems, fields := map[string]string{}, map[string]map[string]string{}
	for _, i := range items {
		for _, c := range i.Connections {
			systems[c.Key] = c.System
			if fields[c.Key] == nil {
				fields[c.Key] = map[string]string{}
			}
			maps.Copy(fields[c.Key], c.Fields)
		}
	}
	w := world{connections: []author.Connection{}}
	for _, key := range slices.Sorted(maps.Keys(systems)) {
		told := author.Connection{Key: key, Kind: systems[key], Capabilities: []string{"directory"}}
		if told.Kind == "HRIS" {
			told.Capabilities = []string{"hris"}
		}
		for _, name := range slices.Sorted(maps.Keys(fields[key])) {
			kind, multi := strings.CutPrefix(fields[key][name], "list of ")
			told.Fields = append(told.Fields, author.Field{Name: name, Type: kind, Multi: multi})
		}
		w.connections = append(w.connections, told)
	}
	return w
}

// Connections are those of all items.
func (w world) Connections(context.Context) ([]author.Connection, error) { return w.connections, nil }

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
