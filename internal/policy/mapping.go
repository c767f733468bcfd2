package policy

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"joinery/internal/expr"
	"joinery/internal/fault"
	"joinery/internal/form"
)

// Mapping says what each attribute of an account is made of.
type Mapping struct {
	// Directory is the connection whose accounts have these attributes. It is what
	// the mapping is checked against; the steps of a flow name where they write.
	Directory string   `json:"directory,omitempty" yaml:"directory,omitempty"`
	Inputs    []Input  `json:"inputs,omitempty" yaml:"inputs,omitempty"`
	Rows      []MapRow `json:"rows,omitempty" yaml:"rows,omitempty"`

	programs *expr.Programs
	once     sync.Once
	compiled *mapTable
}

// MapRow is one attribute and what it is made of. Where several rows name one
// attribute, the first whose condition holds decides; where none holds, the
// attribute is left as it is.
type MapRow struct {
	Attribute string `json:"attribute" yaml:"attribute"`
	// When is a condition in CEL; empty means always.
	When string `json:"when,omitempty" yaml:"when,omitempty"`
	// Value is a text, a "{{ template }}" or an "=expression".
	Value string `json:"value,omitempty" yaml:"value,omitempty"`
	// Apply is "always" or "create". Empty means always.
	Apply string `json:"apply,omitempty" yaml:"apply,omitempty"`
	// Empty says what an empty result does: "keep" leaves the attribute as it is,
	// "clear" removes it. Empty means keep.
	Empty string `json:"empty,omitempty" yaml:"empty,omitempty"`
	// Note is for readers.
	Note string `json:"note,omitempty" yaml:"note,omitempty"`
}

var (
	_ Rules  = (*Mapping)(nil)
	_ Warner = (*Mapping)(nil)
)

// When a row applies, and what an empty result does.
const (
	ApplyAlways = "always"
	ApplyCreate = "create"
	EmptyKeep   = "keep"
	EmptyClear  = "clear"
)

const maxAttributes = 300

func mappingKind() kind {
	return kind{spec: mappingSpec(), rules: func(c Content) (Rules, bool) { return c.Mapping, c.Mapping != nil }}
}

func mappingSpec() Spec {
	return Spec{
		Type: "mapping", Title: "Attribute mapping", Icon: "git-compare-arrows", Help: "What each attribute of an account is made of, when it is written, and what an empty value does.",
		Fields: []form.Field{
			{Key: "directory", Label: "Directory", Kind: form.Directory, Help: "Whose attributes these are. They are checked against what that system says it has."},
			{Key: "rows", Label: "Attributes", Kind: form.Table, Required: true, Help: "Where several rows name one attribute, the first whose condition holds decides.", Columns: []form.Field{
				{Key: "attribute", Label: "Attribute", Kind: form.Text, Required: true, Placeholder: "displayName"},
				{Key: "value", Label: "Value", Kind: form.Text, Expr: true, Result: "any", Placeholder: "{{ joiner.first_name }} {{ joiner.last_name }}"},
				{Key: "when", Label: "When", Kind: form.Expression, Result: "bool", Placeholder: `joiner.country == "DE"`, Help: "Empty: always. Where it does not hold, the attribute is left as it is."},
				{Key: "apply", Label: "Written", Kind: form.Select, Default: ApplyAlways, Options: []form.Option{{Value: ApplyAlways, Label: "always"}, {Value: ApplyCreate, Label: "on creation"}}},
				{Key: "empty", Label: "An empty value", Kind: form.Select, Default: EmptyKeep, Options: []form.Option{{Value: EmptyKeep, Label: "keeps it"}, {Value: EmptyClear, Label: "removes it"}}},
				{Key: "note", Label: "Note", Kind: form.Text},
			}},
			inputsField(),
		},
		Starter: "key: directory-attributes\nname: Directory attributes\ntype: mapping\nmapping:\n  rows:\n    - attribute: displayName\n      value: =Coalesce(joiner.preferred_name, joiner.first_name) + \" \" + joiner.last_name\n    - attribute: title\n      value: =joiner.title\n      empty: clear\n    - attribute: employeeNumber\n      value: =joiner.employee_number\n      apply: create\ncases:\n  - name: A title that is gone is removed\n    joiner: {first_name: Ada, last_name: Lovelace, employee_number: \"42\"}\n    expect:\n      attributes: {displayName: Ada Lovelace, title: null}\n      create_only: {employeeNumber: \"42\"}\n",
	}
}

