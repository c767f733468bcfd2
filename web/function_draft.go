package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/gofiber/fiber/v2"

	"joinery/internal/artifact"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/function"
	"joinery/internal/review"
)

// functionDraft is a function as the texts of its form. What cannot be read stays as
// it was typed.
type functionDraft struct {
	key, name, description, source string
	input, output                  string // JSON Schemas as YAML
	grants                         []string
	milliseconds, memory, calls    string
	cases                          []functionCase
	sheets                         functionSheets
	// apart says that answers and plans have tables of their own, not a column of the tests.
	apart bool
	// of are the tests that are chosen beside these tables, for new and for selected rows.
	of      map[string]string
	sample  functionSample
	compare string // the number of the revision to compare with
	message string
	base    int
}

// functionCase is one case as the texts of its form.
type functionCase struct {
	id                                             string
	name, now, input, stubs, output, plan, failure string
	open                                           bool
}

// functionDraftOf gives a content as the texts of its form.
func functionDraftOf(raw []byte, base int) (functionDraft, error) {
	c, err := function.Decode(raw)
	if err != nil {
		return functionDraft{}, err
	}
	d := functionDraft{key: c.Key, name: c.Name, description: c.Description, source: c.Source, grants: slices.Clone(c.Manifest.Grants), base: base,
		input: yamlOfAny(c.Manifest.Input), output: yamlOfAny(c.Manifest.Output), milliseconds: numberText(c.Manifest.Limits.Milliseconds), memory: numberText(c.Manifest.Limits.MemoryMB), calls: numberText(c.Manifest.Limits.HostCalls)}
	for i, k := range c.Cases {
		d.cases = append(d.cases, functionCase{id: fmt.Sprintf("c%d", i), name: k.Name, now: k.Now, input: yamlOfAny(k.Input), stubs: yamlOfAny(k.Stubs), output: yamlOfAny(k.Output), plan: yamlOfAny(k.Plan), failure: k.Error})
	}
	d.sheets, d.apart = noSheets(), true
	d.tabulate(inputSheet, outputSheet, testSheet)
	d.beginSample(c.Cases)
	return d, nil
}

