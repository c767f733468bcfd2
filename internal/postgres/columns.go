package postgres

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"
)

// The hot path sends whole columns, one array each. pgx writes any array, element by
// element through reflection and into memory that doubles as it grows; the few kinds
// that shared commits consist of are written here at once, in the binary format of
// PostgreSQL's array_recv (dimensions, flags, element type, length, lower bound, then
// each element after its length in bytes; -1 for null). Nothing but speed depends on it.

// columnCodec writes the slices it knows, and leaves all else to pgx.
type columnCodec struct {
	pgtype.Codec
	elem uint32
}

var _ pgtype.Codec = columnCodec{}

// PlanEncode gives how a value is written; pgx's way for all but our columns.
func (c columnCodec) PlanEncode(m *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	if format == pgtype.BinaryFormatCode {
		switch value.(type) {
		case []string, []*string:
			if c.elem == pgtype.TextOID {
				return columnPlan{c.elem}
			}
		case []*time.Time:
			if c.elem == pgtype.TimestamptzOID {
				return columnPlan{c.elem}
			}
		}
	}
	return c.Codec.PlanEncode(m, oid, format, value)
}

type columnPlan struct{ elem uint32 }

// Encode appends the array.
func (p columnPlan) Encode(value any, buf []byte) ([]byte, error) {
	switch of := value.(type) {
	case []string:
		size := 0
		for _, s := range of {
			size += len(s)
		}
		buf = arrayHead(buf, p.elem, len(of), false, size)
		for _, s := range of {
			buf = append(binary.BigEndian.AppendUint32(buf, uint32(len(s))), s...)
		}
	case []*string:
		size, nulls := 0, false
		for _, s := range of {
			if s == nil {
				nulls = true
			} else {
				size += len(*s)
			}
		}
		buf = arrayHead(buf, p.elem, len(of), nulls, size)
		for _, s := range of {
			if s == nil {
				buf = binary.BigEndian.AppendUint32(buf, null)
			} else {
				buf = append(binary.BigEndian.AppendUint32(buf, uint32(len(*s))), *s...)
			}
		}
	case []*time.Time:
		buf = arrayHead(buf, p.elem, len(of), slices.Contains(of, nil), 8*len(of))
		for _, t := range of {
			if t == nil {
				buf = binary.BigEndian.AppendUint32(buf, null)
			} else {
				buf = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(buf, 8), uint64(t.UnixMicro()-microsTo2000))
			}
		}
	}
	return buf, nil
}

const (
	null = 1<<32 - 1
	// microsTo2000 is the moment that PostgreSQL counts its microseconds from.
	microsTo2000 = 946_684_800_000_000
)

// arrayHead makes room for an array of one dimension whose elements have size bytes,
// and writes what stands before them.
func arrayHead(buf []byte, elem uint32, n int, nulls bool, size int) []byte {
	buf = slices.Grow(buf, 20+4*n+size)
	flags := uint32(0)
	if nulls {
		flags = 1
	}
	for _, v := range [...]uint32{1, flags, elem, uint32(n), 1} {
		buf = binary.BigEndian.AppendUint32(buf, v)
	}
	return buf
}

// knowColumns has a connection write columns our way.
func knowColumns(_ context.Context, conn *pgx.Conn) error {
	m := conn.TypeMap()
	for _, of := range []struct{ array, elem uint32 }{{pgtype.TextArrayOID, pgtype.TextOID}, {pgtype.TimestamptzArrayOID, pgtype.TimestamptzOID}} {
		if t, ok := m.TypeForOID(of.array); ok {
			m.RegisterType(&pgtype.Type{Name: t.Name, OID: of.array, Codec: columnCodec{t.Codec, of.elem}})
		}
	}
	return nil
}

// room is a message of no bytes that has the connection's buffer grow once: it is
// dropped after each trip, and would double from a kilobyte on.
type room int

var _ pgproto3.FrontendMessage = room(0)

// Frontend says that this goes to the server.
func (room) Frontend() {}

// Decode reads nothing: there is nothing to read.
func (room) Decode([]byte) error { return nil }

// Encode appends nothing.
func (n room) Encode(buf []byte) ([]byte, error) { return slices.Grow(buf, int(n)), nil }

// roomFor is about how many bytes a batch takes on the wire.
func roomFor(q *pgx.Batch) room {
	n := 0
	for _, s := range q.QueuedQueries {
		n += 64
		for _, a := range s.Arguments {
			n += 32
			switch of := a.(type) {
			case []string:
				for _, v := range of {
					n += 4 + len(v)
				}
			case []*string:
				for _, v := range of {
					if n += 4; v != nil {
						n += len(*v)
					}
				}
			case []*time.Time:
				n += 12 * len(of)
			}
		}
	}
	return room(n)
}
