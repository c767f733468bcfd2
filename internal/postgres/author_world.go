package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"joinery/internal/artifact"
	"joinery/internal/author"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/function"
	"joinery/internal/review"
)

// World is what a language model may look up here: names and shapes.
type World struct {
	DB *DB
	// Text describes the library, Specs the kinds of steps.
	Text  string
	Specs []flow.Spec
}

var _ author.World = World{}

// mostTold bounds how many artifacts of a kind a list tells, and fields of a connection.
const mostTold = 300

// Library describes what code may call.
func (w World) Library() string { return w.Text }

// Nodes are the kinds of steps.
func (w World) Nodes() []flow.Spec { return w.Specs }

// Connections tells what each connection can do, and the names and types of its fields.
func (w World) Connections(ctx context.Context) ([]author.Connection, error) {
	contents, err := w.DB.newest(ctx, review.Connection)
	if err != nil {
		return nil, err
	}
	var keys []string
	for k := range contents {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	keys = keys[:min(len(keys), mostTold)]
	schemas, err := w.DB.Schemas(ctx, keys)
	if err != nil {
		return nil, err
	}
	out := []author.Connection{}
	for _, k := range keys {
		s, err := artifact.Settings(contents[k])
		if err != nil {
			return nil, fmt.Errorf("read connection %s: %w", k, err)
		}
		c := author.Connection{Key: k, Kind: s.Type, Capabilities: w.DB.artifacts.Capabilities(contents[k])}
		for _, a := range schemas[k].Attributes[:min(len(schemas[k].Attributes), mostTold)] {
			c.Fields = append(c.Fields, author.Field{Name: a.Name, Type: string(a.Type), Multi: a.Multi, ReadOnly: a.ReadOnly})
		}
		out = append(out, c)
	}
	return out, nil
}

// Functions lists the functions there are.
func (w World) Functions(ctx context.Context) ([]author.Named, error) {
	return w.named(ctx, review.Function)
}

// Policies lists the policies there are.
func (w World) Policies(ctx context.Context) ([]author.Named, error) {
	return w.named(ctx, review.Policy)
}

func (w World) named(ctx context.Context, kind review.Kind) ([]author.Named, error) {
	contents, err := w.DB.newest(ctx, kind)
	if err != nil {
		return nil, err
	}
	out := []author.Named{}
	for k, raw := range contents {
		n := author.Named{Key: k}
		if err := json.Unmarshal(raw, &n); err != nil {
			return nil, fmt.Errorf("read %s %s: %w", kind, k, err)
		}
		out = append(out, author.Named{Key: k, Name: n.Name, Description: n.Description})
	}
	slices.SortFunc(out, func(a, b author.Named) int { return cmp.Compare(a.Key, b.Key) })
	return out[:min(len(out), mostTold)], nil
}

// Function gives one function as it is live, or as it was saved last.
func (w World) Function(ctx context.Context, key string) (function.Content, error) {
	raw, err := w.one(ctx, review.Function, key)
	if err != nil {
		return function.Content{}, err
	}
	return function.Decode(raw)
}

// PolicyShape gives the structure of a policy without its values.
func (w World) PolicyShape(ctx context.Context, key string) (json.RawMessage, error) {
	raw, err := w.one(ctx, review.Policy, key)
	if err != nil {
		return nil, err
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, fmt.Errorf("read policy %s: %w", key, err)
	}
	return json.Marshal(shapeOf(v))
}

func (w World) one(ctx context.Context, kind review.Kind, key string) ([]byte, error) {
	all, err := w.DB.newest(ctx, kind)
	if err != nil {
		return nil, err
	}
	raw, ok := all[key]
	if !ok {
		return nil, fault.New(fault.NotFound, "There is no %s with the key %q.", kind, clip(key))
	}
	return raw, nil
}

// shapeOf puts the type in the place of each value; of a list the first element tells.
func shapeOf(v any) any {
	switch x := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range x {
			out[k] = shapeOf(e)
		}
		return out
	case []any:
		if len(x) == 0 {
			return []any{}
		}
		return []any{shapeOf(x[0])}
	case string:
		return "text"
	case bool:
		return "boolean"
	case nil:
		return nil
	}
	return "number"
}
