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
	"joinery/internal/luavm"
	"joinery/views/policies"
)

// The tables beside the tests: what systems answer in each, and what each expects to be
// planned. A row names its test.
const (
	answerSheet = "answers"
	planSheet   = "plans"
)

// Columns of both. What the cells cannot say stands in wholeColumn, written out.
const (
	testColumn       = "test"
	callColumn       = "call"
	connectionColumn = "connection"
	answerColumn     = "answer"
	tellsColumn      = "tells"
	wholeColumn      = "whole"
)

// The answers that a system gives.
const (
	saysYes, saysNo, saysFound, saysNone, saysFails = "yes", "no", "found", "none", "fails"
)

// maxSheetRows is how many rows a form takes in one table.
const maxSheetRows = 500

// callSheet says how one of the two tables differs from the other.
type callSheet struct {
	key    string
	effect luavm.Effect
	// field is the field of a case that its rows stand for.
	field string
	// texts is the text of that field, in a case of the form.
	texts func(*functionCase) *string
	// rows and written turn the texts of a case into rows, and a row into what it stands for.
	rows func(text string) (all []map[string]string, wrong string)
	one  func(calls []luavm.Func, cells map[string]string, wrong func(column, says string)) any
}

func callSheets() []callSheet {
	return []callSheet{
		{answerSheet, luavm.Reads, "stubs", func(k *functionCase) *string { return &k.stubs }, answerRows, readAnswer},
		{planSheet, luavm.Plans, "plan", func(k *functionCase) *string { return &k.plan }, planRows, readPlanned},
	}
}

// callsOf are the functions of the library that have an effect.
func callsOf(effect luavm.Effect) []luavm.Func {
	return slices.DeleteFunc(luavm.Catalogue(), func(f luavm.Func) bool { return f.Effect != effect })
}

func callNamed(calls []luavm.Func, name string) (luavm.Func, bool) {
	i := slices.IndexFunc(calls, func(f luavm.Func) bool { return f.Name == name })
	if i < 0 {
		return luavm.Func{}, false
	}
	return calls[i], true
}

// argumentColumn is the column of the n-th argument after the connection, from 1.
func argumentColumn(n int) string { return "arg" + strconv.Itoa(n) }

// mostArguments is how many arguments beside the connection any of the calls takes.
func mostArguments(calls []luavm.Func) int {
	most := 0
	for _, f := range calls {
		most = max(most, len(f.Params)-1)
	}
	return most
}

// asksSystems and plansChanges tell whether the code may need the tables.
func (d *functionDraft) asksSystems() bool {
	return strings.Contains(d.source, "directory.") || strings.Contains(d.source, "hris.") || len(d.grants) > 0
}

func (d *functionDraft) plansChanges() bool {
	return strings.Contains(d.source, "plan.") || slices.ContainsFunc(d.grants, author.Writes)
}

// callTable is one of the tables as a form has it; false where nobody needs it.
func (d *functionDraft) callTable(s callSheet) (form.Field, bool) {
	rows := d.sheets.tables[s.key]
	if needed := s.key == answerSheet && d.asksSystems() || s.key == planSheet && d.plansChanges(); !needed && len(rows) == 0 {
		return form.Field{}, false
	}
	calls := callsOf(s.effect)
	f := form.Field{Key: s.key, Kind: form.Table, Label: "What systems answer", Help: "No system is asked in a test: the first row of the test that fits a question answers it. With “any” as its connection a row answers whatever the call asks."}
	if s.key == planSheet {
		f.Label, f.Help = "What it shall plan", "The changes that each test expects, in their order. A test without a row here expects none."
	}
	f.Columns = append(f.Columns, d.testChoice(), d.callChoice(calls), d.connectionChoice(s, calls))
	for n := 1; n <= mostArguments(calls); n++ {
		f.Columns = append(f.Columns, argumentField(s, calls, n))
	}
	if s.key == answerSheet {
		f.Columns = append(f.Columns,
			form.Field{Key: answerColumn, Label: "Answer", Kind: form.Select, Options: []form.Option{{Value: saysYes, Label: "yes"}, {Value: saysNo, Label: "no"}, {Value: saysFound, Label: "found"}, {Value: saysNone, Label: "not found"}, {Value: saysFails, Label: "no answer"}}},
			form.Field{Key: tellsColumn, Label: "Fields, or the reason", Kind: form.LongText, Placeholder: "attributes.mail: ada@example.com", ShowWhen: &form.When{Field: answerColumn, In: []string{saysFound, saysFails}},
				Help: `Found: its fields, one a line, as name: value. Digits are a number, "42" in quotes is text. No answer: the sentence that the system gives.`})
	}
	if slices.ContainsFunc(rows, func(r draftRow) bool { return r.cells[wholeColumn] != "" }) {
		f.Columns = append(f.Columns, form.Field{Key: wholeColumn, Label: "Written out", Kind: form.LongText, Help: "This row says more than the cells before it can show, so it is written out as YAML. They stay empty, or this does."})
	}
	return f, true
}

