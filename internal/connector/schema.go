package connector

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// ValueType is the kind of value an attribute of an outside system holds.
type ValueType string

// The kinds of value. A map is a value with parts of its own (SCIM's complex
// attributes); a dn names another entry of the directory.
const (
	TypeString    ValueType = "string"
	TypeBool      ValueType = "bool"
	TypeNumber    ValueType = "number"
	TypeTimestamp ValueType = "timestamp"
	TypeDN        ValueType = "dn"
	TypeBinary    ValueType = "binary"
	TypeMap       ValueType = "map"
)

// SchemaAttribute is one attribute that an account of this connection may have,
// under the name that Ensure.Attributes and UpdateAccount take.
type SchemaAttribute struct {
	// Name as the system writes it. Names are compared without regard to case. A
	// part that is * stands for any one word: "emails.*" allows emails.private.
	Name string    `json:"name"`
	Type ValueType `json:"type"`
	// Multi: takes a list.
	Multi bool `json:"multi,omitempty"`
	// ReadOnly: kept by the system, or by the connection itself (login, mark,
	// password, state), so a flow cannot set it as an attribute.
	ReadOnly bool `json:"read_only,omitempty"`
	// CreateOnly: may be given when the account is made and not changed later.
	CreateOnly bool `json:"create_only,omitempty"`
	// Required: a new account needs it, and the connection does not fill it in.
	Required bool `json:"required,omitempty"`
	// MaxLength in characters (for binary: bytes); 0 = none known.
	MaxLength int `json:"max_length,omitempty"`
	// Aliases are other names of the same attribute: "surname" for sn.
	Aliases []string `json:"aliases,omitempty"`
	// Help is the system's own description, if it has one.
	Help string `json:"help,omitempty"`
}

// SchemaReader is a connection that can tell which attributes its accounts may
// have. It reads the live system, sorted by name. fault.NotFound means that the
// system publishes no schema: then nothing can be said about attributes.
type SchemaReader interface {
	Schema(ctx context.Context) ([]SchemaAttribute, error)
}

// FindAttribute finds an attribute by name or alias, without regard to case.
func FindAttribute(schema []SchemaAttribute, name string) (SchemaAttribute, bool) {
	for _, a := range schema {
		if strings.EqualFold(a.Name, name) || slices.ContainsFunc(a.Aliases, func(alias string) bool { return strings.EqualFold(alias, name) }) {
			return a, true
		}
	}
	for _, a := range schema {
		if strings.Contains(a.Name, "*") && sameWords(a.Name, name) {
			return a, true
		}
	}
	return SchemaAttribute{}, false
}

func sameWords(pattern, name string) bool {
	p, n := strings.Split(pattern, "."), strings.Split(name, ".")
	if len(p) != len(n) {
		return false
	}
	for i, word := range p {
		if word != "*" && !strings.EqualFold(word, n[i]) || n[i] == "" {
			return false
		}
	}
	return true
}

// MissingAttributes lists the required attributes that none of the names gives.
// A part counts for its whole: emails.work gives emails.
func MissingAttributes(schema []SchemaAttribute, names []string) []string {
	var out []string
	for _, a := range schema {
		if !a.Required || a.ReadOnly {
			continue
		}
		given := slices.ContainsFunc(names, func(name string) bool {
			found, ok := FindAttribute(schema, name)
			return ok && found.Name == a.Name || len(name) > len(a.Name) && name[len(a.Name)] == '.' && strings.EqualFold(name[:len(a.Name)], a.Name)
		})
		if !given {
			out = append(out, a.Name)
		}
	}
	return out
}

// schemaAge is how long a schema that was read counts. Schemas change a few times
// a year; pages ask for them at each keystroke.
const schemaAge = 5 * time.Minute

// SchemaCache keeps what a connection read last. The zero value is ready.
type SchemaCache struct {
	mu   sync.Mutex
	at   time.Time
	last []SchemaAttribute
}

// Get gives the schema, and reads it when it is older than five minutes. A
// failure is not kept. Whoever asks meanwhile waits for the same answer.
func (c *SchemaCache) Get(now time.Time, read func() ([]SchemaAttribute, error)) ([]SchemaAttribute, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last != nil && now.Sub(c.at) < schemaAge {
		return slices.Clone(c.last), nil
	}
	list, err := read()
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b SchemaAttribute) int {
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	c.at, c.last = now, list
	return slices.Clone(list), nil
}
