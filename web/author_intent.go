package web

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/gofiber/fiber/v2"

	"joinery/internal/author"
	"joinery/internal/fault"
	"joinery/internal/form"
	"joinery/internal/function"
	"joinery/internal/policy"
	views "joinery/views/author"
	"joinery/views/ui"
)

// intentDraft is an intent as the texts of its form. What cannot be read stays as it
// was typed.
type intentDraft struct {
	name, key, description string
	// sheets are the tables of its fields and of what it must not do; fn has the examples,
	// which are tests of a function that is not there yet. written says that they are
	// written as yaml.
	sheets  policyDraft
	fn      functionDraft
	written bool
	yaml    string
	// kept are the grants whose boxes are ticked; more are those that were added, one a line.
	kept     []string
	more     string
	answers  []string
	problems []fault.Problem
}

func newIntentDraft() intentDraft {
	return intentDraft{fn: functionDraft{sheets: noSheets(), apart: true}, sheets: policyDraft{tables: map[string][]draftRow{}, selected: map[string][]string{}, spec: policy.Spec{Fields: []form.Field{
		valueSheet(takesSheet, "What it takes", "Its input. Each field is a column of the examples."), valueSheet(givesSheet, "What it gives", "Its output, and columns of the examples too."), effectSheet()}}}}
}

// intentDraftOf gives an intent as the texts of its form.
func intentDraftOf(in author.Intent) intentDraft {
	d := newIntentDraft()
	d.name, d.key, d.description, d.kept = in.Name, in.Key, in.Description, slices.Concat(in.Reads, in.Writes)
	d.sheets.tables[takesSheet], d.sheets.tables[givesSheet], d.sheets.tables[forbidSheet] = valueRows(in.Inputs), valueRows(in.Outputs), effectRows(in.Forbidden)
	d.withFields()
	if d.tabulate(in.Examples) != "" {
		d.yaml = examplesText(in.Examples)
	}
	for _, q := range in.Questions {
		d.answers = append(d.answers, q.Answer)
	}
	return d
}

// grants are those that are ticked and those that were added.
func (d intentDraft) grants() []string { return slices.Concat(d.kept, lines(d.more)) }

