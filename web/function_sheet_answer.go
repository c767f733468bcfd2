package web

import (
	"fmt"
	"strings"

	"joinery/internal/function"
	"joinery/internal/luavm"
)

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
