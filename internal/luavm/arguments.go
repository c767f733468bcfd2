package luavm

import (
	"bytes"
	"encoding/json"
)

// arguments reads a list whose first element is the key of a connection. The text is
// JSON already: every question comes through here, and reading it once more as any
// value at all took as long as the rest of the host's part.
func arguments(raw json.RawMessage) (args []json.RawMessage, connection string, ok bool) {
	if args = elements(raw); len(args) == 0 {
		return nil, "", false
	}
	first := args[0]
	if first[0] != '"' {
		return nil, "", false
	}
	if in := string(first[1 : len(first)-1]); plain(in) {
		return args, in, true
	}
	return args, connection, json.Unmarshal(first, &connection) == nil
}

// elements are those of a list in JSON; nil for an empty list, and for what is none.
func elements(raw []byte) (out []json.RawMessage) {
	if raw = bytes.TrimSpace(raw); len(raw) < 2 || raw[0] != '[' || raw[len(raw)-1] != ']' {
		return nil
	}
	raw = raw[1 : len(raw)-1]
	from, deep := 0, 0
	take := func(to int) {
		if e := bytes.TrimSpace(raw[from:to]); len(e) > 0 {
			out = append(out, e[:len(e):len(e)])
		}
		from = to + 1
	}
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			for i++; i < len(raw) && raw[i] != '"'; i++ {
				if raw[i] == '\\' {
					i++
				}
			}
		case '[', '{':
			deep++
		case ']', '}':
			deep--
		case ',':
			if deep == 0 {
				take(i)
			}
		}
	}
	take(len(raw))
	return out
}
