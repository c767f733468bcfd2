// Package policy knows the rules a company has for its joiners: how names are
// made, which groups follow, how attributes are filled, what may be written back.
// A policy is one set of such rules, under change control like a flow. Everything
// here is pure: what only a live system knows comes in through a Subject.
package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"joinery/internal/expr"
	"joinery/internal/fault"
	"joinery/internal/form"
	"joinery/internal/joiner"
	"joinery/internal/naming"
)

// Content is a policy as it is written, reviewed and hashed. Exactly the rules of
// its type are given.
type Content struct {
	Key         string `json:"key" yaml:"key"`
	Name        string `json:"name" yaml:"name"`
	Description string `json:"description,omitempty" yaml:"description,omitempty"`
	// Type is one of Types.
	Type        string       `json:"type" yaml:"type"`
	Naming      *Naming      `json:"naming,omitempty" yaml:"naming,omitempty"`
	Groups      *Groups      `json:"groups,omitempty" yaml:"groups,omitempty"`
	Mapping     *Mapping     `json:"mapping,omitempty" yaml:"mapping,omitempty"`
	Calendar    *Calendar    `json:"calendar,omitempty" yaml:"calendar,omitempty"`
	Correlation *Correlation `json:"correlation,omitempty" yaml:"correlation,omitempty"`
	// WriteBack is a contract about fields of an HRIS.
	WriteBack *WriteBack `json:"write_back,omitempty" yaml:"write_back,omitempty"`
	// Cases are the policy's tests: a release needs all of them to pass.
	Cases []Case `json:"cases,omitempty" yaml:"cases,omitempty"`
}

// MaxCases bounds the tests of one policy.
const MaxCases = 200

// Rules are the rules of one policy, read and ready to decide.
type Rules interface {
	// Check finds what is wrong. Paths start below the rules: "rows.3.when".
	Check(k Known) []fault.Problem
	// Try decides for one joiner and says why. It never writes.
	Try(ctx context.Context, s Subject) (Outcome, error)
	// Connections lists the connections the rules name, to be pinned with them.
	Connections() []string
}

// Spec describes a type of policy: its form, its help.
type Spec struct {
	Type  string
	Title string
	Icon  string // Lucide name
	Help  string
	// Fields are the form of the rules; a form.Table field is a list of rows.
	Fields []form.Field
	// Rows is the table that a Reason's Row counts in; empty means the first one.
	Rows string
	// Starter is the first text of a new policy of this type, in YAML.
	Starter string
}

// Field is the content's field that holds the rules of this type.
func (s Spec) Field() string { return field(s.Type) }

// kind is one type of policy. A new one is a file of its own and a line in kinds.
type kind struct {
	spec Spec
	// rules gives the rules of a content; false when it has none of this type.
	rules func(c Content) (Rules, bool)
}

func kinds() []kind {
	return []kind{namingKind(), groupsKind(), mappingKind(), calendarKind(), correlationKind(), writeBackKind()}
}

// Types lists the types of policy.
func Types() []string {
	var out []string
	for _, k := range kinds() {
		out = append(out, k.spec.Type)
	}
	return out
}

// Specs describes the types of policy.
func Specs() []Spec {
	var out []Spec
	for _, k := range kinds() {
		out = append(out, k.spec)
	}
	return out
}

// SpecOf describes one type.
func SpecOf(name string) (Spec, bool) {
	for _, k := range kinds() {
		if k.spec.Type == name {
			return k.spec, true
		}
	}
	return Spec{}, false
}

// Known is what a check may know of the surroundings; nil maps are not checked.
type Known struct {
	// Connections gives the capabilities of each connection there is.
	Connections map[string][]string
	// Schemas tell which attributes the accounts of a connection may have, by its key.
	// A connection that is missing was not asked yet or gave no answer.
	Schemas map[string]Schema
}

// Subject is what a policy decides about.
type Subject struct {
	Worker joiner.Worker
	// Source is the connection the worker comes from; "" when it is not known.
	Source string
	Now    time.Time
	// Inputs are the values that the node hands in, by the names that the policy declares.
	Inputs map[string]any
	// Lookups answer what only a live system knows; nil means that nothing is
	// taken and nobody is there.
	Lookups Lookups
	// People are those known already. Only correlations look at them.
	People []joiner.Worker
	// Accounts are those of directories. Only correlations look at them.
	Accounts []Candidate
	// Write are values that a flow wants to write back, Wrote those that Joinery
	// wrote before, and Planned what the HRIS said when the run read the worker. Only
	// write-back contracts look at them.
	Write, Wrote, Planned map[string]any
}

