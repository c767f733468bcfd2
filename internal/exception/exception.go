// Package exception knows what a person has to reconcile: a field that HR and we
// see differently, a joiner who may be somebody known, a manager who never came.
// An exception is about one subject, and the acts here end it or put it off.
package exception

import (
	"strings"
	"time"

	"joinery/internal/auth"
	"joinery/internal/fault"
)

// State is how far an exception is.
type State string

// The states.
const (
	Open     State = "open"
	Asked    State = "asked"    // somebody asked to push again; the contract wants a sign-off
	Pushing  State = "pushing"  // our value is being written again
	Excepted State = "excepted" // it may stay so until a date
	Resolved State = "resolved"
)

// States lists the states.
func States() []State { return []State{Open, Asked, Pushing, Excepted, Resolved} }

// Kinds that other parts know by name. Any lower-case word is a kind.
const (
	WriteBack   = "write_back"  // a write-back was refused, or met HR's value, or did not take
	Drift       = "drift"       // what we wrote was changed later
	Correlation = "correlation" // a joiner may be somebody known
	Manager     = "manager"     // a manager did not appear in time
	Mailbox     = "mailbox"     // a mailbox did not appear in time
)

// Kinds lists the kinds that Joinery opens itself.
func Kinds() []string { return []string{WriteBack, Drift, Correlation, Manager, Mailbox} }

// Agrees is how an exception ends whose matter is right by itself.
const Agrees = "agrees"

// Act is what a person does with an exception.
type Act string

// The acts.
const (
	AcceptHR Act = "accept_hr" // HR's value counts; ours is given up
	Push     Act = "push"      // write ours again
	Refuse   Act = "refuse"    // no to a push that somebody asked for
	Until    Act = "until"     // it may stay so until a date
	Assign   Act = "assign"    // somebody answers for it
	Close    Act = "close"     // it is settled by hand
)

// Acts lists the acts.
func Acts() []Act { return []Act{AcceptHR, Push, Refuse, Until, Assign, Close} }

// Exception is what the rules look at.
type Exception struct {
	Kind  string
	State State
	// Values says that it is about two values of a field that we may write.
	Values bool
	// AskedBy is who asked to push again.
	AskedBy string
}

// Wish is an act with what it says.
type Wish struct {
	Act    Act
	Reason string
	// Until is the end of an exception until a date.
	Until time.Time
	// Owner is the user who is to answer for it.
	Owner string
}

// Consent is what the contract says of pushing: whether a person with a role has to agree.
type Consent struct {
	Needed bool
	Role   string
}

// Given reports whether a person's word is all that is needed.
func (c Consent) Given(by auth.Actor) bool { return !c.Needed || holds(by, c.Role) }

const maxReason = 2000

// maxUntil bounds an exception until a date: what lasts longer is a rule, and
// belongs into the contract.
const maxUntil = 366 * 24 * time.Hour

// Next judges an act and gives the state it leads to.
func (e Exception) Next(by auth.Actor, w Wish, c Consent, now time.Time) (State, error) {
	if len(w.Reason) > maxReason {
		return "", refuse("reason", "A reason may have up to 2,000 characters.")
	}
	if e.State == Resolved {
		return "", fault.New(fault.Conflict, "This exception is resolved already.")
	}
	if e.State == Pushing && w.Act != Assign {
		return "", fault.New(fault.Conflict, "Our value is being written again just now. Look again in a moment.")
	}
	switch w.Act {
	case Assign:
		if w.Owner == "" {
			return "", refuse("owner", "Say who answers for it.")
		}
		return e.State, nil
	case Until:
		return e.until(w, now)
	case AcceptHR:
		if !e.Values {
			return "", fault.New(fault.Invalid, "There is no value of HR's to accept here. Close it with a reason instead.")
		}
		return Resolved, nil
	case Push:
		return e.push(by, c)
	case Refuse:
		if e.State != Asked {
			return "", fault.New(fault.Conflict, "Nobody asked to push this again.")
		}
		if !c.Given(by) {
			return "", fault.New(fault.Forbidden, "The contract asks for the role %s.", c.Role)
		}
		return Open, nil
	case Close:
		if e.Values {
			return "", fault.New(fault.Invalid, "Two values differ here: accept HR's, push ours again, or make it an exception until a date.")
		}
		if len([]rune(strings.TrimSpace(w.Reason))) < 5 {
			return "", refuse("reason", "Say in at least 5 characters how it was settled.")
		}
		return Resolved, nil
	}
	return "", refuse("action", "Write one of: accept_hr, push, refuse, until, assign, close.")
}

func (e Exception) until(w Wish, now time.Time) (State, error) {
	switch {
	case len([]rune(strings.TrimSpace(w.Reason))) < 5:
		return "", refuse("reason", "Say in at least 5 characters why it may stay so.")
	case w.Owner == "":
		return "", refuse("owner", "Say who answers for it until then.")
	case w.Until.IsZero():
		return "", refuse("until", "Say until when, as a date such as 2026-12-31.")
	case !w.Until.After(now):
		return "", refuse("until", "This date has passed. Choose one in the future.")
	case w.Until.After(now.Add(maxUntil)):
		return "", refuse("until", "Choose a date within a year. What is to last belongs into the contract.")
	}
	return Excepted, nil
}

func (e Exception) push(by auth.Actor, c Consent) (State, error) {
	if !e.Values {
		return "", fault.New(fault.Invalid, "There is no value to push here. Close it with a reason instead.")
	}
	if !c.Given(by) {
		if e.State == Asked {
			return "", fault.New(fault.Conflict, "It is asked for already, and waits for the role %s.", c.Role)
		}
		return Asked, nil
	}
	return Pushing, nil
}

// holds reports whether a person may give a sign-off of a role. A token that
// somebody else made for its owner decides nothing.
func holds(by auth.Actor, role string) bool {
	return by.UserID != "" && !by.Lent && (by.Has(auth.Role(role)) || by.Has(auth.Admin))
}

func refuse(path, detail string) error {
	return fault.Refuse(detail, []fault.Problem{{Path: path, Detail: detail}})
}
