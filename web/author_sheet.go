package web

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"joinery/internal/author"
	"joinery/internal/fault"
	"joinery/internal/form"
	"joinery/internal/function"
	"joinery/views/policies"
)

// The tables of an intent's form, beside that of its examples, which is the one of a
// function's tests.
const (
	takesSheet  = "takes"
	givesSheet  = "gives"
	forbidSheet = "forbidden"
)

// inWords is the choice of an effect that is only said.
const inWords = "words"

func valueSheet(key, label, help string) form.Field {
	return form.Field{Key: key, Kind: form.Table, Label: label, Help: help, Columns: []form.Field{
		{Key: "name", Label: "Name", Kind: form.Text, Required: true, Placeholder: "last_name"},
		{Key: "type", Label: "Type", Kind: form.Select, Default: "text", Options: []form.Option{{Value: "text", Label: "text"}, {Value: "number", Label: "number"}, {Value: "boolean", Label: "yes or no"}, {Value: "list", Label: "list"}, {Value: "table", Label: "table"}}},
		{Key: "optional", Label: "May be missing", Kind: form.Bool},
		{Key: "means", Label: "What it is", Kind: form.Text, Placeholder: "as the HRIS has it"},
	}}
}

// effectChoices complete "It must not".
var effectChoices = []form.Option{{Value: inWords, Label: "as the words say (a reviewer reads them)"},
	{Value: string(author.LeavesEmpty), Label: "leave empty"}, {Value: string(author.Exceeds), Label: "give longer than"}, {Value: string(author.OtherCharacters), Label: "give with other characters than"}, {Value: string(author.Repeats), Label: "give what an input holds"},
	{Value: string(author.ChangesGroups), Label: "change groups in"}, {Value: string(author.WritesTo), Label: "write to"}, {Value: string(author.ReadsPeople), Label: "read accounts or workers in"}, {Value: string(author.UsesGrant), Label: "use the grant"}}

func effectSheet() form.Field {
	var looked, limited []string
	for _, e := range author.Effects() {
		looked = append(looked, string(e))
	}
	limited = []string{string(author.Exceeds), string(author.OtherCharacters), string(author.Repeats)}
	return form.Field{Key: forbidSheet, Kind: form.Table, Label: "What it must not do",
		Help: "What can be looked for is looked for, in grants, in what tests plan and in what it gives: the checks say which test shows it. What is only in words is for the reviewer to read.",
		Columns: []form.Field{
			{Key: "effect", Label: "It must not", Kind: form.Select, Required: true, Default: inWords, Options: effectChoices},
			{Key: "what", Label: "What, or where", Kind: form.Text, Placeholder: "login, corp-ldap, or * for any", Help: "A field that it gives, a connection, or a grant; * is any.", ShowWhen: &form.When{Field: "effect", In: looked}},
			{Key: "limit", Label: "Limit", Kind: form.Text, Placeholder: "20, or a-z 0-9 . -", Help: "How long at most; which characters, such as a-z 0-9 . - (also letters, digits, space); or which input.", ShowWhen: &form.When{Field: "effect", In: limited}},
			{Key: "says", Label: "In words", Kind: form.Text, Placeholder: "It must not shorten a name"},
		}}
}

func valueRows(all []author.Value) []draftRow {
	var out []draftRow
	for i, v := range all {
		out = append(out, draftRow{id: fmt.Sprintf("f%d", i), cells: map[string]string{"name": v.Name, "type": v.Type, "optional": strconv.FormatBool(v.Optional), "means": strings.Join(strings.Fields(v.Means), " ")}})
	}
	return out
}

func effectRows(all []author.Forbidden) []draftRow {
	var out []draftRow
	for i, f := range all {
		cells := map[string]string{"effect": inWords, "says": strings.Join(strings.Fields(f.Says), " ")}
		kind := f.Kind()
		if kind != author.InWords {
			cells["effect"] = string(kind)
		}
		switch {
		case kind == author.UsesGrant:
			cells["what"] = f.Grant
		case kind.OfGrants():
			if cells["what"] = f.Connection; f.Connection == "" {
				cells["what"] = "*"
			}
		case kind.OfOutput():
			cells["what"] = f.Field
		}
		switch kind {
		case author.Exceeds:
			cells["limit"] = itoa(f.Most)
		case author.OtherCharacters:
			cells["limit"] = f.Only
		case author.Repeats:
			cells["limit"] = f.Input
		}
		out = append(out, draftRow{id: fmt.Sprintf("e%d", i), cells: cells})
	}
	return out
}

