package ldap

import (
	"context"

	goldap "github.com/go-ldap/ldap/v3"

	"joinery/internal/connector"
	"joinery/internal/fault"
)

var _ connector.Renamer = (*conn)(nil)

// RenameAccount gives an account another login. Where the login is part of the
// entry's name, memberships of others name it, and most servers do not follow.
func (c *conn) RenameAccount(ctx context.Context, id, name string) (string, error) {
	if err := c.checkName(name); err != nil {
		return "", err
	}
	e, err := c.entry(ctx, id, wanted)
	if err != nil {
		return "", err
	}
	if e == nil {
		return "", noAccount(id)
	}
	before := get(e, c.set.login)
	if before == name {
		return before, nil
	}
	if fold(c.set.login, c.set.rdn) {
		return "", fault.New(fault.Invalid, "%s is part of the entry's name here, and groups name their members by it. Rename the entry in the directory, or keep the login.", c.set.login)
	}
	// Not every server keeps logins unique by itself.
	other, err := c.single(ctx, c.set.login, name)
	if err != nil {
		return "", err
	}
	want := connector.Ensure{Name: name}
	if other != nil && !fold(other.DN, e.DN) {
		return "", c.taken(other, want, nil)
	}
	req := goldap.NewModifyRequest(e.DN, nil)
	req.Replace(c.set.login, []string{name})
	err = c.do(ctx, func(l *goldap.Conn) error { return l.Modify(req) })
	switch {
	case noSuchObject(err):
		return "", noAccount(id)
	case err != nil:
		refused := c.refusal(ctx, "rename an account", e.DN, map[string][]string{c.set.login: {name}}, err)
		if fault.Is(refused, fault.Conflict) {
			return "", c.taken(nil, want, nil)
		}
		return "", refused
	}
	return before, nil
}
