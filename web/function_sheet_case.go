package web

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"joinery/internal/fault"
	"joinery/internal/form"
)

// Columns of tests: a field of the input stands in "in.<name>", one of the output in "out.<name>".
const (
	inColumn  = "in."
	outColumn = "out."
)

// testColumns are the columns of the tests' table: a column for each field of the input
// and the output, and for what else some test says or the function may need.
func (d *functionDraft) testColumns(posted []string) form.Field {
	f := form.Field{Key: testSheet, Kind: form.Table, Label: "Each row a test", Columns: []form.Field{{Key: "name", Label: "Name", Kind: form.Text, Required: true, Placeholder: "a department with a group"}}}
	used := posted
	for _, r := range d.sheets.tables[testSheet] {
		for k, text := range r.cells {
			if text != "" {
				used = append(used, k)
			}
		}
	}
	for _, side := range []struct{ prefix, schema, word string }{{inColumn, d.input, "in"}, {outColumn, d.output, "gives"}} {
		properties := propertiesOf(side.schema)
		names := schemaFields(side.schema)
		for _, k := range slices.Compact(slices.Sorted(slices.Values(used))) {
			if name, ok := strings.CutPrefix(k, side.prefix); ok && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		for _, name := range names {
			one, _ := properties[name].(map[string]any)
			f.Columns = append(f.Columns, valueColumn(side.prefix+name, side.word+" "+name, one))
		}
	}
	if len(f.Columns) == 1 {
		f.Help = "List the fields of input and output above: each is a column here."
	}
	f.Columns = append(f.Columns, form.Field{Key: "error", Label: "or ends with", Kind: form.Text, Placeholder: "no-department", Help: "The kind given to fail, or a part of the sentence."})
	for _, one := range []struct {
		column form.Field
		needed bool
	}{
		{form.Field{Key: "stubs", Label: "Answers to its questions", Kind: form.LongText, Placeholder: "- {call: directory.group_exists, answer: true}", Help: "In the order they are looked at; one without args answers any."}, d.asksSystems()},
		{form.Field{Key: "plan", Label: "Plans", Kind: form.LongText, Placeholder: "- {do: plan.add_group, args: [corp-ldap, sales]}", Help: "In order. Empty: nothing."}, d.plansChanges()},
		{form.Field{Key: "now", Label: "Moment", Kind: form.Text, Placeholder: "2026-12-01T12:00:00Z"}, strings.Contains(d.source, "run.")},
	} {
		if d.apart && one.column.Key != "now" {
			continue // they have tables of their own
		}
		if one.needed || slices.Contains(used, one.column.Key) {
			f.Columns = append(f.Columns, one.column)
		}
	}
	return f
}

// valueColumn is a column for values of a schema: choices, yes or no, or text.
func valueColumn(key, label string, schema map[string]any) form.Field {
	f := form.Field{Key: key, Label: label, Kind: form.Text, Help: "Empty: the field is not there."}
	f.Help, _ = schema["description"].(string)
	switch kind := schema["type"]; {
	case kind == "string":
		f.Help = strings.TrimSpace(f.Help + ` Empty: it is not there; "" is an empty text.`)
	case kind == "boolean":
		f.Kind, f.Options = form.Select, []form.Option{{Value: "true", Label: "yes"}, {Value: "false", Label: "no"}}
	case kind == "array", kind == "object":
		f.Kind, f.Help = form.LongText, strings.TrimSpace(f.Help+" YAML, such as [a, b].")
	}
	return f
}

func propertiesOf(schema string) map[string]any {
	var s struct {
		Properties map[string]any `json:"properties"`
	}
	raw := map[string]any{}
	if formYAML(schema, &raw, "") != "" {
		return nil
	}
	text, _ := json.Marshal(raw)
	_ = json.Unmarshal(text, &s) // another shape has no fields
	return s.Properties
}

// fieldNames are the names of a schema's fields: those that are needed first, as its table has them.
func schemaFields(schema string) []string {
	s := noSheets()
	if s.readSchema(inputSheet, schema) == "" {
		var out []string
		for _, r := range s.tables[inputSheet] {
			out = append(out, r.cells["name"])
		}
		return out
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(propertiesOf(schema))), func(n string) bool { return !fieldName.MatchString(n) })
}