// filled are the rows of a table in which something was typed, with their places.
func (d intentDraft) filled(key string) (rows []draftRow, places []int) {
	f, _ := d.sheets.table(key)
	for i, r := range d.sheets.tables[key] {
		if !r.empty(f) {
			rows, places = append(rows, r), append(places, i)
		}
	}
	return rows, places
}

// values are the rows of a table as fields.
func (d intentDraft) values(key string) []author.Value {
	var out []author.Value
	rows, _ := d.filled(key)
	for _, r := range rows {
		out = append(out, author.Value{Name: strings.TrimSpace(r.cells["name"]), Type: r.cells["type"], Optional: r.cells["optional"] == "true", Means: strings.TrimSpace(r.cells["means"])})
	}
	return out
}

// forbids are the rows of effects; what is no number is among the problems.
func (d *intentDraft) forbids() []author.Forbidden {
	var out []author.Forbidden
	rows, places := d.filled(forbidSheet)
	for i, r := range rows {
		what, limit := strings.TrimSpace(r.cells["what"]), strings.TrimSpace(r.cells["limit"])
		f := author.Forbidden{Says: strings.TrimSpace(r.cells["says"])}
		if r.cells["effect"] != inWords {
			f.Effect = author.Effect(r.cells["effect"])
		}
		switch {
		case f.Effect == author.UsesGrant:
			f.Grant = what
		case f.Effect.OfGrants():
			if f.Connection = what; what == "" {
				d.wrongAt(forbidSheet, places[i], "what", "Write the key of a connection, or * for any.")
			}
		case f.Effect.OfOutput():
			f.Field = what
		}
		switch f.Effect {
		case author.Exceeds:
			n, err := strconv.Atoi(limit)
			if f.Most = n; err != nil {
				d.wrongAt(forbidSheet, places[i], "limit", "Write how long it may be, as a number.")
			}
		case author.OtherCharacters:
			f.Only = limit
		case author.Repeats:
			f.Input = limit
		}
		out = append(out, f)
	}
	return out
}

func (d *intentDraft) wrongAt(key string, row int, column, says string) {
	d.problems = append(d.problems, fault.Problem{Path: fmt.Sprintf("%s.%d.%s", key, row, column), Detail: says})
}

// schemaText is the JSON Schema of fields as text: its fields are columns of the examples.
func schemaText(all []author.Value) string {
	properties, required := map[string]any{}, []any{}
	for _, v := range all {
		if !fieldName.MatchString(v.Name) {
			continue
		}
		one := map[string]any{"type": author.Types()[v.Type]}
		if v.Means != "" {
			one["description"] = v.Means
		}
		properties[v.Name] = one
		if !v.Optional && !slices.Contains(required, any(v.Name)) {
			required = append(required, v.Name)
		}
	}
	if len(properties) == 0 {
		return ""
	}
	out := map[string]any{"type": "object", "properties": properties}
	if len(required) > 0 {
		out["required"] = required
	}
	return yamlOfAny(out)
}

// withFields gives the examples the columns of the fields that are listed.
func (d *intentDraft) withFields() {
	d.fn.input, d.fn.output, d.fn.grants = schemaText(d.values(takesSheet)), schemaText(d.values(givesSheet)), d.grants()
}

// examples reads the table of examples, or their YAML.
func (d *intentDraft) examples() (out []function.Case) {
	if d.written {
		if why := formYAML(d.yaml, &out, "a list of examples, each with name, input and output"); why != "" {
			d.problems = append(d.problems, fault.Problem{Path: "examples", Detail: why})
		}
		return out
	}
	c, wrong := d.fn.content()
	d.problems = append(d.problems, wrong...)
	return c.Cases
}

