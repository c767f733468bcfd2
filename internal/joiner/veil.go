package joiner

import (
	"maps"
	"strings"
	"time"
	"unicode"
)

// Veil gives a worker whose personal attributes are replaced by stand-ins of the
// same shape: rules go the same way, and what they make of a value tells nothing
// about it. The same value has the same stand-in, and the key keeps it from being
// guessed.
func Veil(w Worker, key []byte) Worker {
	w.Attributes = maps.Clone(w.Attributes)
	for _, name := range Personal() {
		switch v := w.Attributes[name].(type) {
		case nil:
		case string:
			w.Attributes[name] = standIn(v, Mark(key, name, v))
		default:
			delete(w.Attributes, name)
		}
	}
	return w
}

func standIn(v, mark string) string {
	if strings.TrimSpace(v) == "" {
		return v
	}
	if _, err := time.Parse(time.DateOnly, v); err == nil {
		return "1900-01-01"
	}
	if strings.Contains(v, "@") {
		return "hidden-" + mark[:8] + "@hidden.example"
	}
	n := 0
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsDigit(r):
			n++
			return rune('0' + mark[n%len(mark)]%10)
		case unicode.IsLetter(r):
			return 'x'
		}
		return r
	}, v)
}
