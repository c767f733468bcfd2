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

// Holders finds who holds a name, by the server's own equality.
func (c *conn) Holders(ctx context.Context, q connector.NameQuery) ([]connector.Holder, error) {
	if fold(q.Attribute, connector.LoginName) {
		q.Attribute = c.set.login
	}
	if !attributeName.MatchString(q.Attribute) {
		return nil, fault.New(fault.Invalid, "%q cannot be the name of an LDAP attribute.", short(q.Attribute))
	}
	if err := checkValue(q.Attribute, q.Value); err != nil || strings.TrimSpace(q.Value) == "" {
		return nil, err
	}
	root, err := c.root(ctx)
	if err != nil {
		return nil, err
	}
	if q.Within != "" && !inside(q.Within, root.base) && !fold(q.Within, root.base) {
		return nil, fault.New(fault.Invalid, "%q is no place in this directory (%s). Correct where the name has to be unique.", short(q.Within), short(root.base))
	}
	n := c.nameSpace(q.Attribute, q.Value, root.domain)
	base := or(q.Within, root.base)
	wants := append([]string{"objectClass", "displayName", "cn", c.set.login, c.set.stamp}, n.attributes...)
	found, err := c.search(ctx, base, goldap.ScopeWholeSubtree, n.filter, wants, "look for who holds a name")
	if (noSuchObject(err) || fault.Is(err, fault.Forbidden)) && q.Within == "" && base != c.set.peopleBase {
		// The bind account may see its own part only; that is what can be told.
		found, err = c.search(ctx, c.set.peopleBase, goldap.ScopeWholeSubtree, n.filter, wants, "look for who holds a name")
	}
	if noSuchObject(err) && q.Within != "" {
		return nil, nil // nothing lies there yet
	}
	if err != nil {
		return nil, err
	}
	out := make([]connector.Holder, 0, len(found))
	for _, e := range found {
		out = append(out, c.holder(e, n))
	}
	return out, nil
}

// nameSpace is how a name is looked for.
type nameSpace struct {
	filter     string
	attributes []string // where it may stand
	written    []string // how it may be written there
}

func (c *conn) nameSpace(attribute, value, domain string) nameSpace {
	n := nameSpace{filter: is(attribute, value), attributes: []string{attribute}, written: []string{value}}
	if !c.ad() {
		return n
	}
	switch {
	case fold(attribute, "mail") || fold(attribute, "proxyAddresses"):
		// Mail is delivered to both, and Active Directory keeps neither unique.
		address := value
		if prefix, rest, ok := strings.Cut(value, ":"); ok && fold(prefix, "smtp") {
			address = rest
		}
		n.attributes, n.written = []string{"mail", "proxyAddresses"}, []string{address, "smtp:" + address}
		n.filter = "(|" + is("mail", address) + is("proxyAddresses", "smtp:"+address) + ")"
	case fold(attribute, "userPrincipalName"):
		// login@domain is a principal name of every account, written down or not.
		if login, suffix, ok := strings.Cut(value, "@"); ok && fold(suffix, domain) && login != "" {
			n.attributes, n.written = []string{"userPrincipalName", "sAMAccountName"}, []string{value, login}
			n.filter = "(|" + n.filter + is("sAMAccountName", login) + ")"
		}
	case fold(attribute, "sAMAccountName") && domain != "":
		n.attributes, n.written = []string{"sAMAccountName", "userPrincipalName"}, []string{value, value + "@" + domain}
		n.filter = "(|" + n.filter + is("userPrincipalName", value+"@"+domain) + ")"
	}
	return n
}

func is(attribute, value string) string {
	return fmt.Sprintf("(%s=%s)", attribute, goldap.EscapeFilter(value))
}

// holder describes an entry that holds a name.
func (c *conn) holder(e *goldap.Entry, n nameSpace) connector.Holder {
	h := connector.Holder{ID: e.DN, Kind: kindOf(e), Stamp: get(e, c.set.stamp), Label: printable(or(get(e, "displayName"), or(get(e, "cn"), get(e, c.set.login))))}
	for _, name := range n.attributes {
		for _, v := range e.GetEqualFoldAttributeValues(name) {
			same := slices.ContainsFunc(n.written, func(w string) bool { return fold(w, v) })
			// Which value matched only the server knows; the likeliest is shown.
			if h.Attribute == "" || same {
				h.Attribute, h.Value = name, printable(v)
			}
			if same {
				return h
			}
		}
	}
	return h
}

// kinds goes from the special to the general: a computer is a user too.
var kinds = []struct {
	kind    string
	classes []string
}{
	{connector.HolderComputer, []string{"computer", "device"}},
	{connector.HolderGroup, []string{"group", "groupOfNames", "groupOfUniqueNames", "posixGroup"}},
	{connector.HolderContact, []string{"contact"}},
	{connector.HolderAccount, []string{"user", "person", "account", "posixAccount", "simpleSecurityObject"}},
}

func kindOf(e *goldap.Entry) string {
	classes := e.GetEqualFoldAttributeValues("objectClass")
	for _, k := range kinds {
		if slices.ContainsFunc(classes, func(c string) bool {
			return slices.ContainsFunc(k.classes, func(known string) bool { return fold(known, c) })
		}) {
			return k.kind
		}
	}
	return connector.HolderOther
}

// rootOf is what the root entry tells about the tree the people are in.
type rootOf struct {
	base   string // the whole tree
	domain string // DNS name of an Active Directory domain
}

// root finds the tree that the people base lies in. It never changes while the
// settings stay the same, so it is asked for once.
func (c *conn) root(ctx context.Context) (rootOf, error) {
	c.rootMu.Lock()
	defer c.rootMu.Unlock()
	if c.rootKnown != nil {
		return *c.rootKnown, nil
	}
	found, err := c.search(ctx, "", goldap.ScopeBaseObject, "(objectClass=*)", []string{"namingContexts", "defaultNamingContext"}, "read the root entry")
	if err != nil {
		return rootOf{}, err
	}
	r := rootOf{base: c.set.peopleBase}
	if len(found) > 0 {
		for _, base := range append(found[0].GetEqualFoldAttributeValues("defaultNamingContext"), found[0].GetEqualFoldAttributeValues("namingContexts")...) {
			if inside(c.set.peopleBase, base) {
				r.base = base
				break
			}
		}
	}
	if c.ad() {
		r.domain = domainOf(r.base)
	}
	c.rootKnown = &r
	return r, nil
}

// domainOf gives the DNS name of the dc parts of a DN.
func domainOf(dn string) string {
	d, err := goldap.ParseDN(dn)
	if err != nil {
		return ""
	}
	var parts []string
	for _, rdn := range d.RDNs {
		if len(rdn.Attributes) == 1 && fold(rdn.Attributes[0].Type, "dc") {
			parts = append(parts, rdn.Attributes[0].Value)
		}
	}
	return strings.Join(parts, ".")
}
