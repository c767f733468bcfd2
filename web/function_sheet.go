package web

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/fault"
	"joinery/internal/form"
	"joinery/internal/policy"
	"joinery/views/functions"
	"joinery/views/ui"
)

// The tables of a function's form: its schemas, field by field, and its tests. What a
// table cannot say is written as YAML, and stays so until somebody asks for the table.
const (
	inputSheet  = "input"
	outputSheet = "output"
	testSheet   = "tests"
)

// functionSheets are the tables of a form. written are those that are written as YAML.
type functionSheets struct {
	policyDraft
	written map[string]bool
	// closed says of input and output that fields which are not listed are refused.
	closed map[string]bool
	// wrong are rows that stand for nothing.
	wrong []fault.Problem
}

func noSheets() functionSheets {
	return functionSheets{policyDraft: policyDraft{spec: policy.Spec{Fields: []form.Field{schemaSheet(inputSheet), schemaSheet(outputSheet)}}, tables: map[string][]draftRow{}, selected: map[string][]string{}}, written: map[string]bool{}, closed: map[string]bool{}}
}

func schemaSheet(key string) form.Field {
	label, help := "Input", "What the function takes. An input that is not so ends the step."
	if key == outputSheet {
		label, help = "Output", "What it gives. Later steps read it by these names."
	}
	return form.Field{Key: key, Kind: form.Table, Label: label, Help: help, Columns: []form.Field{
		{Key: "name", Label: "Name", Kind: form.Text, Required: true, Placeholder: "department"},
		{Key: "type", Label: "Type", Kind: form.Select, Default: "string", Options: schemaTypes},
		{Key: "required", Label: "Needed", Kind: form.Bool},
		{Key: "about", Label: "What it is", Kind: form.Text, Placeholder: "as the HRIS has it"},
		{Key: "more", Label: "Further rules", Kind: form.Text, Placeholder: "enum: [a, b]", Help: "JSON Schema as YAML, such as maxLength: 64"},
	}}
}

const anyType = "anything"

var schemaTypes = []form.Option{{Value: "string", Label: "text"}, {Value: "integer", Label: "whole number"}, {Value: "number", Label: "number"}, {Value: "boolean", Label: "yes or no"}, {Value: "array", Label: "list"}, {Value: "object", Label: "table"}, {Value: anyType, Label: "anything"}}

