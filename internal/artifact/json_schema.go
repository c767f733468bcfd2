package artifact

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/form"
	"joinery/internal/function"
	"joinery/internal/policy"
	"joinery/internal/review"
)

type object = map[string]any

// Published lists the kinds whose files have a JSON Schema.
func Published() []review.Kind {
	return []review.Kind{review.Flow, review.Policy, review.Function}
}

// JSONSchema gives the JSON Schema of the files of one kind, for editors outside the
// console. It is made of what reads and judges them here, so neither can lack what
// the other has.
func (k Kinds) JSONSchema(kind review.Kind) (map[string]any, error) {
	switch kind {
	case review.Flow:
		return flow.Schema(k.Flows), nil
	case review.Policy:
		return policySchema(), nil
	case review.Function:
		return functionSchema(), nil
	}
	return nil, fault.New(fault.NotFound, "There is no schema of %q. There is one of: %s.", clip(string(kind)), kindWords(Published()))
}

// SchemaText writes a schema as it is published: indented, fields in the order of
// their names, so that it changes only where it says something else.
func SchemaText(schema map[string]any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(schema); err != nil {
		return nil, fmt.Errorf("write schema: %w", err)
	}
	return out.Bytes(), nil
}

func kindWords(kinds []review.Kind) string {
	var out []string
	for _, k := range kinds {
		out = append(out, string(k))
	}
	return strings.Join(out, ", ")
}

// policySchema is the shape of a policy, with the rules of its type and of no other.
func policySchema() object {
	out := shapeOf(reflect.TypeFor[policy.Content](), nil)
	props := out["properties"].(object)
	var types, rules []any
	specs := policy.Specs()
	for _, s := range specs {
		types = append(types, s.Type)
		props[s.Field()] = titled(shapeOf(fieldType(reflect.TypeFor[policy.Content](), s.Field()), s.Fields), s.Title, s.Help)
		then := object{}
		for _, other := range specs {
			if other.Type != s.Type {
				then[other.Field()] = false
			}
		}
		rules = append(rules, object{
			"if":   object{"properties": object{"type": object{"const": s.Type}}, "required": []any{"type"}},
			"then": object{"required": []any{s.Field()}, "properties": then},
		})
	}
	props["type"] = object{"enum": types}
	props["cases"].(object)["maxItems"] = policy.MaxCases
	out["allOf"] = rules
	return headed(out, "Joinery policy")
}

// functionSchema is the shape of a function. Its source may lie beside its file.
func functionSchema() object {
	out := shapeOf(reflect.TypeFor[function.Content](), nil)
	props := out["properties"].(object)
	out["required"] = []any{"key", "name", "cases"}
	props["source"] = object{"type": "string", "description": "The Lua source; or leave it out, and write it into the file of this name that ends in .lua."}
	props["cases"].(object)["minItems"] = 1
	manifest := props["manifest"].(object)["properties"].(object)
	for _, key := range []string{"input", "output"} {
		manifest[key] = object{"type": "object", "description": "A JSON Schema (draft 2020-12)."}
	}
	manifest["grants"] = object{"type": "array", "items": object{"type": "string", "pattern": function.GrantPattern}, "description": "What it may call: capability:connection:operation, such as directory:corp-ldap:accounts.find."}
	for _, limit := range manifest["limits"].(object)["properties"].(object) {
		limit.(object)["minimum"] = 0
	}
	return headed(out, "Joinery function")
}

// headed puts what all schemas say onto one.
func headed(out object, title string) object {
	props := out["properties"].(object)
	props["key"] = object{"type": "string", "pattern": keyForm.String()}
	props["name"] = object{"type": "string", "minLength": 1, "maxLength": 200}
	out["$schema"], out["title"] = "http://json-schema.org/draft-07/schema#", title
	return out
}

func titled(s object, title, help string) object {
	if title != "" {
		s["title"] = title
	}
	if help != "" {
		s["description"] = help
	}
	return s
}

// shapeOf gives the schema of what JSON is read into. fields tell the words and the
// choices of the fields that a form has too.
func shapeOf(t reflect.Type, fields []form.Field) object {
	switch t.Kind() {
	case reflect.Pointer:
		return shapeOf(t.Elem(), fields)
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Slice:
		return object{"type": "array", "items": shapeOf(t.Elem(), fields)}
	case reflect.Map:
		out := object{"type": "object"}
		if t.Elem().Kind() != reflect.Interface {
			out["additionalProperties"] = shapeOf(t.Elem(), nil)
		}
		return out
	case reflect.Interface:
		return object{}
	case reflect.Struct:
		return structShape(t, fields)
	}
	panic(fmt.Sprintf("no JSON Schema for a %s", t)) // a test makes every schema
}

func structShape(t reflect.Type, fields []form.Field) object {
	props, required := object{}, []any{}
	for f := range fieldsOf(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		declared := form.Field{}
		if i := slices.IndexFunc(fields, func(x form.Field) bool { return x.Key == name }); i >= 0 {
			declared = fields[i]
		}
		s := shapeOf(f.Type, declared.Columns)
		if declared.Kind == form.Select {
			s = choices(declared)
		}
		props[name] = titled(s, declared.Label, declared.Help)
		if !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero") {
			required = append(required, name)
		}
	}
	out := object{"type": "object", "additionalProperties": false, "properties": props}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

// choices are the values of a select; one that may be left out may be empty too.
func choices(f form.Field) object {
	var out []any
	for _, o := range f.Options {
		out = append(out, o.Value)
	}
	if !f.Required && !slices.Contains(out, any("")) {
		out = append(out, "")
	}
	return object{"enum": out}
}

// fieldsOf gives the fields of a struct that JSON knows, by their names.
func fieldsOf(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() && f.Tag.Get("json") != "-" && !yield(f) {
				return
			}
		}
	}
}

func fieldType(t reflect.Type, name string) reflect.Type {
	types := map[string]reflect.Type{}
	for f := range fieldsOf(t) {
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		types[key] = f.Type
	}
	if out, ok := types[name]; ok {
		return out
	}
	panic(fmt.Sprintf("a policy has no field %q among %v", name, slices.Sorted(maps.Keys(types))))
}
