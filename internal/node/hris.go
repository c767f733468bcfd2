package node

import (
	"context"
	"time"

	"joinery/internal/exception"
	"joinery/internal/joiner"
)

// HRIS is the joiner's worker in an HRIS, to be written under a contract. In a
// simulated run nothing is written: what would be is listed.
type HRIS interface {
	// Read reads the worker now, and what is known of its fields from before.
	Read(ctx context.Context) (joiner.Worker, map[string]FieldPast, error)
	// Write sets fields whose values were read as was. It gives the name of the
	// write. fault.Conflict says that one changed since; nothing was written then.
	Write(ctx context.Context, set, was map[string]any) (string, error)
	// Confirm says that an earlier try of this step made a write after all.
	Confirm(ctx context.Context, write string) error
	// Lag is how long the HRIS may still show old values, as its connector knows.
	Lag() time.Duration
	// Verified and NotVerified keep what reading a field back came to.
	Verified(write, field string)
	NotVerified(write, field string)
	// TakenBack keeps that a field has its earlier value again, so that nothing there
	// is ours any more.
	TakenBack(write, field string)
	// Exceptions gives the states of exceptions, and how those that are resolved were.
	Exceptions(ctx context.Context, ids []string) (map[string]ExceptionState, error)
}

// FieldPast is what is known of a field from before.
type FieldPast struct {
	// Own is what Joinery wrote last, by the write Write. Pending says that it was
	// never read back, so a try that was cut off may have made it.
	Own     any
	Write   string
	Pending bool
	// Before is what was there when it was written.
	Before any
	// Accepted is a value of HR's that a person accepted.
	Accepted any
}

// ExceptionState is how far an exception is.
type ExceptionState struct {
	State      exception.State
	Resolution string
}

// Exception is something that a person has to reconcile.
type Exception struct {
	Kind string
	// Subject is what it is about; "" for a field: then Connection and Field say it.
	Subject            string
	Title, Reason      string
	Connection, Policy string
	Field              string
	Ours, Theirs       any
	Detail             map[string]any
}

// Raised tells what became of raising an exception.
type Raised struct {
	ID string
	// Held says that a person has decided that it may stay so for now.
	Held bool
}