// testChoice names the test that a row belongs to; the only one there is goes without saying.
func (d *functionDraft) testChoice() form.Field {
	f := form.Field{Key: testColumn, Label: "Test", Kind: form.Select}
	for i, r := range d.sheets.tables[testSheet] {
		name := strings.TrimSpace(r.cells["name"])
		if name == "" {
			name = "Row " + strconv.Itoa(i+1)
		}
		f.Options = append(f.Options, form.Option{Value: r.id, Label: name})
	}
	if len(f.Options) == 1 {
		f.Default = f.Options[0].Value
	}
	if len(f.Options) == 0 {
		f.Options = []form.Option{{Label: "—"}}
	}
	return f
}

// callChoice offers what is granted first.
func (d *functionDraft) callChoice(calls []luavm.Func) form.Field {
	f := form.Field{Key: callColumn, Label: "Call", Kind: form.Select, Required: true}
	var rest []form.Option
	for _, call := range calls {
		if slices.ContainsFunc(d.grants, func(g string) bool { return grantedCall(g, call) }) {
			f.Options = append(f.Options, form.Option{Value: call.Name, Label: call.Name})
		} else {
			rest = append(rest, form.Option{Value: call.Name, Label: call.Name + " (not granted)"})
		}
	}
	if len(f.Options) == 1 {
		f.Default = f.Options[0].Value
	}
	f.Options = append(f.Options, rest...)
	return f
}

func grantedCall(text string, call luavm.Func) bool {
	g, ok := function.ParseGrant(text)
	return ok && g.Capability == call.Capability && g.Operation == call.Operation
}

// connectionChoice offers the connections of the grants and of the rows; where there is
// none yet, its key is typed.
func (d *functionDraft) connectionChoice(s callSheet, calls []luavm.Func) form.Field {
	f := form.Field{Key: connectionColumn, Label: "Connection", Kind: form.Text, Placeholder: "corp-ldap", Help: "From what is granted below."}
	var all []string
	for _, text := range d.grants {
		if g, ok := function.ParseGrant(text); ok && slices.ContainsFunc(calls, func(call luavm.Func) bool { return grantedCall(text, call) }) {
			all = append(all, g.Connection)
		}
	}
	granted := len(inOrder(all))
	if granted == 0 {
		return f
	}
	for _, r := range d.sheets.tables[s.key] {
		if c := r.cells[connectionColumn]; c != "" {
			all = append(all, c)
		}
	}
	f.Kind = form.Select
	if s.key == answerSheet {
		f.Options = append(f.Options, form.Option{Label: "any"})
	}
	for _, c := range inOrder(all) {
		f.Options = append(f.Options, form.Option{Value: c, Label: c})
	}
	if granted == 1 {
		f.Default = all[0]
	}
	return f
}

// argumentField is a column of arguments, named as the library names them.
func argumentField(s callSheet, calls []luavm.Func, n int) form.Field {
	f := form.Field{Key: argumentColumn(n), Kind: form.Text}
	var names, help, takes []string
	for _, call := range calls {
		if len(call.Params) <= n {
			continue
		}
		p := call.Params[n]
		names, takes = append(names, p.Name), append(takes, call.Name)
		says := call.Name + ": " + p.Name
		switch p.Type {
		case "table":
			f.Kind, f.Placeholder, says = form.LongText, "employeeNumber: E42", says+", one a line, as name: value"
		case "any":
			says += `; digits are a number, "42" in quotes is text`
		}
		help = append(help, says)
	}
	f.Label, f.Help = strings.ToUpper(names[0][:1])+strings.Join(inOrder(names), ", ")[1:], strings.Join(help, ". ")+"."
	if s.key == answerSheet && n == 1 {
		f.Label = "Asked about"
	}
	if len(takes) < len(calls) {
		f.ShowWhen = &form.When{Field: callColumn, In: takes}
	}
	return f
}

