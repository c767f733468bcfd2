package web

import (
	"fmt"
	"strings"
	"unicode"

	"joinery/internal/artifact"
)

// visible writes characters that cannot be seen, or that turn the order of what
// follows, as their code points, so that a reviewer sees what the machine reads.
func visible(text string) string {
	if !strings.ContainsFunc(text, odd) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if odd(r) {
			fmt.Fprintf(&b, "⟨U+%04X⟩", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func odd(r rune) bool {
	return artifact.Hidden(r) || unicode.Is(unicode.Cf, r) || unicode.IsControl(r) && r != '\n' && r != '\t'
}
