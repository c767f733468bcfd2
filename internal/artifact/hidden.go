package artifact

import (
	"fmt"
	"unicode/utf8"

	"joinery/internal/fault"
)

// Hidden tells characters that make text look other than it is and that no content
// needs: those that turn its direction, tags, and spaces without width. Joiners of
// letters (U+200C, U+200D) are part of some scripts and stay.
func Hidden(r rune) bool {
	switch {
	case r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069, r >= 0xE0000 && r <= 0xE007F, r >= 0xFFF9 && r <= 0xFFFB:
		return true
	case r == 0x200B, r == 0x200E, r == 0x200F, r == 0x061C, r == 0x2060, r == 0xFEFF, r == 0x115F, r == 0x3164:
		return true
	}
	return false
}

// hiddenIn keeps content with such characters from being submitted: a reviewer
// could not see what they approve. Canonical JSON writes them as they are.
func hiddenIn(content []byte) []fault.Problem {
	seen := map[rune]bool{}
	var out []fault.Problem
	for len(content) > 0 {
		r, n := utf8.DecodeRune(content)
		content = content[n:]
		if Hidden(r) && !seen[r] {
			seen[r] = true
			out = append(out, fault.Problem{Path: "content", Detail: fmt.Sprintf("It holds the character U+%04X, which makes text look other than it is. Remove it.", r)})
		}
	}
	return out
}
