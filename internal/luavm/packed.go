package luavm

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
)

// Questions and answers are most of what is said, and reading them as JSON cost more
// than carrying them: they are a letter and their fields in order, numbers as varints,
// texts after their length.
const (
	packedCall   = 'c' // nonce, id, line, name, args
	packedReturn = 'r' // nonce, id, answer, fault as JSON or nothing
)

func appendCall(b []byte, nonce string, c hostCall) []byte {
	b = appendText(append(b, packedCall), nonce)
	b = binary.AppendUvarint(b, uint64(c.ID))
	b = binary.AppendUvarint(b, uint64(c.Line))
	return appendText(appendText(b, c.Name), c.Args)
}

func readCall(raw []byte) (frame, error) {
	u := unpacking{rest: raw}
	f := frame{Type: frameCall, Nonce: string(u.text())}
	f.Call = &hostCall{ID: u.number(), Line: u.number(), Name: string(u.text()), Args: u.text()}
	return f, u.end()
}

func appendReturn(b []byte, nonce string, r hostReturn) []byte {
	b = appendText(append(b, packedReturn), nonce)
	b = appendText(binary.AppendUvarint(b, uint64(r.ID)), r.OK)
	var fault []byte
	if r.Fault != nil {
		fault, _ = json.Marshal(r.Fault)
	}
	return appendText(b, fault)
}

func readReturn(raw []byte) (frame, error) {
	u := unpacking{rest: raw}
	f := frame{Type: frameRet, Nonce: string(u.text())}
	f.Ret = &hostReturn{ID: u.number(), OK: u.text()}
	if fault := u.text(); len(fault) > 0 && json.Unmarshal(fault, &f.Ret.Fault) != nil {
		u.broken = true
	}
	return f, u.end()
}

func appendText[T string | json.RawMessage | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// unpacking takes fields off a frame. What it gives lies within the frame.
type unpacking struct {
	rest   []byte
	broken bool
}

func (u *unpacking) number() int {
	n, size := binary.Uvarint(u.rest)
	if size <= 0 || n > 1<<31 {
		u.broken, u.rest = true, nil
		return 0
	}
	u.rest = u.rest[size:]
	return int(n)
}

func (u *unpacking) text() []byte {
	n := u.number()
	if n > len(u.rest) {
		u.broken, u.rest = true, nil
		return nil
	}
	out := u.rest[:n:n]
	u.rest = u.rest[n:]
	return out
}

func (u *unpacking) end() error {
	if u.broken || len(u.rest) > 0 {
		return fmt.Errorf("a frame that cannot be read: %w", errFrame)
	}
	return nil
}
