package policy

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"joinery/internal/form"
)

// alike is how similar two rows must be, from 0 to 1, to be taken for the same row
// that changed; below it one was removed and another one added.
const alike = 0.4

// maxPairs bounds how many pairs of rows are compared by their content; beyond it
// only rows at the same distance from their unchanged neighbours are.
const maxPairs = 250_000

// tableWords tells how the rows of a table changed.
func tableWords(word string, f form.Field, old, now []map[string]any) []string {
	from := matchRows(f, old, now)
	var out []string
	kept := make([]bool, len(old))
	moved := movedRows(from)
	for j, row := range now {
		i := from[j]
		name := fmt.Sprintf("%s %d", word, j+1)
		if i < 0 {
			out = append(out, fmt.Sprintf("%s is new: %s.", name, rowWords(f, row)))
			continue
		}
		kept[i] = true
		if title := rowTitle(f, row); title != "" {
			name += " (" + title + ")"
		}
		if moved[j] {
			way := "up"
			if i < j {
				way = "down"
			}
			out = append(out, fmt.Sprintf("%s moved %s; it was row %d.", name, way, i+1))
		}
		var parts []string
		for _, c := range f.Columns {
			if !reflect.DeepEqual(old[i][c.Key], row[c.Key]) {
				if part := partWords(c, old[i][c.Key], row[c.Key]); part != "" {
					parts = append(parts, c.Label+" "+part)
				}
			}
		}
		if len(parts) > 0 {
			out = append(out, fmt.Sprintf("%s: %s.", name, strings.Join(parts, "; ")))
		}
	}
	for i, row := range old {
		if !kept[i] {
			out = append(out, fmt.Sprintf("%s %d was removed: %s.", word, i+1, rowWords(f, row)))
		}
	}
	return out
}

// rowTitle names a row by its first cell that says something.
func rowTitle(f form.Field, row map[string]any) string {
	for _, c := range f.Columns {
		if s := cellWords(c, row[c.Key]); s != "" {
			if r := []rune(s); len(r) > 60 {
				s = string(r[:60]) + "…"
			}
			return s
		}
	}
	return ""
}

func rowWords(f form.Field, row map[string]any) string {
	var parts []string
	for _, c := range f.Columns {
		if s := cellWords(c, row[c.Key]); s != "" {
			parts = append(parts, c.Label+" "+clip(s))
		}
	}
	if len(parts) == 0 {
		return "empty"
	}
	return strings.Join(parts, "; ")
}

func cellWords(c form.Field, v any) string {
	if v == nil || v == false {
		return ""
	}
	if source, ok := v.(string); ok && c.Kind == form.Expression && c.Result == "bool" {
		return PlainWords(source)
	}
	return shown(c, v)
}

// matchRows finds for each new row the old one it was, or -1: first those that are
// the same, in their order, then those that are most alike.
func matchRows(f form.Field, old, now []map[string]any) []int {
	from := make([]int, len(now))
	free := map[string][]int{}
	for i, r := range old {
		free[signature(r)] = append(free[signature(r)], i)
	}
	taken := make([]bool, len(old))
	var open []int
	for j, r := range now {
		from[j] = -1
		sig := signature(r)
		if all := free[sig]; len(all) > 0 {
			// Of equal rows the one at the same place is the same one.
			n := max(0, slices.Index(all, j))
			from[j], taken[all[n]] = all[n], true
			free[sig] = slices.Delete(slices.Clone(all), n, n+1)
			continue
		}
		open = append(open, j)
	}
	var left []int
	for i := range old {
		if !taken[i] {
			left = append(left, i)
		}
	}
	pairUp(f, old, now, left, open, from)
	return from
}

type pair struct {
	i, j  int
	score float64
}

func pairUp(f form.Field, old, now []map[string]any, left, open, from []int) {
	var pairs []pair
	near := len(left)*len(open) > maxPairs
	for n, j := range open {
		for m, i := range left {
			if near && n != m && i != j {
				continue
			}
			if s := similarity(f, old[i], now[j]); s >= alike {
				pairs = append(pairs, pair{i, j, s})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int {
		switch {
		case a.score != b.score && a.score > b.score:
			return -1
		case a.score != b.score:
			return 1
		}
		return a.apart() - b.apart()
	})
	used := map[int]bool{}
	for _, p := range pairs {
		if from[p.j] < 0 && !used[p.i] {
			from[p.j], used[p.i] = p.i, true
		}
	}
}

// apart is how far the two rows are from each other.
func (p pair) apart() int { return max(p.i-p.j, p.j-p.i) }

// similarity compares two rows column by column, from 0 to 1. The first column and
// those that are needed count twice: they tell what a row is about.
func similarity(f form.Field, a, b map[string]any) float64 {
	sum, most := 0.0, 0.0
	for n, c := range f.Columns {
		x, y := a[c.Key], b[c.Key]
		if x == nil && y == nil {
			continue
		}
		weight := 1.0
		if n == 0 || c.Required {
			weight = 2
		}
		most += weight
		sum += weight * overlap(form.Write(c, x), form.Write(c, y))
	}
	if most == 0 {
		return 1
	}
	return sum / most
}

// overlap is the share of words that two texts have in common.
func overlap(a, b string) float64 {
	if a == b {
		return 1
	}
	words := func(s string) map[string]bool {
		out := map[string]bool{}
		for _, w := range strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_' }) {
			out[w] = true
		}
		return out
	}
	x, y := words(a), words(b)
	both := 0
	for w := range x {
		if y[w] {
			both++
		}
	}
	if all := len(x) + len(y) - both; all > 0 {
		return float64(both) / float64(all)
	}
	return 0
}

// movedRows tells which rows changed their order: all but the longest run of rows
// that kept it.
func movedRows(from []int) []bool {
	moved := make([]bool, len(from))
	var tails, tailAt []int // the smallest last row of a run of each length, and where
	prev := make([]int, len(from))
	for j, i := range from {
		prev[j] = -1
		if i < 0 {
			continue
		}
		moved[j] = true
		n, _ := slices.BinarySearch(tails, i)
		if n == len(tails) {
			tails, tailAt = append(tails, i), append(tailAt, j)
		} else {
			tails[n], tailAt[n] = i, j
		}
		if n > 0 {
			prev[j] = tailAt[n-1]
		}
	}
	if len(tailAt) == 0 {
		return moved
	}
	for j := tailAt[len(tailAt)-1]; j >= 0; j = prev[j] {
		moved[j] = false
	}
	return moved
}
