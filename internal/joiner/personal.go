package joiner

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Personal names the attributes that are personal data beyond a work name:
// traces and pages show them redacted to people without personal.read.
func Personal() []string {
	return []string{PersonalEmail, Phone, "birth_date", "national_id", "home_address", "bank_account", "gender"}
}

// PersonalValues gives the values of personal attributes, to be found again where
// a flow or a system put them under another name; of several readings of one person
// those of all, the longest first. Short ones are left out: they would be found in
// ordinary words.
func PersonalValues(readings ...map[string]any) []string {
	var out []string
	for _, attributes := range readings {
		for _, name := range Personal() {
			if v, ok := attributes[name]; ok {
				out = personalIn(out, v, false)
			}
		}
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return slices.Compact(out)
}

// personalIn adds the values that a text, a number or a record holds. A part of a
// record counts only with a digit or an @ in it: the word Germany of an address
// must not be missing wherever countries are told.
func personalIn(out []string, v any, part bool) []string {
	switch x := v.(type) {
	case string:
		x = strings.TrimSpace(x)
		if len([]rune(x)) >= 7 && (!part || strings.ContainsAny(x, "0123456789@")) {
			out = append(out, x)
		}
	case float64:
		if s := strconv.FormatFloat(x, 'f', -1, 64); len(s) >= 7 {
			out = append(out, s)
		}
	case map[string]any:
		for _, e := range x {
			out = personalIn(out, e, true)
		}
	case []any:
		for _, e := range x {
			out = personalIn(out, e, true)
		}
	}
	return out
}

// HideValues takes values out of a text, in capitals or small letters.
func HideValues(text string, values []string) string {
	const mark = "(hidden)"
	for _, v := range values {
		if v == "" {
			continue
		}
		text = strings.ReplaceAll(text, v, mark)
		low, what := small(text), small(v)
		if len(low) != len(text) || !strings.Contains(low, what) {
			continue // no text: its places would not fit
		}
		var b strings.Builder
		for {
			i := strings.Index(low, what)
			if i < 0 {
				break
			}
			b.WriteString(text[:i] + mark)
			text, low = text[i+len(what):], low[i+len(what):]
		}
		text = b.String() + text
	}
	return text
}

// small writes a text in small letters that take as many bytes as before, so that a
// place in it is the same place in the text.
func small(text string) string {
	return strings.Map(func(r rune) rune {
		if low := unicode.ToLower(r); utf8.RuneLen(low) == utf8.RuneLen(r) {
			return low
		}
		return r
	}, text)
}
