package artifact

import (
	"time"

	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/policy"
	"joinery/internal/review"
)

// Known is what a check may know of the surroundings.
type Known struct {
	flow.Known
	// Schemas tell which attributes connections have, by key; one that is missing has
	// not told.
	Schemas map[string]Schema
}

// Schema is what a connection told about the attributes of its accounts.
type Schema struct {
	Attributes []connector.SchemaAttribute
	ReadAt     time.Time
}

// policy gives what a policy's check may know.
func (k Known) policy() policy.Known {
	out := policy.Known{Connections: k.Connections, Schemas: map[string]policy.Schema{}}
	for key, s := range k.Schemas {
		out.Schemas[key] = s.policy()
	}
	return out
}

func (s Schema) policy() policy.Schema {
	out := policy.Schema{ReadAt: s.ReadAt,
		Find: func(name string) (policy.Attribute, bool) {
			a, ok := connector.FindAttribute(s.Attributes, name)
			return policy.Attribute{Name: a.Name, Type: string(a.Type), Multi: a.Multi, ReadOnly: a.ReadOnly, CreateOnly: a.CreateOnly, Required: a.Required, MaxLength: a.MaxLength}, ok
		},
		Missing: func(names []string) []string { return connector.MissingAttributes(s.Attributes, names) },
	}
	for _, a := range s.Attributes {
		out.Names = append(out.Names, a.Name)
	}
	return out
}

// SchemaConnections lists the connections whose attributes a content names.
func (k Kinds) SchemaConnections(kind review.Kind, content []byte) []string {
	if kind != review.Policy {
		return nil
	}
	c, err := policy.Decode(content)
	if err != nil || c.Mapping == nil {
		return nil
	}
	return c.Mapping.Connections()
}

// Warnings lists what does not keep content from going live and somebody should look at.
func (k Kinds) Warnings(kind review.Kind, content []byte, known Known, now time.Time) []fault.Problem {
	if kind != review.Policy {
		return nil
	}
	c, err := policy.Decode(content)
	if err != nil {
		return nil
	}
	return policy.Warnings(c, now, known.policy())
}
