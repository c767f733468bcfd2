package function

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Fit reads what Lua gave by a JSON Schema: Lua has one empty table, which is a
// list where the schema wants one.
func Fit(schema map[string]any, v any) any {
	kind, _ := schema["type"].(string)
	switch x := v.(type) {
	case map[string]any:
		if kind == "array" && len(x) == 0 {
			return []any{}
		}
		props, _ := schema["properties"].(map[string]any)
		for k, e := range x {
			if s, ok := props[k].(map[string]any); ok {
				x[k] = Fit(s, e)
			}
		}
	case []any:
		if s, ok := schema["items"].(map[string]any); ok {
			for i, e := range x {
				x[i] = Fit(s, e)
			}
		}
	}
	return v
}

// CheckSchema says what is wrong with a schema itself, "" when nothing is.
func CheckSchema(schema map[string]any) string {
	if len(schema) == 0 {
		return ""
	}
	if _, err := compileSchema(schema); err != nil {
		return err.Error()
	}
	return ""
}

// Violations says in which fields a value is not what its schema says.
func Violations(schema map[string]any, v any) []string { return judge(schema)(v) }

// judge makes Violations of one schema for many values.
func judge(schema map[string]any) func(v any) []string {
	if len(schema) == 0 {
		return func(any) []string { return nil }
	}
	s, err := compileSchema(schema)
	if err != nil {
		return func(any) []string { return []string{err.Error()} }
	}
	return func(v any) []string { return violations(s, v) }
}

func violations(s *jsonschema.Schema, v any) []string {
	plain, err := decoded(v)
	if err != nil {
		return []string{err.Error()}
	}
	err = s.Validate(plain)
	var wrong *jsonschema.ValidationError
	if !errors.As(err, &wrong) {
		return nil
	}
	var out []string
	var leaves func(e *jsonschema.ValidationError)
	leaves = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 {
			at := strings.Join(e.InstanceLocation, ".")
			if at == "" {
				at = "the value"
			}
			out = append(out, at+": "+e.ErrorKind.LocalizedString(message.NewPrinter(language.English)))
		}
		for _, c := range e.Causes {
			leaves(c)
		}
	}
	leaves(wrong)
	return out
}

// decoded is a value as a JSON reader would give it.
func decoded(v any) (any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(strings.NewReader(string(raw)))
}

func compileSchema(schema map[string]any) (*jsonschema.Schema, error) {
	plain, err := decoded(schema)
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(jsonschema.SchemeURLLoader{}) // a schema reaches no file and no address
	if err := c.AddResource("schema.json", plain); err != nil {
		return nil, fmt.Errorf("this is not a JSON Schema: %w", err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		var bad *jsonschema.SchemaValidationError
		if errors.As(err, &bad) {
			return nil, errors.New("this is not a JSON Schema (draft 2020-12)")
		}
		return nil, fmt.Errorf("this is not a JSON Schema: %w", err)
	}
	return s, nil
}

// Read takes a result of Lua by the output schema, and says where it differs.
func (c Content) Read(result json.RawMessage) (any, []string) {
	var v any
	if err := json.Unmarshal(result, &v); err != nil {
		return nil, []string{"it is not JSON"}
	}
	v = Fit(c.Manifest.Output, v)
	return v, Violations(c.Manifest.Output, v)
}
