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
)

// caseField is a field of a test: how it is written as text, and read.
type caseField struct {
	key, label, help, placeholder string
	rows                          int
	// only are the types of policy that look at it; none for all.
	only  []string
	write func(v any) string
	read  func(text string) (v any, wrong string)
}

// caseFields are the fields of a test, in the order of its form.
func caseFields() []caseField {
	plain := func(v any) string { s, _ := v.(string); return s }
	text := func(s string) (any, string) { return textOrNil(s), "" }
	return []caseField{
		{key: "name", label: "Name", placeholder: "Sales gets the CRM", write: plain, read: text},
		{key: "now", label: "Day", placeholder: "2026-01-01", help: "The moment of the decision; 2026-01-01 when empty.", write: plain, read: text},
		{key: "worker", label: "Worker id", placeholder: "1", help: "The joiner's id in the HRIS, where it matters.", write: plain, read: text},
		{key: "source", label: "HRIS", placeholder: "hr", help: "The connection that the joiner comes from.", only: []string{"write-back", "groups"}, write: plain, read: text},
		{key: "joiner", label: "Joiner", rows: 3, placeholder: "department: Sales", help: "One attribute a line: name: value.", write: attributesOf, read: readLines},
		{key: "expect", label: "Must come out", rows: 3, placeholder: "groups: [all-staff, crm-users]", help: "One output a line. Others may come out too.", write: yamlOf, read: readExpected},
		{key: "inputs", label: "Values from the flow", rows: 2, placeholder: "site_code: ham", help: "One a line: name: value.", only: []string{"groups", "mapping"}, write: attributesOf, read: readLines},
		{key: "taken", label: "Names that are taken", rows: 2, help: "One a line: space: name (who holds it).", only: []string{"naming"}, write: takenText, read: readTaken},
		{key: "people", label: "Who is known already", rows: 3, placeholder: "worker: \"77\"\nfirst_name: Zoë", help: "One attribute a line, worker for the id; an empty line between two people.", only: []string{"correlation"}, write: blocksOf, read: readBlocks},
		{key: "accounts", label: "Accounts that are there", rows: 3, placeholder: "connection: corp-ad\naccount: ada", help: "connection, account (the login), mark, protected, groups, and attributes, one a line; an empty line between two accounts.", only: []string{"correlation"}, write: blocksOf, read: readBlocks},
		{key: "write", label: "What the flow wants to write", rows: 2, placeholder: "work_email: ada@example.com", help: "One field a line: name: value.", only: []string{"write-back"}, write: attributesOf, read: readLines},
		{key: "wrote", label: "What Joinery wrote before", rows: 2, help: "One field a line: name: value.", only: []string{"write-back"}, write: attributesOf, read: readLines},
		{key: "planned", label: "What HR said at the plan", rows: 2, help: "One field a line. Empty: the same as now.", only: []string{"write-back"}, write: attributesOf, read: readLines},
		{key: "error", label: "Or: it must refuse with", help: "A part of the sentence.", write: plain, read: text},
	}
}

func textOrNil(s string) any {
	if s = strings.TrimSpace(s); s != "" {
		return s
	}
	return nil
}

// shows tells whether a test of this type has the field; one that is filled is
// never hidden.
func (f caseField) shows(typ, text string) bool {
	return len(f.only) == 0 || slices.Contains(f.only, typ) || text != ""
}

func caseDraft(id string, k map[string]any) draftCase {
	out := draftCase{id: id, texts: map[string]string{}, folded: true}
	for _, f := range caseFields() {
		if v, ok := k[f.key]; ok {
			out.texts[f.key] = f.write(v)
		}
	}
	return out
}

func attributesOf(v any) string {
	m, _ := v.(map[string]any)
	return attributesText(m)
}

// blocksOf writes several things with attributes, an empty line between two.
func blocksOf(v any) string {
	var blocks []string
	for _, row := range rowsOf(v) {
		blocks = append(blocks, attributesText(row))
	}
	return strings.Join(blocks, "\n\n")
}

// readBlocks reads several things with attributes; an empty line is between two.
func readBlocks(text string) (any, string) {
	var out []any
	block := ""
	end := func() string {
		row, wrong := readAttributes(block)
		if block = ""; len(row) > 0 {
			out = append(out, row)
		}
		return wrong
	}
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		if strings.TrimSpace(line) != "" {
			block += line + "\n"
		} else if wrong := end(); wrong != "" {
			return nil, wrong
		}
	}
	if wrong := end(); wrong != "" || len(out) == 0 {
		return nil, wrong
	}
	return out, ""
}

func yamlOf(v any) string {
	m, _ := v.(map[string]any)
	return yamlText(m)
}

func takenText(v any) string {
	var lines []string
	for _, t := range rowsOf(v) {
		line := plainText(t["space"]) + ": " + plainText(t["name"])
		if holder := plainText(t["holder"]); holder != "" {
			line += " (" + holder + ")"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
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
	if s, ok := v.(string); ok && s != "" && !strings.ContainsAny(s, "\n\r") && s == strings.TrimSpace(s) {
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
		for _, f := range caseFields() {
			v, wrong := f.read(x.texts[f.key])
			if wrong != "" {
				problems = append(problems, fault.Problem{Path: fmt.Sprintf("cases.%d.%s", i, f.key), Detail: wrong})
			}
			if v = unlessSpace(k[f.key], v); v == nil {
				delete(k, f.key)
			} else {
				k[f.key] = v
			}
		}
		if k["joiner"] == nil {
			k["joiner"] = map[string]any{}
		}
		out = append(out, k)
	}
	return out, problems
}

// readLines reads lines of name: value; nil where there are none.
func readLines(text string) (any, string) {
	out, wrong := readAttributes(text)
	if len(out) == 0 {
		return nil, wrong
	}
	return out, wrong
}

// readTaken reads lines of space: name (holder).
func readTaken(text string) (any, string) {
	var out []any
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		space, name, ok := strings.Cut(line, ":")
		space, name = strings.TrimSpace(space), strings.TrimSpace(name)
		t := map[string]any{"space": space, "name": name}
		if at := strings.LastIndex(name, " ("); at > 0 && strings.HasSuffix(name, ")") {
			t["name"], t["holder"] = strings.TrimSpace(name[:at]), name[at+2:len(name)-1]
		}
		if !ok || space == "" || name == "" {
			return nil, "Write one name a line: space: name, or space: name (who holds it)."
		}
		out = append(out, t)
	}
	if len(out) == 0 {
		return nil, ""
	}
	return out, ""
}

// readExpected reads the outputs a test expects, as YAML.
func readExpected(text string) (any, string) {
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
	if len(out) == 0 {
		return nil, ""
	}
	return out, ""
}
