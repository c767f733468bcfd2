package author

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"joinery/internal/function"
)

// How long a line may be, how many blanks may stand in the middle of one, and how many
// empty lines one after another: a reader sees no more than a window.
const (
	longLine   = 300
	manyBlanks = 40
	manyEmpty  = 20
)

// hiddenGaps finds what a reader of the source would not see, or would take for something
// else: characters without a shape or that turn the order around, letters of two scripts
// in one word, and what stands outside of the window.
func hiddenGaps(c function.Content) []Gap {
	var out []Gap
	gap := func(line int, format string, args ...any) {
		out = append(out, Gap{Gate: GateLiterals, Line: line, Says: fmt.Sprintf(format, args...)})
	}
	empty := 0
	for n, line := range strings.Split(c.Source, "\n") {
		if says := unseen(line); says != "" {
			gap(n+1, "The line %s", says)
		}
		trimmed := strings.TrimSpace(line)
		if utf8.RuneCountInString(line) > longLine {
			gap(n+1, "The line is longer than %d characters, so its end is not seen. Break it.", longLine)
		}
		if strings.Contains(strings.ReplaceAll(trimmed, "\t", "    "), strings.Repeat(" ", manyBlanks)) {
			gap(n+1, "In the middle of the line are %d blanks or more, so what follows is not seen. Take them out.", manyBlanks)
		}
		if trimmed != "" {
			empty = 0
		} else if empty++; empty == manyEmpty {
			gap(n+1, "There are %d empty lines, so what follows is not seen. Take them out.", manyEmpty)
		}
	}
	for _, w := range words(c) {
		if says := unseen(w.text); says != "" {
			gap(0, "%s %s", w.where, says)
		}
		if addressForm.MatchString(w.text) {
			gap(0, "%s speaks to whoever reviews or to a model. It says what the function does, and nothing about its review.", w.where)
		}
	}
	return out
}

type saidAt struct{ where, text string }

// words are the texts of a function that people read beside its source.
func words(c function.Content) []saidAt {
	out := []saidAt{{"The name", c.Name}, {"The description", c.Description}}
	for _, k := range c.Cases {
		out = append(out, saidAt{"The name of the test \"" + clipped(visibleOnly(k.Name), 60) + "\"", k.Name})
	}
	for _, s := range []map[string]any{c.Manifest.Input, c.Manifest.Output} {
		described(s, &out)
	}
	return out
}

func described(v any, out *[]saidAt) {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			if text, ok := e.(string); ok && (k == "description" || k == "title") {
				*out = append(*out, saidAt{"A description of a field", text})
			}
			described(e, out)
		}
	case []any:
		for _, e := range x {
			described(e, out)
		}
	}
}

// unseen says what a text holds that is not seen as it is; "" for nothing.
func unseen(text string) string {
	latin, other := false, ""
	for _, r := range text {
		switch {
		case invisible(r):
			return fmt.Sprintf("holds a character that is not seen or turns the order around (U+%04X). Take it out, or write it by its number, such as \\226\\128\\139.", r)
		case !unicode.IsLetter(r) && !unicode.IsMark(r):
			latin, other = false, ""
			continue
		case unicode.Is(unicode.Latin, r):
			latin = true
		case unicode.Is(unicode.Cyrillic, r):
			other = "Cyrillic"
		case unicode.Is(unicode.Greek, r):
			other = "Greek"
		case unicode.Is(unicode.Armenian, r), unicode.Is(unicode.Cherokee, r):
			other = "another script"
		}
		if latin && other != "" {
			return fmt.Sprintf("holds a word of Latin letters and letters of %s that look like them (%s). Write it with letters of one script.", other, string(r))
		}
	}
	return ""
}

// invisible says whether a character has no shape of its own, or changes how others stand.
func invisible(r rune) bool {
	switch {
	case r == '\t' || r == '\n' || r == '\r':
		return false
	case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Cc, r), unicode.Is(unicode.Co, r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r), unicode.Is(unicode.Variation_Selector, r):
		return true
	}
	// Letters and blanks that are drawn as nothing or as a blank.
	return strings.ContainsRune("\u00a0\u034f\u115f\u1160\u17b4\u17b5\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u2800\u3000\u3164\uffa0", r)
}

func visibleOnly(s string) string {
	return strings.Map(func(r rune) rune {
		if invisible(r) {
			return -1
		}
		return r
	}, s)
}

// leastHidden is how long an encoded text is that is looked into.
const leastHidden = 16

var (
	encodedForm = regexp.MustCompile(`[A-Za-z0-9+/_-]{16,}={0,2}`)
	numbersForm = regexp.MustCompile(`(?:\b[0-9]{2,3}\s*,\s*){7,}[0-9]{2,3}\b`)
)

// decoded gives the readable texts that are hidden in one: in base64, in hexadecimal, or
// backwards.
func decoded(text string) []string {
	var out []string
	for _, t := range encodedForm.FindAllString(text, -1) {
		t = strings.TrimRight(t, "=")
		for _, decode := range []func(string) ([]byte, error){hex.DecodeString, base64.RawStdEncoding.DecodeString, base64.RawURLEncoding.DecodeString} {
			if raw, err := decode(t); err == nil && readable(raw) {
				out = append(out, string(raw))
			}
		}
	}
	return out
}

// readable says whether bytes are text that somebody wrote: printable, and with what
// letters by chance seldom have.
func readable(raw []byte) bool {
	letters := 0
	for _, b := range raw {
		if b < ' ' || b > '~' {
			return false
		}
		if b >= 'a' && b <= 'z' || b == ' ' {
			letters++
		}
	}
	return len(raw) >= 8 && letters*2 > len(raw)
}

// numbered gives the texts that a list of numbers spells.
func numbered(source string) []string {
	var out []string
	for _, list := range numbersForm.FindAllString(source, -1) {
		var raw []byte
		for n := range strings.SplitSeq(list, ",") {
			v, err := strconv.Atoi(strings.TrimSpace(n))
			if err != nil || v > 126 {
				raw = nil
				break
			}
			raw = append(raw, byte(v))
		}
		if readable(raw) {
			out = append(out, string(raw))
		}
	}
	return out
}
