package web

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/fault"
	"joinery/internal/form"
	"joinery/internal/function"
	"joinery/internal/luavm"
	"joinery/views/functions"
	"joinery/views/ui"
)

// sampleSheet is the table of what systems answer in a try.
const sampleSheet = "sample"

// functionSample is what a try is made with: the texts of a test that expects nothing.
// Its input has a field for each of the schema's, its answers are rows like those of
// tests; written says that both are texts in YAML.
type functionSample struct {
	input, now, stubs string
	cells             map[string]string // of the input, by column
	written           bool
	// wrong are cells and rows that stand for nothing.
	wrong []fault.Problem
}

func sampleCalls() callSheet {
	return callSheet{key: sampleSheet, effect: luavm.Reads, rows: answerRows, one: readAnswer}
}

// beginSample begins a try with what the first case has.
func (d *functionDraft) beginSample(cases []function.Case) {
	if len(cases) > 0 {
		d.sample = functionSample{input: yamlOfAny(cases[0].Input), stubs: yamlOfAny(cases[0].Stubs), now: cases[0].Now}
	}
	d.tellSample()
}

// tellSample puts the texts of a try into its fields and rows; a sentence says why they
// cannot be.
func (d *functionDraft) tellSample() string {
	k := &d.sample
	k.written = true
	cells, why := valueCells(propertiesOf(d.input), inColumn, k.input, "the sample")
	if why != "" {
		return why
	}
	all, why := answerRows(k.stubs)
	if why != "" {
		return "The answers cannot be read: " + why
	}
	var rows []draftRow
	for i, one := range all {
		rows = append(rows, draftRow{id: fmt.Sprintf("a%d", i), cells: one})
	}
	k.cells, k.written, d.sheets.tables[sampleSheet] = cells, false, rows
	return ""
}

// readSample makes the texts of a try of its fields and rows.
func (d *functionDraft) readSample() {
	k := &d.sample
	if k.wrong = nil; k.written {
		return
	}
	wrong := func(path, says string) { k.wrong = append(k.wrong, fault.Problem{Path: path, Detail: says}) }
	k.input, _ = values(propertiesOf(d.input), form.Field{Columns: d.sampleColumns()}, k.cells, inColumn, func(column, says string) { wrong(sampleSheet+"."+column, says) })
	k.stubs = ""
	if all := d.readRows(sampleCalls(), func(string) bool { return true }, wrong)[""]; len(all) > 0 {
		k.stubs = yamlOfAny(all)
	}
}

// postedSample reads what a form says of a try.
func (d *functionDraft) postedSample(c *fiber.Ctx, rows []string, cells map[string]string) {
	k := functionSample{input: unixLines(c.FormValue("sample.input")), now: strings.TrimSpace(c.FormValue("sample.now")), stubs: unixLines(c.FormValue("sample.stubs")), cells: map[string]string{}}
	if k.written = c.FormValue("as."+sampleSheet) != "table"; !k.written {
		for name, value := range c.Request().PostArgs().All() {
			if column, ok := strings.CutPrefix(string(name), "sample."); ok && strings.HasPrefix(column, inColumn) && fieldName.MatchString(column[len(inColumn):]) {
				k.cells[column] = unixLines(string(value))
			}
		}
		d.sheets.tables[sampleSheet] = postedRows(postedCalls(sampleCalls()), rows, cells)
	}
	d.sample = k
	d.readSample()
	if why := tooManyRows(sampleSheet, rows); why != "" {
		d.sample.wrong = append(d.sample.wrong, fault.Problem{Path: sampleSheet, Detail: why})
	}
}

// sampleAct does what a button of a try says; false where it is none of its buttons.
func (d *functionDraft) sampleAct(op, pasted string) (wrong string, ok bool) {
	switch op {
	case "as:" + sampleSheet + ":yaml":
		if len(d.sample.wrong) > 0 {
			return "The sample stays as fields: what is wrong in them would be lost. Mend it first.", true
		}
		d.sample.written = true
		return "", true
	case "as:" + sampleSheet + ":table":
		if why := d.tellSample(); why != "" {
			return why + " It stays as YAML.", true
		}
		return "", true
	}
	f, there := d.callTable(sampleCalls())
	if d.sample.written || opTable(op) != sampleSheet {
		return "", false
	}
	if !there {
		return "Nothing is asked any more, so there is nothing to answer.", true
	}
	d.sheets.spec.Fields = append(slices.Clone(d.sheets.spec.Fields), f)
	if wrong, ok = d.sheets.act(op, pasted); ok && wrong == "" {
		d.readSample()
	}
	d.sheets.spec.Fields = d.sheets.spec.Fields[:len(d.sheets.spec.Fields)-1]
	return wrong, ok
}

