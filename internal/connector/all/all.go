// Package all is the list of connector types that ship.
package all

import (
	"slices"

	"joinery/internal/connector"
	"joinery/internal/connector/bamboohr"
	"joinery/internal/connector/hibob"
	"joinery/internal/connector/hrisrest"
	"joinery/internal/connector/ldap"
	"joinery/internal/connector/peoplefile"
	"joinery/internal/connector/scim"
	"joinery/internal/connector/tryton"
)

// Catalog holds the shipped types. The zero value is not useful; use New.
type Catalog struct {
	types []connector.Type
}

var _ connector.Catalog = Catalog{}

// New lists every type that ships, in the order pages show them.
func New() Catalog {
	return Of(
		hrisrest.Type{}, bamboohr.Type{}, hibob.Type{}, tryton.Type{},
		peoplefile.Type{},
		scim.Type{}, ldap.Type{},
	)
}

// With replaces the type of the same kind, such as one that needs a store.
func (c Catalog) With(t connector.Type) Catalog {
	out := Catalog{types: slices.Clone(c.types)}
	for i, old := range out.types {
		if old.Info().Kind == t.Info().Kind {
			out.types[i] = t
		}
	}
	return out
}

// Of makes a catalog of the given types, for tests and tools.
func Of(types ...connector.Type) Catalog { return Catalog{types: types} }

// Type finds a type by its kind.
func (c Catalog) Type(kind string) (connector.Type, bool) {
	for _, t := range c.types {
		if t.Info().Kind == kind {
			return t, true
		}
	}
	return nil, false
}

// Types lists the types.
func (c Catalog) Types() []connector.Type { return c.types }
