package web

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/form"
)

// rowName is what a row of a form may be called.
var rowName = regexp.MustCompile(`^[a-z0-9]{1,16}$`)

// posted reads what was typed into the form, on top of what it began with. Rows
// come in the order of the page.
func (d policyDraft) posted(c *fiber.Ctx) policyDraft {
	d.name, d.description, d.message = strings.TrimSpace(c.FormValue("name")), strings.TrimSpace(c.FormValue("description")), c.FormValue("message")
	if d.base == 0 {
		d.key = strings.TrimSpace(c.FormValue("key"))
	}
	before := d.fields
	d.fields, d.tables, d.cases, d.selected = map[string]any{}, map[string][]draftRow{}, nil, map[string][]string{}
	for _, f := range d.spec.Fields {
		if f.Kind != form.Table {
			d.fields[f.Key] = unlessSpace(before[f.Key], postedParam(c, f))
		}
	}
	cells := map[string]string{}
	var rows, cases []string
	for name, value := range c.Request().PostArgs().All() {
		n, v := string(name), strings.ReplaceAll(string(value), "\r\n", "\n")
		kind, rest, _ := strings.Cut(n, ".")
		switch {
		case kind == "r" && rowName.MatchString(v):
			rows = append(rows, rest+"."+v)
		case kind == "s" && rowName.MatchString(v):
			d.selected[rest] = append(d.selected[rest], v)
		case n == "case" && rowName.MatchString(v):
			cases = append(cases, v)
		case kind == "t", kind == "case":
			cells[n] = v
		}
	}
	for _, f := range d.spec.Fields {
		for _, r := range rows {
			if id, ok := strings.CutPrefix(r, f.Key+"."); ok && f.Kind == form.Table {
				d.tables[f.Key] = append(d.tables[f.Key], postedRow(f, id, cells))
			}
		}
	}
	for _, id := range cases {
		k := draftCase{id: id, texts: map[string]string{}, folded: true}
		for _, f := range caseFields() {
			k.texts[f.key] = cells["case."+id+"."+f.key]
		}
		d.cases = append(d.cases, k)
	}
	d.try = postedTry(c)
	return d
}

func postedRow(f form.Field, id string, cells map[string]string) draftRow {
	r := draftRow{id: id, cells: map[string]string{}}
	for _, c := range f.Columns {
		r.cells[c.Key] = cells["t."+f.Key+"."+id+"."+c.Key]
	}
	return r
}

// newRow is an empty row with the columns' defaults.
func newRow(f form.Field, id string) draftRow { return rowDraft(f, id, nil) }

// freshID names a new row or test.
func freshID(n int, taken func(id string) bool) string {
	for ; ; n++ {
		if id := fmt.Sprintf("n%d", n); !taken(id) {
			return id
		}
	}
}

func (d *policyDraft) freshRow(f form.Field) draftRow {
	all := d.tables[f.Key]
	return newRow(f, freshID(len(all), func(id string) bool { return slices.ContainsFunc(all, func(r draftRow) bool { return r.id == id }) }))
}

func (d *policyDraft) freshCase() string {
	return freshID(len(d.cases), func(id string) bool {
		return slices.ContainsFunc(d.cases, func(k draftCase) bool { return k.id == id })
	})
}