// sampleColumns are the fields of a try's input: those of the schema, and what else it has.
func (d *functionDraft) sampleColumns() []form.Field {
	properties, names := propertiesOf(d.input), schemaFields(d.input)
	for _, column := range slices.Sorted(maps.Keys(d.sample.cells)) {
		if name := column[len(inColumn):]; d.sample.cells[column] != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	var out []form.Field
	for _, name := range names {
		one, _ := properties[name].(map[string]any)
		out = append(out, valueColumn(inColumn+name, name, one))
	}
	return out
}

// tried is the try as a test without an expectation, and what is wrong with it, at its fields.
func (d *functionDraft) tried(schema map[string]any) (function.Case, []fault.Problem) {
	k, t := function.Case{Name: "sample", Now: d.sample.now}, d.sample
	problems := slices.Clone(t.wrong)
	wrong := func(field, says string) {
		if says != "" {
			problems = append(problems, fault.Problem{Path: "sample." + field, Detail: says})
		}
	}
	wrong("input", formYAML(t.input, &k.Input, "one field a line, such as department: Sales"))
	wrong("stubs", formYAML(t.stubs, &k.Stubs, "a list, such as - {call: directory.group_exists, answer: true}"))
	if _, err := k.At(); err != nil {
		wrong("now", "Write a moment like 2026-12-01T08:00:00Z.")
	}
	k.Input = emptyMap(k.Input)
	if len(problems) > 0 {
		return k, problems
	}
	all := function.Violations(schema, k.Input)
	if len(all) == 0 {
		return k, nil
	}
	for _, name := range neededFields(schema) {
		if _, there := k.Input[name]; !there && !t.written {
			wrong(inColumn+name, "The function needs it.")
		}
	}
	for _, one := range all {
		at, says, _ := strings.Cut(one, ": ")
		name, _, _ := strings.Cut(at, ".")
		if _, there := k.Input[name]; there && !t.written {
			wrong(inColumn+name, capitalFirst(says)+".")
		}
	}
	return k, append(problems, fault.Problem{Path: "sample.input", Detail: "The sample is not what the manifest says the function takes: " + strings.Join(all, "; ") + "."})
}

func emptyMap(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

func neededFields(schema map[string]any) []string {
	names, _ := texts(schema["required"])
	return names
}

// sampleProblems are those of a try.
func sampleProblems(all []fault.Problem) []fault.Problem {
	return slices.DeleteFunc(slices.Clone(all), func(p fault.Problem) bool { return !strings.HasPrefix(p.Path, sampleSheet) })
}

// untold is the sentence for a try with problems that no field of it shows.
func untold(problems []fault.Problem) string {
	for _, p := range problems {
		if p.Path == "sample.input" {
			return p.Detail
		}
	}
	return "The sample cannot be read. Its fields say what is wrong."
}

// sampleForm is the part of a page that a try is made with.
func (s *Server) sampleForm(d functionDraft, problems []fault.Problem, readOnly bool) (functions.Sample, error) {
	wrong := map[string]string{}
	for _, p := range problems {
		if wrong[p.Path] == "" {
			wrong[p.Path] = p.Detail
		}
	}
	out := functions.Sample{Written: d.sample.written, ReadOnly: readOnly,
		Now: ui.Field{Name: "sample.now", ID: "sample-now", Label: "Moment", Value: d.sample.now, Placeholder: "2026-12-01T12:00:00Z", Error: wrong["sample.now"], Help: "Empty: noon of 1 December 2026, UTC.", ReadOnly: readOnly}}
	if out.Written {
		out.Input = []ui.Field{{Name: "sample.input", ID: "sample-input", Label: "Input", Input: "code", Rows: 4, Value: d.sample.input, Placeholder: "department: Sales", Error: wrong["sample.input"], ReadOnly: readOnly},
			{Name: "sample.stubs", ID: "sample-stubs", Label: "What systems answer", Input: "code", Rows: 4, Value: d.sample.stubs, Placeholder: "- {call: directory.group_exists, answer: true}", Error: wrong["sample.stubs"], ReadOnly: readOnly}}
		return out, nil
	}
	for _, col := range d.sampleColumns() {
		out.Input = append(out.Input, sampleField(col, d, wrong["sample."+col.Key], readOnly))
		out.Columns += col.Key + " " + string(col.Kind) + " "
	}
	f, ok := d.callTable(sampleCalls())
	if !ok {
		return out, nil
	}
	t, err := s.policyTable(nil, d.sheets.policyDraft, f, placed(d.sheets.policyDraft, d.sheetProblems(problems)), readOnly) // no column of it asks the store
	t.Many = sheetWidth(f) > besideManifest
	out.Answers = &t
	out.Columns += tableColumns(f)
	return out, err
}

// sampleField is a field of a try's input.
func sampleField(col form.Field, d functionDraft, wrong string, readOnly bool) ui.Field {
	value := d.sample.cells[col.Key]
	name := col.Key[len(inColumn):]
	one, _ := propertiesOf(d.input)[name].(map[string]any)
	about, _ := one["description"].(string)
	out := ui.Field{Name: "sample." + col.Key, ID: "sample-" + name, Label: name, Value: value, Help: about, Error: wrong, ReadOnly: readOnly}
	switch {
	case len(col.Options) > 0:
		out.Input, out.Disabled = "select", readOnly
		for _, o := range col.Options {
			out.Options = append(out.Options, ui.Option{Value: o.Value, Label: o.Label})
		}
		if out.Options = chosen(out.Options, value); value != "" { // it can be left out again
			out.Options = append([]ui.Option{{Label: "—"}}, out.Options...)
		}
	case col.Kind == form.LongText:
		out.Input, out.Rows, out.Help = "lines", linesFor(value, 2), strings.TrimSpace(about+" A list looks like [a, b], a table like {name: value}.")
	case strings.Contains(value, "\n"):
		out.Input, out.Rows = "lines", linesFor(value, 2)
	}
	return out
}
