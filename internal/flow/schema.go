package flow

import "joinery/internal/form"

type object = map[string]any

// Schema gives the JSON Schema (2020-12) of a flow's content, with the fields of
// each node type, for editors outside the console.
func Schema(cat Catalog) map[string]any {
	text := object{"type": "string"}
	texts := object{"type": "array", "items": text}
	slugged := object{"type": "string", "pattern": nodeID.String()}
	var kinds []any
	var rules []any
	for _, s := range cat.Specs() {
		kinds = append(kinds, s.Kind)
		props := object{}
		for _, f := range s.Fields {
			p := fieldSchema(f)
			p["title"] = f.Label
			if f.Help != "" {
				p["description"] = f.Help
			}
			props[f.Key] = p
		}
		rules = append(rules, object{
			"if":   object{"properties": object{"type": object{"const": s.Kind}}, "required": []any{"type"}},
			"then": object{"properties": object{"params": object{"type": "object", "properties": props, "additionalProperties": false}}},
		})
	}
	limit := object{"type": "integer", "minimum": 0}
	return object{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Joinery flow", "type": "object", "additionalProperties": false,
		"required": []any{"key", "name", "trigger", "nodes"},
		"properties": object{
			"key": object{"type": "string", "pattern": "^[a-z][a-z0-9-]{0,62}$"}, "name": text, "description": text, "trigger": slugged,
			"vars": object{"type": "object"},
			"nodes": object{"type": "array", "maxItems": MaxNodes, "items": object{
				"type": "object", "required": []any{"id", "type"}, "additionalProperties": false, "allOf": rules,
				"properties": object{
					"id": slugged, "type": object{"enum": kinds}, "name": text, "params": object{"type": "object"}, "timeout": text,
					"on_error": object{"enum": []any{"stop", "continue"}},
					"retry":    object{"type": "object", "additionalProperties": false, "properties": object{"attempts": object{"type": "integer", "minimum": 1, "maximum": 100}, "first": text, "max": text}},
				}}},
			"edges": object{"type": "array", "items": object{"type": "object", "required": []any{"from", "to"}, "additionalProperties": false,
				"properties": object{"from": object{"type": "string", "pattern": `^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$`}, "to": slugged}}},
			"invariants": object{"type": "array", "maxItems": MaxInvariants, "items": object{"type": "object", "required": []any{"name"}, "additionalProperties": false,
				"properties": object{"name": text, "when": text, "never_groups": texts, "never_accounts": texts, "directory": text, "say": text}}},
			"backtest": object{"type": "object", "additionalProperties": false, "description": "A revision is tested against past joiners before it may be approved.",
				"properties": object{"required": object{"type": "boolean"}, "joiners": object{"type": "integer", "minimum": 1, "maximum": MostBacktest}}},
			"limits": object{"type": "object", "additionalProperties": false, "properties": object{"runs_per_hour": limit, "creates_per_hour": limit, "grants_per_hour": limit, "write_backs_per_hour": limit}},
		},
	}
}

func fieldSchema(f form.Field) object {
	text := object{"type": "string"}
	plain := object{}
	switch f.Kind {
	case form.Number:
		plain = object{"type": "number"}
	case form.Bool:
		plain = object{"type": "boolean"}
	case form.Select:
		var values []any
		for _, o := range f.Options {
			values = append(values, o.Value)
		}
		plain = object{"enum": values}
	case form.Mapping:
		plain = object{"type": "object"}
	case form.List:
		plain = object{"type": "array", "items": text}
	case form.Cases:
		return object{"type": "array", "items": object{"type": "object", "required": []any{"when", "port"}, "additionalProperties": false, "properties": object{"when": text, "port": text}}}
	case form.Fields:
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
