package auth

import (
	_ "embed"
	"strings"
	"sync"
	"unicode"
)

//go:embed common.txt
var commonText string

var commonWords = sync.OnceValue(func() [][]rune {
	var out [][]rune
	for line := range strings.SplitSeq(commonText, "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		for _, w := range strings.Fields(strings.ToLower(line)) {
			out = append(out, []rune(w))
		}
	}
	return out
})

// guessable finds repeated units, keyboard rows, counting, and passwords that are
// put together from the words that lead every list of leaked ones, whatever
// digits, spaces and signs stand between.
func guessable(p string) bool {
	seen := map[rune]bool{}
	for _, r := range p {
		seen[r] = true
	}
	return len(seen) < 6 || repeated(p) || uncovered(p) < 4
}

// uncovered counts the letters that remain when as much as possible of a password
// is covered by common words; digits and signs count nothing.
func uncovered(p string) int {
	var text []rune
	for _, r := range p {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '@' || r == '$' {
			text = append(text, r)
		}
	}
	least := make([]int, len(text)+1)
	for i := 1; i <= len(text); i++ {
		least[i] = least[i-1]
		if unicode.IsLetter(text[i-1]) {
			least[i]++
		}
		for _, w := range commonWords() {
			if len(w) <= i && alike(text[i-len(w):i], w) {
				least[i] = min(least[i], least[i-len(w)])
			}
		}
	}
	return least[len(text)]
}

// alike compares, taking digits and signs for the letters they often stand for.
func alike(text, word []rune) bool {
	for i, r := range text {
		if r != word[i] && !strings.ContainsRune(standsFor[r], word[i]) {
			return false
		}
	}
	return true
}

var standsFor = map[rune]string{'0': "o", '1': "il", '3': "e", '4': "a", '5': "s", '7': "t", '@': "a", '$': "s"}

// repeated finds a short unit said again and again.
func repeated(p string) bool {
	r := []rune(p)
	for n := 1; n <= len(r)/2 && n <= 8; n++ {
		same := true
		for i := n; i < len(r) && same; i++ {
			same = r[i] == r[i-n]
		}
		if same {
			return true
		}
	}
	return false
}