// tabulate puts examples that are written as YAML into the tables; a sentence says why
// they cannot be.
func (d *intentDraft) tabulate(all []function.Case) string {
	d.fn.cases = nil
	for i, k := range all {
		d.fn.cases = append(d.fn.cases, functionCase{id: fmt.Sprintf("c%d", i), name: k.Name, now: k.Now, input: yamlOfAny(k.Input), stubs: yamlOfAny(k.Stubs), output: yamlOfAny(k.Output), plan: yamlOfAny(k.Plan), failure: k.Error})
	}
	why := d.fn.readCases()
	d.written = why != ""
	return why
}

// cell finds the place in the form's tables that a problem of an intent is about.
func (d intentDraft) cell(p fault.Problem) fault.Problem {
	parts := strings.SplitN(p.Path, ".", 4)
	if len(parts) < 2 {
		return p
	}
	n, err := strconv.Atoi(parts[1])
	key := map[string]string{"inputs": takesSheet, "outputs": givesSheet, "forbidden": forbidSheet, "examples": testSheet, "cases": testSheet}[parts[0]]
	if err != nil || key == "" {
		return p
	}
	column := ""
	if len(parts) > 2 {
		column = parts[2]
	}
	switch key {
	case testSheet:
		if d.written {
			return fault.Problem{Path: "examples", Detail: fmt.Sprintf("Example %d: %s", n+1, p.Detail)}
		}
		if len(parts) > 2 {
			if key, row, column, ok := d.fn.callPlace(parts[1], strings.Join(parts[2:], ".")); ok {
				return fault.Problem{Path: fmt.Sprintf("%s.%d.%s", key, row, column), Detail: p.Detail}
			}
		}
		column = d.exampleColumn(parts[2:])
	case forbidSheet:
		if c, ok := map[string]string{"grant": "what", "connection": "what", "field": "what", "most": "limit", "only": "limit", "input": "limit"}[column]; ok {
			column = c
		}
		fallthrough
	default:
		if _, places := d.filled(key); n < len(places) {
			n = places[n]
		}
	}
	return fault.Problem{Path: fmt.Sprintf("%s.%d.%s", key, n, column), Detail: p.Detail}
}

// exampleColumn is the column that shows a field of an example: that of its value where
// there is one.
func (d intentDraft) exampleColumn(field []string) string {
	columns := d.fn.testColumns(nil).Columns
	has := func(key string) bool {
		return slices.ContainsFunc(columns, func(c form.Field) bool { return c.Key == key })
	}
	if len(field) == 0 {
		return "name"
	}
	if prefix := map[string]string{"input": inColumn, "output": outColumn}[field[0]]; prefix != "" {
		if len(field) > 1 && has(prefix+field[1]) {
			return prefix + field[1]
		}
		return d.fn.testColumn(field[0])
	}
	if has(field[0]) {
		return field[0]
	}
	return "name"
}

// intentTables are the tables as the page shows them, what is wrong at its cell.
func (s *Server) intentTables(d intentDraft) (map[string]policies.Table, []string, error) {
	spec := d.sheets
	for _, key := range []string{testSheet, answerSheet, planSheet} {
		spec.tables[key] = d.fn.sheets.tables[key]
	}
	prefix := spec.spec.Field() + "."
	var problems []fault.Problem
	for _, p := range d.problems {
		p = d.cell(p)
		problems = append(problems, fault.Problem{Path: prefix + p.Path, Detail: p.Detail})
	}
	at := placed(spec, problems)
	out := map[string]policies.Table{}
	fields := slices.Clone(spec.spec.Fields)
	if !d.written {
		f := d.fn.testColumns(nil)
		f.Label, f.Help = "Worked examples", "Each row becomes a test that the model cannot change. Correct them until they say what you mean, and add those that matter most to you. No real people."
		fields = append(fields, f)
		for _, s := range callSheets() {
			if f, ok := d.fn.callTable(s); ok && d.fn.apart {
				fields = append(fields, f)
			}
		}
	}
	for _, f := range fields {
		t, err := s.policyTable(nil, spec, f, at, false) // no column of these asks the store
		if err != nil {
			return nil, nil, err
		}
		out[f.Key] = t
	}
	var rest []string
	for _, x := range at.rest() {
		rest = append(rest, strings.TrimPrefix(x, prefix))
	}
	return out, rest, nil
}
