package ldap

import (
	"context"
	"slices"
	"strconv"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"joinery/internal/connector"
)

// adSchema reads Active Directory's own description of itself, which tells more
// than its subschema entry: longest values, and what only the system may set.
func (c *conn) adSchema(ctx context.Context) (schemaOf, error) {
	const doing = "read its schema"
	s := schemaOf{attributes: map[string]*attributeType{}, classes: map[string]*objectClass{}}
	root, err := c.search(ctx, "", goldap.ScopeBaseObject, "(objectClass=*)", []string{"schemaNamingContext"}, doing)
	if err != nil {
		return s, err
	}
	if len(root) == 0 || get(root[0], "schemaNamingContext") == "" {
		return s, unpublished()
	}
	base := get(root[0], "schemaNamingContext")
	types, err := c.search(ctx, base, goldap.ScopeSingleLevel, "(&(objectClass=attributeSchema)(!(isDefunct=TRUE)))",
		[]string{"lDAPDisplayName", "isSingleValued", "attributeSyntax", "rangeUpper", "systemOnly", "systemFlags", "linkID", "adminDescription"}, doing)
	if err != nil {
		return s, err
	}
	for _, e := range types {
		if name := get(e, "lDAPDisplayName"); name != "" {
			s.attributes[strings.ToLower(name)] = adAttribute(name, e)
		}
	}
	classes, err := c.search(ctx, base, goldap.ScopeSingleLevel, "(&(objectClass=classSchema)(!(isDefunct=TRUE)))",
		[]string{"lDAPDisplayName", "subClassOf", "auxiliaryClass", "systemAuxiliaryClass", "mustContain", "systemMustContain", "mayContain", "systemMayContain"}, doing)
	if err != nil {
		return s, err
	}
	for _, e := range classes {
		all := func(names ...string) (out []string) {
			for _, n := range names {
				out = append(out, lower(e.GetEqualFoldAttributeValues(n))...)
			}
			return out
		}
		s.classes[strings.ToLower(get(e, "lDAPDisplayName"))] = &objectClass{
			above: all("subClassOf", "auxiliaryClass", "systemAuxiliaryClass"), must: all("mustContain", "systemMustContain"), may: all("mayContain", "systemMayContain")}
	}
	if len(s.attributes) == 0 || len(s.classes) == 0 {
		return s, unpublished()
	}
	return s, nil
}

// adConstructed is the systemFlags bit of attributes that are computed.
const adConstructed = 0x4

func adAttribute(name string, e *goldap.Entry) *attributeType {
	number := func(key string) int {
		n, err := strconv.ParseInt(get(e, key), 10, 64)
		if err != nil {
			return 0
		}
		return int(n)
	}
	a := &attributeType{names: []string{name}, multi: !fold(get(e, "isSingleValued"), "TRUE"), kind: connector.TypeString}
	if help := get(e, "adminDescription"); !fold(strings.ReplaceAll(help, "-", ""), name) {
		a.help = help // most only repeat the name
	}
	if kind, ok := adSyntaxes[get(e, "attributeSyntax")]; ok {
		a.kind = kind
	}
	// An odd link is the far end of another attribute: memberOf of member.
	a.kept = fold(get(e, "systemOnly"), "TRUE") || number("systemFlags")&adConstructed != 0 || number("linkID")%2 == 1 ||
		slices.ContainsFunc(adKept, func(k string) bool { return fold(k, name) })
	if n := number("rangeUpper"); n > 0 && n < 1<<20 && (a.kind == connector.TypeString || a.kind == connector.TypeBinary) {
		a.maxLength = n
	}
	return a
}

// adKept lists what the domain controller refuses from everybody although the
// schema does not say so ([MS-SAMR] 3.1.1.8, [MS-ADTS] 3.1.1.5.3).
var adKept = []string{"name", "sAMAccountType", "objectSid", "badPwdCount", "badPasswordTime", "lastLogon", "lastLogoff", "lastLogonTimestamp", "logonCount",
	"dBCSPwd", "ntPwdHistory", "lmPwdHistory", "supplementalCredentials", "isCriticalSystemObject", "rid", "primaryGroupID", "nTSecurityDescriptor", "lockoutTime",
	"objectCategory", "instanceType", "isDeleted", "isRecycled", "uSNChanged", "uSNCreated", "whenChanged", "whenCreated", "operatorCount", "adminCount", "fSMORoleOwner"}

// adSyntaxes tells the kind of value by attributeSyntax ([MS-ADTS] 3.1.1.2.2.2).
var adSyntaxes = map[string]connector.ValueType{
	"2.5.5.1": connector.TypeDN, "2.5.5.7": connector.TypeBinary, "2.5.5.8": connector.TypeBool, "2.5.5.9": connector.TypeNumber, "2.5.5.10": connector.TypeBinary,
	"2.5.5.11": connector.TypeTimestamp, "2.5.5.15": connector.TypeBinary, "2.5.5.16": connector.TypeNumber, "2.5.5.17": connector.TypeBinary,
}
