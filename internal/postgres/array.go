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
	return a.literal(), nil
}

func (a textArray) literal() string {
	if len(a) == 0 {
		return "{}"
	}
	var b strings.Builder
	b.WriteByte('{')
	for i, s := range a {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		s = storable(s)
		for from := 0; from < len(s); {
			n := strings.IndexAny(s[from:], `"\`)
			if n < 0 {
				b.WriteString(s[from:])
				break
			}
			b.WriteString(s[from : from+n])
			b.WriteByte('\\')
			b.WriteByte(s[from+n])
			from += n + 1
		}
		b.WriteByte('"')
	}
	b.WriteByte('}')
	return b.String()
}

// storable gives a text as PostgreSQL can hold it: valid UTF-8 and no null.
func storable(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, string(utf8.RuneError))
	}
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	return s
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
