package flow

import "joinery/internal/form"

type object = map[string]any

// Schema gives the JSON Schema of a flow's content, with the fields of each node
// type, for editors outside the console. It names draft-07, which the most of them
// read, and holds nothing that later drafts read otherwise.
func Schema(cat Catalog) map[string]any {
	text := object{"type": "string"}
	texts := object{"type": "array", "items": text}
	slugged := object{"type": "string", "pattern": nodeID.String()}
	var kinds []any
	var rules []any
	for _, s := range cat.Specs() {
		kinds = append(kinds, s.Kind)
		rules = append(rules, object{
			"if":   object{"properties": object{"type": object{"const": s.Kind}}, "required": []any{"type"}},
			"then": paramsSchema(s),
		})
	}
	limit := object{"type": "integer", "minimum": 0}
	return object{
		"$schema": "http://json-schema.org/draft-07/schema#", "title": "Joinery flow", "type": "object", "additionalProperties": false,
		"required": []any{"key", "name", "trigger", "nodes"},
		"properties": object{
			"key": object{"type": "string", "pattern": "^[a-z][a-z0-9-]{0,62}$"}, "name": object{"type": "string", "minLength": 1, "maxLength": 200}, "description": text, "trigger": slugged,
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

// paramsSchema is what a node of one type holds.
func paramsSchema(s Spec) object {
	props, required := object{}, []any{}
	for _, f := range s.Fields {
		props[f.Key] = form.Schema(f)
		if f.Required && f.Default == nil && f.ShowWhen == nil {
			required = append(required, f.Key)
		}
	}
	params := object{"type": "object", "title": s.Title, "description": s.Help, "properties": props, "additionalProperties": false}
	if len(required) > 0 {
		params["required"] = required
	}
	if len(s.NeedsOne) > 0 {
		var one []any
		for _, key := range s.NeedsOne {
			one = append(one, object{"required": []any{key}})
		}
		params["anyOf"] = one
	}
	out := object{"properties": object{"params": params}}
	if len(required) > 0 || len(s.NeedsOne) > 0 {
		out["required"] = []any{"params"}
	}
	return out
}
