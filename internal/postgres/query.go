package postgres

import (
	"fmt"
	"strings"
	"unicode"

	"joinery/internal/auth"
)

// Actor is who acts.
type Actor = auth.Actor

// pageSize bounds a page: 50 unless asked, 200 at most.
func pageSize(limit int) int {
	switch {
	case limit <= 0:
		return 50
	case limit > 200:
		return 200
	}
	return limit
}

// like makes a contains-pattern of what a person typed.
func like(q string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(q) + "%"
}

// matching finds the joiners that a search means: by the beginning of the worker's
// id, or by the beginnings of the words of the name and the department. It takes the search and the
// words (see words) as the arguments numbered n and n+1.
func matching(n int) string {
	return fmt.Sprintf(`ARRAY(SELECT id FROM (SELECT id FROM joiners WHERE worker LIKE $%[1]d LIMIT 1000) a
		UNION SELECT id FROM (SELECT id FROM joiners WHERE label <> '' AND to_tsvector('simple', label || ' ' || coalesce(attributes->>'department', '')) @@ to_tsquery('simple', $%[2]d) ORDER BY id DESC LIMIT 1000) b)`, n, n+1)
}

// words makes a text search of what a person typed: each word's beginning.
func words(q string) string {
	var out []string
	for _, w := range strings.FieldsFunc(q, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) }) {
		out = append(out, "'"+w+"':*")
	}
	return strings.Join(out, " & ")
}

// begins makes a begins-with pattern of what a person typed.
func begins(q string) string { return strings.TrimPrefix(like(strings.TrimSpace(q)), "%") }

func clip(s string) string {
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}
