package author

import (
	_ "embed"
	"strings"
)

//go:embed everyday.txt
var everydayText string

// everyday are ordinary words that are also names. "May", "Price" and "Sales" would keep
// nearly every text from being sent where people are called so, and say nothing of them.
var everyday = listedWords(everydayText)

func listedWords(text string) map[string]bool {
	out := map[string]bool{}
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		for _, w := range strings.Fields(line) {
			out[w] = true
		}
	}
	return out
}
