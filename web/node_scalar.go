package web

import (
	"encoding/json"
	"strings"
)

// scalarText writes one value of a mapping as people type it: as YAML would, so
// that true and 5 are no texts. A text that would be read as something else stands
// in quotes.
func scalarText(v any) string {
	if s, ok := v.(string); ok {
		if back, ok := scalar(s).(string); ok && back == s {
			return s
		}
	}
	raw, err := marshalPlain(v)
	if err != nil {
		return ""
	}
	return raw
}

// scalar reads one typed value of a mapping: true, false, null, a number, a text in
// double quotes, a list or a map in JSON; anything else is a text. A number that
// would not come back as it was typed stays a text: 00123, +49 30 1234.
func scalar(text string) any {
	trimmed := strings.TrimSpace(text)
	if trimmed == "" || trimmed == "null" {
		return nil
	}
	if c := trimmed[0]; c != '"' && c != '[' && c != '{' && c != '-' && trimmed != "true" && trimmed != "false" && (c < '0' || c > '9') {
		return trimmed
	}
	var v any
	if json.Unmarshal([]byte(trimmed), &v) != nil || strings.HasPrefix(trimmed, "{{") {
		return trimmed
	}
	if n, ok := v.(float64); ok {
		if again, err := marshalPlain(n); err != nil || again != trimmed {
			return trimmed
		}
	}
	return v
}

func marshalPlain(v any) (string, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return strings.TrimSuffix(b.String(), "\n"), err
}
