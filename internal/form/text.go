package form

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Write writes a value the way one cell of a table shows it: a list is separated by
// commas, a mapping has one entry a line, nothing is "". Read reads it back.
func Write(f Field, v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	case bool:
		return strconv.FormatBool(x)
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	case []any:
		return listText(x)
	case map[string]any:
		var lines []string
		for _, k := range slices.Sorted(maps.Keys(x)) {
			lines = append(lines, k+": "+Write(Field{}, x[k]))
		}
		return strings.Join(lines, "\n")
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}

func listText(list []any) string {
	var out []string
	for _, x := range list {
		s := Write(Field{}, x)
		if strings.ContainsAny(s, ",\"\n") || s != strings.TrimSpace(s) || s == "" {
			s = `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

// Read makes a value of what was typed into a cell; nil of nothing. wrong says in
// a sentence why it cannot, and then the value is the text itself.
func Read(f Field, text string) (v any, wrong string) {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	if f.Kind == Bool && !f.Expr {
		return readBool(text)
	}
	if text == "" {
		return nil, ""
	}
	switch f.Kind {
	case Number:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return text, "Write a number, such as 10."
		}
		return n, ""
	case List:
		if f.Expr && strings.HasPrefix(text, "=") {
			return text, ""
		}
		return readList(text)
	case Mapping:
		return readMapping(text)
	case Select:
		return readOption(f, text), ""
	}
	return text, ""
}

func readBool(text string) (any, string) {
	switch strings.ToLower(text) {
	case "", "false", "no", "0", "off":
		return false, ""
	case "true", "yes", "1", "on", "x":
		return true, ""
	}
	return text, "Write yes or no."
}

// readOption takes an option's label for its value, as a spreadsheet may have it.
func readOption(f Field, text string) string {
	for _, o := range f.Options {
		if strings.EqualFold(o.Value, text) || strings.EqualFold(o.Label, text) {
			return o.Value
		}
	}
	return text
}

// readList splits at commas and line ends; what holds one stands in double quotes.
func readList(text string) (any, string) {
	out := []any{}
	for rest := text; rest != ""; {
		rest = strings.TrimLeft(rest, " \t\n,")
		if !strings.HasPrefix(rest, `"`) {
			part := rest
			if i := strings.IndexAny(rest, ",\n"); i >= 0 {
				part = rest[:i]
			}
			rest = rest[len(part):]
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
			continue
		}
		part, after, ok := unquote(rest)
		if !ok {
			return text, "A quotation mark is not closed, or more text follows it."
		}
		out, rest = append(out, part), after
	}
	return out, ""
}

// unquote reads a part in double quotes at the beginning of a text; two quotes in
// it stand for one. It ends at a comma, a line end, or the end.
func unquote(text string) (part, rest string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] != '"':
			b.WriteByte(text[i])
		case i+1 < len(text) && text[i+1] == '"':
			b.WriteByte('"')
			i++
		default:
			rest = strings.TrimLeft(text[i+1:], " \t")
			return b.String(), rest, rest == "" || rest[0] == ',' || rest[0] == '\n'
		}
	}
	return "", "", false
}

func readMapping(text string) (any, string) {
	out := map[string]any{}
	for line := range strings.SplitSeq(text, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) == "" {
			return text, "Write one entry a line: name: value."
		}
		out[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	return out, ""
}
