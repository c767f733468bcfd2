package expr

import (
	"strings"
	"unicode"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"golang.org/x/text/unicode/norm"
)

// folded are letters that Unicode does not take apart into a base and a mark.
var folded = strings.NewReplacer(
	"ß", "ss", "ẞ", "SS", "æ", "ae", "Æ", "AE", "œ", "oe", "Œ", "OE", "ø", "o", "Ø", "O", "ł", "l", "Ł", "L",
	"đ", "d", "Đ", "D", "ð", "d", "Ð", "D", "þ", "th", "Þ", "Th", "ħ", "h", "Ħ", "H", "ı", "i", "İ", "I",
	"ŋ", "n", "Ŋ", "N", "ŧ", "t", "Ŧ", "T", "ĸ", "k", "ſ", "s", "ĳ", "ij", "Ĳ", "IJ", "ŀ", "l", "Ŀ", "L", "ŉ", "n",
	"ƒ", "f", "ə", "a", "Ə", "A", "’", "'", "‘", "'", "´", "'",
)

// normalize strips accents and folds letters to their plain Latin form: Łukasz
// Żółć gives Lukasz Zolc. Other scripts stay as they are; a name policy decides.
func normalize(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range norm.NFD.String(folded.Replace(norm.NFC.String(s))) {
		if !unicode.Is(unicode.Mn, r) {
			b.WriteRune(r)
		}
	}
	return norm.NFC.String(b.String())
}

// PlainLetters is a text in plain Latin letters, as NormalizeDiacritics gives it.
func PlainLetters(s string) string { return normalize(s) }

func keep(s string, ok func(rune) bool) string {
	return strings.Map(func(r rune) rune {
		if ok(r) {
			return r
		}
		return -1
	}, s)
}

func lettersOnly(s string) string { return keep(s, unicode.IsLetter) }

func digitsOnly(s string) string { return keep(s, func(r rune) bool { return r >= '0' && r <= '9' }) }

// mid takes count characters from a position that counts from 1.
func mid(s string, start, count int) string {
	r := []rune(s)
	from := min(max(start-1, 0), len(r))
	return string(r[from:min(from+max(count, 0), len(r))])
}

func right(s string, count int) string {
	r := []rune(s)
	return string(r[len(r)-min(max(count, 0), len(r)):])
}

func split(s, sep string) []string {
	if s == "" {
		return []string{}
	}
	return strings.Split(s, sep)
}

// replace bounds its result before making it: a few nested calls could
// otherwise ask for gigabytes.
func replace(s, old, with string) ref.Val {
	if old == "" {
		return types.String(s)
	}
	if len(s)+strings.Count(s, old)*(len(with)-len(old)) > maxText {
		return types.NewErr("the text became longer than 1 MB")
	}
	return types.String(strings.ReplaceAll(s, old, with))
}

func regexReplace(s, pattern, with string) ref.Val {
	if len(pattern) > 500 || len(s) > 64<<10 || len(with) > 1000 {
		return types.NewErr("RegexReplace takes patterns of up to 500 and texts of up to 64 thousand characters")
	}
	re, err := patterns.compile(pattern)
	if err != nil {
		return types.NewErr("the pattern %q is not a regular expression", pattern)
	}
	if len(s)*(len(with)+1) > 64*maxText {
		return types.NewErr("the text became longer than 1 MB")
	}
	return str(re.ReplaceAllString(s, with))
}

// inStr gives the position of the first match, from 1, ignoring case; 0 when
// there is none.
func inStr(s, find string) int {
	before, _, ok := strings.Cut(strings.ToLower(s), strings.ToLower(find))
	if !ok {
		return 0
	}
	return len([]rune(before)) + 1
}

// word gives the n-th word of a text cut at any of the delimiters, from 1.
func word(s string, n int, delimiters string) string {
	words := strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(delimiters, r) })
	if n < 1 || n > len(words) {
		return ""
	}
	return words[n-1]
}

// properCase begins each word with a capital and makes the rest small.
func properCase(s string) string {
	start := true
	return strings.Map(func(r rune) rune {
		defer func() { start = !unicode.IsLetter(r) && r != '\'' }()
		if start {
			return unicode.ToTitle(r)
		}
		return unicode.ToLower(r)
	}, s)
}

// joined leaves out what is empty, so no separator stands beside nothing.
func joined(sep string, values []ref.Val) string {
	var parts []string
	for _, v := range values {
		if !blank(v) {
			parts = append(parts, Text(plain(v)))
		}
	}
	return strings.Join(parts, sep)
}

func item(list []ref.Val, n int) ref.Val {
	if n < 1 || n > len(list) {
		return types.NullValue
	}
	return list[n-1]
}

func removeDuplicates(list []ref.Val) []ref.Val {
	var out []ref.Val
	seen := map[any]bool{}
	for _, v := range list {
		key := plain(v)
		switch key.(type) {
		case []any, map[string]any:
			key = Text(key)
		}
		if !seen[key] {
			seen[key] = true
			out = append(out, v)
		}
	}
	return out
}

func toBool(v any) ref.Val {
	switch x := v.(type) {
	case bool:
		return types.Bool(x)
	case string:
		switch strings.ToLower(strings.TrimSpace(x)) {
		case "true", "yes", "1", "y":
			return types.True
		case "false", "no", "0", "n", "":
			return types.False
		}
	case int64:
		return types.Bool(x != 0)
	case nil:
		return types.False
	}
	return types.NewErr("this is neither true nor false")
}
