package web

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"joinery/internal/artifact"
	"joinery/internal/fault"
	"joinery/internal/form"
	"joinery/internal/policy"
	"joinery/internal/review"
)

// policyDraft is a policy as its form holds it: text in every cell, whether or not
// it makes sense. What the form does not know is kept from the content it began with.
type policyDraft struct {
	spec policy.Spec
	// origin is the content the form began with, as plain JSON.
	origin            map[string]any
	key               string
	name, description string
	message           string
	base              int
	// fields are the values of the plain fields, by key.
	fields map[string]any
	tables map[string][]draftRow
	cases  []draftCase
	try    policyTry
	// selected are the rows an act is about, by table; focus is where to go on typing.
	selected map[string][]string
	focus    string
}

// draftRow is one row of a table. Its id is the place the row had in the content
// the form began with, or begins with n for a new one.
type draftRow struct {
	id    string
	cells map[string]string
}

// draftCase is one test as its form holds it: a text for each of its fields.
type draftCase struct {
	id    string
	texts map[string]string
	// folded says that it is shown closed.
	folded bool
}

// draftOf makes the form of a content.
func draftOf(spec policy.Spec, content []byte, base int) (policyDraft, error) {
	d := policyDraft{spec: spec, base: base, fields: map[string]any{}, tables: map[string][]draftRow{}}
	if err := json.Unmarshal(content, &d.origin); err != nil {
		return d, fmt.Errorf("read policy: %w", err)
	}
	d.key, _ = d.origin["key"].(string)
	d.name, _ = d.origin["name"].(string)
	d.description, _ = d.origin["description"].(string)
	rules := d.rules()
	for _, f := range spec.Fields {
		if f.Kind != form.Table {
			d.fields[f.Key] = rules[f.Key]
			continue
		}
		for i, row := range rowsOf(rules[f.Key]) {
			d.tables[f.Key] = append(d.tables[f.Key], rowDraft(f, strconv.Itoa(i), row))
		}
	}
	for i, k := range rowsOf(d.origin["cases"]) {
		d.cases = append(d.cases, caseDraft(strconv.Itoa(i), k))
	}
	return d, nil
}

// rules are the rules of the content the form began with.
func (d policyDraft) rules() map[string]any {
	rules, _ := d.origin[d.spec.Field()].(map[string]any)
	return rules
}

func rowsOf(v any) []map[string]any {
	list, _ := v.([]any)
	var out []map[string]any
	for _, x := range list {
		row, _ := x.(map[string]any)
		out = append(out, row)
	}
	return out
}

func rowDraft(f form.Field, id string, row map[string]any) draftRow {
	out := draftRow{id: id, cells: map[string]string{}}
	for _, c := range f.Columns {
		out.cells[c.Key] = form.Write(c, row[c.Key])
		if row[c.Key] == nil && c.Default != nil {
			out.cells[c.Key] = form.Write(c, c.Default)
		}
	}
	return out
}

// doc gives the content that the form stands for. Problems are those of single
// cells; with any, or with an error, the content cannot be kept.
func (d policyDraft) doc(kinds artifact.Kinds) (artifact.Doc, []fault.Problem, error) {
	out := maps.Clone(d.origin)
	if out == nil {
		out = map[string]any{}
	}
	out["key"], out["name"], out["type"], out["description"] = d.key, d.name, d.spec.Type, d.description
	rules, problems := d.readRules()
	out[d.spec.Field()] = rules
	cases, more := d.readCases()
	delete(out, "cases")
	if len(cases) > 0 {
		out["cases"] = cases
	}
	if problems = append(problems, more...); len(problems) > 0 {
		return artifact.Doc{}, problems, nil
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return artifact.Doc{}, nil, fmt.Errorf("write policy: %w", err)
	}
	doc, err := kinds.Read(review.Policy, "", raw)
	if err != nil && len(fault.Problems(err)) > 0 {
		return doc, fault.Problems(err), nil
	}
	return doc, nil, err
}

func (d policyDraft) readRules() (map[string]any, []fault.Problem) {
	before := d.rules()
	rules := maps.Clone(before)
	if rules == nil {
		rules = map[string]any{}
	}
	var problems []fault.Problem
	for _, f := range d.spec.Fields {
		delete(rules, f.Key)
		if f.Kind == form.Table {
			rows, wrong := d.readTable(f, rowsOf(before[f.Key]))
			problems = append(problems, wrong...)
			if len(rows) > 0 {
				rules[f.Key] = rows
			}
			continue
		}
		v := d.fields[f.Key]
		if _, text := v.(string); text && f.Kind == form.Number {
			problems = append(problems, fault.Problem{Path: d.spec.Field() + "." + f.Key, Detail: "Write a number, such as 10."})
		}
		if v != nil && (v != f.Default || before[f.Key] != nil) {
			rules[f.Key] = v
		}
	}
	return rules, problems
}

// readTable reads the rows of a table. Empty ones at its end are left out.
func (d policyDraft) readTable(f form.Field, before []map[string]any) (rows []any, problems []fault.Problem) {
	all := d.tables[f.Key]
	for len(all) > 0 && all[len(all)-1].empty(f) {
		all = all[:len(all)-1]
	}
	for i, r := range all {
		var was map[string]any
		if n, err := strconv.Atoi(r.id); err == nil && n < len(before) {
			was = before[n]
		}
		row := maps.Clone(was)
		if row == nil {
			row = map[string]any{}
		}
		for _, c := range f.Columns {
			delete(row, c.Key)
			v, wrong := form.Read(c, r.cells[c.Key])
			if one, ok := v.(string); ok && c.Kind == form.List {
				v = []any{one} // a policy's lists are lists; each entry may be an expression
			}
			if wrong != "" {
				problems = append(problems, fault.Problem{Path: fmt.Sprintf("%s.%s.%d.%s", d.spec.Field(), f.Key, i, c.Key), Detail: wrong})
			}
			if v = unlessSpace(was[c.Key], v); v != nil && (v != false || was[c.Key] != nil) && (was[c.Key] != nil || !same(v, c.Default)) {
				row[c.Key] = v
			}
		}
		rows = append(rows, row)
	}
	return rows, problems
}

// same compares plain values; a list is never the same as a default.
func same(v, def any) bool {
	switch v.(type) {
	case []any, map[string]any:
		return false
	}
	return v == def
}

// empty tells whether nothing was typed into a row.
func (r draftRow) empty(f form.Field) bool {
	for _, c := range f.Columns {
		text := strings.TrimSpace(r.cells[c.Key])
		if text != "" && c.Kind != form.Select && text != form.Write(c, c.Default) && !(c.Kind == form.Bool && text == "false") {
			return false
		}
	}
	return true
}

// table finds a table of the rules by its key.
func (d policyDraft) table(key string) (form.Field, bool) {
	i := slices.IndexFunc(d.spec.Fields, func(f form.Field) bool { return f.Kind == form.Table && f.Key == key })
	if i < 0 {
		return form.Field{}, false
	}
	return d.spec.Fields[i], true
}
