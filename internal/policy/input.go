package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"joinery/internal/expr"
	"joinery/internal/fault"
	"joinery/internal/form"
	"joinery/internal/joiner"
)

// Input is a value that a flow hands to a policy, beside the joiner: the code of a
// site that another step looked up, a name that was made. Expressions read it as
// inputs.<name>. What a policy may know is written in it, so that a reviewer sees
// it and a mistyped name is found when it is saved.
type Input struct {
	Name string `json:"name" yaml:"name"`
	// Type is one of inputTypes; empty means string.
	Type string `json:"type,omitempty" yaml:"type,omitempty"`
	// Optional: the decision may be made without it.
	Optional bool   `json:"optional,omitempty" yaml:"optional,omitempty"`
	Help     string `json:"help,omitempty" yaml:"help,omitempty"`
}

const maxInputs = 50

var inputName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

func inputTypes() []string { return []string{"string", "bool", "number", "timestamp", "list"} }

func inputsField() form.Field {
	var types []form.Option
	for _, t := range inputTypes() {
		types = append(types, form.Option{Value: t, Label: map[string]string{"string": "text", "bool": "yes or no", "number": "number", "timestamp": "date", "list": "list"}[t]})
	}
	return form.Field{Key: "inputs", Label: "Values from the flow", Kind: form.Table, Group: "Values from the flow",
		Help: "What a flow hands in beside the joiner. Expressions read it as inputs.name.",
		Columns: []form.Field{
			{Key: "name", Label: "Name", Kind: form.Text, Required: true, Placeholder: "site_code"},
			{Key: "type", Label: "Type", Kind: form.Select, Default: "string", Options: types},
			{Key: "optional", Label: "May be missing", Kind: form.Bool},
			{Key: "help", Label: "What it is", Kind: form.Text},
		}}
}

// Env is what expressions of a policy may name: the joiner, the inputs it
// declares, today and now.
func Env(inputs ...Input) (*expr.Env, error) {
	if len(inputs) == 0 {
		return plainEnv()
	}
	return newEnv(inputs)
}

// plainEnv is made once: preparing names costs more than deciding.
var plainEnv = sync.OnceValues(func() (*expr.Env, error) { return newEnv(nil) })

func newEnv(inputs []Input) (*expr.Env, error) { return expr.NewEnv(decls(inputs)) }

// envOf is Env with what was compiled before at hand; nil keeps nothing.
func envOf(programs *expr.Programs, inputs []Input) (*expr.Env, error) {
	if programs == nil {
		return Env(inputs...)
	}
	return programs.Env(decls(inputs))
}

func decls(inputs []Input) expr.Decls {
	d := expr.Decls{Attributes: joiner.Known(), Inputs: map[string]expr.Type{}}
	for _, i := range inputs {
		d.Inputs[i.Name] = i.kind()
	}
	return d
}

func (i Input) kind() expr.Type {
	if i.Type == "" {
		return expr.String
	}
	return expr.Type(i.Type)
}

// scope is what an expression of a policy reads.
func (s Subject) scope() expr.Scope {
	return expr.Scope{Joiner: s.Worker.Attributes, Inputs: s.Inputs, Now: s.Now, Zone: s.Worker.Zone()}
}

func checkInputs(inputs []Input) []fault.Problem {
	var out []fault.Problem
	add := func(path, format string, args ...any) {
		out = append(out, fault.Problem{Path: path, Detail: fmt.Sprintf(format, args...)})
	}
	if len(inputs) > maxInputs {
		add("inputs", "A policy may take up to %d values.", maxInputs)
	}
	seen := map[string]bool{}
	for i, in := range inputs {
		at := fmt.Sprintf("inputs.%d", i)
		switch {
		case !inputName.MatchString(in.Name):
			add(at+".name", "A name has lower-case letters, digits and underscores, and starts with a letter.")
		case seen[in.Name]:
			add(at+".name", "Two values have the name %s.", in.Name)
		}
		seen[in.Name] = true
		if in.Type != "" && !slices.Contains(inputTypes(), in.Type) {
			add(at+".type", "Choose one of: %s.", strings.Join(inputTypes(), ", "))
		}
	}
	return out
}

// need refuses to decide without what the policy says it needs, or with values of
// another type or name.
func need(inputs []Input, given map[string]any) error {
	for _, in := range inputs {
		v, ok := given[in.Name]
		if !ok || v == nil {
			if in.Optional {
				continue
			}
			return fault.New(fault.Invalid, "The policy needs the value %s, and the flow gives none. Fill it in at the step, under Values for the policy.", in.Name)
		}
		if !in.takes(v) {
			return fault.New(fault.Invalid, "The policy needs %s to be a %s, and the flow gives %s.", in.Name, in.kind(), text(v))
		}
	}
	for name := range given {
		if !slices.ContainsFunc(inputs, func(in Input) bool { return in.Name == name }) {
			return fault.New(fault.Invalid, "The flow gives the policy a value %s that it does not take. Declare it in the policy, or take it out of the step.", name)
		}
	}
	return nil
}

func (i Input) takes(v any) bool {
	switch i.kind() {
	case expr.Bool:
		_, ok := v.(bool)
		return ok
	case expr.List:
		switch v.(type) {
		case []any, []string:
			return true
		}
		return false
	case expr.Number:
		switch v.(type) {
		case float64, int64, int, uint64:
			return true
		}
		return false
	case expr.String:
		_, ok := v.(string)
		return ok
	}
	return true
}
