// Package fault gives every error a kind and a sentence. The kind decides the
// HTTP status and whether the engine retries; the sentence is what an admin
// reads. The cause is for the log and is never shown.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what sort of trouble an error is.
type Kind string

// The kinds. Only Unavailable is ever retried.
const (
	Invalid         Kind = "invalid"
	NotFound        Kind = "not_found"
	Conflict        Kind = "conflict"
	Forbidden       Kind = "forbidden"
	Unauthenticated Kind = "unauthenticated"
	Unavailable     Kind = "unavailable"
	TooLarge        Kind = "too_large"
	TooMany         Kind = "too_many"
	Unsupported     Kind = "unsupported"
	Internal        Kind = "internal"
)

// Problem is one finding at one place: Path is a field, a node
// ("nodes.create.params.directory") or a JSON pointer.
type Problem struct {
	Path   string `json:"path"`
	Detail string `json:"detail"`
}

// Error is a fault. Sentence says what happened and what to do.
type Error struct {
	Kind     Kind
	Sentence string
	Problems []Problem
	// RetryAfter is how long the other side asked us to wait; 0 when it did not say.
	RetryAfter time.Duration
	// Key is the field an "already exists" collision is about, when known.
	Key   string
	Cause error
}

// New makes a fault with a sentence for the admin.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Sentence: fmt.Sprintf(format, args...)}
}

// Wrap makes a fault that keeps its cause for the log.
func Wrap(kind Kind, cause error, format string, args ...any) *Error {
	return &Error{Kind: kind, Sentence: fmt.Sprintf(format, args...), Cause: cause}
}

// Refuse makes an Invalid fault out of problems; nil when there are none.
func Refuse(sentence string, problems []Problem) error {
	if len(problems) == 0 {
		return nil
	}
	return &Error{Kind: Invalid, Sentence: sentence, Problems: problems}
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Sentence + ": " + e.Cause.Error()
	}
	return e.Sentence
}

func (e *Error) Unwrap() error { return e.Cause }

// KindOf gives the kind of an error; Internal when it has none.
func KindOf(err error) Kind {
	var f *Error
	if errors.As(err, &f) {
		return f.Kind
	}
	return Internal
}

// Is reports whether err is a fault of this kind.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }

// Sentence gives what an admin may read. An error without a sentence gives a
// neutral one: its text may hold hosts, SQL or secrets.
func Sentence(err error) string {
	var f *Error
	if errors.As(err, &f) {
		return f.Sentence
	}
	return "Something went wrong on our side. The log has the details under this request's id."
}

// Problems gives the findings an error carries.
func Problems(err error) []Problem {
	var f *Error
	if errors.As(err, &f) {
		return f.Problems
	}
	return nil
}

// RetryAfter gives the wait the other side asked for; 0 when none.
func RetryAfter(err error) time.Duration {
	var f *Error
	if errors.As(err, &f) {
		return f.RetryAfter
	}
	return 0
}
