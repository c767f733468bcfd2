package form

type object = map[string]any

// Schema gives the JSON Schema of what the field holds, as draft-07 and later read
// it alike, with its label and help.
func Schema(f Field) map[string]any {
	out := shape(f)
	out["title"] = f.Label
	if f.Help != "" {
		out["description"] = f.Help
	}
	if f.Default != nil {
		out["default"] = f.Default
	}
	return out
}

func shape(f Field) object {
	text := object{"type": "string"}
	var plain object
	switch f.Kind {
	case Number:
		plain = object{"type": "number"}
	case Bool:
		plain = object{"type": "boolean"}
	case Select:
		plain = object{"enum": values(f)}
	case Mapping:
		plain = object{"type": "object"}
	case List:
		plain = object{"type": "array", "items": text}
		if len(f.Options) > 0 && !f.Expr {
			plain["items"] = object{"enum": values(f)}
		}
	case Table:
		return object{"type": "array", "items": row(f.Columns)}
	case Cases:
		return object{"type": "array", "items": object{"type": "object", "required": []any{"when", "port"}, "additionalProperties": false, "properties": object{"when": text, "port": text}}}
	case Fields:
		return object{"type": "array", "items": object{"type": "object", "required": []any{"key", "label", "kind"}, "additionalProperties": false,
			"properties": object{"key": text, "label": text, "kind": object{"enum": []any{"text", "bool", "date"}}}}}
	default:
		return object{"type": "string"}
	}
	if f.Expr {
		return object{"anyOf": []any{plain, text}}
	}
	return plain
}

func row(columns []Field) object {
	props, required := object{}, []any{}
	for _, c := range columns {
		props[c.Key] = Schema(c)
		if c.Required && c.Default == nil && c.ShowWhen == nil {
			required = append(required, c.Key)
		}
	}
	out := object{"type": "object", "additionalProperties": false, "properties": props}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

func values(f Field) []any {
	out := []any{}
	for _, o := range f.Options {
		out = append(out, o.Value)
	}
	return out
}
