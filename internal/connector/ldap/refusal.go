package ldap

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	goldap "github.com/go-ldap/ldap/v3"

	"joinery/internal/connector"
	"joinery/internal/fault"
)

// refusal explains why a directory did not take attributes: which one, and what
// to do. The fault's Key is the attribute, "name" for the login. dn is the entry's
// own; doing completes "The directory refused to …".
func (c *conn) refusal(ctx context.Context, doing, dn string, attrs map[string][]string, cause error) error {
	said := diagnostic(cause)
	if code, ok := adReasons[adCode(said)]; ok {
		return c.adRefusal(ctx, code, attrs, said, cause)
	}
	if !alreadyThere(cause) {
		f := explain(doing, cause)
		if goldap.IsErrorAnyOf(cause, goldap.LDAPResultNoSuchAttribute, goldap.LDAPResultUndefinedAttributeType) {
			if name := saidAttribute(said); name != "" {
				return keyed(name, fault.Wrap(fault.Invalid, cause, "The directory does not know the attribute %s. Correct its name in the flow.", short(name)))
			}
		}
		return f
	}
	name := c.takenAttribute(ctx, dn, attrs, said)
	switch {
	case name == "":
		return explain(doing, cause)
	case fold(name, c.set.login):
		return keyed("name", fault.Wrap(fault.Conflict, cause, "%s %q is taken in this directory by another account. Choose another name.", c.set.login, short(firstOf(lookup(attrs, name), ""))))
	case fold(name, c.set.rdn):
		return keyed(c.set.rdn, fault.Wrap(fault.Conflict, cause, "The directory already has an entry %s. Choose another %s.", short(dn), c.set.rdn))
	}
	return keyed(name, fault.Wrap(fault.Conflict, cause, "The directory refuses the account: %s %q may be used once and is taken. Choose another value.", name, short(firstOf(lookup(attrs, name), ""))))
}

func keyed(key string, f *fault.Error) error {
	f.Key = key
	return f
}

// takenAttribute finds the attribute whose value somebody else has: by what the
// directory said, else by looking.
func (c *conn) takenAttribute(ctx context.Context, dn string, attrs map[string][]string, said string) string {
	if name := saidTaken(said); name != "" && lookup(attrs, name) != nil {
		return name
	}
	order := []string{c.set.login, c.set.rdn, "userPrincipalName"}
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		if !slices.ContainsFunc(order, func(o string) bool { return fold(o, name) }) && !c.own(name) && !common(name) {
			order = append(order, name)
		}
	}
	for _, name := range order {
		vs := lookup(attrs, name)
		if len(vs) != 1 {
			continue
		}
		q := connector.NameQuery{Attribute: name, Value: vs[0]}
		if fold(name, c.set.rdn) {
			q.Within = c.set.peopleBase
		}
		held, err := c.Holders(ctx, q)
		if err == nil && slices.ContainsFunc(held, func(h connector.Holder) bool { return !fold(h.ID, dn) || fold(name, c.set.rdn) }) {
			return name
		}
	}
	return ""
}

// common attributes are the same for many people, so that sharing one proves nothing.
func common(name string) bool {
	for _, n := range []string{"cn", "sn", "givenName", "displayName", "initials", "title", "department", "company", "l", "st", "c", "co", "o", "ou", "manager", "description",
		"physicalDeliveryOfficeName", "postalCode", "street", "streetAddress", "preferredLanguage", "employeeType", "departmentNumber", "gidNumber", "loginShell"} {
		if fold(n, name) {
			return true
		}
	}
	return false
}

var (
	adCodeText  = regexp.MustCompile(`^([0-9A-Fa-f]{8}): `)
	adAttrTexts = []*regexp.Regexp{
		regexp.MustCompile(`Att [0-9A-Fa-f]+ ?\(([A-Za-z0-9-]+)\)`),                                                     // Microsoft
		regexp.MustCompile(`attribute '([A-Za-z0-9-]+)'`), regexp.MustCompile(`SINGLE-VALUE attribute ([A-Za-z0-9-]+)`), // Samba
		regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]*): attribute type undefined`), // OpenLDAP
	}
	inUse     = regexp.MustCompile(`(?i)([A-Za-z0-9-]+) '.*' (?:is )?already in use`)
	nonUnique = regexp.MustCompile(`non-unique attributes found with \(\|?\(?([A-Za-z0-9-]+)=`)
)

func adCode(said string) string {
	if m := adCodeText.FindStringSubmatch(said); m != nil {
		return strings.ToUpper(m[1])
	}
	return ""
}

// saidAttribute finds the attribute that a directory complains about.
func saidAttribute(said string) string {
	for _, re := range adAttrTexts {
		if m := re.FindStringSubmatch(said); m != nil {
			return m[1]
		}
	}
	return ""
}

// saidTaken finds the attribute whose value is taken, as far as the text tells.
// Microsoft's codes: 524 a login exists, 21C8 a principal name, 21C7 a service's.
func saidTaken(said string) string {
	switch {
	case strings.Contains(said, "implied by userPrincipalName"):
		return "userPrincipalName"
	case adCode(said) == "00000524":
		return "sAMAccountName"
	case adCode(said) == "000021C8":
		return "userPrincipalName"
	case adCode(said) == "000021C7":
		return "servicePrincipalName"
	}
	for _, re := range []*regexp.Regexp{inUse, nonUnique} {
		if m := re.FindStringSubmatch(said); m != nil {
			return m[1]
		}
	}
	return ""
}

// adReasons are the extended codes of Active Directory (winerror.h) that say what
// is wrong with a value; the LDAP code beside them varies between servers.
var adReasons = map[string]string{
	"0000200B": "The value for %s is too long, or not of the form that it takes.",
	"00002082": "The value for %s is too long, or out of the range that it takes.",
	"0000200D": "%s takes one value, not a list.",
	"00002081": "%s takes one value, not a list.",
	"000020B5": "%s names an entry that the directory does not have.",
}

func (c *conn) adRefusal(ctx context.Context, sentence string, attrs map[string][]string, said string, cause error) error {
	name := saidAttribute(said)
	if name == "" && adCode(said) == "000020B5" {
		name = c.danglingAttribute(ctx, attrs)
	}
	if name == "" {
		f := fault.Wrap(fault.Invalid, cause, sentence, "one of the attributes")
		f.Sentence = strings.ToUpper(f.Sentence[:1]) + f.Sentence[1:]
		return f
	}
	// The schema was read if anybody maps attributes; else it is worth a look now.
	if schema, err := c.Schema(ctx); err == nil {
		a, _ := connector.FindAttribute(schema, name)
		for _, v := range lookup(attrs, name) {
			if n := utf8.RuneCountInString(v); a.MaxLength > 0 && n > a.MaxLength {
				return keyed(name, fault.Wrap(fault.Invalid, cause, "The value for %s has %d characters; the directory takes at most %d. Shorten it in the flow.", name, n, a.MaxLength))
			}
		}
	}
	return keyed(name, fault.Wrap(fault.Invalid, cause, sentence, name))
}

// danglingAttribute finds an attribute that names an entry that is not there.
func (c *conn) danglingAttribute(ctx context.Context, attrs map[string][]string) string {
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		for _, v := range attrs[name] {
			if d, err := goldap.ParseDN(v); err != nil || len(d.RDNs) < 2 {
				continue
			}
			if found, err := c.search(ctx, v, goldap.ScopeBaseObject, "(objectClass=*)", []string{"1.1"}, "look for an entry"); err == nil && len(found) == 0 {
				return name
			}
		}
	}
	return ""
}
