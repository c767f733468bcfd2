// Package form declares fields: of a node, of a connection's settings, of a
// policy. One declaration drives the page's form, the server's validation and
// the help, so three screens cannot disagree.
package form

// Kind is what a field holds.
type Kind string

// The kinds of field.
const (
	Text       Kind = "text"       // one line; literal, {{ template }} or =expression when Expr is set
	LongText   Kind = "long_text"  // several lines
	Number     Kind = "number"     // float64
	Bool       Kind = "bool"       // true or false
	Select     Kind = "select"     // one of Options
	Duration   Kind = "duration"   // Go duration with d for days: "90s", "5d"
	Expression Kind = "expression" // CEL; stored with or without the leading "="
	Mapping    Kind = "mapping"    // map of name to text; values may be expressions when Expr is set
	List       Kind = "list"       // list of text; each may be an expression when Expr is set
	Directory  Kind = "directory"  // key of a connection that has accounts and groups
	HRIS       Kind = "hris"       // key of a connection that has workers
	Cases      Kind = "cases"      // ordered [{when: expression, port: slug}] (switch)
	Policy     Kind = "policy"     // key of a policy of the type Of
	Function   Kind = "function"   // key of a function
	Table      Kind = "table"      // ordered rows, each a map of the Columns' keys
	Fields     Kind = "fields"     // ordered [{key, label, kind}] (the form of a sign-off)
)

// Option is one choice of a Select.
type Option struct {
	Value string `json:"value"`
	Label string `json:"label"`
}

// Field is one declared field.
type Field struct {
	Key         string   `json:"key"`
	Label       string   `json:"label"`
	Kind        Kind     `json:"kind"`
	Required    bool     `json:"required,omitempty"`
	Help        string   `json:"help,omitempty"`
	Placeholder string   `json:"placeholder,omitempty"`
	Default     any      `json:"default,omitempty"`
	Options     []Option `json:"options,omitempty"`
	// Expr says the value may be "=expression" or hold "{{ expression }}".
	Expr bool `json:"expr,omitempty"`
	// Result is the type an expression must have: "string", "bool", "number",
	// "timestamp", "list", "any" (empty means string for Text, any otherwise).
	Result string `json:"result,omitempty"`
	// Of is the type of policy a Policy field takes.
	Of string `json:"of,omitempty"`
	// Columns are the fields of a Table's rows.
	Columns []Field `json:"columns,omitempty"`
	// Group is the heading a long form shows the field under.
	Group string `json:"group,omitempty"`
	// ShowWhen hides the field unless another field has one of the values.
	ShowWhen *When `json:"show_when,omitempty"`
}

// When is a condition on another field of the same form.
type When struct {
	Field string   `json:"field"`
	In    []string `json:"in"`
}
