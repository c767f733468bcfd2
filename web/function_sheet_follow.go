package web

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"joinery/internal/fault"
	"joinery/internal/form"
	"joinery/views/policies"
	"joinery/views/ui"
)

// readCalls makes what the rows of both tables stand for a part of their tests.
func (d *functionDraft) readCalls() {
	known := map[string]bool{}
	for _, k := range d.cases {
		known[k.id] = true
	}
	for _, s := range callSheets() {
		all := d.readRows(s, func(test string) bool { return known[test] }, func(path, says string) {
			d.sheets.wrong = append(d.sheets.wrong, fault.Problem{Path: path, Detail: says})
		})
		for i := range d.cases {
			*s.texts(&d.cases[i]) = ""
			if list := all[d.cases[i].id]; len(list) > 0 {
				*s.texts(&d.cases[i]) = yamlOfAny(list)
			}
		}
	}
}

// readRows gives what the rows of a table stand for, by the test that each belongs to.
func (d *functionDraft) readRows(s callSheet, known func(test string) bool, wrong func(path, says string)) map[string][]any {
	f, _ := d.callTable(s)
	calls, all := callsOf(s.effect), map[string][]any{}
	for i, r := range d.sheets.tables[s.key] {
		if untouched(f, r) {
			continue
		}
		failed, test := false, r.cells[testColumn]
		at := func(column, says string) {
			failed = true
			wrong(fmt.Sprintf("%s.%d.%s", s.key, i, column), says)
		}
		if !known(test) {
			at(testColumn, "Choose the test that this row belongs to.")
		}
		if one := s.one(calls, r.cells, at); !failed {
			all[test] = append(all[test], one)
		}
	}
	return all
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

// mostChoices is how many tests each row offers. With more, the list of them would be most
// of the page: it stands there once, and script fills the choice of the row in use.
const mostChoices = 20

// refer tells script that the first column names a row of the tests.
func refer(t *policies.Table) {
	for _, rows := range [][]policies.Row{t.Rows, {t.Blank}} {
		for _, r := range rows {
			for i := range r.Cells {
				if r.Cells[i].Column != testColumn {
					continue
				}
				all := r.Cells[i].Options
				if r.Cells[i].Ref = testSheet; len(all) <= mostChoices {
					continue
				}
				if t.Of == nil {
					t.Of = slices.DeleteFunc(slices.Clone(all), func(o ui.Option) bool { return o.Value == "" })
					for n := range t.Of {
						t.Of[n].Selected = false
					}
				}
				r.Cells[i].Options = nil
				for _, o := range all {
					if o.Selected {
						r.Cells[i].Options = append(r.Cells[i].Options, o)
					}
				}
			}
		}
	}
}

// give makes the selected rows of a table those of the test that is chosen beside it.
func (d *functionDraft) give(key string) string {
	switch {
	case d.of[key] == "":
		return "Choose the test first."
	case len(d.sheets.selected[key]) == 0:
		return "Select the rows first: with the box in front of each."
	}
	for _, r := range d.sheets.tables[key] {
		if slices.Contains(d.sheets.selected[key], r.id) {
			r.cells[testColumn] = d.of[key]
		}
	}
	return ""
}
