package expr

import "strings"

// RenameStep writes a field's text with another name for a step: every steps.old
// of its expressions becomes steps.now. Words inside quotes and
// what stands outside of expressions stay. bare says that the whole text is an
// expression, with or without the leading "=".
func RenameStep(text, old, now string, bare bool) string {
	if bare || strings.HasPrefix(text, "=") {
		return renameIn(text, old, now)
	}
	if !strings.Contains(text, "{{") {
		return text
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "{{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString("{{")
		end := closing(after)
		if end < 0 {
			b.WriteString(after)
			return b.String()
		}
		b.WriteString(renameIn(after[:end], old, now))
		b.WriteString("}}")
		text = after[end+2:]
	}
}

// renameIn goes through an expression and passes over quoted texts.
func renameIn(s, old, now string) string {
	var b strings.Builder
	word := "steps." + old
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\'':
			end := quoted(s[i:])
			b.WriteString(s[i : i+end])
			i += end
		case strings.HasPrefix(s[i:], word) && (i == 0 || !wordy(s[i-1]) && s[i-1] != '.') && (i+len(word) == len(s) || !wordy(s[i+len(word)])):
			b.WriteString("steps." + now)
			i += len(word)
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String()
}

// quoted gives the length of the quoted text that s begins with; all of s when
// its end is missing.
func quoted(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			return i + 1
		}
	}
	return len(s)
}

func wordy(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
