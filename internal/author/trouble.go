package author

import (
	"errors"
	"fmt"
	"time"

	"joinery/internal/fault"
)

// TroubleKind tells failures apart.
type TroubleKind string

// The kinds of trouble.
const (
	NotSetUp     TroubleKind = "not_set_up"    // no model is configured
	PolicyOff    TroubleKind = "policy_off"    // the organisation does not want it
	Unreachable  TroubleKind = "unreachable"   // no answer from the address
	NotAllowed   TroubleKind = "not_allowed"   // outbound rules refuse the address
	BadKey       TroubleKind = "bad_key"       // the key is missing, expired or refused
	UnknownModel TroubleKind = "unknown_model" // the provider has no such model
	NoTools      TroubleKind = "no_tools"      // the model cannot call tools; the fenced form is used
	RateLimited  TroubleKind = "rate_limited"  // asked to wait
	TimedOut     TroubleKind = "timed_out"     // longer than a call may take
	Dropped      TroubleKind = "dropped"       // the stream broke before its end
	Malformed    TroubleKind = "malformed"     // the answer is not in the form asked for
	Empty        TroubleKind = "empty"         // nothing was said
	Refused      TroubleKind = "refused"       // the model does not want to
	Filtered     TroubleKind = "filtered"      // the provider's filter held the answer back
	TooLong      TroubleKind = "too_long"      // the text does not fit the model
	TooLarge     TroubleKind = "too_large"     // the answer is larger than is read
	CutOff       TroubleKind = "cut_off"       // the answer reached its limit of tokens
	Failing      TroubleKind = "failing"       // the provider answered with an error
	Budget       TroubleKind = "budget"        // the day's budget is used up
	Private      TroubleKind = "private"       // the text held data of people or a secret
	Interrupted  TroubleKind = "interrupted"   // the process ended in the middle
	Stopped      TroubleKind = "cancelled"     // a person stopped it
	Changed      TroubleKind = "changed"       // somebody else saved meanwhile
	NotPermitted TroubleKind = "not_permitted" // the owner may not write functions any more
	Broken       TroubleKind = "broken"        // our own fault
)

// Trouble is why a stage did not come to its end: a sentence, and what to do.
type Trouble struct {
	Kind TroubleKind `json:"kind"`
	Says string      `json:"says"`
	Do   string      `json:"do,omitempty"`
	// RetryAt is when the provider takes calls again; zero where it did not say.
	RetryAt time.Time `json:"retry_at,omitzero"`

	cause error
}

func (t *Trouble) Error() string {
	if t.cause != nil {
		return t.Says + ": " + t.cause.Error()
	}
	return t.Says
}

func (t *Trouble) Unwrap() error { return t.cause }

func troubled(kind TroubleKind, do, format string, args ...any) *Trouble {
	return &Trouble{Kind: kind, Says: fmt.Sprintf(format, args...), Do: do}
}

func (t *Trouble) because(err error) *Trouble {
	t.cause = err
	return t
}

// asTrouble gives any error as trouble.
func asTrouble(err error) *Trouble {
	var t *Trouble
	if errors.As(err, &t) {
		return t
	}
	switch fault.KindOf(err) {
	case fault.Conflict:
		return troubled(Changed, "Ask again: the next turn begins with the newest revision.", "%s", fault.Sentence(err)).because(err)
	case fault.Forbidden:
		return troubled(NotPermitted, "Ask an administrator for the role builder, then try again.", "%s", fault.Sentence(err)).because(err)
	}
	return troubled(Broken, "Try again. If it stays so, the log of the server says more.", "%s", fault.Sentence(err)).because(err)
}

// NoKeyTrouble is trouble about a key that is not there to be sent.
func NoKeyTrouble(says string) *Trouble {
	return troubled(BadKey, "An administrator sets the key under Settings, or says there that none is needed.", "%s", says)
}
