package postgres

import (
	"strings"

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

func clip(s string) string {
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}
