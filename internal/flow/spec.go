package flow

import "joinery/internal/form"

// Spec describes a node type. Palette, form, validation, help, and the catalogue
// a language model sees are all read from it. It is data, so that a flow can be
// checked without the code that runs its nodes.
type Spec struct {
	Kind     string       `json:"kind"`     // "account.ensure"; stored for ever, never renamed
	Version  int          `json:"version"`  // raised when the meaning changes
	Category string       `json:"category"` // trigger, logic, people, directory, hris, message
	Title    string       `json:"title"`
	Icon     string       `json:"icon"` // Lucide name
	Help     string       `json:"help"`
	Fields   []form.Field `json:"fields"`
	Ports    []Port       `json:"ports"`
	// PortsFrom names a form.Cases field whose entries add ports (switch).
	PortsFrom string `json:"ports_from,omitempty"`
	// Outputs are the fields of steps.<id> and their types, for expressions.
	Outputs []Output `json:"outputs,omitempty"`
	// OutputsFrom names a form.Mapping field whose names are outputs too (set).
	OutputsFrom string `json:"outputs_from,omitempty"`
	// Trigger says a flow may start here; nothing may lead into it.
	Trigger bool `json:"trigger,omitempty"`
	// Writes says the node changes an outside system.
	Writes bool `json:"writes,omitempty"`
	// Ends says nothing may follow (stop).
	Ends bool `json:"ends,omitempty"`
	// Computes says that the node's result follows from its fields alone: it reads
	// and writes nothing outside.
	Computes bool `json:"computes,omitempty"`
	// Reads says that the node changes nothing anywhere unless it records an intent:
	// after a crash it may read anew.
	Reads bool `json:"-"`
	// Decides says that the node's result follows from its fields, the joiner and the
	// moment: it may be worked out ahead of its turn.
	Decides bool `json:"decides,omitempty"`
	// Enables says that the node makes or enables an account in its directory.
	Enables bool `json:"enables,omitempty"`
	// NeedsOne lists fields of which at least one has to be filled.
	NeedsOne []string `json:"needs_one,omitempty"`
	// Resolves names the output that lists groups the joiner is to get.
	Resolves string `json:"resolves,omitempty"`
	// Grants names the field that lists the groups the node puts an account into.
	Grants string `json:"grants,omitempty"`
}

// Port is a named way out.
type Port struct {
	Name  string `json:"name"`
	Label string `json:"label"`
}

// Output is one field a step offers to later expressions.
type Output struct {
	Name string `json:"name"`
	Type string `json:"type"` // string, bool, number, timestamp, map, list, any
	Help string `json:"help,omitempty"`
	// Of is the type of a list's entries, and Entry what each of them holds.
	Of    string   `json:"of,omitempty"`
	Entry []Output `json:"entry,omitempty"`
}

// Catalog finds the spec of a node type.
type Catalog interface {
	Spec(kind string) (Spec, bool)
	Specs() []Spec
}
