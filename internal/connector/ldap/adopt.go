package ldap

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"joinery/internal/connector"
	"joinery/internal/fault"
)

var _ connector.Adopter = (*conn)(nil)

// AccountsWith searches people by what they hold. The server compares.
func (c *conn) AccountsWith(ctx context.Context, equal map[string]string, most int) ([]connector.Account, error) {
	if len(equal) == 0 {
		return nil, fault.New(fault.Invalid, "Nothing was given to look for.")
	}
	filter := fmt.Sprintf("(objectClass=%s)", c.set.classes[len(c.set.classes)-1])
	if c.ad() {
		filter = "(objectCategory=person)" + filter // computers are users in Active Directory
	}
	for _, name := range slices.Sorted(maps.Keys(equal)) {
		value := equal[name]
		if fold(name, connector.LoginName) {
			name = c.set.login
		}
		if !attributeName.MatchString(name) {
			return nil, fault.New(fault.Invalid, "%q cannot be the name of an LDAP attribute.", short(name))
		}
		if strings.TrimSpace(value) == "" {
			return nil, nil // nothing equals nothing
		}
		if err := checkValue(name, value); err != nil {
			return nil, err
		}
		filter += is(name, value)
	}
	found, err := c.search(ctx, c.set.peopleBase, goldap.ScopeWholeSubtree, "(&"+filter+")", wanted, "look for accounts")
	if err != nil {
		return nil, err
	}
	var out []connector.Account
	for _, e := range found[:min(len(found), most)] {
		a := c.account(e)
		a.Existed = true
		if a.Groups, err = c.groupsOf(ctx, e); err != nil {
			return nil, err
		}
		a.Protected = c.protected(e, a.Groups)
		out = append(out, a)
	}
	return out, nil
}

// privileged are Active Directory's groups whose members rule the domain. Their
// members bear adminCount=1 too, but only within an hour.
var privileged = []string{"Administrators", "Domain Admins", "Enterprise Admins", "Schema Admins", "Account Operators", "Server Operators", "Backup Operators", "Print Operators", "Domain Controllers", "Group Policy Creator Owners", "DnsAdmins", "Key Admins", "Enterprise Key Admins"}

// protected says why an account is never adopted; "" when it may be.
func (c *conn) protected(e *goldap.Entry, groups []string) string {
	login := get(e, c.set.login)
	switch {
	case sameDN(e.DN, c.set.bindDN), c.ad() && strings.Contains(c.set.bindDN, "@") && (fold(get(e, "userPrincipalName"), c.set.bindDN) || fold(login+"@"+domainOf(e.DN), c.set.bindDN)):
		return "It is the account that Joinery itself signs in with."
	case fold(get(e, "isCriticalSystemObject"), "TRUE"):
		return "It is an account of the system itself."
	case c.ad() && get(e, "adminCount") != "" && get(e, "adminCount") != "0":
		return "It is or was a member of a privileged group (adminCount)."
	}
	if !c.ad() {
		return ""
	}
	// Groups outside of the groups base count too.
	for _, g := range append(e.GetEqualFoldAttributeValues("memberOf"), groups...) {
		if slices.ContainsFunc(privileged, func(p string) bool { return fold(p, g) || fold(p, firstRDN(g)) }) {
			return "It is a member of the privileged group " + firstRDN(g) + "."
		}
	}
	return ""
}

func sameDN(a, b string) bool {
	x, errX := goldap.ParseDN(a)
	y, errY := goldap.ParseDN(b)
	return errX == nil && errY == nil && x.EqualFold(y)
}

// firstRDN is what the first part of a DN names; a plain name is itself.
func firstRDN(name string) string {
	if d, err := goldap.ParseDN(name); err == nil && len(d.RDNs) > 0 && len(d.RDNs[0].Attributes) > 0 {
		return d.RDNs[0].Attributes[0].Value
	}
	return name
}

// Adopt puts the mark on an entry by adding a value and never by replacing one, so
// that the server itself refuses where the attribute takes one value and was filled
// meanwhile.
func (c *conn) Adopt(ctx context.Context, id, stamp string) (bool, error) {
	unlock, err := c.locks.Lock(ctx, stamp)
	if err != nil {
		return false, err
	}
	defer unlock()
	if other, err := c.single(ctx, c.set.stamp, stamp); err != nil {
		return false, err
	} else if other != nil {
		if sameDN(other.DN, id) {
			return false, nil
		}
		return false, fault.New(fault.Conflict, "The joiner has the account %s already, so %s was not adopted.", short(other.DN), short(id))
	}
	e, err := c.reread(ctx, id)
	if err != nil {
		return false, err
	}
	groups, err := c.groupsOf(ctx, e)
	if err != nil {
		return false, err
	}
	if why := c.protected(e, groups); why != "" {
		return false, fault.New(fault.Forbidden, "The account %s is not adopted. %s", short(id), why)
	}
	if held := get(e, c.set.stamp); held != "" {
		return false, fault.New(fault.Conflict, "The account %s has %s %q where Joinery's mark goes: it is another joiner's, or the attribute is in use for something else. It was not adopted.", short(id), c.set.stamp, short(held))
	}
	req := goldap.NewModifyRequest(e.DN, nil)
	req.Add(c.set.stamp, []string{stamp})
	err = c.do(ctx, func(l *goldap.Conn) error { return l.Modify(req) })
	if alreadyThere(err) {
		return false, fault.Wrap(fault.Conflict, err, "The account %s got a value in %s meanwhile, so it was not adopted.", short(id), c.set.stamp)
	}
	if err != nil {
		return false, c.refusal(ctx, "adopt an account", e.DN, map[string][]string{c.set.stamp: {stamp}}, err)
	}
	return true, nil
}

// Abandon takes exactly this mark off.
func (c *conn) Abandon(ctx context.Context, id, stamp string) (bool, error) {
	e, err := c.entry(ctx, id, wanted)
	if err != nil || e == nil || get(e, c.set.stamp) != stamp {
		return false, err
	}
	req := goldap.NewModifyRequest(e.DN, nil)
	req.Delete(c.set.stamp, []string{stamp})
	err = c.do(ctx, func(l *goldap.Conn) error { return l.Modify(req) })
	if noSuchObject(err) || goldap.IsErrorWithCode(err, goldap.LDAPResultNoSuchAttribute) {
		return false, nil
	}
	return err == nil, explain("take the mark off an account", err)
}
