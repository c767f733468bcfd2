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

// Of the newest joiners, so many are looked at to tell whether a word is one that many
// have; where a tenth of them have it, the newest are read until enough are found.
const (
	sampled = 300
	common  = sampled / 10
)

// matching finds the joiners that a search means: by the beginning of the worker's
// id, or by the beginnings of the words of the name and the department; of those that
// many have, the newest thousand. It takes the search and the words (see words) as the
// arguments numbered n and n+1.
//
// PostgreSQL takes two in a hundred rows for granted whatever the words are. For a
// name that one in ten thousand has it would read millions of joiners from the newest
// on, so that choice is made here: OFFSET 0 keeps it from reading in the order of ids.
func matching(n int) string {
	const found = `label <> '' AND to_tsvector('simple', label || ' ' || coalesce(attributes->>'department', '')) @@ to_tsquery('simple', $%[2]d)`
	return fmt.Sprintf(`ARRAY(SELECT id FROM (SELECT id FROM joiners WHERE worker LIKE $%[1]d LIMIT 1000) a
		UNION SELECT unnest(CASE WHEN (SELECT count(*) FROM (SELECT label, attributes FROM joiners ORDER BY id DESC LIMIT %[3]d) newest WHERE `+found+`) >= %[4]d
			THEN ARRAY(SELECT id FROM joiners WHERE `+found+` ORDER BY id DESC LIMIT 1000)
			ELSE ARRAY(SELECT id FROM (SELECT id FROM joiners WHERE `+found+` OFFSET 0) rare ORDER BY id DESC LIMIT 1000) END))`, n, n+1, sampled, common)
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
