package web

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"joinery/internal/author"
	"joinery/internal/form"
	"joinery/internal/function"
	"joinery/internal/luavm"
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
func callsOf(effect luavm.Effect) []luavm.Func { return effects()[effect] }

// effects are the functions of the library by their effect, which each row of a table asks for.
var effects = sync.OnceValue(func() map[luavm.Effect][]luavm.Func {
	out := map[luavm.Effect][]luavm.Func{}
	for _, f := range luavm.Catalogue() {
		out[f.Effect] = append(out[f.Effect], f)
	}
	return out
})

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
	answers := s.effect == luavm.Reads
	if needed := answers && d.asksSystems() || !answers && d.plansChanges(); !needed && len(rows) == 0 {
		return form.Field{}, false
	}
	calls := callsOf(s.effect)
	f := form.Field{Key: s.key, Kind: form.Table, Label: "What systems answer", Help: "No system is asked in a test: the first row of the test that fits a question answers it. With “any” as its connection a row answers whatever the call asks."}
	switch s.key {
	case planSheet:
		f.Label, f.Help = "What it shall plan", "The changes that each test expects, in their order. A test without a row here expects none."
	case sampleSheet:
		f.Label, f.Help = "Answers to the sample", "No system is asked: the first row that fits a question answers it. With “any” as its connection a row answers whatever the call asks."
	}
	if s.key != sampleSheet { // all rows of it are of the same try
		f.Columns = append(f.Columns, d.testChoice())
	}
	f.Columns = append(f.Columns, d.callChoice(calls), d.connectionChoice(s, calls))
	for n := 1; n <= mostArguments(calls); n++ {
		f.Columns = append(f.Columns, argumentField(s, calls, n))
	}
	if answers {
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
	if s.effect == luavm.Reads {
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
	if s.effect == luavm.Reads && n == 1 {
		f.Label = "Asked about"
	}
	if len(takes) < len(calls) {
		f.ShowWhen = &form.When{Field: callColumn, In: takes}
	}
	return f
}
