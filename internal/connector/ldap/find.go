package ldap

import (
	"context"
	"fmt"

	goldap "github.com/go-ldap/ldap/v3"

	"joinery/internal/connector"
	"joinery/internal/fault"
)

// wanted asks for all user attributes and the operational ones that we read.
var wanted = []string{"*", "memberOf", "pwdAccountLockedTime", "nsAccountLock", "entryUUID"}

// FindAccount finds one account.
func (c *conn) FindAccount(ctx context.Context, by connector.Lookup) (connector.Account, bool, error) {
	var e *goldap.Entry
	var err error
	switch {
	case by.ID != "":
		e, err = c.entry(ctx, by.ID, wanted)
	case by.Stamp != "":
		e, err = c.single(ctx, c.set.stamp, by.Stamp)
	case by.Name != "":
		e, err = c.single(ctx, c.set.login, by.Name)
	case by.Attribute != "":
		if !attributeName.MatchString(by.Attribute) {
			return connector.Account{}, false, fault.New(fault.Invalid, "%q cannot be the name of an LDAP attribute.", short(by.Attribute))
		}
		if by.Value == "" {
			return connector.Account{}, false, nil
		}
		e, err = c.single(ctx, by.Attribute, by.Value)
	default:
		return connector.Account{}, false, fault.New(fault.Invalid, "Nothing was given to look for.")
	}
	if err != nil || e == nil {
		return connector.Account{}, false, err
	}
	a := c.account(e)
	a.Existed = true
	a.Groups, err = c.groupsOf(ctx, e)
	return a, true, err
}

// entry reads one entry by DN; nil when there is none below the people base.
func (c *conn) entry(ctx context.Context, dn string, attributes []string) (*goldap.Entry, error) {
	if len(dn) > maxValue || !inside(dn, c.set.peopleBase) {
		return nil, nil
	}
	found, err := c.search(ctx, dn, goldap.ScopeBaseObject, "(objectClass=*)", attributes, "read an account")
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// single finds the one person with this value; nil when there is none. Two are a
// conflict: choosing one would be a guess.
func (c *conn) single(ctx context.Context, attribute, value string) (*goldap.Entry, error) {
	if err := checkValue(attribute, value); err != nil {
		return nil, err
	}
	filter := fmt.Sprintf("(&(objectClass=%s)(%s=%s))", c.set.classes[len(c.set.classes)-1], attribute, goldap.EscapeFilter(value))
	if c.ad() {
		// Computers are users in Active Directory.
		filter = fmt.Sprintf("(&(objectCategory=person)%s)", filter)
	}
	found, err := c.search(ctx, c.set.peopleBase, goldap.ScopeWholeSubtree, filter, wanted, "look for an account")
	if err != nil || len(found) == 0 {
		return nil, err
	}
	if len(found) > 1 {
		return nil, fault.New(fault.Conflict, "Several accounts have %s %q. Make it unique in the directory, or look by something else.", short(attribute), short(value))
	}
	return found[0], nil
}

// search pages through a search. A missing base gives nothing for one entry and
// is a mistake in the settings otherwise.
func (c *conn) search(ctx context.Context, base string, scope int, filter string, attributes []string, doing string) ([]*goldap.Entry, error) {
	var out []*goldap.Entry
	err := c.do(ctx, func(l *goldap.Conn) error {
		req := goldap.NewSearchRequest(base, scope, goldap.NeverDerefAliases, 0, int(c.set.timeout.Seconds()), false, filter, attributes, nil)
		var res *goldap.SearchResult
		var err error
		if scope == goldap.ScopeBaseObject {
			res, err = l.Search(req)
		} else {
			res, err = l.SearchWithPaging(req, c.set.pageSize)
		}
		if err == nil {
			out = res.Entries
		}
		return err
	})
	if noSuchObject(err) {
		if scope == goldap.ScopeBaseObject {
			return nil, nil
		}
		return nil, fault.Wrap(fault.Invalid, err, "The directory has no entry %s, or the bind account may not see it. Check the bases in the connection's settings.", short(base))
	}
	return out, explain(doing, err)
}
