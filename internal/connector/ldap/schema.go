package ldap

import (
	"context"
	"slices"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"joinery/internal/connector"
	"joinery/internal/fault"
)

// attributeType is one attribute as a directory declares it.
type attributeType struct {
	names     []string
	help      string
	kind      connector.ValueType
	multi     bool
	kept      bool // by the directory: nobody may set it
	maxLength int
}

// objectClass is a class with what it asks for and allows, names in lower case.
type objectClass struct {
	above, must, may, not []string
}

// schemaOf is what a directory declares; keys are names in lower case.
type schemaOf struct {
	attributes map[string]*attributeType
	classes    map[string]*objectClass
}

// Schema lists the attributes that the object classes of a new account allow.
func (c *conn) Schema(ctx context.Context) ([]connector.SchemaAttribute, error) {
	return c.schema.Get(c.cfg.Now(), func() ([]connector.SchemaAttribute, error) {
		read := c.subschema
		if c.ad() {
			read = c.adSchema
		}
		s, err := read(ctx)
		if err != nil {
			return nil, err
		}
		return c.allowed(s)
	})
}

// allowed walks from the account's classes to all that they allow.
func (c *conn) allowed(s schemaOf) ([]connector.SchemaAttribute, error) {
	must, may, not := map[string]bool{}, map[string]bool{}, map[string]bool{}
	seen := map[string]bool{}
	todo := slices.Clone(c.set.classes)
	for len(todo) > 0 {
		name := strings.ToLower(todo[0])
		todo = todo[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		class, ok := s.classes[name]
		if !ok {
			return nil, fault.New(fault.Invalid, "The directory has no object class %q. Correct the object classes of a new account in the connection's settings.", short(name))
		}
		todo = append(todo, class.above...)
		mark(must, class.must)
		mark(may, class.may)
		mark(not, class.not)
	}
	if seen["extensibleobject"] {
		for name := range s.attributes {
			may[name] = true
		}
	}
	// A class may name an attribute by any of its names; each is listed once.
	found := map[*attributeType]bool{}
	for name := range may {
		if a := s.attributes[name]; a != nil && !not[name] {
			found[a] = found[a] || must[name]
		}
	}
	for name := range must {
		if a := s.attributes[name]; a != nil {
			found[a] = true
		}
	}
	out := make([]connector.SchemaAttribute, 0, len(found))
	for a, needed := range found {
		out = append(out, c.schemaAttribute(a, needed))
	}
	return out, nil
}

func mark(set map[string]bool, names []string) {
	for _, n := range names {
		set[n] = true
	}
}

func (c *conn) schemaAttribute(a *attributeType, needed bool) connector.SchemaAttribute {
	is := func(name string) bool {
		return slices.ContainsFunc(a.names, func(n string) bool { return fold(n, name) })
	}
	own := slices.ContainsFunc(a.names, c.own)
	out := connector.SchemaAttribute{Name: a.names[0], Type: a.kind, Multi: a.multi, ReadOnly: a.kept || own, MaxLength: a.maxLength, Help: a.help, Aliases: a.names[1:]}
	out.CreateOnly = !out.ReadOnly && is(c.set.rdn)
	// The naming attribute and cn are filled in when a flow gives none.
	out.Required = needed && !out.ReadOnly && !is(c.set.rdn) && !is("cn")
	if own && is("sAMAccountName") {
		out.MaxLength = 20
	}
	return out
}

// subschema reads what RFC 4512 4.2 lets every directory publish.
func (c *conn) subschema(ctx context.Context) (schemaOf, error) {
	const doing = "read its schema"
	where := ""
	for _, base := range []string{c.set.peopleBase, ""} {
		found, err := c.search(ctx, base, goldap.ScopeBaseObject, "(objectClass=*)", []string{"subschemaSubentry"}, doing)
		if err != nil {
			return schemaOf{}, err
		}
		if len(found) > 0 && where == "" {
			where = get(found[0], "subschemaSubentry")
		}
	}
	if where == "" {
		return schemaOf{}, unpublished()
	}
	found, err := c.search(ctx, where, goldap.ScopeBaseObject, "(objectClass=subschema)", []string{"attributeTypes", "objectClasses", "dITContentRules"}, doing)
	if err != nil {
		return schemaOf{}, err
	}
	if len(found) == 0 {
		return schemaOf{}, unpublished()
	}
	s := readSubschema(found[0].GetEqualFoldAttributeValues("attributeTypes"), found[0].GetEqualFoldAttributeValues("objectClasses"), found[0].GetEqualFoldAttributeValues("dITContentRules"))
	if len(s.attributes) == 0 || len(s.classes) == 0 {
		return schemaOf{}, unpublished()
	}
	return s, nil
}

func unpublished() error {
	return fault.New(fault.NotFound, "The directory does not show its schema to the bind account, so attributes cannot be checked beforehand. Give the account the right to read the schema.")
}

// readSubschema understands the descriptions of a subschema entry. Those that
// are malformed are left out: one odd extension must not hide all others.
func readSubschema(types, classes, rules []string) schemaOf {
	s := schemaOf{attributes: map[string]*attributeType{}, classes: map[string]*objectClass{}}
	raw := map[string]description{}
	for _, text := range types {
		d, err := parseDescription(text)
		if err != nil {
			continue
		}
		for _, name := range d.names() {
			raw[strings.ToLower(name)] = d
		}
	}
	done := map[string]*attributeType{}
	for name, d := range raw {
		if done[d.oid] == nil {
			done[d.oid] = attributeOf(d, raw)
		}
		s.attributes[name] = done[d.oid]
	}
	byOID := map[string]*objectClass{}
	for _, text := range classes {
		d, err := parseDescription(text)
		if err != nil {
			continue
		}
		class := &objectClass{above: lower(d.fields["SUP"]), must: lower(d.fields["MUST"]), may: lower(d.fields["MAY"])}
		byOID[d.oid] = class
		for _, name := range d.names() {
			s.classes[strings.ToLower(name)] = class
		}
	}
	for _, text := range rules {
		d, err := parseDescription(text)
		if class := byOID[d.oid]; err == nil && class != nil {
			class.must, class.may, class.not = append(class.must, lower(d.fields["MUST"])...), append(class.may, lower(d.fields["MAY"])...), lower(d.fields["NOT"])
		}
	}
	return s
}

// attributeOf reads one attribute; its syntax may come from the one above it.
func attributeOf(d description, raw map[string]description) *attributeType {
	_, single := d.fields["SINGLE-VALUE"]
	_, fixed := d.fields["NO-USER-MODIFICATION"]
	a := &attributeType{names: d.names(), help: d.first("DESC"), multi: !single, kept: fixed, kind: connector.TypeString}
	if usage := d.first("USAGE"); usage != "" && usage != "userApplications" && fixed {
		a.kept = true
	}
	for range 20 { // bounds a chain that goes in circles
		if syntax, _, _ := strings.Cut(d.first("SYNTAX"), "{"); syntax != "" {
			if kind, ok := syntaxes[strings.Trim(syntax, "'")]; ok {
				a.kind = kind
			}
			break
		}
		above, ok := raw[strings.ToLower(d.first("SUP"))]
		if !ok {
			break
		}
		d = above
	}
	return a
}

// syntaxes tells the kind of value by syntax (RFC 4517 3.3); all others are text.
// The number in braces after a syntax is what a directory must take at least, not
// a limit (RFC 4512 4.1.2), so it is no maximum length.
var syntaxes = map[string]connector.ValueType{
	"1.3.6.1.4.1.1466.115.121.1.7": connector.TypeBool, "1.3.6.1.4.1.1466.115.121.1.27": connector.TypeNumber,
	"1.3.6.1.4.1.1466.115.121.1.24": connector.TypeTimestamp, "1.3.6.1.4.1.1466.115.121.1.53": connector.TypeTimestamp,
	"1.3.6.1.4.1.1466.115.121.1.12": connector.TypeDN, "1.3.6.1.4.1.1466.115.121.1.34": connector.TypeDN,
	"1.3.6.1.4.1.1466.115.121.1.40": connector.TypeBinary, "1.3.6.1.4.1.1466.115.121.1.5": connector.TypeBinary,
	"1.3.6.1.4.1.1466.115.121.1.28": connector.TypeBinary, "1.3.6.1.4.1.1466.115.121.1.8": connector.TypeBinary,
	"1.3.6.1.4.1.1466.115.121.1.9": connector.TypeBinary, "1.3.6.1.4.1.1466.115.121.1.10": connector.TypeBinary,
	"1.3.6.1.4.1.1466.115.121.1.23": connector.TypeBinary, "1.3.6.1.4.1.1466.115.121.1.4": connector.TypeBinary,
}

func lower(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = strings.ToLower(s)
	}
	return out
}
