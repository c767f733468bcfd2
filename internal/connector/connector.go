// Package connector is the contract between Joinery and outside systems. A
// connector translates: it decides nothing, filters nothing, and knows no flow.
// Each system has a package of its own below this one.
package connector

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"joinery/internal/fault"
	"joinery/internal/form"
	"joinery/internal/joiner"
	"joinery/internal/secret"
)

// Capability is a thing a connection can do; grants and flow checks name it.
type Capability string

// The capabilities.
const (
	CapDirectory Capability = "directory"  // accounts and groups
	CapWorkers   Capability = "workers"    // read workers
	CapWebhook   Capability = "webhook"    // sends events
	CapWriteBack Capability = "write_back" // update worker fields
	CapUpload    Capability = "upload"     // its workers come from lists that people upload
)

// Info describes a kind of outside system.
type Info struct {
	Kind         string // "ldap"; stored in connection settings for ever
	Title        string
	Icon         string
	Help         string
	Settings     []form.Field
	Credentials  []CredentialSpec
	Capabilities []Capability
}

// CredentialSpec is one secret a connection needs or may have.
type CredentialSpec struct {
	Name     string // "bind_password", "token", "webhook_secret"
	Label    string
	Help     string
	Required bool
	// ShowWhen hides it unless a setting has one of the values.
	ShowWhen *form.When
}

// Type is a kind of outside system.
type Type interface {
	Info() Info
	// Check finds what is wrong with settings beyond the field declarations.
	// Paths are setting keys.
	Check(settings map[string]any) []fault.Problem
	// Open prepares a connection; it need not call out yet.
	Open(ctx context.Context, cfg Config) (Conn, error)
}

// Config is all a connection may know.
type Config struct {
	Key      string // the connection's key: "corp-ldap"
	Settings map[string]any
	// Secret decrypts a credential at the moment of use and records the use. A
	// missing one gives fault.Invalid with a sentence.
	Secret func(ctx context.Context, name string) (secret.Value, error)
	// HTTP is guarded against private addresses, follows no redirects and
	// bounds sizes; Dial is the same guard for other protocols.
	HTTP *http.Client
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Pace waits until the connection's limit of calls per second lets one more
	// call through; nil means no limit.
	Pace func(ctx context.Context) error
	Now  func() time.Time
	Log  *slog.Logger
}

// Conn is an open connection, safe for concurrent use. Capabilities are found by
// type assertion: Directory, Workers, WriteBack.
type Conn interface {
	// Test tries what a run would need, one finding per thing tried, in order,
	// stopping at the first that makes the rest pointless. It changes nothing.
	Test(ctx context.Context) []Finding
	Close() error
}

// Finding is one line of Test connection.
type Finding struct {
	Title  string `json:"title"` // "Sign in"
	OK     bool   `json:"ok"`
	Detail string `json:"detail"` // what exactly happened, and what to do
}

// Account is an account in a directory.
type Account struct {
	ID         string         `json:"id"`   // immutable where the system has one: DN for LDAP, id for SCIM
	Name       string         `json:"name"` // login
	Stamp      string         `json:"stamp,omitempty"`
	Enabled    bool           `json:"enabled"`
	Attributes map[string]any `json:"attributes,omitempty"`
	Groups     []string       `json:"groups,omitempty"`
	// Existed says the account was there before this step's first attempt.
	Existed bool `json:"existed"`
	// Protected says why the account must never be adopted, as far as the system tells
	// and the connector was asked for it (AccountsWith); "" when nothing speaks against it.
	Protected string `json:"protected,omitempty"`
}

// Group is a group in a directory.
type Group struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Lookup finds an account: by ID, by Stamp, by login name, or by one attribute.
// Exactly one of them is set.
type Lookup struct {
	ID        string
	Stamp     string
	Name      string
	Attribute string
	Value     string
}

// Ensure asks for an account. Key is the step's idempotency key; Stamp is left on
// the account and recognises it for ever; Attempted says an earlier attempt of
// this very step may have made it, so finding it counts as created.
type Ensure struct {
	Key        string
	Stamp      string
	Attempted  bool
	Name       string // login
	Enabled    bool
	Attributes map[string]any
	// Password is set once at creation when not empty.
	Password secret.Value
}

// Change is one attribute before and after; nil means absent.
type Change struct {
	Attribute string `json:"attribute"`
	Before    any    `json:"before"`
	After     any    `json:"after"`
}

