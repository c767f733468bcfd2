package expr

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/ext"
)

type (
	lister = traits.Lister
	mapper = traits.Mapper
)

// Bounds of one expression. A field that needs more is a function's work.
const (
	maxSource = 8 << 10
	maxText   = 1 << 20
	maxCost   = 200_000
	maxMemory = 1 << 20
)

// base is CEL with our helpers and nothing to read: built once, never changed.
var base = sync.OnceValues(func() (*cel.Env, error) {
	reg, err := types.NewRegistry()
	if err != nil {
		return nil, fmt.Errorf("prepare expression types: %w", err)
	}
	opts := []cel.EnvOption{
		cel.CustomTypeAdapter(adapter{reg}),
		ext.Strings(ext.StringsMaxPrecision(20)), ext.Math(), ext.Lists(ext.ListsMaxRangeSize(10_000)), ext.Sets(), ext.Encoders(),
		cel.CrossTypeNumericComparisons(true),
		cel.DefaultUTCTimeZone(true),
		cel.ParserExpressionSizeLimit(maxSource),
		cel.ParserRecursionLimit(60),
	}
	env, err := cel.NewEnv(append(opts, helpers()...)...)
	if err != nil {
		return nil, fmt.Errorf("prepare expressions: %w", err)
	}
	return env, nil
})

// sharedParses is what the texts of this process were parsed into.
var sharedParses = sync.OnceValue(func() *parses { return newParses(mostParses) })

// Env is what the expressions of one flow may name. It is safe for concurrent use.
type Env struct {
	cel    *cel.Env
	decls  Decls
	parses *parses
	// programs keeps what was compiled; nil keeps nothing.
	programs *Programs
}

// NewEnv prepares an environment.
func NewEnv(d Decls) (*Env, error) {
	env, err := base()
	if err != nil {
		return nil, err
	}
	text, moment := types.StringType, types.TimestampType
	objects := map[string]object{
		"joinery.Event": {fields: map[string]*types.Type{"key": text, "type": text, "worker": text, "at": moment, "changed": types.NewListType(text)}},
		"joinery.Run":   {fields: map[string]*types.Type{"id": text, "flow": text, "mode": text, "started_at": moment}},
	}
	attributes := map[string]*types.Type{}
	for _, a := range d.Attributes {
		attributes[a] = text
	}
	objects["joinery.Joiner"] = object{fields: attributes, open: true}
	steps := map[string]*types.Type{}
	for id, outputs := range d.Steps {
		name := "joinery.step." + id
		fields := map[string]*types.Type{}
		for out, t := range outputs {
			fields[out] = celType(t)
		}
		objects[name] = object{fields: fields}
		steps[id] = types.NewObjectType(name)
	}
	objects["joinery.Steps"] = object{fields: steps}
	vars := map[string]*types.Type{}
	for k, v := range d.Vars {
		vars[k] = celType(typeOfValue(v))
	}
	objects["joinery.Vars"] = object{fields: vars}
	inputs := map[string]*types.Type{}
	for k, t := range d.Inputs {
		inputs[k] = celType(t)
	}
	objects["joinery.Inputs"] = object{fields: inputs}
	names := []cel.EnvOption{
		cel.CustomTypeProvider(&provider{Provider: env.CELTypeProvider(), objects: objects}),
		cel.Variable("event", cel.ObjectType("joinery.Event")),
		cel.Variable("joiner", cel.ObjectType("joinery.Joiner")),
		cel.Variable("steps", cel.ObjectType("joinery.Steps")),
		cel.Variable("run", cel.ObjectType("joinery.Run")),
		cel.Variable("vars", cel.ObjectType("joinery.Vars")),
		cel.Variable("now", cel.TimestampType),
		cel.Variable("today", cel.StringType),
	}
	if d.Inputs != nil {
		names = append(names, cel.Variable("inputs", cel.ObjectType("joinery.Inputs")))
	}
	own, err := env.Extend(names...)
	if err != nil {
		return nil, fmt.Errorf("prepare expressions of a flow: %w", err)
	}
	return &Env{cel: own, decls: d, parses: sharedParses()}, nil
}

// Names lists what an expression can name at the top, for help pages.
func Names() []string { return []string{"event", "joiner", "steps", "run", "vars", "today", "now"} }

// Functions lists the helper names, for help pages and suggestions.
func Functions() []string {
	env, err := base()
	if err != nil {
		return nil
	}
	var out []string
	for name := range env.Functions() {
		if name[0] >= 'A' && name[0] <= 'Z' {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func (d Decls) names(root string) []string {
	switch root {
	case "joiner":
		return slices.Clone(d.Attributes)
	case "steps":
		return slices.Collect(maps.Keys(d.Steps))
	case "vars":
		return slices.Collect(maps.Keys(d.Vars))
	case "inputs":
		return slices.Collect(maps.Keys(d.Inputs))
	case "event":
		return []string{"key", "type", "worker", "at", "changed"}
	case "run":
		return []string{"id", "flow", "mode", "started_at"}
	}
	return nil
}
