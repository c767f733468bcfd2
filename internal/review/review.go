// Package review knows change control: the four kinds of artifact, their
// revisions, reviews, approvals and releases, and the rule that nothing goes
// live before another person approved exactly that content.
package review

import "time"

// Kind is a kind of artifact.
type Kind string

// The four kinds. Their plural forms are the URLs.
const (
	Flow       Kind = "flow"
	Function   Kind = "function"
	Policy     Kind = "policy"
	Connection Kind = "connection"
)

// Kinds lists them in the order pages show them.
func Kinds() []Kind { return []Kind{Flow, Function, Policy, Connection} }

// Plural is the kind's word in URLs: flows, functions, policies, connections.
func (k Kind) Plural() string {
	if k == Policy {
		return "policies"
	}
	return string(k) + "s"
}

// ParseKind reads a singular or plural word.
func ParseKind(s string) (Kind, bool) {
	for _, k := range Kinds() {
		if s == string(k) || s == k.Plural() {
			return k, true
		}
	}
	return "", false
}

// State is where a review stands.
type State string

// The states of a review.
const (
	Open             State = "open"
	ChangesRequested State = "changes_requested"
	Approved         State = "approved"
	Closed           State = "closed" // superseded or withdrawn
)

// Check is one gate's verdict on a revision, stored with the review.
type Check struct {
	Name   string `json:"name"`   // "content", "tests", "simulation"
	Passed bool   `json:"passed"` // false blocks approval
	Detail string `json:"detail"`
}

// Review is the conversation about one revision, with what its rule needs.
type Review struct {
	ID       string
	Kind     Kind
	Key      string
	Revision int
	// Hash is the content hash the review is bound to; Head the hash the
	// revision row holds now (they differ only if someone tampered).
	Hash string
	Head string
	// Base is the hash that was live when the review was opened; Live the one
	// that is live now. "" means nothing was live.
	Base  string
	Live  string
	State State
	// Authors are the UserIDs of everyone who edited since the last release.
	Authors  []string
	Checks   []Check
	Backtest Backtest
	Second   Second
	// Newer is a later revision of a function with other content; 0 when there is none.
	Newer    int
	OpenedBy string
	OpenedAt time.Time
}

// Approval is one person's recorded yes to exactly one hash.
type Approval struct {
	Reviewer string // UserID
	Hash     string
	Comment  string
}

// Release is a revision that is or was live.
type Release struct {
	ID       string    `json:"id"`
	Kind     Kind      `json:"kind"`
	Key      string    `json:"key"`
	Revision int       `json:"revision"`
	Hash     string    `json:"hash"`
	How      How       `json:"how"`
	Reason   string    `json:"reason,omitempty"`
	By       string    `json:"by"`
	At       time.Time `json:"at"`
	// Pins is the bill of materials: exact releases of everything used.
	Pins []Pin `json:"pins,omitempty"`
	// Root is the SHA-256 over Hash and Pins.
	Root string `json:"root"`
}

// How says how a release came to be.
type How string

// The ways a release comes to be.
const (
	ByApproval   How = "approval"
	ByRollback   How = "rollback"   // an earlier approved revision again
	ByRefresh    How = "refresh"    // same revision, newer pins, all of them approved
	ByBreakGlass How = "breakglass" // without approval; flagged until ratified
)

// Pin is one used artifact at one exact release.
type Pin struct {
	Kind     Kind   `json:"kind"`
	Key      string `json:"key"`
	Release  string `json:"release"`
	Revision int    `json:"revision"`
	Hash     string `json:"hash"`
}
