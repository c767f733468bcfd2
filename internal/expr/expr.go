// Package expr knows expressions: CEL, type-checked when a flow is saved and
// bounded when it runs, with the helper names HR and directory engineers know.
// It is the only importer of the CEL library.
//
// What an expression can read: event, joiner, steps, run, vars, today ("2006-01-02"
// in the scope's zone) and now. Something absent reads as the empty value of its
// type: an attribute the HRIS does not send and an output of a step that was
// skipped are "" (or false, [], {}; null for numbers, moments and untyped
// outputs). So `joiner.middle_name == ""` and Coalesce work without asking first;
// has(joiner.middle_name) and IsPresent tell whether there is a value.
package expr

import (
	"context"
	"time"
)

// Type is what an expression gives.
type Type string

// The types. A number is any CEL number; a timestamp may also be a text with a date.
const (
	Any       Type = "any"
	String    Type = "string"
	Bool      Type = "bool"
	Number    Type = "number"
	Timestamp Type = "timestamp"
	List      Type = "list"
	Map       Type = "map"
)

// Decls says what expressions of one flow may name.
type Decls struct {
	// Attributes are the well-known attribute names of a joiner. Others may be
	// read too, unless they look like a mistyped known one.
	Attributes []string
	// Steps gives the outputs of each node.
	Steps map[string]map[string]Type
	// Vars are the flow's own values; their types are taken from them.
	Vars map[string]any
	// Inputs are values that come in under declared names, as a policy's do; nil
	// means that there is nothing of that name.
	Inputs map[string]Type
}

// Scope is what one evaluation reads.
type Scope struct {
	Event  Event
	Joiner map[string]any
	Steps  map[string]map[string]any
	Run    Run
	Vars   map[string]any
	Inputs map[string]any
	Now    time.Time
	// Zone is where "today" is; nil means UTC.
	Zone *time.Location

	act map[string]any // see Bound
}

// Bound gives a scope for many evaluations: what they read is laid out once. The
// scope must not be changed afterwards.
func (s Scope) Bound() Scope {
	s.act = s.activation()
	return s
}

// Event is the event that started a run; zero for a run started by hand.
type Event struct {
	Key, Type, Worker string
	At                time.Time
	Changed           []string
}

// Run is what an expression may know of its run.
type Run struct {
	ID, Flow, Mode string
	StartedAt      time.Time
}

// Problem is a fault in an expression. Line and Column count from 1 inside the
// field's text.
type Problem struct {
	Line, Column int
	Detail       string
}

// Value is a compiled field: a literal, a template or an expression.
type Value interface {
	// Eval gives a plain Go value: string, bool, int64, float64, time.Time,
	// []any, map[string]any or nil.
	Eval(ctx context.Context, s Scope) (any, error)
}

type literal struct{ v any }

func (l literal) Eval(context.Context, Scope) (any, error) { return l.v, nil }

// Literal is a value that needs no evaluation.
func Literal(v any) Value { return literal{v} }

func (s Scope) activation() map[string]any {
	if s.act != nil {
		return s.act
	}
	zone := s.Zone
	if zone == nil {
		zone = time.UTC
	}
	event := map[string]any{"key": s.Event.Key, "type": s.Event.Type, "worker": s.Event.Worker, "changed": s.Event.Changed}
	if !s.Event.At.IsZero() {
		event["at"] = s.Event.At
	}
	steps := make(map[string]any, len(s.Steps))
	for id, out := range s.Steps {
		steps[id] = out
	}
	run := map[string]any{"id": s.Run.ID, "flow": s.Run.Flow, "mode": s.Run.Mode}
	if !s.Run.StartedAt.IsZero() {
		run["started_at"] = s.Run.StartedAt
	}
	return map[string]any{
		"event": event, "joiner": notNil(s.Joiner), "steps": steps, "run": run, "vars": notNil(s.Vars),
		"inputs": notNil(s.Inputs), "now": s.Now, "today": s.Now.In(zone).Format(time.DateOnly),
	}
}

func notNil(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}