// act changes the form the way a button without script asks: "add:rows",
// "drop:rows:3", "case-add". It gives a sentence when it cannot, and false when the
// word is none of its own.
func (d *policyDraft) act(op, pasted string) (wrong string, ok bool) {
	what, rest, _ := strings.Cut(op, ":")
	key, id, _ := strings.Cut(rest, ":")
	switch what {
	case "case-add":
		k := draftCase{id: d.freshCase()}
		d.cases, d.focus = append(d.cases, k), "case."+k.id+".name"
		return "", true
	case "case-drop":
		d.cases = slices.DeleteFunc(d.cases, func(k draftCase) bool { return k.id == key })
		return "", true
	}
	f, found := d.table(key)
	if !found {
		return "", false
	}
	chosen := d.selected[key]
	if what == "drop" {
		chosen = []string{id}
	}
	if len(chosen) == 0 && what != "add" && what != "paste" {
		return "Select the rows first: with the box in front of each.", true
	}
	switch what {
	case "add":
		d.insert(f, d.after(key, chosen), []draftRow{d.freshRow(f)})
	case "drop", "remove":
		d.tables[key] = slices.DeleteFunc(d.tables[key], func(r draftRow) bool { return slices.Contains(chosen, r.id) })
		d.selected[key] = nil
	case "dup":
		d.duplicate(f, chosen)
	case "up", "down":
		move(d.tables[key], what, func(r draftRow) bool { return slices.Contains(chosen, r.id) })
	case "paste":
		return d.paste(f, pasted, chosen), true
	default:
		return "", false
	}
	return "", true
}

// after is the place behind the last selected row, or the end.
func (d *policyDraft) after(key string, chosen []string) int {
	all := d.tables[key]
	for i := len(all) - 1; i >= 0; i-- {
		if slices.Contains(chosen, all[i].id) {
			return i + 1
		}
	}
	return len(all)
}

func (d *policyDraft) insert(f form.Field, at int, rows []draftRow) {
	d.tables[f.Key] = slices.Insert(d.tables[f.Key], at, rows...)
	if len(rows) > 0 && len(f.Columns) > 0 {
		d.focus = "t." + f.Key + "." + rows[0].id + "." + f.Columns[0].Key
	}
}

func (d *policyDraft) duplicate(f form.Field, chosen []string) {
	at := d.after(f.Key, chosen)
	for _, r := range slices.Clone(d.tables[f.Key]) {
		if slices.Contains(chosen, r.id) {
			twin := d.freshRow(f)
			twin.cells = maps.Clone(r.cells)
			d.insert(f, at, []draftRow{twin})
			at++
		}
	}
}

// move takes the chosen rows one place up or down; those at the edge stay.
func move(all []draftRow, where string, chosen func(draftRow) bool) {
	if where == "up" {
		for i := 1; i < len(all); i++ {
			if chosen(all[i]) && !chosen(all[i-1]) {
				all[i], all[i-1] = all[i-1], all[i]
			}
		}
		return
	}
	for i := len(all) - 2; i >= 0; i-- {
		if chosen(all[i]) && !chosen(all[i+1]) {
			all[i], all[i+1] = all[i+1], all[i]
		}
	}
}

// paste adds the rows of a spreadsheet behind the selected one. A first row that
// names columns says which cell goes where.
func (d *policyDraft) paste(f form.Field, text string, chosen []string) string {
	grid := form.Grid(text)
	if len(grid) == 0 {
		return "There is nothing to paste yet. Copy rows in a spreadsheet, put them into the box, and press the button again."
	}
	at, headed := form.Headed(f.Columns, grid[0])
	if headed {
		grid = grid[1:]
	} else {
		at = nil
		for i := range f.Columns {
			at = append(at, i)
		}
	}
	place := d.after(f.Key, chosen)
	for _, line := range grid {
		r := d.freshRow(f)
		for i, cell := range line {
			if i < len(at) && at[i] >= 0 {
				c := f.Columns[at[i]]
				r.cells[c.Key] = pastedCell(c, cell)
			}
		}
		d.insert(f, place, []draftRow{r})
		place++
	}
	return ""
}

// pastedCell makes a spreadsheet's words for a choice or a yes the form's own.
func pastedCell(c form.Field, cell string) string {
	v, wrong := form.Read(c, cell)
	if wrong == "" && (c.Kind == form.Select || c.Kind == form.Bool) {
		return form.Write(c, v)
	}
	return strings.TrimSpace(cell)
}

// opTable is the table that a button is about.
func opTable(op string) string {
	_, rest, _ := strings.Cut(op, ":")
	key, _, _ := strings.Cut(rest, ":")
	return key
}
