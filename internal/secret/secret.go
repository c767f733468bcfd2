// Package secret keeps sensitive values out of sight: Value prints dots, and a
// Sealer encrypts values with a data key of their own under the master key.
package secret

import (
	"encoding/json"
	"fmt"
	"log/slog"
)

const dots = "••••••"

// Value is a secret text. Every way of printing it gives dots; only Reveal gives
// the text, and only connectors and the sealer call it.
type Value struct{ text string }

// New wraps a text.
func New(text string) Value { return Value{text: text} }

// Reveal gives the text. Call it at the moment of use and keep no copy.
func (v Value) Reveal() string { return v.text }

// Empty reports whether there is no secret.
func (v Value) Empty() bool { return v.text == "" }

func (v Value) String() string   { return dots }
func (v Value) GoString() string { return dots }

// Format prints dots whatever the verb.
func (v Value) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(dots)) }

// MarshalJSON writes dots.
func (v Value) MarshalJSON() ([]byte, error) { return json.Marshal(dots) }

// MarshalText writes dots.
func (v Value) MarshalText() ([]byte, error) { return []byte(dots), nil }

// LogValue logs dots.
func (v Value) LogValue() slog.Value { return slog.StringValue(dots) }