// Lookups answer questions about live systems while a policy decides.
type Lookups interface {
	// Holder tells who holds a name in a name space; "" when it is free.
	Holder(ctx context.Context, space, name string) (string, error)
}

// Outcome is what a policy decided.
type Outcome struct {
	// Output is what the node gives to later steps.
	Output map[string]any
	// Reasons tell how it came to that, in the order it was decided.
	Reasons []Reason
	// Names are what a naming policy wants held for the joiner, all or none.
	Names []naming.Name
	// Person says why a person has to decide; "" when the rules could.
	Person string
}

// Reason is one step of a decision.
type Reason struct {
	// Row is the row of the table that decided, from 1; 0 when none did.
	Row int
	// Took says that the row had its effect.
	Took  bool
	Title string
	// Detail says why, in a sentence.
	Detail string
}

// Rules gives the content's rules; false when its type is unknown or its rules are missing.
func (c Content) Rules() (Rules, bool) {
	for _, k := range kinds() {
		if k.spec.Type == c.Type {
			return k.rules(c)
		}
	}
	return nil, false
}

// With lets the rules use what was compiled before. It comes before they are checked
// or tried.
func (c Content) With(programs *expr.Programs) Content {
	if c.Groups != nil {
		c.Groups.programs = programs
	}
	if c.Mapping != nil {
		c.Mapping.programs = programs
	}
	if c.Naming != nil {
		c.Naming.programs = programs
	}
	return c
}

// Decode reads JSON strictly.
func Decode(raw []byte) (Content, error) {
	var c Content
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	var kind *json.UnmarshalTypeError
	if err := dec.Decode(&c); errors.As(err, &kind) {
		return Content{}, fault.Wrap(fault.Invalid, err, "%s cannot be a %s. Look up in the guide of this type of policy what it takes.", kind.Field, strings.NewReplacer("string", "text", "object", "set of names and values", "array", "list", "bool", "yes or no").Replace(kind.Value))
	} else if err != nil {
		return Content{}, fault.Wrap(fault.Invalid, err, "This is not a policy: %s.", strings.TrimPrefix(err.Error(), "json: "))
	}
	return c, nil
}

// field is the content field that holds the rules of a type.
func field(typ string) string { return strings.ReplaceAll(typ, "-", "_") }

// Check finds what keeps a policy from going live.
func Check(c Content, k Known) []fault.Problem {
	var out []fault.Problem
	add := func(path, format string, args ...any) {
		out = append(out, fault.Problem{Path: path, Detail: fmt.Sprintf(format, args...)})
	}
	if strings.TrimSpace(c.Name) == "" {
		add("name", "Name is needed.")
	}
	if !slices.Contains(Types(), c.Type) {
		add("type", "Choose one of: %s.", strings.Join(Types(), ", "))
		return out
	}
	for _, other := range c.given() {
		if other != field(c.Type) {
			add(other, "A policy of type %s has no %s. Take it out, or change the type.", c.Type, other)
		}
	}
	rules, ok := c.Rules()
	if !ok {
		add(field(c.Type), "Write the rules of this policy.")
		return out
	}
	for _, p := range rules.Check(k) {
		p.Path = strings.TrimSuffix(field(c.Type)+"."+p.Path, ".")
		out = append(out, p)
	}
	if len(c.Cases) > MaxCases {
		add("cases", "A policy may have up to %d tests.", MaxCases)
		return out
	}
	if len(out) > 0 {
		return append(out, checkCases(c.Cases)...)
	}
	return append(out, failures(c)...)
}

// given names the rule fields that are filled.
func (c Content) given() []string {
	var out []string
	if c.Naming != nil {
		out = append(out, "naming")
	}
	if c.Groups != nil {
		out = append(out, "groups")
	}
	if c.Mapping != nil {
		out = append(out, "mapping")
	}
	if c.Calendar != nil {
		out = append(out, "calendar")
	}
	if c.Correlation != nil {
		out = append(out, "correlation")
	}
	if c.WriteBack != nil {
		out = append(out, "write_back")
	}
	return out
}