// namedColumns are the columns of values that were sent.
func namedColumns(rows []string, cells map[string]string) []string {
	var out []string
	for k, text := range cells {
		if rest, ok := strings.CutPrefix(k, "t."+testSheet+"."); ok && text != "" {
			if id, column, ok := strings.Cut(rest, "."); ok && slices.Contains(rows, testSheet+"."+id) && (strings.HasPrefix(column, inColumn) && fieldName.MatchString(column[len(inColumn):]) || strings.HasPrefix(column, outColumn) && fieldName.MatchString(column[len(outColumn):]) || column == "stubs" || column == "plan" || column == "now") {
				out = append(out, column)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// readTests makes the cases of the rows.
func (d *functionDraft) readTests(f form.Field) {
	open := map[string]bool{}
	for _, k := range d.cases {
		open[k.id] = k.open
	}
	d.cases = nil
	takes, returns := propertiesOf(d.input), propertiesOf(d.output)
	for i, r := range d.sheets.tables[testSheet] {
		k := functionCase{id: r.id, name: strings.TrimSpace(r.cells["name"]), now: strings.TrimSpace(r.cells["now"]), stubs: r.cells["stubs"], plan: r.cells["plan"], failure: strings.TrimSpace(r.cells["error"]), open: open[r.id]}
		var gives bool
		wrong := func(column, says string) {
			d.sheets.wrong = append(d.sheets.wrong, fault.Problem{Path: fmt.Sprintf("%s.%d.%s", testSheet, i, column), Detail: says})
		}
		k.input, _ = values(takes, f, r.cells, inColumn, wrong)
		if k.output, gives = values(returns, f, r.cells, outColumn, wrong); !gives && k.failure == "" {
			k.output = "{}"
		}
		d.cases = append(d.cases, k)
	}
	if d.apart {
		d.readCalls()
	}
}

// values writes the cells of one side of a test as YAML; properties are those of its schema.
func values(properties map[string]any, f form.Field, cells map[string]string, prefix string, wrong func(column, says string)) (text string, some bool) {
	out := map[string]any{}
	for _, c := range f.Columns {
		name, ok := strings.CutPrefix(c.Key, prefix)
		cell := cells[c.Key]
		if !ok || cell == "" {
			continue
		}
		one, _ := properties[name].(map[string]any)
		v, why := cellValue(cell, one["type"] == "string")
		if why != "" {
			wrong(c.Key, why)
		}
		out[name] = v
	}
	if len(out) == 0 {
		return "", false
	}
	return yamlOfAny(out), true
}

// cellValue reads a cell: text as it is, or in quotes; all else as YAML.
func cellValue(cell string, isText bool) (v any, wrong string) {
	if isText {
		var quoted string
		if strings.HasPrefix(cell, `"`) && json.Unmarshal([]byte(cell), &quoted) == nil {
			return quoted, ""
		}
		return cell, ""
	}
	if wrong = formYAML(cell, &v, "a value"); wrong != "" {
		return cell, wrong
	}
	return v, ""
}

// valueCell writes a value into a cell; false where the cell could not be read back to it.
func valueCell(v any, isText bool) (string, bool) {
	if !isText {
		text := yamlOfAny(v)
		if v == nil {
			text = "null"
		}
		return text, true
	}
	s, ok := v.(string)
	if s == "" || strings.HasPrefix(s, `"`) {
		raw, _ := json.Marshal(s)
		return string(raw), ok
	}
	return s, ok
}

// valueCells writes a table of values into cells, by column; properties are those of its
// schema. A sentence says why they cannot be.
func valueCells(properties map[string]any, prefix, text, of string) (map[string]string, string) {
	values, cells := map[string]any{}, map[string]string{}
	if why := formYAML(text, &values, "one field a line"); why != "" {
		return nil, capitalFirst(of) + " cannot be read: " + why
	}
	for name, v := range values {
		one, _ := properties[name].(map[string]any)
		cell, ok := valueCell(v, one["type"] == "string")
		if !ok || !fieldName.MatchString(name) {
			return nil, "The table cannot show the field " + name + " of " + of + "."
		}
		cells[prefix+name] = cell
	}
	return cells, ""
}

// readCases puts the cases into the table; a sentence says why they cannot be.
func (d *functionDraft) readCases() string {
	var rows []draftRow
	takes, returns := propertiesOf(d.input), propertiesOf(d.output)
	for _, k := range d.cases {
		r := draftRow{id: k.id, cells: map[string]string{"name": k.name, "now": k.now, "error": k.failure}}
		if !d.apart {
			r.cells["stubs"], r.cells["plan"] = k.stubs, k.plan
		}
		for _, side := range []struct {
			properties   map[string]any
			prefix, text string
		}{{takes, inColumn, k.input}, {returns, outColumn, k.output}} {
			cells, why := valueCells(side.properties, side.prefix, side.text, "the test "+k.name)
			if why != "" {
				return why
			}
			maps.Copy(r.cells, cells)
		}
		if strings.TrimSpace(k.output) == "" && k.failure == "" && (k.name != "" || k.input != "") {
			return "The test " + k.name + " expects nothing yet."
		}
		rows = append(rows, r)
	}
	if d.apart {
		if why := d.tellCalls(); why != "" {
			return why
		}
	}
	d.sheets.tables[testSheet] = rows
	return ""
}

// testColumn is the column that shows what is wrong with a field of a test.
func (d functionDraft) testColumn(field string) string {
	field, _, _ = strings.Cut(field, ".")
	prefix := map[string]string{"input": inColumn, "output": outColumn}[field]
	if prefix == "" {
		return field
	}
	for _, c := range d.testColumns(nil).Columns {
		if strings.HasPrefix(c.Key, prefix) {
			return c.Key
		}
	}
	return "name"
}