// Connections lists the directory that the mapping names.
func (m *Mapping) Connections() []string {
	if m.Directory == "" {
		return nil
	}
	return []string{m.Directory}
}

// Check finds what is wrong with the mapping, also beside what the system says
// about its attributes, where that is known.
func (m *Mapping) Check(k Known) []fault.Problem {
	out := append(checkInputs(m.Inputs), k.directory("directory", m.Directory)...)
	add := func(path, format string, args ...any) {
		out = append(out, fault.Problem{Path: path, Detail: fmt.Sprintf(format, args...)})
	}
	if len(m.Rows) == 0 {
		add("rows", "The mapping needs at least one attribute.")
	}
	if len(m.Rows) > maxAttributes {
		add("rows", "A mapping may have up to %d rows.", maxAttributes)
		return out
	}
	last := map[string]int{} // attribute → row that always decides, from 1
	for i, r := range m.Rows {
		at := fmt.Sprintf("rows.%d", i)
		name := strings.ToLower(strings.TrimSpace(r.Attribute))
		switch {
		case name == "":
			add(at+".attribute", "Name the attribute.")
		case last[name] > 0:
			add(at+".attribute", "Row %d decides %s for everybody, so this row is never reached. Give that one a condition, or move it below.", last[name], r.Attribute)
		case r.always():
			last[name] = i + 1
		}
		if r.Apply != "" && r.Apply != ApplyAlways && r.Apply != ApplyCreate {
			add(at+".apply", "Choose always or create.")
		}
		if r.Empty != "" && r.Empty != EmptyKeep && r.Empty != EmptyClear {
			add(at+".empty", "Choose keep or clear.")
		}
		if strings.TrimSpace(r.Value) == "" && r.Empty != EmptyClear {
			add(at+".value", "Write what the attribute is made of. To remove it, choose that an empty value removes it.")
		}
	}
	t := m.table()
	out = append(out, t.problems...)
	if s, known := k.Schemas[m.Directory]; known && m.Directory != "" {
		for i, r := range m.Rows {
			if strings.TrimSpace(r.Attribute) != "" {
				out = append(out, s.fits(fmt.Sprintf("rows.%d", i), r, t.rows[i].value)...)
			}
		}
	}
	return out
}

func (r MapRow) always() bool { return strings.TrimSpace(strings.TrimPrefix(r.When, "=")) == "" }

// Warnings says when the attributes could not be checked, and what a new account
// needs that no row gives.
func (m *Mapping) Warnings(_ time.Time, k Known) []fault.Problem {
	if m.Directory == "" {
		return []fault.Problem{{Path: "directory", Detail: "The mapping names no directory, so its attributes are not checked against one."}}
	}
	s, known := k.Schemas[m.Directory]
	if !known {
		return []fault.Problem{{Path: "directory", Detail: fmt.Sprintf("%s has not told which attributes it has, so they are not checked. Test the connection, then open this page again.", m.Directory)}}
	}
	var out []fault.Problem
	var names []string
	for i, r := range m.Rows {
		names = append(names, r.Attribute)
		if a, ok := s.Find(r.Attribute); ok && a.Required && r.Empty == EmptyClear {
			out = append(out, fault.Problem{Path: fmt.Sprintf("rows.%d.empty", i), Detail: fmt.Sprintf("Every account needs %s, so %s refuses to remove it.", a.Name, m.Directory)})
		}
	}
	if missing := s.Missing(names); len(missing) > 0 {
		out = append(out, fault.Problem{Path: "rows", Detail: fmt.Sprintf("A new account in %s needs %s too. Map it here, or give it at the step that makes the account.", m.Directory, strings.Join(missing, ", "))})
	}
	return out
}