// examplesText writes examples as YAML, the name of each first.
func examplesText(all []function.Case) string {
	var out []yaml.MapSlice
	for _, k := range all {
		raw, err := json.Marshal(k)
		if err != nil {
			return ""
		}
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		var plain map[string]any
		if dec.Decode(&plain) != nil {
			return ""
		}
		var one yaml.MapSlice
		for _, field := range []string{"name", "input", "now", "stubs", "output", "plan", "error"} {
			if v, ok := plain[field]; ok {
				one = append(one, yaml.MapItem{Key: field, Value: exactNumbers(v)})
			}
		}
		out = append(out, one)
	}
	if out == nil {
		return ""
	}
	text, err := yaml.MarshalWithOptions(out, yaml.Indent(2), yaml.UseLiteralStyleIfMultiline(true))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// valueLines writes fields one a line, as readValues reads them.
func valueLines(all []author.Value) string {
	var out []string
	for _, v := range all {
		line := v.Name + ", " + v.Type
		if v.Optional {
			line += ", optional"
		}
		if v.Means != "" {
			line += ": " + strings.Join(strings.Fields(v.Means), " ")
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// postedIntent reads the form on top of what the model proposed.
func postedIntent(c *fiber.Ctx, base author.Intent) intentDraft {
	f := func(name string) string { return unixLines(c.FormValue(name)) }
	d := newIntentDraft()
	d.name, d.key, d.description, d.more, d.yaml = strings.TrimSpace(f("name")), strings.TrimSpace(f("key")), strings.TrimSpace(f("description")), f("more"), f("examples")
	d.written = f("as.tests") != "table"
	for name, value := range c.Request().PostArgs().All() {
		if string(name) == "grant" {
			d.kept = append(d.kept, string(value))
		}
	}
	for i := range base.Questions {
		d.answers = append(d.answers, strings.TrimSpace(f("answer."+itoa(i))))
	}
	rows, cells, selected := postedCells(c)
	for _, sheet := range d.sheets.spec.Fields {
		d.sheets.tables[sheet.Key] = postedRows(sheet, rows, cells)
	}
	d.sheets.selected, d.fn.sheets.selected = selected, selected
	d.withFields()
	d.fn.sheets.written[testSheet] = d.written
	d.fn.postedTests(c, rows, cells)
	return d
}

// intent is the draft as an intent; what cannot be read is among its problems.
func (d *intentDraft) intent(base author.Intent) author.Intent {
	if !d.written { // rows in which nothing stands are no examples
		f := d.fn.testColumns(nil)
		d.fn.sheets.tables[testSheet] = slices.DeleteFunc(d.fn.sheets.tables[testSheet], func(r draftRow) bool { return r.empty(f) })
		d.fn.sheets.wrong = nil
		d.fn.readTests(f)
	}
	out := author.Intent{Name: d.name, Key: d.key, Description: d.description, Questions: slices.Clone(base.Questions), Inputs: d.values(takesSheet), Outputs: d.values(givesSheet), Forbidden: d.forbids(), Examples: d.examples()}
	for _, g := range d.grants() {
		if author.Writes(g) {
			out.Writes = append(out.Writes, g)
		} else {
			out.Reads = append(out.Reads, g)
		}
	}
	for i := range out.Questions {
		out.Questions[i].Answer = d.answers[i]
	}
	if len(d.problems) == 0 {
		d.problems = out.Check()
	}
	return out
}

// act does what a button of the form says; a sentence says why it cannot.
func (d *intentDraft) act(op, pasted string) (wrong string, ok bool) {
	switch {
	case op == "columns":
		return "", true
	case op == "as:tests:yaml":
		if all := d.examples(); len(d.problems) == 0 {
			d.yaml, d.written = examplesText(all), true
			return "", true
		}
		return "Some examples cannot be read yet. They say what is wrong.", true
	case op == "as:tests:table":
		all := d.examples()
		if len(d.problems) > 0 {
			return "They cannot be read yet.", true
		}
		if why := d.tabulate(all); why != "" {
			return why + " It stays as YAML.", true
		}
		return "", true
	case slices.Contains([]string{testSheet, answerSheet, planSheet}, opTable(op)):
		d.fn.withColumns()
		if wrong, ok = d.fn.tableAct(op, pasted); ok {
			d.sheets.focus = d.fn.sheets.focus
		}
		return wrong, ok
	}
	if wrong, ok = d.sheets.act(op, pasted); ok {
		d.withFields()
	}
	return wrong, ok
}

// intentForm is the form in which an intent is corrected and confirmed.
func (s *Server) intentForm(at string, base author.Intent, d intentDraft, fixedKey bool) (*views.IntentForm, error) {
	wrong := func(paths ...string) string {
		for _, p := range d.problems {
			for _, path := range paths {
				if p.Path == path || strings.HasPrefix(p.Path, path+".") {
					return p.Detail
				}
			}
		}
		return ""
	}
	tables, rest, err := s.intentTables(d)
	if err != nil {
		return nil, err
	}
	out := &views.IntentForm{Action: at, Takes: tables[takesSheet], Gives: tables[givesSheet], Forbidden: tables[forbidSheet], About: []ui.Field{
		{Name: "name", Label: "Name", Value: d.name, Required: true, MaxLength: 200, Error: wrong("name")},
		{Name: "key", Label: "Key", Value: d.key, Required: true, MaxLength: 63, ReadOnly: fixedKey, Error: wrong("key"), Help: "Lower-case letters, digits and hyphens. Flows name the function by it, and it never changes."},
		{Name: "description", Label: "What it is for", Input: "lines", Rows: 3, Value: d.description, Error: wrong("description")}}}
	for _, x := range rest { // those that a field of the form shows are there
		if path, _, _ := strings.Cut(x, ":"); !slices.Contains([]string{"name", "key", "description", "examples", "reads", "writes"}, strings.SplitN(path, ".", 2)[0]) {
			out.Rest = append(out.Rest, x)
		}
	}
	if d.written {
		out.Written = &ui.Field{Name: "examples", Label: "Worked examples", Input: "code", Rows: roomFor(d.yaml, 4), Value: d.yaml, Error: d.writtenError(), Help: "They become tests that the model cannot change. Correct them until they say what you mean, and add those that matter most to you. No real people."}
	} else {
		t := tables[testSheet]
		if t.Error == "" {
			t.Error = wrong("examples")
			if len(t.Rows) > 0 && t.Error != "" && !slices.ContainsFunc(d.problems, func(p fault.Problem) bool { return p.Path == "examples" }) {
				t.Error = "" // a cell says it
			}
		}
		out.Examples, out.Apart = &t, d.fn.apart
		for _, s := range callSheets() {
			if t, ok := tables[s.key]; ok {
				refer(&t)
				out.More = append(out.More, t)
			}
		}
	}
	if f := grantChoice(base, d); len(f.Options) > 0 {
		out.May = append(out.May, f)
	}
	also := "What else it may ask or change"
	if len(out.May) == 0 {
		also = "What it may ask and change"
	}
	out.May = append(out.May, ui.Field{Name: "more", Label: also, Input: "code", Rows: roomFor(d.more, 1), Value: d.more, Error: wrong("reads", "writes"), Placeholder: "directory:corp-ldap:groups.find", Help: "Grants, one a line: capability:connection:operation. What is not listed here, the function must not do."})
	for i, q := range base.Questions {
		out.Questions = append(out.Questions, ui.Field{Name: "answer." + itoa(i), ID: "answer-" + itoa(i), Label: visible(q.Ask), Input: "lines", Rows: 2, Value: d.answers[i]})
	}
	return out, nil
}

// writtenError is what is wrong with examples that are written as YAML.
func (d intentDraft) writtenError() string {
	for _, p := range d.problems {
		if p = d.cell(p); p.Path == "examples" {
			return p.Detail
		}
	}
	return ""
}

func roomFor(text string, least int) int {
	return min(max(strings.Count(text, "\n")+2, least), 24)
}

func grantChoice(base author.Intent, d intentDraft) ui.Field {
	f := ui.Field{Name: "grant", Label: "What it may ask and change", Input: "checks"}
	for _, g := range slices.Concat(base.Reads, base.Writes) {
		o := ui.Option{Value: g, Label: g, Selected: slices.Contains(d.kept, g)}
		if parsed, ok := function.ParseGrant(g); ok {
			o.Label, o.Help = capitalFirst(parsed.Says()), g
		}
		f.Options = append(f.Options, o)
	}
	return f
}

// restated lists a confirmed intent for reading.
func restated(in author.Intent) []views.Restated {
	var out []views.Restated
	add := func(title string, lines []string) {
		if len(lines) > 0 {
			for i := range lines {
				lines[i] = visible(lines[i])
			}
			out = append(out, views.Restated{Title: title, Lines: lines})
		}
	}
	add("What it is for", lines(in.Description))
	add("What it takes", lines(valueLines(in.Inputs)))
	add("What it gives", lines(valueLines(in.Outputs)))
	var examples, may, forbidden, questions []string
	for _, k := range in.Examples {
		examples = append(examples, k.Name+": "+expectation(k))
	}
	for _, g := range slices.Concat(in.Reads, in.Writes) {
		if parsed, ok := function.ParseGrant(g); ok {
			may = append(may, capitalFirst(parsed.Says()))
		}
	}
	if len(may) == 0 {
		may = []string{"Nothing: it only computes from its input"}
	}
	for _, f := range in.Forbidden {
		how := " (looked for by the checks)"
		if f.Kind() == author.InWords {
			how = " (read by the reviewer)"
		}
		forbidden = append(forbidden, f.Whole()+how)
	}
	for _, q := range in.Questions {
		answer := q.Answer
		if answer == "" {
			answer = "not answered"
		}
		questions = append(questions, q.Ask+" "+answer)
	}
	add("Examples", examples)
	add("What it may ask and change", may)
	add("What it must not do", forbidden)
	add("What was asked back", questions)
	return out
}

// expectation says in one line what a test expects of its input.
func expectation(k function.Case) string {
	out := shortJSON(k.Input) + " → "
	if k.Error != "" {
		out += "ends with " + k.Error
	} else {
		out += shortJSON(k.Output)
	}
	if n := len(k.Plan); n > 0 {
		out += ", and plans " + plural(n, "change", "changes")
	}
	return out
}
