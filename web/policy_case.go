package web

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/joiner"
	"joinery/internal/policy"
)

func caseDraft(id string, k policy.Case) draftCase {
	out := draftCase{id: id, name: k.Name, joiner: attributesText(k.Joiner), worker: k.Worker, now: k.Now, refusal: k.Error, folded: true}
	for _, t := range k.Taken {
		line := t.Space + ": " + t.Name
		if t.Holder != "" {
			line += " (" + t.Holder + ")"
		}
		out.taken += line + "\n"
	}
	out.taken = strings.TrimSpace(out.taken)
	if len(k.Expect) > 0 {
		out.expect = yamlText(k.Expect)
	}
	return out
}

// yamlText writes a value as short YAML, lists of plain values on one line.
func yamlText(v map[string]any) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(v)) {
		text, err := yaml.MarshalWithOptions(map[string]any{k: v[k]}, yaml.Indent(2), yaml.IndentSequence(true))
		if list, ok := v[k].([]any); ok && plainList(list) {
			text, err = yaml.MarshalWithOptions(map[string]any{k: list}, yaml.Flow(true))
			text = []byte(strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(string(text)), "{"), "}"))
		}
		if err != nil {
			return ""
		}
		b.WriteString(strings.TrimSpace(string(text)) + "\n")
	}
	return strings.TrimSpace(b.String())
}

func plainList(list []any) bool {
	for _, x := range list {
		switch x.(type) {
		case map[string]any, []any:
			return false
		}
	}
	return true
}

// attributesText writes a joiner's attributes one a line. A text that would be read
// as something else stands in quotes.
func attributesText(attributes map[string]any) string {
	var lines []string
	for _, k := range slices.Sorted(maps.Keys(attributes)) {
		lines = append(lines, k+": "+attributeText(k, attributes[k]))
	}
	return strings.Join(lines, "\n")
}

func attributeText(name string, v any) string {
	if s, ok := v.(string); ok && !strings.ContainsAny(s, "\n\r") && s == strings.TrimSpace(s) {
		if back, _ := attributeOf(name, s); back == s {
			return s
		}
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}

// attributeOf reads what was typed for an attribute: text, unless it is JSON of
// another type and the attribute is not one of those that are always text.
func attributeOf(name, text string) (any, bool) {
	text = strings.TrimSpace(text)
	quoted := len(text) > 1 && (text[0] == '"' || text[0] == '[' || text[0] == '{')
	if !quoted && slices.Contains(joiner.Known(), name) && text != "null" {
		return text, true
	}
	var v any
	if json.Unmarshal([]byte(text), &v) == nil {
		return v, true
	}
	return text, !quoted || text[0] == '"'
}

// readAttributes reads lines of name: value. An empty value is no attribute.
func readAttributes(text string) (map[string]any, string) {
	out := map[string]any{}
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		name, value, ok := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); strings.TrimSpace(line) == "" {
			continue
		}
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return nil, fmt.Sprintf("“%s” is not an attribute. Write one a line: department: Sales.", clipText(strings.TrimSpace(line), 60))
		}
		if strings.TrimSpace(value) == "" {
			continue
		}
		v, ok := attributeOf(name, value)
		if !ok {
			return nil, fmt.Sprintf("The value of %s begins like a list, and is not one. Write it like [\"a\", \"b\"].", name)
		}
		out[name] = v
	}
	return out, ""
}

func clipText(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}

// readCases reads the tests of the form, on top of those it began with.
func (d policyDraft) readCases() (out []any, problems []fault.Problem) {
	before := rowsOf(d.origin["cases"])
	for i, x := range d.cases {
		k := map[string]any{}
		if n, err := strconv.Atoi(x.id); err == nil && n < len(before) {
			k = maps.Clone(before[n])
		}
		set := func(field string, v any, empty bool, wrong string) {
			if wrong != "" {
				problems = append(problems, fault.Problem{Path: fmt.Sprintf("cases.%d.%s", i, field), Detail: wrong})
			}
			if delete(k, field); !empty {
				k[field] = v
			}
		}
		for field, text := range map[string]string{"name": x.name, "worker": x.worker, "now": x.now, "error": x.refusal} {
			set(field, unlessSpace(k[field], strings.TrimSpace(text)), strings.TrimSpace(text) == "", "")
		}
		attributes, wrong := readAttributes(x.joiner)
		set("joiner", attributes, false, wrong)
		taken, wrong := readTaken(x.taken)
		set("taken", taken, len(taken) == 0, wrong)
		expect, wrong := readExpected(x.expect)
		set("expect", expect, len(expect) == 0, wrong)
		out = append(out, k)
	}
	return out, problems
}

// readTaken reads lines of space: name (holder).
func readTaken(text string) (out []policy.Taken, wrong string) {
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		space, name, ok := strings.Cut(line, ":")
		t := policy.Taken{Space: strings.TrimSpace(space), Name: strings.TrimSpace(name)}
		if at := strings.LastIndex(t.Name, " ("); at > 0 && strings.HasSuffix(t.Name, ")") {
			t.Name, t.Holder = strings.TrimSpace(t.Name[:at]), t.Name[at+2:len(t.Name)-1]
		}
		if !ok || t.Space == "" || t.Name == "" {
			return nil, "Write one name a line: space: name, or space: name (who holds it)."
		}
		out = append(out, t)
	}
	return out, ""
}

// readExpected reads the outputs a test expects, as YAML.
func readExpected(text string) (map[string]any, string) {
	if strings.TrimSpace(text) == "" {
		return nil, ""
	}
	if err := flow.PlainYAML([]byte(text)); err != nil {
		return nil, fault.Sentence(err)
	}
	var out map[string]any
	if err := yaml.UnmarshalWithOptions([]byte(text), &out, yaml.Strict()); err != nil {
		return nil, "Write one output a line, such as groups: [all-staff, crm-users]."
	}
	return out, ""
}