// Directory has accounts and groups. Every write is an ensure: repeating it
// changes nothing and is no error.
//
// EnsureAccount looks by Stamp first, then by Name. A found account with our
// stamp is ours. One without it, or with another's, is someone else's:
// fault.Conflict with Key "name" and a sentence; it is never adopted. After an
// ambiguous create (lost reply) the connector returns fault.Unavailable and the
// next attempt finds the account by its stamp.
type Directory interface {
	FindAccount(ctx context.Context, by Lookup) (Account, bool, error)
	EnsureAccount(ctx context.Context, want Ensure) (Account, error)
	// UpdateAccount sets the given attributes; nil removes one. It gives what changed.
	UpdateAccount(ctx context.Context, id string, set map[string]any) ([]Change, error)
	// SetEnabled gives whether anything changed.
	SetEnabled(ctx context.Context, id string, enabled bool) (bool, error)
	// FindGroup finds by name or id.
	FindGroup(ctx context.Context, name string) (Group, bool, error)
	// EnsureMember and EnsureNotMember give whether anything changed. A missing
	// group is fault.NotFound with a sentence.
	EnsureMember(ctx context.Context, group, account string) (bool, error)
	EnsureNotMember(ctx context.Context, group, account string) (bool, error)
}

// Workers reads people from an HRIS.
type Workers interface {
	// Worker reads one; fault.NotFound when the HRIS has no such worker.
	Worker(ctx context.Context, id string) (joiner.Worker, error)
	// Changed lists workers changed since a moment, oldest first. cursor is ""
	// at the start; next is "" at the end.
	Changed(ctx context.Context, since time.Time, cursor string) (page []joiner.Worker, next string, err error)
}

// Whole is implemented by an HRIS connection that may be unable to tell who changed:
// then Changed gives everybody, whatever since is, and the first look at it can only
// remember who is there.
type Whole interface {
	GivesEverybody() bool
}

// WriteBack updates worker fields in an HRIS. Names are Joinery's attribute names;
// nil clears a field. fault.Conflict says that somebody changed the worker between
// the connector's reading and its writing; nothing was written then.
type WriteBack interface {
	UpdateWorker(ctx context.Context, id string, set map[string]any) error
}

// Lagging is implemented by an HRIS connection whose reads may still show the old
// value for a while after an update. Whoever verifies a write-back waits this
// long before a difference means anything. Others show it at once.
type Lagging interface {
	ReadLag() time.Duration
}

// CarefulWriteBack is a WriteBack that writes only where the worker's fields are
// still as they were read: was gives the value of each field to be set, nil for
// none. fault.Conflict when one differs; nothing was written then.
type CarefulWriteBack interface {
	WriteBack
	UpdateWorkerFrom(ctx context.Context, id string, set, was map[string]any) error
}

// Delivery is one webhook request as it came: raw bytes, before any parsing.
type Delivery struct {
	Header http.Header
	Body   []byte
	At     time.Time
}

// Signer is a webhook secret that may have signed a delivery.
type Signer struct {
	ID    string // credential id, recorded when it matches
	Value secret.Value
}

// Source verifies and parses webhooks; a Type implements it when its system
// sends them. It needs no open connection and calls nothing.
type Source interface {
	// Verify checks the signature over the raw bytes in constant time and gives
	// the signer that matched. fault.Unauthenticated when none does or the
	// timestamp is outside the window (5 min).
	Verify(settings map[string]any, signers []Signer, d Delivery) (signer string, err error)
	// Events parses a verified body. A handshake or ping gives no events and no
	// error. fault.Invalid when malformed.
	Events(settings map[string]any, d Delivery) ([]joiner.Event, error)
	// ContentTypes lists the accepted media types.
	ContentTypes() []string
}

// Answering is implemented by a Source whose sender takes only one status for
// "received"; others get 202.
type Answering interface {
	Received() int
}

// Catalog finds connector types.
type Catalog interface {
	Type(kind string) (Type, bool)
	Types() []Type
}

// Settings is the content of a connection under change control. Credentials are
// kept apart and are no part of it.
type Settings struct {
	Key         string         `json:"key" yaml:"key"`
	Name        string         `json:"name" yaml:"name"`
	Description string         `json:"description,omitempty" yaml:"description,omitempty"`
	Type        string         `json:"type" yaml:"type"`
	Settings    map[string]any `json:"settings,omitempty" yaml:"settings,omitempty"`
	// Private lists hosts or CIDRs in private ranges this connection may reach
	// (an on-premises directory). Approved with the settings.
	Private []string `json:"private,omitempty" yaml:"private,omitempty"`
	Limits  Limits   `json:"limits,omitzero" yaml:"limits,omitempty"`
}

// Limits are a connection's safety thresholds and pace. 0 = none.
type Limits struct {
	CreatesPerHour int `json:"creates_per_hour,omitempty" yaml:"creates_per_hour,omitempty"`
	GrantsPerHour  int `json:"grants_per_hour,omitempty" yaml:"grants_per_hour,omitempty"`
	// WriteBacksPerHour counts updates of workers.
	WriteBacksPerHour int     `json:"write_backs_per_hour,omitempty" yaml:"write_backs_per_hour,omitempty"`
	CallsPerSecond    float64 `json:"calls_per_second,omitempty" yaml:"calls_per_second,omitempty"`
}

// WebhookSecret is the credential that signs a connection's webhooks.
const WebhookSecret = "webhook_secret"
