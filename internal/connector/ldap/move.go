package ldap

import (
	"context"
	"fmt"

	goldap "github.com/go-ldap/ldap/v3"

	"joinery/internal/connector"
	"joinery/internal/fault"
)

var _ connector.Mover = (*conn)(nil)

// MoveAccount gives an account another common name. Where that names the entry, the
// entry gets another DN, in the place where it is.
func (c *conn) MoveAccount(ctx context.Context, m connector.Move) (connector.Moved, error) {
	if err := checkValue("cn", m.Name); err != nil {
		return connector.Moved{}, err
	}
	if _, err := c.dn(m.Name); err != nil { // what cannot be part of a DN is said
		return connector.Moved{}, err
	}
	unlock, err := c.locks.Lock(ctx, m.Stamp)
	if err != nil {
		return connector.Moved{}, err
	}
	defer unlock()
	e, err := c.marked(ctx, m)
	if err != nil {
		return connector.Moved{}, err
	}
	if !fold(c.set.rdn, "cn") {
		return c.setCommonName(ctx, e, m.Name)
	}
	before, err := c.rdnOf(e.DN)
	if err != nil {
		return connector.Moved{}, err
	}
	was := e.DN
	if before == m.Name {
		if m.Was == "" || sameDN(m.Was, e.DN) {
			return connector.Moved{ID: e.DN, Before: before}, nil
		}
		if was = m.Was; inside(was, c.set.peopleBase) { // an earlier try went as far as here
			if before, err = c.rdnOf(was); err != nil {
				return connector.Moved{}, err
			}
		}
	} else if e, err = c.modifyDN(ctx, e, m); err != nil {
		return connector.Moved{}, err
	}
	return connector.Moved{ID: e.DN, Before: before, Changed: true}, c.follow(ctx, was, e.DN)
}

// marked finds the account by its id, or by its mark when it is elsewhere by now.
func (c *conn) marked(ctx context.Context, m connector.Move) (*goldap.Entry, error) {
	e, err := c.entry(ctx, m.ID, wanted)
	if err != nil {
		return nil, err
	}
	if e == nil || get(e, c.set.stamp) != m.Stamp {
		if e, err = c.single(ctx, c.set.stamp, m.Stamp); err == nil && e == nil {
			err = noAccount(m.ID)
		}
	}
	return e, err
}

// rdnOf gives the value that names an entry.
func (c *conn) rdnOf(dn string) (string, error) {
	d, err := goldap.ParseDN(dn)
	if err != nil || len(d.RDNs) == 0 || len(d.RDNs[0].Attributes) != 1 || !fold(d.RDNs[0].Attributes[0].Type, c.set.rdn) {
		return "", fault.New(fault.Invalid, "The entry %s is not named by its %s alone, so it is not renamed. Rename it in the directory.", short(dn), c.set.rdn)
	}
	return d.RDNs[0].Attributes[0].Value, nil
}

// modifyDN renames the entry and reads it by its new name.
func (c *conn) modifyDN(ctx context.Context, e *goldap.Entry, m connector.Move) (*goldap.Entry, error) {
	err := c.do(ctx, func(l *goldap.Conn) error {
		return l.ModifyDN(goldap.NewModifyDNRequest(e.DN, c.rdnText(m.Name), true, ""))
	})
	switch {
	case goldap.IsErrorWithCode(err, goldap.LDAPResultEntryAlreadyExists):
		return nil, &fault.Error{Kind: fault.Conflict, Key: "common_name", Sentence: fmt.Sprintf("Another entry in the place of %s is called %q already. Hold a common name with Choose names first, in a name space of kind common name.", short(e.DN), short(m.Name)), Cause: err}
	case noSuchObject(err):
		return nil, fault.Wrap(fault.Unavailable, err, "The entry was moved or deleted in the directory at this moment.")
	case err != nil:
		return nil, explain("rename an entry", err)
	}
	e, err = c.single(ctx, c.set.stamp, m.Stamp)
	if err == nil && e == nil {
		err = noAccount(m.ID)
	}
	return e, err
}

// setCommonName is for entries that are named by something else.
func (c *conn) setCommonName(ctx context.Context, e *goldap.Entry, name string) (connector.Moved, error) {
	before := e.GetEqualFoldAttributeValues("cn")
	out := connector.Moved{ID: e.DN, Before: firstOf(before, "")}
	if sameValues(before, []string{name}) {
		return out, nil
	}
	out.Changed = true
	req := goldap.NewModifyRequest(e.DN, nil)
	req.Replace("cn", []string{name})
	err := c.do(ctx, func(l *goldap.Conn) error { return l.Modify(req) })
	if err != nil {
		return out, c.refusal(ctx, "change a common name", e.DN, map[string][]string{"cn": {name}}, err)
	}
	return out, nil
}

// follow puts the new DN in the place of the old one, in groups and as somebody's
// manager. Active Directory does that itself, OpenLDAP with the overlay refint too.
func (c *conn) follow(ctx context.Context, was, now string) error {
	if c.ad() || sameDN(was, now) {
		return nil
	}
	// Whoever is called so by now may be meant.
	if other, err := c.entry(ctx, was, []string{"1.1"}); err != nil || other != nil {
		return err
	}
	links := []struct{ base, attribute string }{{c.set.peopleBase, "manager"}}
	if !fold(c.set.member, "memberUid") {
		links = append(links, struct{ base, attribute string }{c.set.groupsBase, c.set.member})
	}
	for _, l := range links {
		found, err := c.search(ctx, l.base, goldap.ScopeWholeSubtree, is(l.attribute, was), []string{"1.1"}, "look for what names an account")
		if err != nil {
			return err
		}
		for _, e := range found {
			if err := c.relink(ctx, e.DN, l.attribute, was, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// relink changes one value. The server may do the same at this moment, so what is
// there already, or gone already, is looked at again.
func (c *conn) relink(ctx context.Context, dn, attribute, was, now string) error {
	var err error
	for range 3 {
		var old, there []*goldap.Entry
		if old, err = c.search(ctx, dn, goldap.ScopeBaseObject, is(attribute, was), []string{"1.1"}, "read what names an account"); err != nil || len(old) == 0 {
			return err
		}
		if there, err = c.search(ctx, dn, goldap.ScopeBaseObject, is(attribute, now), []string{"1.1"}, "read what names an account"); err != nil {
			return err
		}
		req := goldap.NewModifyRequest(dn, nil)
		if len(there) == 0 {
			req.Add(attribute, []string{now})
		}
		req.Delete(attribute, []string{was})
		err = c.do(ctx, func(l *goldap.Conn) error { return l.Modify(req) })
		if !alreadyThere(err) && !alreadyGone(err) {
			break
		}
	}
	return explain("let "+attribute+" of "+short(dn)+" follow a renamed account", err)
}
