// Package scim speaks SCIM 2.0 (RFC 7643, 7644) to a service that keeps users
// and groups. It expects little of the service: filters may be ignored, PATCH
// may do nothing, answers may lack what they should hold; each is checked.
package scim

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"joinery/internal/connector"
	"joinery/internal/egress"
	"joinery/internal/fault"
	"joinery/internal/form"
)

// Type is the SCIM connector.
type Type struct{}

var _ connector.Type = Type{}

// Names of the credentials.
const (
	credToken    = "token"
	credPassword = "password"
)

// Info describes it.
func (Type) Info() connector.Info {
	bearer, basic := &form.When{Field: "auth", In: []string{"bearer"}}, &form.When{Field: "auth", In: []string{"basic"}}
	const service, more = "Service", "Fine print"
	return connector.Info{
		Kind: "scim", Title: "SCIM 2.0 service", Icon: "cloud",
		Help: "Creates users and group memberships in any service that speaks SCIM 2.0.",
		Settings: []form.Field{
			{Key: "base_url", Label: "Base address", Kind: form.Text, Required: true, Group: service, Placeholder: "https://app.example.com/scim/v2",
				Help: "The address that /Users and /Groups come after."},
			{Key: "auth", Label: "Sign in with", Kind: form.Select, Default: "bearer", Group: service,
				Options: []form.Option{{Value: "bearer", Label: "A token (bearer)"}, {Value: "basic", Label: "A user name and password (basic)"}}},
			{Key: "user", Label: "User name", Kind: form.Text, Required: true, Group: service, ShowWhen: basic},
			{Key: "ca", Label: "Certificate authority", Kind: form.LongText, Group: service, Placeholder: "-----BEGIN CERTIFICATE-----",
				Help: "PEM. Empty: the authorities this machine trusts."},
			{Key: "user_name_suffix", Label: "Suffix of user names", Kind: form.Text, Group: service, Placeholder: "@corp.example",
				Help: "For services whose user names are mail addresses: added to every login that has it not."},
			{Key: "timeout", Label: "Time limit of one call", Kind: form.Duration, Default: "15s", Group: more},
			{Key: "page_size", Label: "Entries per page", Kind: form.Number, Default: 100.0, Group: more},
		},
		Credentials: []connector.CredentialSpec{
			{Name: credToken, Label: "Token", Required: true, ShowWhen: bearer, Help: "A token for users and groups only, with an expiry."},
			{Name: credPassword, Label: "Password", Required: true, ShowWhen: basic},
		},
		Capabilities: []connector.Capability{connector.CapDirectory},
	}
}

// settings are the read and defaulted settings.
type settings struct {
	base     *url.URL
	basic    bool
	user     string
	ca       string
	suffix   string
	timeout  time.Duration
	pageSize int
}

func read(in map[string]any) (settings, []fault.Problem) {
	v := connector.Values(in)
	s := settings{basic: v.Text("auth") == "basic", user: v.Text("user"), ca: v.Text("ca"), suffix: v.Text("user_name_suffix"),
		timeout: v.Duration("timeout", 15*time.Second), pageSize: v.Int("page_size", 100)}
	var out []fault.Problem
	add := func(path, detail string) { out = append(out, fault.Problem{Path: path, Detail: detail}) }
	u, err := url.Parse(strings.TrimRight(v.Text("base_url"), "/"))
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "":
		add("base_url", "Write an address like https://app.example.com/scim/v2.")
	case u.User != nil:
		add("base_url", "Keep the user name and password out of the address; there are fields for them.")
	default:
		s.base = u
	}
	if s.ca != "" {
		if _, err := egress.Pool(s.ca); err != nil {
			add("ca", fault.Sentence(err))
		}
	}
	if s.timeout <= 0 || s.timeout > 30*time.Second {
		add("timeout", "The time limit must be above 0 and at most 30s.")
	}
	if s.pageSize < 1 || s.pageSize > 1000 {
		add("page_size", "Between 1 and 1000 entries are possible.")
	}
	return s, out
}

// Check finds what the field declarations cannot.
func (Type) Check(in map[string]any) []fault.Problem {
	_, problems := read(in)
	return problems
}

// Open prepares the connection; the first call connects.
func (Type) Open(_ context.Context, cfg connector.Config) (connector.Conn, error) {
	s, problems := read(cfg.Settings)
	if err := fault.Refuse("The settings of this service are not right.", problems); err != nil {
		return nil, err
	}
	client := cfg.HTTP
	if s.ca != "" {
		var err error
		if client, err = egress.WithCA(client, s.ca); err != nil {
			return nil, err
		}
	}
	return &conn{cfg: cfg, set: s, http: client}, nil
}

// conn is an open connection to one service.
type conn struct {
	cfg   connector.Config
	set   settings
	http  *http.Client
	locks connector.KeyLocks

	schema connector.SchemaCache

	mu      sync.Mutex
	noPatch *bool           // whether the service lacks PATCH; nil = not asked yet
	deaf    map[string]bool // attributes that filters do not work on
	// showsMembers says that some group has shown its members.
	showsMembers bool
}

var (
	_ connector.Conn      = (*conn)(nil)
	_ connector.Directory = (*conn)(nil)

	_ connector.SchemaReader = (*conn)(nil)
	_ connector.NameKeeper   = (*conn)(nil)
)

// Close closes idle connections.
func (c *conn) Close() error {
	c.http.CloseIdleConnections()
	return nil
}
