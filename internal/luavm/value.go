package luavm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"
)

// exact is the largest whole number that a Lua number holds without a gap.
const exact = 1 << 53

// fromJSON turns JSON into Lua values. Keys go in sorted, so that pairs gives
// them in that order; null is left out; a whole number that Lua cannot hold
// exactly becomes the text of its digits.
func (m *machine) fromJSON(raw []byte) (lua.LValue, error) {
	switch string(raw) { // what most questions are answered
	case "true":
		return lua.LTrue, nil
	case "false":
		return lua.LFalse, nil
	case "null":
		return lua.LNil, nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	left := maxResultSize * 5
	return m.fromGo(v, 0, &left)
}

func (m *machine) fromGo(v any, depth int, left *int) (lua.LValue, error) {
	if *left--; *left < 0 || depth > 2*maxResultDeep {
		return nil, errors.New("the value is too large")
	}
	switch v := v.(type) {
	case nil:
		return lua.LNil, nil
	case bool:
		return lua.LBool(v), nil
	case string:
		return lua.LString(v), nil
	case json.Number:
		f, err := v.Float64()
		if err != nil || math.Abs(f) > exact && f == math.Trunc(f) {
			return lua.LString(v.String()), nil
		}
		return lua.LNumber(f), nil
	case float64:
		return lua.LNumber(v), nil
	case []any:
		t := m.state.NewTable()
		n := 0
		for _, e := range v {
			x, err := m.fromGo(e, depth+1, left)
			if err != nil {
				return nil, err
			}
			if x != lua.LNil {
				n++
				t.RawSetInt(n, x)
			}
		}
		return t, nil
	case map[string]any:
		t := m.state.NewTable()
		for _, k := range sortedKeys(v) {
			x, err := m.fromGo(v[k], depth+1, left)
			if err != nil {
				return nil, err
			}
			if x != lua.LNil {
				t.RawSetString(k, x)
			}
		}
		return t, nil
	}
	return nil, fmt.Errorf("a %T cannot be given to Lua", v)
}

// toJSON writes a Lua value as JSON with sorted keys. An empty table is
// written as {}; where the schema wants a list, the host reads it as one.
func toJSON(v lua.LValue, most int) ([]byte, error) {
	w := &writer{most: most, left: maxResultSize}
	if err := w.value(v, 0); err != nil {
		return nil, err
	}
	return w.b.Bytes(), nil
}

type writer struct {
	b          bytes.Buffer
	most, left int
	path       map[*lua.LTable]bool
}

func (w *writer) value(v lua.LValue, depth int) error {
	if w.left--; w.left < 0 {
		return fmt.Errorf("the value has more than %d parts", maxResultSize)
	}
	if w.b.Len() > w.most {
		return fmt.Errorf("the value has more than %d kB", w.most>>10)
	}
	switch v := v.(type) {
	case *lua.LNilType:
		w.b.WriteString("null")
	case lua.LBool:
		w.b.WriteString(strconv.FormatBool(bool(v)))
	case lua.LNumber:
		return w.number(float64(v))
	case lua.LString:
		return w.text(string(v))
	case *lua.LTable:
		if w.path[v] {
			return errors.New("a table holds itself")
		}
		if depth >= maxResultDeep {
			return fmt.Errorf("the value is nested deeper than %d levels", maxResultDeep)
		}
		if w.path == nil {
			w.path = map[*lua.LTable]bool{}
		}
		w.path[v] = true
		err := w.table(v, depth)
		delete(w.path, v)
		return err
	default:
		return fmt.Errorf("a %s cannot be given on", v.Type())
	}
	return nil
}

func (w *writer) number(f float64) error {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return errors.New("a number is infinite or not a number")
	case f == math.Trunc(f) && math.Abs(f) > exact:
		return errors.New("a number is too large to be exact; give it as text")
	case f == math.Trunc(f):
		w.b.WriteString(strconv.FormatInt(int64(f), 10))
	default:
		raw, _ := json.Marshal(f)
		w.b.Write(raw)
	}
	return nil
}

func (w *writer) text(s string) error {
	if !utf8.ValidString(s) {
		return errors.New("a text is not UTF-8; was it cut within a letter?")
	}
	if w.b.Len()+len(s) > w.most {
		return fmt.Errorf("the value has more than %d kB", w.most>>10)
	}
	if plain(s) {
		w.b.WriteByte('"')
		w.b.WriteString(s)
		w.b.WriteByte('"')
		return nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s)
	w.b.Write(bytes.TrimRight(b.Bytes(), "\n"))
	return nil
}

// plain says whether JSON has a text as it is.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c > '~' {
			return false
		}
	}
	return true
}

func (w *writer) table(t *lua.LTable, depth int) error {
	var keys []string
	fields := map[string]lua.LValue{}
	list := 0
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		switch k := k.(type) {
		case lua.LString:
			if !utf8.ValidString(string(k)) {
				return errors.New("a key is not UTF-8")
			}
			keys = append(keys, string(k))
			fields[string(k)] = v
		case lua.LNumber:
			if k < 1 || k != lua.LNumber(math.Trunc(float64(k))) {
				return errors.New("a list has a place that is no whole number from 1")
			}
			list++
		default:
			return fmt.Errorf("a key is a %s", k.Type())
		}
		if w.left < len(keys)+list {
			return fmt.Errorf("the value has more than %d parts", maxResultSize)
		}
	}
	if list > 0 {
		return w.list(t, list, len(keys), depth)
	}
	slices.Sort(keys)
	w.b.WriteByte('{')
	for i, k := range keys {
		if i > 0 {
			w.b.WriteByte(',')
		}
		if err := w.text(k); err != nil {
			return err
		}
		w.b.WriteByte(':')
		if err := w.value(fields[k], depth+1); err != nil {
			return err
		}
	}
	w.b.WriteByte('}')
	return nil
}

func (w *writer) list(t *lua.LTable, n, named, depth int) error {
	if named > 0 {
		return errors.New("a table is both a list and named fields")
	}
	w.b.WriteByte('[')
	for i := 1; i <= n; i++ {
		v := t.RawGetInt(i)
		if v == lua.LNil {
			return errors.New("a list has a gap")
		}
		if i > 1 {
			w.b.WriteByte(',')
		}
		if err := w.value(v, depth+1); err != nil {
			return err
		}
	}
	w.b.WriteByte(']')
	return nil
}
