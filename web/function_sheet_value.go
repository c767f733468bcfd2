package web

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// plainNumber is a number as a person writes one; digits behind a zero are an id.
var plainNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// mostExact is where whole numbers stop being exact; longer ones are ids, so text.
const mostExact = 1 << 53

// readPlain reads a value that may be of any type: a number, true, false, null, a list in
// [ ] and a table in { } are such, all else is text as it is. Text that would be
// read as one of them stands in double quotes.
func readPlain(cell string) (v any, wrong string) {
	t := strings.TrimSpace(cell)
	if strings.HasPrefix(t, "[") || strings.HasPrefix(t, "{") {
		if formYAML(t, &v, "") != "" {
			return cell, "A list looks like [a, b], a table like {name: value}. Text that begins with a bracket stands in double quotes."
		}
		return v, ""
	}
	switch t {
	case "true", "false":
		return t == "true", ""
	case "null":
		return nil, ""
	}
	if plainNumber.MatchString(t) {
		if n, err := strconv.ParseFloat(t, 64); err == nil && n > -mostExact && n < mostExact {
			return n, ""
		}
	}
	return readText(cell), ""
}

// readText reads text: as it is, or in double quotes.
func readText(cell string) string {
	var quoted string
	if t := strings.TrimSpace(cell); strings.HasPrefix(t, `"`) && json.Unmarshal([]byte(t), &quoted) == nil {
		return quoted
	}
	return cell
}

// writePlain writes a value so that readPlain reads it back.
func writePlain(v any) string {
	if s, ok := v.(string); ok && s == strings.TrimSpace(s) && s != "" && !strings.ContainsAny(s, "\n\r") {
		if back, wrong := readPlain(s); wrong == "" && back == any(s) {
			return s
		}
	}
	return inJSON(v)
}

// writeText writes text so that readText reads it back.
func writeText(s string) string {
	if s == "" || readText(s) != s || s != strings.TrimSpace(s) {
		return inJSON(s)
	}
	return s
}

// inJSON writes a value in one line.
func inJSON(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil {
		return ""
	}
	return strings.TrimSpace(b.String())
}

const asPairs = "Write one a line, as name: value."

// readPairs reads lines of name: value. The names of a table within a table are joined
// by a dot; with texts there are none, and each value is text.
func readPairs(cell string, texts bool) (out map[string]any, wrong string) {
	out = map[string]any{}
	for line := range strings.SplitSeq(cell, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, asPairs
		}
		value = strings.TrimSpace(value)
		if texts {
			if _, twice := out[name]; twice {
				return nil, "There are two lines for " + name + "."
			}
			out[name] = readText(value)
			continue
		}
		v, why := readPlain(value)
		if why != "" {
			return nil, name + ": " + why
		}
		if !putAt(out, strings.Split(name, "."), v) {
			return nil, "There are two lines for " + name + "."
		}
	}
	return out, ""
}

// putAt puts a value where the names lead; false where something is there already.
func putAt(in map[string]any, names []string, v any) bool {
	for _, n := range names[:len(names)-1] {
		if in[n] == nil {
			in[n] = map[string]any{}
		}
		next, ok := in[n].(map[string]any)
		if !ok {
			return false
		}
		in = next
	}
	last := names[len(names)-1]
	if _, there := in[last]; there {
		return false
	}
	in[last] = v
	return true
}

// writePairs writes a table as lines of name: value.
func writePairs(in map[string]any, texts bool) string {
	var lines []string
	var add func(before string, in map[string]any)
	add = func(before string, in map[string]any) {
		for _, name := range slices.Sorted(maps.Keys(in)) {
			within, table := in[name].(map[string]any)
			text, isText := in[name].(string)
			switch {
			case table && len(within) > 0 && !texts:
				add(before+name+".", within)
			case texts && isText:
				lines = append(lines, before+name+": "+writeText(text))
			default:
				lines = append(lines, before+name+": "+writePlain(in[name]))
			}
		}
	}
	add("", in)
	return strings.Join(lines, "\n")
}
