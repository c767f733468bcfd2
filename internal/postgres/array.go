package postgres

import (
	"database/sql"
	"database/sql/driver"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgtype"
)

// textArray is a text[] column for GORM rows. GORM would spread a plain slice
// into (a, b, c); a Valuer it leaves alone.
type textArray []string

var (
	_ driver.Valuer = textArray{}
	_ sql.Scanner   = (*textArray)(nil)
)

// Value writes PostgreSQL's array literal.
func (a textArray) Value() (driver.Value, error) {
	var b strings.Builder
	b.WriteByte('{')
	for i, s := range a {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		for _, r := range strings.ToValidUTF8(s, string(utf8.RuneError)) {
			if r == 0 {
				continue
			}
			if r == '"' || r == '\\' {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		}
		b.WriteByte('"')
	}
	b.WriteByte('}')
	return b.String(), nil
}

// Scan reads PostgreSQL's array literal.
func (a *textArray) Scan(src any) error {
	var out []string
	m := pgtype.NewMap()
	if err := m.SQLScanner(&out).Scan(src); err != nil {
		return err
	}
	*a = out
	return nil
}

// bytea is a column of bytes; like textArray it keeps GORM from spreading it.
type bytea []byte

var _ driver.Valuer = bytea{}

// Value gives the bytes.
func (b bytea) Value() (driver.Value, error) { return []byte(b), nil }