// readCalls makes what the rows of both tables stand for a part of their tests.
func (d *functionDraft) readCalls() {
	for _, s := range callSheets() {
		f, _ := d.callTable(s)
		calls, all := callsOf(s.effect), map[string][]any{}
		for i, r := range d.sheets.tables[s.key] {
			if untouched(f, r) {
				continue
			}
			failed := false
			wrong := func(column, says string) {
				failed = true
				d.sheets.wrong = append(d.sheets.wrong, fault.Problem{Path: fmt.Sprintf("%s.%d.%s", s.key, i, column), Detail: says})
			}
			test := r.cells[testColumn]
			if !slices.ContainsFunc(d.cases, func(k functionCase) bool { return k.id == test }) {
				wrong(testColumn, "Choose the test that this row belongs to.")
			}
			if one := s.one(calls, r.cells, wrong); !failed {
				all[test] = append(all[test], one)
			}
		}
		for i := range d.cases {
			*s.texts(&d.cases[i]) = ""
			if list := all[d.cases[i].id]; len(list) > 0 {
				*s.texts(&d.cases[i]) = yamlOfAny(list)
			}
		}
	}
}

// postedCalls has all columns that a row of a table may come with.
func postedCalls(s callSheet) form.Field {
	f := form.Field{Key: s.key, Kind: form.Table}
	columns := []string{testColumn, callColumn, connectionColumn, answerColumn, tellsColumn, wholeColumn}
	for n := 1; n <= mostArguments(callsOf(s.effect)); n++ {
		columns = append(columns, argumentColumn(n))
	}
	for _, c := range columns {
		f.Columns = append(f.Columns, form.Field{Key: c, Kind: form.Text})
	}
	return f
}

// unreadCalls tells whether a row of the two tables stands for nothing that can be kept.
func (d *functionDraft) unreadCalls() bool {
	return slices.ContainsFunc(d.sheets.wrong, func(p fault.Problem) bool {
		return strings.HasPrefix(p.Path, answerSheet+".") || strings.HasPrefix(p.Path, planSheet+".")
	})
}

// untouched tells whether a row says what a new one says: it stands for nothing yet.
func untouched(f form.Field, r draftRow) bool {
	for _, c := range f.Columns {
		if text := strings.TrimSpace(r.cells[c.Key]); text != "" && text != form.Write(c, c.Default) {
			return false
		}
	}
	return true
}

// tellCalls puts what the tests say of answers and plans into the tables.
func (d *functionDraft) tellCalls() string {
	for _, s := range callSheets() {
		var rows []draftRow
		for i := range d.cases {
			k := &d.cases[i]
			all, why := s.rows(*s.texts(k))
			if why != "" {
				return "The test " + k.name + " cannot be read: " + why
			}
			for _, cells := range all {
				cells[testColumn] = k.id
				rows = append(rows, draftRow{id: "a" + strconv.Itoa(len(rows)), cells: cells})
			}
		}
		if len(rows) > maxSheetRows {
			return fmt.Sprintf("The table takes up to %d rows.", maxSheetRows)
		}
		d.sheets.tables[s.key] = rows
	}
	return ""
}

// rowsFor writes entries as rows: in cells where these say the same, else written out.
func rowsFor[T any](text, wants string, effect luavm.Effect, cells func(calls []luavm.Func, one T) map[string]string, read func(calls []luavm.Func, cells map[string]string, wrong func(column, says string)) any) (out []map[string]string, wrong string) {
	var all []T
	if why := formYAML(text, &all, wants); why != "" {
		return nil, why
	}
	calls := callsOf(effect)
	for _, one := range all {
		row, ok := cells(calls, one), true
		back := read(calls, row, func(string, string) { ok = false })
		if !ok || inJSON(back) != inJSON(one) {
			row = map[string]string{wholeColumn: yamlOfAny(one)}
		}
		out = append(out, row)
	}
	return out, ""
}

const (
	oneAnswer  = "one answer, such as {call: directory.group_exists, answer: true}"
	onePlanned = "one change, such as {do: plan.add_group, args: [corp-ldap, sales]}"
)

