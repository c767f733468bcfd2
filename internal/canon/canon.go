// Package canon knows one thing: the canonical bytes of a JSON document
// (RFC 8785: sorted keys, no white space) and their SHA-256. What is reviewed,
// approved and released is always this hash.
package canon

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
)

// JSON gives the canonical form of a document.
func JSON(raw []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("read JSON: more text after the document")
	}
	return Value(v)
}

// Value gives the canonical form of a Go value.
func Value(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	// encoding/json sorts map keys; a struct is turned into a map first so that
	// field order never reaches the hash.
	plain, err := generic(v)
	if err != nil {
		return nil, err
	}
	if err := enc.Encode(plain); err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	return bytes.TrimRight(buf.Bytes(), "\n"), nil
}

// Hash gives the SHA-256 of the canonical form, as 64 hex digits.
func Hash(raw []byte) (string, error) {
	b, err := JSON(raw)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

func generic(v any) (any, error) {
	switch v.(type) {
	case nil, bool, string, json.Number, map[string]any, []any:
		return v, nil
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var out any
	if err := dec.Decode(&out); err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	return out, nil
}