func numberText(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// yamlOfAny writes a value as YAML; "" for nothing, and "{}" for an empty table that is there.
func yamlOfAny(v any) string {
	raw, err := json.Marshal(v)
	if err != nil || string(raw) == "null" {
		return ""
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var plain any
	if dec.Decode(&plain) != nil {
		return ""
	}
	text, err := yaml.MarshalWithOptions(exactNumbers(plain), yaml.Indent(2), yaml.IndentSequence(false), yaml.UseLiteralStyleIfMultiline(true))
	if err != nil {
		return string(raw)
	}
	return strings.TrimSpace(string(text))
}

// exactNumbers gives whole numbers as such, so that no digit is lost in writing.
func exactNumbers(v any) any {
	switch x := v.(type) {
	case json.Number:
		if n, err := x.Int64(); err == nil {
			return n
		}
		f, _ := x.Float64()
		return f
	case map[string]any:
		for k, e := range x {
			x[k] = exactNumbers(e)
		}
	case []any:
		for i, e := range x {
			x[i] = exactNumbers(e)
		}
	}
	return v
}

// postedFunction reads the form that was sent.
func postedFunction(c *fiber.Ctx, key string, base int) functionDraft {
	f := func(name string) string { return strings.ReplaceAll(c.FormValue(name), "\r\n", "\n") }
	d := functionDraft{key: key, base: base, name: strings.TrimSpace(f("name")), description: strings.TrimSpace(f("description")), source: f("source"), input: f("input"), output: f("output"),
		milliseconds: strings.TrimSpace(f("milliseconds")), memory: strings.TrimSpace(f("memory")), calls: strings.TrimSpace(f("calls")), message: f("message"), compare: f("compare")}
	texts := map[string]string{}
	var ids []string
	for name, value := range c.Request().PostArgs().All() {
		n, v := string(name), strings.ReplaceAll(string(value), "\r\n", "\n")
		switch {
		case n == "case" && rowName.MatchString(v) && len(ids) < 500:
			ids = append(ids, v)
		case n == "grant":
			d.grants = append(d.grants, v)
		case strings.HasPrefix(n, "case."):
			texts[n] = v
		}
	}
	rows, cells, selected := postedCells(c)
	for line := range strings.SplitSeq(f("grants"), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			d.grants = append(d.grants, line)
		}
	}
	d.grants = inOrder(d.grants)
	for _, id := range ids {
		at := "case." + id + "."
		d.cases = append(d.cases, functionCase{id: id, name: strings.TrimSpace(texts[at+"name"]), now: strings.TrimSpace(texts[at+"now"]), input: texts[at+"input"], stubs: texts[at+"stubs"], output: texts[at+"output"], plan: texts[at+"plan"], failure: strings.TrimSpace(texts[at+"error"])})
	}
	d.postedSheets(c, rows, cells, selected)
	d.postedSample(c, rows, cells)
	return d
}

// postedCells are the rows, cells and selected rows of the tables that were sent, in the
// order of the page.
func postedCells(c *fiber.Ctx) (rows []string, cells map[string]string, selected map[string][]string) {
	cells, selected = map[string]string{}, map[string][]string{}
	for name, value := range c.Request().PostArgs().All() {
		n, v := string(name), strings.ReplaceAll(string(value), "\r\n", "\n")
		switch {
		case strings.HasPrefix(n, "t."):
			cells[n] = v
		case strings.HasPrefix(n, "r.") && rowName.MatchString(v):
			rows = append(rows, n[2:]+"."+v)
		case strings.HasPrefix(n, "s.") && rowName.MatchString(v):
			selected[n[2:]] = append(selected[n[2:]], v)
		}
	}
	return rows, cells, selected
}

// inOrder gives each text once, in the order of first places.
func inOrder(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// content reads the texts. Problems name the texts that cannot be read; there is no
// content then.
func (d functionDraft) content() (function.Content, []fault.Problem) {
	var problems []fault.Problem
	wrong := func(path, why string) {
		if why != "" {
			problems = append(problems, fault.Problem{Path: path, Detail: why})
		}
	}
	c := function.Content{Key: d.key, Name: d.name, Description: d.description, Source: d.source, Manifest: function.Manifest{Grants: d.grants}}
	wrong("manifest.input", formYAML(d.input, &c.Manifest.Input, "a table, such as type: object"))
	wrong("manifest.output", formYAML(d.output, &c.Manifest.Output, "a table, such as type: object"))
	for _, n := range []struct {
		path, text string
		to         *int
	}{{"manifest.limits.milliseconds", d.milliseconds, &c.Manifest.Limits.Milliseconds}, {"manifest.limits.memory_mb", d.memory, &c.Manifest.Limits.MemoryMB}, {"manifest.limits.host_calls", d.calls, &c.Manifest.Limits.HostCalls}} {
		if n.text == "" {
			continue
		}
		v, err := strconv.Atoi(n.text)
		if err != nil || v < 0 {
			wrong(n.path, "Write a whole number, or nothing for what is usual.")
		}
		*n.to = v
	}
	for i, k := range d.cases {
		at := fmt.Sprintf("cases.%d.", i)
		x := function.Case{Name: k.name, Now: k.now, Error: k.failure}
		wrong(at+"input", formYAML(k.input, &x.Input, "one field a line, such as department: Sales"))
		wrong(at+"stubs", formYAML(k.stubs, &x.Stubs, "a list, such as - {call: directory.group_exists, answer: true}"))
		wrong(at+"output", formYAML(k.output, &x.Output, "one field a line, such as login: aokafor"))
		wrong(at+"plan", formYAML(k.plan, &x.Plan, "a list, such as - {do: plan.add_group, args: [corp-ldap, sales]}"))
		c.Cases = append(c.Cases, x)
	}
	return c, append(problems, d.sheets.wrong...)
}

// formYAML reads a text into a value and says what is wrong with it; "" is nothing.
func formYAML[T any](text string, to *T, wants string) string {
	if strings.TrimSpace(text) == "" {
		return ""
	}
	if len(text) > artifact.MaxContent {
		return "This is too long."
	}
	if err := flow.PlainYAML([]byte(text)); err != nil {
		return fault.Sentence(err)
	}
	var plain any
	if err := yaml.UnmarshalWithOptions([]byte(text), &plain, yaml.Strict()); err != nil {
		why, _, _ := strings.Cut(yaml.FormatError(err, false, false), "\n")
		return "This is not readable YAML: " + strings.TrimSuffix(why, ".") + "."
	}
	raw, err := json.Marshal(plain)
	if err != nil {
		return "This YAML holds something JSON cannot express."
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(to); err != nil {
		why := "Write " + wants + "."
		if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			why += " There is no field " + field + "."
		}
		return why
	}
	return ""
}

// doc is the draft as it would be saved.
func (d functionDraft) doc(kinds artifact.Kinds) (artifact.Doc, function.Content, []fault.Problem, error) {
	c, problems := d.content()
	if len(problems) > 0 {
		return artifact.Doc{}, c, problems, nil
	}
	raw, err := json.Marshal(c)
	if err != nil {
		return artifact.Doc{}, c, nil, fmt.Errorf("write function: %w", err)
	}
	doc, err := kinds.Read(review.Function, d.key, raw)
	return doc, c, nil, err
}
