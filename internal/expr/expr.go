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
	"sync"
	"time"

	"cel.dev/cel-go/cel"
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

	act *reading // see Bound
}

// Bound gives a scope for many evaluations: what they read is laid out once. The
// scope must not be changed afterwards.
func (s Scope) Bound() Scope {
	s.act = s.reading()
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

// reading gives names their values while expressions are evaluated. What has to be
// laid out for that is laid out when it is first named.
type reading struct {
	s                Scope
	mu               sync.Mutex
	event, steps, of map[string]any
	today            string
}

var _ cel.Activation = (*reading)(nil)

func (s Scope) reading() *reading {
	if s.act != nil {
		return s.act
	}
	return &reading{s: s}
}

// Parent gives nil: there is nothing around what a flow can name.
func (r *reading) Parent() cel.Activation { return nil }

// ResolveName gives the value of one of the names at the top.
func (r *reading) ResolveName(name string) (any, bool) {
	switch name {
	case "joiner":
		return notNil(r.s.Joiner), true
	case "vars":
		return notNil(r.s.Vars), true
	case "inputs":
		return notNil(r.s.Inputs), true
	case "now":
		return r.s.Now, true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch name {
	case "event":
		if r.event == nil {
			e := r.s.Event
			r.event = map[string]any{"key": e.Key, "type": e.Type, "worker": e.Worker, "changed": e.Changed}
			if !e.At.IsZero() {
				r.event["at"] = e.At
			}
		}
		return r.event, true
	case "steps":
		if r.steps == nil {
			r.steps = make(map[string]any, len(r.s.Steps))
			for id, out := range r.s.Steps {
				r.steps[id] = out
			}
		}
		return r.steps, true
	case "run":
		if r.of == nil {
			r.of = map[string]any{"id": r.s.Run.ID, "flow": r.s.Run.Flow, "mode": r.s.Run.Mode}
			if !r.s.Run.StartedAt.IsZero() {
				r.of["started_at"] = r.s.Run.StartedAt
			}
		}
		return r.of, true
	case "today":
		if r.today == "" {
			zone := r.s.Zone
			if zone == nil {
				zone = time.UTC
			}
			r.today = r.s.Now.In(zone).Format(time.DateOnly)
		}
		return r.today, true
	}
	return nil, false
}

func notNil(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}
