package web

import (
	"bytes"
	"encoding/json"
	"slices"

	"joinery/internal/auth"
	"joinery/internal/joiner"
)

const hidden = "(hidden)"

// redact hides personal fields, at any depth, from those who may not see them.
func redact(v any, who auth.Actor) any {
	if who.Can(auth.PersonalRead) {
		return v
	}
	return hide(v, joiner.Personal())
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
