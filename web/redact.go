package web

import (
	"bytes"
	"encoding/json"
	"slices"

	"joinery/internal/auth"
	"joinery/internal/joiner"
	"joinery/internal/postgres"
)

const hidden = "(hidden)"

// redact hides personal fields, at any depth, from those who may not see them.
func redact(v any, who auth.Actor) any {
	if who.Can(auth.PersonalRead) {
		return v
	}
	return hide(v, joiner.Personal())
}

// eyes gives a run as a reader may see it: whatever name a flow gave to a personal
// value, those who may not see it see it hidden.
func eyes(d postgres.RunDetail, who auth.Actor) postgres.RunDetail {
	if who.Can(auth.PersonalRead) || len(d.Personal) == 0 {
		return d
	}
	steps := slices.Clone(d.Steps)
	for i := range steps {
		for _, part := range []*json.RawMessage{&steps[i].Input, &steps[i].Output, &steps[i].Changes} {
			*part = withoutValues(*part, d.Personal)
		}
		steps[i].Error, steps[i].Note = joiner.HideValues(steps[i].Error, d.Personal), joiner.HideValues(steps[i].Note, d.Personal)
	}
	d.Steps = steps
	d.Reason = joiner.HideValues(d.Reason, d.Personal)
	return d
}

// withoutValues takes values out of all texts of a document.
func withoutValues(raw json.RawMessage, values []string) json.RawMessage {
	var v any
	if len(raw) == 0 || json.Unmarshal(raw, &v) != nil {
		return raw
	}
	out, err := json.Marshal(walk(v, func(s string) string { return joiner.HideValues(s, values) }))
	if err != nil {
		return nil
	}
	return out
}

func walk(v any, change func(string) string) any {
	switch x := v.(type) {
	case string:
		return change(x)
	case map[string]any:
		for k, e := range x {
			x[k] = walk(e, change)
		}
	case []any:
		for i, e := range x {
			x[i] = walk(e, change)
		}
	}
	return v
}

func hide(v any, names []string) any {
	switch x := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, e := range x {
			if slices.Contains(names, k) && e != nil {
				out[k] = hidden
				continue
			}
			out[k] = hide(e, names)
		}
		if a, ok := x["attribute"].(string); ok && slices.Contains(names, a) {
			out["before"], out["after"] = hidden, hidden
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = hide(e, names)
		}
		return out
	}
	return v
}

// redacted gives stored JSON as text to be read, with personal fields hidden; ""
// for nothing.
func redacted(raw json.RawMessage, who auth.Actor) string {
	if len(raw) == 0 || string(raw) == "null" || string(raw) == "{}" {
		return ""
	}
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return ""
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if enc.Encode(redact(v, who)) != nil {
		return ""
	}
	return string(bytes.TrimSpace(b.Bytes()))
}
