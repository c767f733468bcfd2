package form

import "strings"

// MaxPasted bounds the rows of one paste.
const MaxPasted = 10_000

// Grid reads cells as spreadsheets give them: separated by tabs, or by commas or
// semicolons where there is no tab, with double quotes around what holds a
// separator or a line end. A single column of plain lines stays one column.
func Grid(pasted string) [][]string {
	text := strings.TrimSuffix(strings.ReplaceAll(strings.ReplaceAll(pasted, "\r\n", "\n"), "\r", "\n"), "\n")
	if strings.TrimSpace(text) == "" {
		return nil
	}
	if strings.Contains(text, "\t") {
		return split(text, '\t')
	}
	for _, by := range []byte{';', ','} {
		if rows := split(text, by); even(rows) {
			return rows
		}
	}
	return split(text, '\t')
}

// even tells whether all rows have the same number of cells, and more than one: a
// comma in one sentence of many is no separator.
func even(rows [][]string) bool {
	for _, r := range rows {
		if len(r) < 2 || len(r) != len(rows[0]) {
			return false
		}
	}
	return len(rows) > 1
}

func split(text string, separator byte) [][]string {
	var rows [][]string
	var row []string
	var cell strings.Builder
	quoted, began := false, false
	end := func() { row, began = append(row, cell.String()), false; cell.Reset() }
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case quoted && b == '"' && i+1 < len(text) && text[i+1] == '"':
			cell.WriteByte('"')
			i++
		case b == '"' && (quoted || !began):
			quoted, began = !quoted, true
		case b == separator && !quoted:
			end()
		case b == '\n' && !quoted:
			end()
			rows, row = append(rows, row), nil
		default:
			cell.WriteByte(b)
			began = true
		}
		if len(rows) >= MaxPasted {
			return rows
		}
	}
	end()
	return append(rows, row)
}

// Headed tells which columns a pasted first row names, by label or key: the index
// of the column for each cell, -1 for none. ok is false when it is no heading.
func Headed(columns []Field, first []string) (at []int, ok bool) {
	found := 0
	for _, name := range first {
		n := -1
		for i, c := range columns {
			if strings.EqualFold(strings.TrimSpace(name), c.Label) || strings.EqualFold(strings.TrimSpace(name), c.Key) {
				n = i
			}
		}
		if n >= 0 {
			found++
		}
		at = append(at, n)
	}
	return at, found > 0 && found*2 >= len(first)
}