// fieldName is a name that stands in a form as it is.
var fieldName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,62}$`)

// readSchema puts a schema into its table; a sentence says why it cannot be.
func (s *functionSheets) readSchema(key, text string) string {
	schema := map[string]any{}
	if why := formYAML(text, &schema, "a table"); why != "" {
		return why
	}
	const beyond = "This says more than the table can show"
	closed, required := false, []string{}
	properties := map[string]any{}
	for k, v := range schema {
		ok := false
		switch k {
		case "type":
			ok = v == "object"
		case "properties":
			properties, ok = v.(map[string]any)
		case "required":
			required, ok = texts(v)
		case "additionalProperties":
			ok = v == false
			closed = ok
		}
		if !ok {
			return beyond + ": " + k + "."
		}
	}
	if len(schema) > 0 && (schema["type"] != "object" || len(properties) == 0 && !closed || schema["required"] != nil && len(required) == 0 || schema["properties"] != nil && len(properties) == 0) {
		return beyond + "."
	}
	for _, name := range required {
		if _, ok := properties[name]; !ok {
			return beyond + ": the needed " + name + " is not among the fields."
		}
	}
	var rows []draftRow
	for _, name := range append(slices.Clone(required), slices.DeleteFunc(slices.Sorted(maps.Keys(properties)), func(n string) bool { return slices.Contains(required, n) })...) {
		one, ok := properties[name].(map[string]any)
		if !ok || !fieldName.MatchString(name) {
			return beyond + ": the field " + name + "."
		}
		rows = append(rows, propertyRow(fmt.Sprintf("f%d", len(rows)), name, slices.Contains(required, name), one))
	}
	if len(required) != len(slices.Compact(slices.Sorted(slices.Values(required)))) {
		return beyond + ": a field is needed twice."
	}
	s.tables[key], s.closed[key] = rows, closed
	return ""
}

func texts(v any) ([]string, bool) {
	list, ok := v.([]any)
	var out []string
	for _, x := range list {
		t, is := x.(string)
		out, ok = append(out, t), ok && is
	}
	return out, ok
}

func propertyRow(id, name string, needed bool, schema map[string]any) draftRow {
	rest := maps.Clone(schema)
	r := draftRow{id: id, cells: map[string]string{"name": name, "type": anyType, "required": fmt.Sprint(needed)}}
	if kind, ok := rest["type"].(string); ok && kind != anyType && slices.ContainsFunc(schemaTypes, func(o form.Option) bool { return o.Value == kind }) {
		r.cells["type"] = kind
		delete(rest, "type")
	}
	if about, ok := rest["description"].(string); ok && about != "" && about == strings.TrimSpace(about) {
		r.cells["about"] = about
		delete(rest, "description")
	}
	if len(rest) > 0 {
		r.cells["more"] = yamlOfAny(rest)
	}
	return r
}

// schema writes a table as a schema.
func (s *functionSheets) schema(key string) string {
	rows := s.tables[key]
	if len(rows) == 0 && !s.closed[key] {
		return ""
	}
	properties, required := map[string]any{}, []string{}
	for i, r := range rows {
		wrong := func(column, format string, args ...any) {
			s.wrong = append(s.wrong, fault.Problem{Path: fmt.Sprintf("%s.%d.%s", key, i, column), Detail: fmt.Sprintf(format, args...)})
		}
		name := strings.TrimSpace(r.cells["name"])
		switch {
		case name == "":
			wrong("name", "Name the field, or remove the row.")
			continue
		case !fieldName.MatchString(name):
			wrong("name", "Begin with a letter, and go on with letters, digits and _.")
		case properties[name] != nil:
			wrong("name", "There is another field of this name.")
		}
		one := map[string]any{}
		if why := formYAML(r.cells["more"], &one, "rules such as maxLength: 64"); why != "" {
			wrong("more", "%s", why)
		}
		if one == nil {
			one = map[string]any{}
		}
		if kind := r.cells["type"]; kind != anyType && kind != "" {
			one["type"] = kind
		}
		if about := strings.TrimSpace(r.cells["about"]); about != "" {
			one["description"] = about
		}
		properties[name] = one
		if r.cells["required"] == "true" {
			required = append(required, name)
		}
	}
	out := map[string]any{"type": "object"}
	if len(properties) > 0 {
		out["properties"] = properties
	}
	if len(required) > 0 {
		out["required"] = required
	}
	if s.closed[key] {
		out["additionalProperties"] = false
	}
	return yamlOfAny(out)
}

// postedSheets reads the tables that were sent; tests are among them where they are one.
func (d *functionDraft) postedSheets(c *fiber.Ctx, rows []string, cells map[string]string, selected map[string][]string) {
	d.sheets = noSheets()
	d.sheets.selected = selected
	for _, key := range []string{inputSheet, outputSheet, testSheet} {
		d.sheets.written[key] = c.FormValue("as."+key) != "table"
		d.sheets.closed[key] = c.FormValue("closed."+key) != ""
	}
	for _, key := range []string{inputSheet, outputSheet} {
		if d.sheets.written[key] {
			continue
		}
		f, _ := d.sheets.table(key)
		d.sheets.tables[key] = postedRows(f, rows, cells)
		d.setSchema(key, d.sheets.schema(key))
	}
	d.postedTests(c, rows, cells)
}

// postedTests reads the tests where they are a table, with what they are answered and expect.
func (d *functionDraft) postedTests(c *fiber.Ctx, rows []string, cells map[string]string) {
	d.apart = d.sheets.written[testSheet] || c.FormValue("as."+answerSheet) == "table" // a page that is older has them as columns
	if d.sheets.written[testSheet] {
		return
	}
	d.cases, d.of = nil, map[string]string{answerSheet: c.FormValue("of." + answerSheet), planSheet: c.FormValue("of." + planSheet)}
	f := d.testColumns(namedColumns(rows, cells))
	d.sheets.tables[testSheet] = postedRows(f, rows, cells)
	if d.apart {
		for _, s := range callSheets() {
			d.sheets.tables[s.key] = postedRows(postedCalls(s), rows, cells)
		}
	}
	d.readTests(f)
	d.tooMany(rows)
	d.withColumns()
}

// tooMany says of the tables whose rows were not all taken.
func (d *functionDraft) tooMany(rows []string) {
	for _, key := range []string{testSheet, answerSheet, planSheet} {
		if why := tooManyRows(key, rows); why != "" {
			d.sheets.wrong = append(d.sheets.wrong, fault.Problem{Path: key, Detail: why})
		}
	}
}

func tooManyRows(key string, rows []string) string {
	n := 0
	for _, r := range rows {
		if strings.HasPrefix(r, key+".") {
			n++
		}
	}
	if n <= maxSheetRows {
		return ""
	}
	return fmt.Sprintf("This table takes up to %d rows, and %d were sent.", maxSheetRows, n)
}

func postedRows(f form.Field, rows []string, cells map[string]string) (out []draftRow) {
	for _, r := range rows {
		if id, ok := strings.CutPrefix(r, f.Key+"."); ok && len(out) < maxSheetRows {
			out = append(out, postedRow(f, id, cells))
		}
	}
	return out
}

// withColumns gives the tests' tables the columns of the form as it is.
func (d *functionDraft) withColumns() {
	d.sheets.spec.Fields = append(d.sheets.spec.Fields[:2:2], d.testColumns(nil))
	if !d.apart {
		return
	}
	for _, s := range callSheets() {
		if f, ok := d.callTable(s); ok {
			d.sheets.spec.Fields = append(d.sheets.spec.Fields, f)
		}
	}
}

func (d *functionDraft) schemaText(key string) string {
	if key == inputSheet {
		return d.input
	}
	return d.output
}

func (d *functionDraft) setSchema(key, text string) {
	if key == inputSheet {
		d.input = text
	} else {
		d.output = text
	}
}

// tabulate puts what is written into tables, as far as it can be. Why is told for the
// ones that somebody asked for.
func (d *functionDraft) tabulate(keys ...string) (why string) {
	for _, key := range keys {
		no := ""
		if key == testSheet {
			if no = d.readCases(); no == "" {
				d.withColumns()
			}
		} else {
			no = d.sheets.readSchema(key, d.schemaText(key))
		}
		if d.sheets.written[key] = no != ""; no != "" {
			why = no
		}
	}
	return why
}

// sheetAct does what a button of a table says. It gives false when the word is none of a table's.
func (d *functionDraft) sheetAct(op, pasted string) (wrong string, ok bool) {
	verb, key, _ := strings.Cut(op, ":")
	if opTable(op) == sampleSheet {
		return d.sampleAct(op, pasted)
	}
	if verb == "as" {
		key, how, _ := strings.Cut(key, ":")
		if !slices.Contains([]string{inputSheet, outputSheet, testSheet}, key) {
			return "", false
		}
		if how == "yaml" {
			if key == testSheet && d.unreadCalls() {
				return "The tests stay as a table: what is wrong in the rows below would be lost. Mend or remove them first.", true
			}
			d.sheets.written[key] = true
			return "", true
		}
		if why := d.tabulate(key); why != "" {
			return why + " It stays as YAML.", true
		}
		return "", true
	}
	if wrong, ok = d.tableAct(op, pasted); !ok || wrong != "" {
		return wrong, ok
	}
	for _, k := range []string{inputSheet, outputSheet} {
		if !d.sheets.written[k] {
			d.setSchema(k, d.sheets.schema(k))
		}
	}
	d.rereadTests()
	return "", true
}

// tableAct changes rows as a button says; those of answers and plans go with their tests.
// What is wrong is to be told anew then.
func (d *functionDraft) tableAct(op, pasted string) (wrong string, ok bool) {
	verb, key := op, opTable(op)
	if verb, _, _ = strings.Cut(op, ":"); verb == "give" {
		wrong = d.give(key)
		d.sheets.wrong = nil
		return wrong, true
	}
	var before []string
	for _, r := range d.sheets.tables[testSheet] {
		before = append(before, r.id)
	}
	chosen := d.sheets.selected[testSheet]
	if wrong, ok = d.sheets.act(op, pasted); !ok || wrong != "" {
		return wrong, ok
	}
	d.sheets.wrong = nil
	if rows := d.sheets.tables[key]; verb == "add" && d.of[key] != "" {
		for _, r := range rows {
			if strings.HasPrefix(d.sheets.focus, "t."+key+"."+r.id+".") {
				r.cells[testColumn] = d.of[key]
			}
		}
	}
	if key == testSheet && d.apart {
		d.follow(before, chosen, verb == "dup")
	}
	return "", true
}

// rereadTests makes the cases of the rows anew.
func (d *functionDraft) rereadTests() {
	if f, ok := d.sheets.table(testSheet); ok {
		d.readTests(f)
	}
}

// besideManifest is the room for the columns of a table beside the manifest, on a screen
// of 1440 px, in px.
const besideManifest = 666

// sheetWidth is what the columns of a table take at least, in px.
func sheetWidth(f form.Field) int {
	width := 0
	for _, c := range f.Columns {
		if width += leastWidth(cellClass(c)); c.Kind == form.Select && c.Required {
			width += 40 // as the stylesheet of the page has it
		}
	}
	return width
}

// sheetsView are the tables as the page shows them.
func (s *Server) sheetsView(c *fiber.Ctx, d functionDraft, v functionVerdict, p *functions.EditPage, written map[string]ui.Field) error {
	at := placed(d.sheets.policyDraft, d.sheetProblems(v.problems))
	for _, key := range []string{inputSheet, outputSheet} {
		one := functions.Schema{Key: key, Written: d.sheets.written[key], Closed: d.sheets.closed[key]}
		f, _ := d.sheets.table(key)
		if one.Written {
			one.Label, one.Field = f.Label, written[key]
		} else {
			var err error
			if one.Table, err = s.policyTable(c, d.sheets.policyDraft, f, at, p.ReadOnly); err != nil {
				return err
			}
			one.Label = f.Label
		}
		p.SchemaTables = append(p.SchemaTables, one)
	}
	if d.sheets.written[testSheet] {
		return nil
	}
	d.withColumns()
	for _, f := range d.sheets.spec.Fields[2:] {
		p.TestColumns += tableColumns(f)
		t, err := s.policyTable(c, d.sheets.policyDraft, f, at, p.ReadOnly)
		if err != nil {
			return err
		}
		t.Many = sheetWidth(f) > besideManifest
		if f.Key == testSheet {
			p.TestTable = &t
			continue
		}
		refer(&t)
		p.TestMore = append(p.TestMore, t)
	}
	p.Apart = d.apart
	return nil
}

// tableColumns tells a table as it was drawn from one with other columns or choices.
func tableColumns(f form.Field) string {
	out := f.Key + ": "
	for _, c := range f.Columns {
		out += c.Key + " "
		if c.Key == callColumn || c.Key == connectionColumn { // what can be chosen follows from the grants
			for _, o := range c.Options {
				out += "(" + o.Label + ") "
			}
		}
	}
	return out
}
