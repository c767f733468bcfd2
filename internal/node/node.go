// Package node holds the node types, one file each, and the contract between
// them and the engine. A node asks its Call for what it needs and names a port;
// it knows neither the next node nor the database.
package node

import (
	"context"
	"net/http"
	"time"

	"joinery/internal/connector"
	"joinery/internal/flow"
	"joinery/internal/joiner"
	"joinery/internal/naming"
	"joinery/internal/policy"
)

// Type is a node type. Run may be called again for the same step after a crash,
// a retry or a wake-up, so everything it does outside must be an ensure.
type Type interface {
	Spec() flow.Spec
	Run(ctx context.Context, call Call) (Result, error)
}

// Call is all a node may touch.
type Call struct {
	// Key is this step's idempotency key, the same on every attempt.
	Key  string
	Node flow.NodeID
	Run  RunInfo
	// Event is nil for a run started by hand.
	Event  *joiner.Event
	Ref    joiner.Ref
	Joiner joiner.Worker
	// Params are the node's fields with every template and expression evaluated.
	Params Params
	// Wake says why a waiting step runs again; zero on the first run.
	Wake Wake
	Now  func() time.Time
	// Log adds a line to the step's log. No personal data beyond what the step's
	// output holds, no secrets.
	Log func(format string, args ...any)

	// Policy gives a policy by key, as the run's release pins it.
	Policy func(key string) (policy.Content, error)
	// Functions runs a function by key, as the run's release pins it.
	Functions Functions
	// Connected says whether a port of the node leads anywhere.
	Connected func(port string) bool
	// People are those Joinery knows already; Adoption is for accounts that no joiner
	// stands behind.
	People   People
	Adoption Adoption
	// Names is who holds which names, and holds them for the joiner.
	Names Reservations
	// Directory, Workers open a connection by key. The engine stands between:
	// it records an intent before and a receipt after each write, and in a
	// simulated run lists the write as a planned change instead of making it.
	Directory func(ctx context.Context, key string) (connector.Directory, error)
	Workers   func(ctx context.Context, key string) (connector.Workers, error)
	// Granted lists the groups that an account of the joiner is in because Joinery
	// put it there, in any run; groups that it was in before, or that others gave,
	// are not among them.
	Granted func(ctx context.Context, directory, account string) ([]string, error)
	// HTTP sends one request under the egress guard to an allow-listed host;
	// Mail sends one message. Both are ensured and simulated like any write.
	HTTP func(ctx context.Context, req Request) (Response, error)
	// HRIS opens the joiner's worker to be written under the contract that a policy
	// is. Exception raises what a person has to reconcile; raising it again finds it.
	HRIS      func(ctx context.Context, connection, policy string) (HRIS, error)
	Exception func(ctx context.Context, x Exception) (Raised, error)
	// Settled ends an exception whose matter is right by itself now; nothing happens
	// when there is none.
	Settled func(ctx context.Context, subject, text string) error
	// Memory is the Output that this step gave when it began to wait; nil on the first run.
	Memory map[string]any
	Mail   func(ctx context.Context, m Mail) error
}

// Reservations is what a node may do with names. In a simulated run it reads what
// is held and holds nothing.
type Reservations interface {
	// Holders, Own and Holder are those of policy.Names. With fresh only names that
	// this run chose are the joiner's own.
	Lookups(chosenFor string) policy.Names
	// Stamps are the marks of accounts that are the joiner's own.
	Stamps(ctx context.Context) ([]string, error)
	// Found records that a name is in use in a system, by an account with a mark.
	Found(ctx context.Context, n naming.Name, connection, stamp string) error
	// Claim holds all names or none. It gives those that are taken; again says that
	// the joiner got other names meanwhile, so that the choice has to be made anew.
	Claim(ctx context.Context, c NameClaim) (taken []naming.Name, again bool, err error)
	// Former lists by space the names of a policy that the joiner had in use, oldest
	// first.
	Former(ctx context.Context, policy string) (map[string][]string, error)
}

// NameClaim asks for all names of a joiner at once.
type NameClaim struct {
	Policy string
	Names  []naming.Name
	Keep   policy.Keep
	// For is what the names are chosen anew for; "" when names from before count.
	For string
}

// RunInfo is what a node may know of its run.
type RunInfo struct {
	ID        string
	Flow      string
	Simulated bool
	StartedAt time.Time
	// BaseURL is the console's address, for links in messages.
	BaseURL string
}

// Wake says why a waiting step runs again.
type Wake struct {
	// Reason is "", "time", "event" (a newer event for this joiner came; Joiner
	// was re-read), or "signoff".
	Reason  string
	Signoff *Decision
}

// Decision is a person's answer to a sign-off.
type Decision struct {
	Approved bool
	By       string
	Comment  string
	Form     map[string]any
	// At is when it was given.
	At time.Time
	// Expired says the deadline passed without an answer.
	Expired bool
}

// Result names a port, or waits.
type Result struct {
	Port   string
	Output map[string]any
	// Joiner replaces the run's reading of the worker (hris.event, hris.read).
	Joiner *joiner.Worker
	Wait   *Wait
	// As is the mark of the joiner's accounts from now on (joiner.correlate).
	As string
	// End ends the run: "succeeded" or "failed" with Reason (stop).
	End    string
	Reason string
}

// Wait parks a step until a moment or a person's answer. A newer event for the
// joiner also wakes a step that waits for time.
type Wait struct {
	Until   time.Time
	For     string // a sentence: "until 1 Dec 2026 08:00 in Berlin"
	Signoff *Signoff
	// Account wakes the step as soon as that account is there.
	Account *Awaited
}

// Awaited is the account of another worker.
type Awaited struct {
	HRIS, Worker string
	// Directory or Other is where it has to be.
	Directory, Other string
	Since, Deadline  time.Time
}

// Signoff is a question put to people.
type Signoff struct {
	Title    string
	Question string
	// Role is whose holders may decide; or User an e-mail.
	Role     string
	User     string
	Deadline time.Time
	// OnDeadline is "expire" (port expired) or "escalate" (also ask Escalate).
	OnDeadline string
	Escalate   string
	Fields     []SignoffField
	// Compare puts two records side by side; then the answers are same and new.
	Compare *Comparison
}

// SignoffField is one field of a sign-off's form.
type SignoffField struct {
	Key   string `json:"key"`
	Label string `json:"label"`
	Kind  string `json:"kind"` // text, bool, date
}

// Request is one outgoing HTTP call of http.request.
type Request struct {
	Method  string
	URL     string
	Header  http.Header
	Body    []byte
	Timeout time.Duration
}

// Response is its answer, bounded to 1 MiB.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Mail is one message.
type Mail struct {
	To      []string
	Cc      []string
	Subject string
	Text    string
}

// Params are evaluated fields.
type Params map[string]any

// Text gives a field as text; "" when absent.
func (p Params) Text(key string) string {
	s, _ := p[key].(string)
	return s
}

// Map gives a mapping field.
func (p Params) Map(key string) map[string]any {
	m, _ := p[key].(map[string]any)
	return m
}

// List gives a list field as texts.
func (p Params) List(key string) []string {
	switch v := p[key].(type) {
	case []string:
		return v
	case []any:
		out := make([]string, 0, len(v))
		for _, x := range v {
			if s, ok := x.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

// Bool gives a yes/no field.
func (p Params) Bool(key string) bool {
	b, _ := p[key].(bool)
	return b
}
