package ldap

import (
	"context"
	"fmt"
	"slices"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"joinery/internal/connector"
	"joinery/internal/fault"
)

// FindGroup finds a group by DN or by name.
func (c *conn) FindGroup(ctx context.Context, name string) (connector.Group, bool, error) {
	if err := checkValue("the group", name); err != nil {
		return connector.Group{}, false, err
	}
	if name == "" {
		return connector.Group{}, false, nil
	}
	var found []*goldap.Entry
	var err error
	class := "(objectClass=" + c.set.groupClass + ")"
	if inside(name, c.set.groupsBase) {
		found, err = c.search(ctx, name, goldap.ScopeBaseObject, class, []string{"cn"}, "look for a group")
	} else {
		filter := fmt.Sprintf("(&%s(cn=%s))", class, goldap.EscapeFilter(name))
		found, err = c.search(ctx, c.set.groupsBase, goldap.ScopeWholeSubtree, filter, []string{"cn"}, "look for a group")
	}
	if err != nil || len(found) == 0 {
		return connector.Group{}, false, err
	}
	if len(found) > 1 {
		return connector.Group{}, false, fault.New(fault.Conflict, "Several groups are called %q. Give the group's full name (DN).", short(name))
	}
	return connector.Group{ID: found[0].DN, Name: or(get(found[0], "cn"), name)}, true, nil
}

// groupsOf lists the names of an account's groups below the groups base.
func (c *conn) groupsOf(ctx context.Context, e *goldap.Entry) ([]string, error) {
	var out []string
	if dns := e.GetEqualFoldAttributeValues("memberOf"); len(dns) > 0 {
		for _, text := range dns {
			if d, err := goldap.ParseDN(text); err == nil && inside(text, c.set.groupsBase) {
				out = append(out, d.RDNs[0].Attributes[0].Value)
			}
		}
		slices.Sort(out)
		return out, nil
	}
	if c.ad() {
		return nil, nil // memberOf is always kept there
	}
	filter := fmt.Sprintf("(&(objectClass=%s)%s)", c.set.groupClass, c.memberFilter(c.memberValue(e)))
	found, err := c.search(ctx, c.set.groupsBase, goldap.ScopeWholeSubtree, filter, []string{"cn"}, "look for groups")
	for _, g := range found {
		out = append(out, get(g, "cn"))
	}
	slices.Sort(out)
	return out, err
}

func (c *conn) memberFilter(value string) string {
	return "(" + c.set.member + "=" + goldap.EscapeFilter(value) + ")"
}

// memberValue is what stands for an account in a group.
func (c *conn) memberValue(e *goldap.Entry) string {
	if fold(c.set.member, "memberUid") {
		return get(e, c.set.login)
	}
	return e.DN
}

// membership resolves both sides and reads whether one is in the other.
func (c *conn) membership(ctx context.Context, group, account string) (g connector.Group, value string, in bool, err error) {
	g, ok, err := c.FindGroup(ctx, group)
	if err != nil {
		return g, "", false, err
	}
	if !ok {
		return g, "", false, fault.New(fault.NotFound, "There is no group %q below %s. Create it, or correct the name in the flow.", short(group), short(c.set.groupsBase))
	}
	e, err := c.entry(ctx, account, []string{c.set.login})
	if err != nil {
		return g, "", false, err
	}
	if e == nil {
		// Directories without referential integrity accept members that do not exist.
		return g, "", false, noAccount(account)
	}
	value = c.memberValue(e)
	found, err := c.search(ctx, g.ID, goldap.ScopeBaseObject, c.memberFilter(value), []string{"1.1"}, "read a group")
	return g, value, len(found) > 0, err
}

// EnsureMember puts an account into a group.
func (c *conn) EnsureMember(ctx context.Context, group, account string) (bool, error) {
	g, value, in, err := c.membership(ctx, group, account)
	if err != nil || in {
		return false, err
	}
	req := goldap.NewModifyRequest(g.ID, nil)
	req.Add(c.set.member, []string{value})
	if ph := c.set.emptyMember; ph != "" && !fold(ph, value) {
		if found, err := c.search(ctx, g.ID, goldap.ScopeBaseObject, c.memberFilter(ph), []string{"1.1"}, "read a group"); err == nil && len(found) > 0 {
			req.Delete(c.set.member, []string{ph})
		}
	}
	err = c.do(ctx, func(l *goldap.Conn) error { return l.Modify(req) })
	if alreadyGone(err) && len(req.Changes) > 1 {
		req.Changes = req.Changes[:1] // somebody else came in meanwhile and took the placeholder out
		err = c.do(ctx, func(l *goldap.Conn) error { return l.Modify(req) })
	}
	if goldap.IsErrorAnyOf(err, goldap.LDAPResultAttributeOrValueExists, goldap.LDAPResultEntryAlreadyExists) {
		return false, nil
	}
	return err == nil, explain("add a member to "+short(g.Name), err)
}

// EnsureNotMember takes an account out of a group.
func (c *conn) EnsureNotMember(ctx context.Context, group, account string) (bool, error) {
	g, value, in, err := c.membership(ctx, group, account)
	if err != nil || !in {
		return false, err
	}
	req := goldap.NewModifyRequest(g.ID, nil)
	req.Delete(c.set.member, []string{value})
	err = c.do(ctx, func(l *goldap.Conn) error { return l.Modify(req) })
	if goldap.IsErrorAnyOf(err, goldap.LDAPResultObjectClassViolation) {
		if c.set.emptyMember == "" {
			return false, fault.Wrap(fault.Conflict, err, "The account is the last member of %q, and a %s may not be empty. Set a placeholder member in the connection's settings, or add another member.", short(g.Name), c.set.groupClass)
		}
		req.Add(c.set.member, []string{c.set.emptyMember})
		err = c.do(ctx, func(l *goldap.Conn) error { return l.Modify(req) })
	}
	if alreadyGone(err) {
		return c.leftMeanwhile(ctx, g, value, err)
	}
	return err == nil, explain("take a member out of "+strings.TrimSpace(short(g.Name)), err)
}

// leftMeanwhile looks again, because the codes for "was not there" also mean
// "I will not do that" (53).
func (c *conn) leftMeanwhile(ctx context.Context, g connector.Group, value string, cause error) (bool, error) {
	found, err := c.search(ctx, g.ID, goldap.ScopeBaseObject, c.memberFilter(value), []string{"1.1"}, "read a group")
	if err != nil {
		return false, err
	}
	if len(found) > 0 {
		return false, explain("take a member out of "+short(g.Name), cause)
	}
	return false, nil
}
