package web

import (
	"fmt"
	"strconv"
	"strings"

	"joinery/internal/fault"
)

// sheetProblems are the problems of a form by the places of its tables.
func (d functionDraft) sheetProblems(all []fault.Problem) []fault.Problem {
	prefix := d.sheets.spec.Field() + "."
	var out []fault.Problem
	for _, p := range all {
		path := p.Path
		switch parts := strings.SplitN(path, ".", 4); {
		case path == "manifest.input", path == "manifest.output":
			path = strings.TrimPrefix(path, "manifest.")
		case parts[0] == "cases" && len(parts) > 1:
			if len(parts) > 2 {
				if key, row, column, ok := d.callPlace(parts[1], strings.Join(parts[2:], ".")); ok {
					path = fmt.Sprintf("%s.%d.%s", key, row, column)
					break
				}
			}
			column := "name"
			if len(parts) > 2 {
				column = d.testColumn(parts[2])
			}
			path = testSheet + "." + parts[1] + "." + column
		}
		out = append(out, fault.Problem{Path: prefix + path, Detail: p.Detail})
	}
	return out
}

// cellOf is the name of the cell that a problem is about; "" where it is about none.
func (d functionDraft) cellOf(path string) string {
	parts := strings.SplitN(path, ".", 3)
	key, column := parts[0], "name"
	if len(parts) > 2 {
		column = parts[2]
	}
	if key == "cases" {
		if len(parts) > 2 {
			if key, row, column, ok := d.callPlace(parts[1], parts[2]); ok && !d.sheets.written[testSheet] {
				return "t." + key + "." + d.sheets.tables[key][row].id + "." + column
			}
		}
		if key = testSheet; len(parts) > 2 {
			column = d.testColumn(parts[2])
		}
	}
	rows, known := d.sheets.tables[key]
	if !known || d.sheets.written[key] || len(parts) < 2 {
		return ""
	}
	i, err := strconv.Atoi(parts[1])
	if err != nil || i >= len(rows) {
		return ""
	}
	return "t." + key + "." + rows[i].id + "." + column
}