func answerRows(text string) ([]map[string]string, string) {
	return rowsFor(text, "a list, such as - {call: directory.group_exists, answer: true}", luavm.Reads, func(calls []luavm.Func, one function.Stub) map[string]string {
		row := argumentCells(calls, one.Call, one.Args)
		switch answer := one.Answer.(type) {
		case bool:
			row[answerColumn] = map[bool]string{true: saysYes, false: saysNo}[answer]
		case map[string]any:
			row[answerColumn], row[tellsColumn] = saysFound, writePairs(answer, false)
		case nil:
			if row[answerColumn] = saysNone; one.Fails != "" {
				row[answerColumn], row[tellsColumn] = saysFails, one.Fails
			}
		}
		return row
	}, readAnswer)
}

func planRows(text string) ([]map[string]string, string) {
	return rowsFor(text, "a list, such as - {do: plan.add_group, args: [corp-ldap, sales]}", luavm.Plans, func(calls []luavm.Func, one function.Planned) map[string]string {
		return argumentCells(calls, one.Do, one.Args)
	}, readPlanned)
}

// argumentCells are the cells of a call and its arguments.
func argumentCells(calls []luavm.Func, name string, args []any) map[string]string {
	row := map[string]string{callColumn: name}
	call, _ := callNamed(calls, name)
	for i, arg := range args {
		text, isText := arg.(string)
		table, isTable := arg.(map[string]any)
		switch {
		case i == 0:
			row[connectionColumn] = text
		case i >= len(call.Params):
		case call.Params[i].Type == "text" && isText:
			row[argumentColumn(i)] = writeText(text)
		case call.Params[i].Type == "table" && isTable:
			row[argumentColumn(i)] = writePairs(table, true)
		default:
			row[argumentColumn(i)] = writePlain(arg)
		}
	}
	return row
}

// readWhole reads a row that is written out.
func readWhole[T any](cells map[string]string, wants string, wrong func(column, says string)) (one T, ok bool) {
	whole := cells[wholeColumn]
	if strings.TrimSpace(whole) == "" {
		return one, false
	}
	for column, text := range cells {
		if column != wholeColumn && column != testColumn && column != connectionColumn && column != callColumn && strings.TrimSpace(text) != "" {
			wrong(wholeColumn, "Either this or the cells before it: empty one of them.")
			return one, true
		}
	}
	if why := formYAML(whole, &one, wants); why != "" {
		wrong(wholeColumn, why)
	}
	return one, true
}

// readAnswer is the answer that a row stands for.
func readAnswer(calls []luavm.Func, cells map[string]string, wrong func(column, says string)) any {
	one, whole := readWhole[function.Stub](cells, oneAnswer, wrong)
	if whole {
		return one
	}
	call, known := callNamed(calls, cells[callColumn])
	if one.Call = cells[callColumn]; !known {
		wrong(callColumn, "Choose the call that is answered.")
		return one
	}
	if typed := typedArguments(cells, mostArguments(calls)); cells[connectionColumn] != "" || typed != "" {
		if cells[connectionColumn] == "" {
			wrong(connectionColumn, "Choose the connection that is asked, or empty what it is asked about: then any question is answered.")
			return one
		}
		one.Args = readArguments(call, cells, " With “any” as its connection the row answers whatever is asked.", wrong)
	}
	readTold(call, cells, &one, wrong)
	return one
}

// readTold reads the answer itself.
func readTold(call luavm.Func, cells map[string]string, one *function.Stub, wrong func(column, says string)) {
	tells, yesOrNo := strings.TrimSpace(cells[tellsColumn]), len(call.Returns) > 0 && call.Returns[0].Type == "boolean"
	switch says := cells[answerColumn]; says {
	case saysYes, saysNo:
		if one.Answer = says == saysYes; !yesOrNo {
			wrong(answerColumn, call.Name+" does not answer yes or no: choose found, not found or no answer.")
		}
	case saysFound:
		if yesOrNo {
			wrong(answerColumn, call.Name+" answers yes or no.")
		}
		fields, why := readPairs(tells, false)
		if one.Answer = fields; why != "" {
			wrong(tellsColumn, why)
		}
		return
	case saysFails:
		if one.Fails = tells; tells == "" {
			wrong(tellsColumn, "Write the sentence that the system gives, such as: The directory is being restarted.")
		}
		return
	case saysNone:
	default:
		wrong(answerColumn, "Choose what the system answers.")
		return
	}
	if tells != "" {
		wrong(tellsColumn, "Only what is found has fields, and only no answer has a sentence. Empty this cell.")
	}
}

