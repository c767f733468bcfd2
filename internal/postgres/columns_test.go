package postgres

import (
	"bytes"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"
)

// What pgx writes for the same columns is the measure: PostgreSQL reads both alike.
func TestColumns_AsPgx(t *testing.T) {
	text := func(s string) *string { return &s }
	at := func(s string) *time.Time {
		v, err := time.Parse(time.RFC3339Nano, s)
		require.NoError(t, err)
		return &v
	}
	for name, c := range map[string]struct {
		array, elem uint32
		value       any
	}{
		"texts":          {pgtype.TextArrayOID, pgtype.TextOID, []string{"", "Zoë", `{"a":"b\\"}`, "NULL", "line\nbreak"}},
		"no texts":       {pgtype.TextArrayOID, pgtype.TextOID, []string{}},
		"maybe texts":    {pgtype.TextArrayOID, pgtype.TextOID, []*string{text("a"), nil, text("")}},
		"texts, no null": {pgtype.TextArrayOID, pgtype.TextOID, []*string{text("a"), text("b")}},
		"moments":        {pgtype.TimestamptzArrayOID, pgtype.TimestamptzOID, []*time.Time{at("2026-11-26T10:20:30.123456789+02:00"), nil, at("1999-12-31T23:59:59.999999999Z"), at("1969-07-20T20:17:40.5Z"), at("2000-01-01T00:00:00Z")}},
		"no moments":     {pgtype.TimestamptzArrayOID, pgtype.TimestamptzOID, []*time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			m := pgtype.NewMap()
			want, err := m.Encode(c.array, pgtype.BinaryFormatCode, c.value, nil)
			require.NoError(t, err)
			known, _ := m.TypeForOID(c.array)
			plan := columnCodec{known.Codec, c.elem}.PlanEncode(m, c.array, pgtype.BinaryFormatCode, c.value)
			require.IsType(t, columnPlan{}, plan)
			got, err := plan.Encode(c.value, []byte("before"))
			require.NoError(t, err)
			require.Equal(t, want, bytes.TrimPrefix(got, []byte("before")))
		})
	}
}
