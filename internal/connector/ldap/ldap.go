// Package ldap speaks to LDAP directories: OpenLDAP and its kin, and Active
// Directory. It ensures accounts and memberships and translates result codes;
// which account a joiner gets is the flow's business.
package ldap

import (
	"context"
	"strings"
	"sync"

	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/form"
)

// Dialects.
const (
	openLDAP        = "openldap"
	activeDirectory = "ad"
)

// Type is the LDAP connector.
type Type struct{}

var _ connector.Type = Type{}

// bindPassword is the name of the only credential.
const bindPassword = "bind_password"

// Info describes it.
func (Type) Info() connector.Info {
	return connector.Info{
		Kind: "ldap", Title: "LDAP or Active Directory", Icon: "network",
		Help:     "Creates accounts and group memberships in OpenLDAP, Active Directory and other LDAP directories.",
		Settings: fields(),
		Credentials: []connector.CredentialSpec{
			{Name: bindPassword, Label: "Password of the bind account", Required: true,
				Help: "Give this account rights below the two bases only."},
		},
		Capabilities: []connector.Capability{connector.CapDirectory},
	}
}

func fields() []form.Field {
	const server, where, how, more = "Server", "Where things are", "Accounts and groups", "Fine print"
	isAD := &form.When{Field: "dialect", In: []string{activeDirectory}}
	isOpen := &form.When{Field: "dialect", In: []string{openLDAP}}
	return []form.Field{
		{Key: "urls", Label: "Addresses", Kind: form.List, Required: true, Group: server, Placeholder: "ldaps://ldap.corp.example:636",
			Help: "One per line. The first that answers is used."},
		{Key: "tls", Label: "Encryption", Kind: form.Select, Default: "ldaps", Group: server,
			Help: "Without encryption the password would travel in the clear, so that is possible on this machine only.",
			Options: []form.Option{{Value: "ldaps", Label: "TLS from the start (ldaps://)"}, {Value: "starttls", Label: "StartTLS (ldap://)"},
				{Value: "none", Label: "None, on this machine only"}}},
		{Key: "ca", Label: "Certificate authority", Kind: form.LongText, Group: server, Placeholder: "-----BEGIN CERTIFICATE-----",
			Help: "PEM. Empty: the authorities this machine trusts."},
		{Key: "server_name", Label: "Name in the certificate", Kind: form.Text, Group: server, Help: "Only when it differs from the address."},
		{Key: "dialect", Label: "Kind of directory", Kind: form.Select, Default: openLDAP, Group: server,
			Options: []form.Option{{Value: openLDAP, Label: "OpenLDAP or another LDAP directory"}, {Value: activeDirectory, Label: "Active Directory"}}},
		{Key: "bind_dn", Label: "Bind account", Kind: form.Text, Required: true, Group: server, Placeholder: "cn=joinery,ou=services,dc=corp,dc=example",
			Help: "The full name (DN) of the account Joinery signs in with. Active Directory also takes joinery@corp.example."},
		{Key: "people_base", Label: "People are below", Kind: form.Text, Required: true, Group: where, Placeholder: "ou=people,dc=corp,dc=example",
			Help: "New accounts are made directly below this entry; existing ones are looked for in the whole tree below it."},
		{Key: "groups_base", Label: "Groups are below", Kind: form.Text, Required: true, Group: where, Placeholder: "ou=groups,dc=corp,dc=example"},
		{Key: "person_classes", Label: "Object classes of a new account", Kind: form.List, Group: how,
			Help: "Empty: top, person, organizationalPerson and inetOrgPerson (Active Directory: user)."},
		{Key: "rdn_attribute", Label: "Naming attribute", Kind: form.Text, Group: how, Help: "The first part of an entry's DN. Empty: uid (Active Directory: cn)."},
		{Key: "login_attribute", Label: "Login attribute", Kind: form.Text, Group: how, Help: "Empty: uid (Active Directory: sAMAccountName)."},
		{Key: "upn_suffix", Label: "Suffix of user principal names", Kind: form.Text, Group: how, ShowWhen: isAD, Placeholder: "corp.example",
			Help: "When set, a new account gets login@suffix unless the flow gives a userPrincipalName."},
		{Key: "stamp_attribute", Label: "Mark attribute", Kind: form.Text, Group: how,
			Help: "Joinery leaves the joiner's HRIS id here and recognises its own accounts by it. Must be indexed and free for this use. Empty: employeeNumber. (employeeID of Active Directory is too short for most: 16 characters.)"},
		{Key: "group_class", Label: "Object class of groups", Kind: form.Text, Group: how, Help: "Empty: groupOfNames (Active Directory: group)."},
		{Key: "member_attribute", Label: "Members are kept in", Kind: form.Select, Default: "member", Group: how,
			Options: []form.Option{{Value: "member", Label: "member (full names)"}, {Value: "uniqueMember", Label: "uniqueMember (full names)"},
				{Value: "memberUid", Label: "memberUid (logins)"}}},
		{Key: "empty_member", Label: "Placeholder member", Kind: form.Text, Group: how, ShowWhen: isOpen,
			Help: "groupOfNames cannot be empty. When the last member leaves, this DN is put in."},
		{Key: "disable_by", Label: "Accounts are disabled by", Kind: form.Select, Default: "", Group: how, ShowWhen: isOpen,
			Options: []form.Option{{Value: "", Label: "Locking (pwdAccountLockedTime)"}, {Value: "nsAccountLock", Label: "nsAccountLock (389 Directory Server)"},
				{Value: "off", Label: "Not at all"}}},
		{Key: "timeout", Label: "Time limit of one call", Kind: form.Duration, Default: "10s", Group: more},
		{Key: "pool_size", Label: "Connections at most", Kind: form.Number, Default: 4.0, Group: more},
		{Key: "page_size", Label: "Entries per page", Kind: form.Number, Default: 200.0, Group: more},
	}
}

// Check finds what the field declarations cannot.
func (Type) Check(settings map[string]any) []fault.Problem {
	_, problems := read(settings)
	return problems
}

// Open prepares the connection; the first call connects.
func (Type) Open(_ context.Context, cfg connector.Config) (connector.Conn, error) {
	s, problems := read(cfg.Settings)
	if err := fault.Refuse("The settings of this directory are not right.", problems); err != nil {
		return nil, err
	}
	c := &conn{cfg: cfg, set: s}
	c.pool.slots = make(chan struct{}, s.poolSize)
	return c, nil
}

// conn is an open connection to one directory.
type conn struct {
	cfg  connector.Config
	set  settings
	pool pool

	locks  connector.KeyLocks
	schema connector.SchemaCache

	rootMu    sync.Mutex
	rootKnown *rootOf
}

var (
	_ connector.Conn      = (*conn)(nil)
	_ connector.Directory = (*conn)(nil)

	_ connector.SchemaReader = (*conn)(nil)
	_ connector.NameKeeper   = (*conn)(nil)
)

// ad reports the Active Directory dialect.
func (c *conn) ad() bool { return c.set.dialect == activeDirectory }

func fold(a, b string) bool { return strings.EqualFold(a, b) }