// readPlanned is the change that a row stands for.
func readPlanned(calls []luavm.Func, cells map[string]string, wrong func(column, says string)) any {
	one, whole := readWhole[function.Planned](cells, onePlanned, wrong)
	if whole {
		return one
	}
	call, known := callNamed(calls, cells[callColumn])
	if one.Do = cells[callColumn]; !known {
		wrong(callColumn, "Choose the change that is expected.")
		return one
	}
	if cells[connectionColumn] == "" {
		wrong(connectionColumn, "Choose the connection that it is planned for.")
	}
	one.Args = readArguments(call, cells, "", wrong)
	return one
}

func typedArguments(cells map[string]string, most int) string {
	out := ""
	for n := 1; n <= most; n++ {
		out += strings.TrimSpace(cells[argumentColumn(n)])
	}
	return out
}

// readArguments reads the arguments of a call, the connection first.
func readArguments(call luavm.Func, cells map[string]string, or string, wrong func(column, says string)) []any {
	args := []any{cells[connectionColumn]}
	for n := 1; ; n++ {
		cell, there := cells[argumentColumn(n)]
		empty := strings.TrimSpace(cell) == ""
		if n >= len(call.Params) {
			if !empty {
				wrong(argumentColumn(n), call.Name+" takes nothing here. Empty this cell.")
			}
			if !there {
				return args
			}
			continue
		}
		p := call.Params[n]
		var v any
		why := ""
		switch {
		case empty && p.Optional:
			return args
		case p.Type == "table":
			if v, why = readPairs(cell, true); empty {
				why = asPairs
			}
		case empty:
			why = fmt.Sprintf("Write the %s of %s.%s", p.Name, call.Name, or)
		case p.Type == "text":
			v = readText(cell)
		default:
			v, why = readPlain(cell)
		}
		if why != "" {
			wrong(argumentColumn(n), why)
		}
		args = append(args, v)
	}
}

// follow makes the rows of the two tables go with their tests: those of tests that are gone
// go too, and a copy of a test has copies of them.
func (d *functionDraft) follow(before, chosen []string, copied bool) {
	var now, fresh []string
	for _, r := range d.sheets.tables[testSheet] {
		if now = append(now, r.id); !slices.Contains(before, r.id) {
			fresh = append(fresh, r.id)
		}
	}
	for _, s := range callSheets() {
		rows := slices.DeleteFunc(d.sheets.tables[s.key], func(r draftRow) bool {
			return slices.Contains(before, r.cells[testColumn]) && !slices.Contains(now, r.cells[testColumn])
		})
		d.sheets.tables[s.key] = rows
		if !copied {
			continue
		}
		focus := d.sheets.focus
		of := slices.DeleteFunc(slices.Clone(before), func(id string) bool { return !slices.Contains(chosen, id) })
		f, _ := d.callTable(s)
		for i, id := range of {
			for _, r := range rows {
				if r.cells[testColumn] != id || i >= len(fresh) {
					continue
				}
				twin := d.sheets.freshRow(f)
				for k, text := range r.cells {
					twin.cells[k] = text
				}
				twin.cells[testColumn] = fresh[i]
				d.sheets.insert(f, len(d.sheets.tables[s.key]), []draftRow{twin})
			}
		}
		d.sheets.focus = focus
	}
}

// callPlace is the cell of the two tables that a field of a case stands in.
func (d functionDraft) callPlace(n, field string) (key string, row int, column string, ok bool) {
	i, err := strconv.Atoi(n)
	what, rest, _ := strings.Cut(field, ".")
	s := slices.IndexFunc(callSheets(), func(s callSheet) bool { return s.field == what })
	if !d.apart || err != nil || i >= len(d.cases) || s < 0 {
		return "", 0, "", false
	}
	sheet := callSheets()[s]
	at, of, _ := strings.Cut(rest, ".")
	nth, _ := strconv.Atoi(at)
	f, _ := d.callTable(sheet)
	for row, r := range d.sheets.tables[sheet.key] {
		if r.cells[testColumn] != d.cases[i].id || untouched(f, r) {
			continue
		}
		if nth--; nth < 0 {
			if column = callColumn; of == "" && sheet.key == answerSheet {
				column = answerColumn
			}
			return sheet.key, row, column, true
		}
	}
	return "", 0, "", false
}

// refer tells script that the first column names a row of the tests.
func refer(t *policies.Table) {
	for _, rows := range [][]policies.Row{t.Rows, {t.Blank}} {
		for _, r := range rows {
			for i := range r.Cells {
				if r.Cells[i].Column == testColumn {
					r.Cells[i].Ref = testSheet
				}
			}
		}
	}
}
