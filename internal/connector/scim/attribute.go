package scim

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"joinery/internal/fault"
)

const (
	coreUser   = "urn:ietf:params:scim:schemas:core:2.0:User"
	enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	patchOp    = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	maxValue   = 32 << 10
)

var (
	// enterpriseNames live in the extension, so flows need not write its URN.
	enterpriseNames = []string{"employeeNumber", "costCenter", "organization", "division", "department", "manager"}
	// multiNames have several values told apart by type: emails.work.
	multiNames = []string{"emails", "phoneNumbers", "ims", "photos", "addresses", "entitlements", "roles", "x509Certificates"}
	ownNames   = []string{"id", "externalId", "userName", "active", "password", "meta", "schemas", "groups"}
	attrName   = regexp.MustCompile(`^[A-Za-z$][A-Za-z0-9_$-]{0,99}$`)
	urnName    = regexp.MustCompile(`^(?i:urn):[A-Za-z0-9:._-]+$`)
)

// attr is where an attribute lives: [urn:]name[type eq "kind"].sub
type attr struct {
	urn, name, kind, sub string
}

// parse reads "title", "name.givenName", "emails.work", "addresses.work.locality",
// "department" or "urn:…:User:attribute".
func parse(text string) (attr, error) {
	bad := fault.New(fault.Invalid, "%q cannot be the name of a SCIM attribute. Write it like title, name.givenName or emails.work.", short(text))
	var p attr
	rest := text
	if strings.HasPrefix(strings.ToLower(text), "urn:") {
		i := strings.LastIndex(text, ":")
		p.urn, rest = text[:i], text[i+1:]
		if !urnName.MatchString(p.urn) {
			return p, bad
		}
	}
	parts := strings.Split(rest, ".")
	for _, s := range parts {
		if !attrName.MatchString(s) {
			return p, bad
		}
	}
	p.name = parts[0]
	if p.urn == coreUser {
		p.urn = ""
	}
	if p.urn == "" && hasFold(ownNames, p.name) {
		return p, fault.New(fault.Invalid, "The attribute %s is kept by the connection itself. Take it out of the attributes.", short(p.name))
	}
	if p.urn == "" && hasFold(enterpriseNames, p.name) {
		p.urn = enterprise
	}
	switch multi := hasFold(multiNames, p.name); {
	case multi && len(parts) == 2:
		p.kind, p.sub = parts[1], "value"
	case multi && len(parts) == 3:
		p.kind, p.sub = parts[1], parts[2]
	case multi && len(parts) == 1:
		p.kind, p.sub = "work", "value" // the plain name means the work one
	case len(parts) == 2:
		p.sub = parts[1]
	case len(parts) > 2:
		return p, bad
	}
	if strings.EqualFold(p.name, "manager") && p.sub == "" {
		p.sub = "value"
	}
	return p, nil
}

func hasFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(x string) bool { return strings.EqualFold(x, s) })
}

// String writes the path of a PATCH operation.
func (p attr) String() string {
	out := p.name
	if p.urn != "" {
		out = p.urn + ":" + out
	}
	if p.kind != "" {
		out += `[type eq "` + p.kind + `"]`
	}
	if p.sub != "" {
		out += "." + p.sub
	}
	return out
}

// key finds a member without regard to case, as RFC 7643 2.1 has it.
func key(m map[string]any, name string) string {
	if _, ok := m[name]; ok {
		return name
	}
	for k := range m {
		if strings.EqualFold(k, name) {
			return k
		}
	}
	return name
}

func get(m map[string]any, name string) any { return m[key(m, name)] }

func text(m map[string]any, name string) string {
	s, _ := get(m, name).(string)
	return s
}

func child(m map[string]any, name string) map[string]any {
	c, _ := get(m, name).(map[string]any)
	return c
}

// holder gives the object that has the path's last member; nil when absent.
func (p attr) holder(r map[string]any) (m map[string]any, last string) {
	m = r
	if p.urn != "" {
		m = child(m, p.urn)
	}
	if p.kind != "" {
		list, _ := get(m, p.name).([]any)
		return entry(list, p.kind), p.sub
	}
	if p.sub != "" {
		return child(m, p.name), p.sub
	}
	return m, p.name
}

// entry finds the value of a type. A lone value without a type counts as the
// work one: services drop the type.
func entry(list []any, kind string) map[string]any {
	for _, x := range list {
		if e, ok := x.(map[string]any); ok && strings.EqualFold(text(e, "type"), kind) {
			return e
		}
	}
	if len(list) == 1 && kind == "work" {
		if e, ok := list[0].(map[string]any); ok && text(e, "type") == "" {
			return e
		}
	}
	return nil
}

// in reads the path's value; nil when absent or empty.
func (p attr) in(r map[string]any) any {
	m, last := p.holder(r)
	if m == nil {
		return nil
	}
	if v := get(m, last); v != "" {
		return v
	}
	return nil
}

// put writes a value into a resource; nil removes it.
func (p attr) put(r map[string]any, v any) {
	m := r
	if p.urn != "" {
		m = ensureChild(m, p.urn)
		addSchema(r, p.urn)
	}
	switch {
	case p.kind != "":
		list, _ := get(m, p.name).([]any)
		e := entry(list, p.kind)
		if e == nil {
			if v == nil {
				return
			}
			e = map[string]any{"type": p.kind}
			if len(list) == 0 {
				e["primary"] = true
			}
			list = append(list, e)
		}
		if v == nil && p.sub == "value" {
			list = slices.DeleteFunc(list, func(x any) bool { o, ok := x.(map[string]any); return ok && sameMap(o, e) })
		} else {
			setOrDelete(e, p.sub, v)
		}
		if len(list) == 0 {
			delete(m, key(m, p.name))
			return
		}
		m[key(m, p.name)] = list
	case p.sub != "":
		setOrDelete(ensureChild(m, p.name), p.sub, v)
	default:
		setOrDelete(m, p.name, v)
	}
}

func sameMap(a, b map[string]any) bool {
	return strings.EqualFold(text(a, "type"), text(b, "type")) && get(a, "value") == get(b, "value")
}

func setOrDelete(m map[string]any, name string, v any) {
	if v == nil {
		delete(m, key(m, name))
		return
	}
	m[key(m, name)] = v
}

func ensureChild(m map[string]any, name string) map[string]any {
	c := child(m, name)
	if c == nil {
		c = map[string]any{}
		m[key(m, name)] = c
	}
	return c
}

func addSchema(r map[string]any, urn string) {
	list, _ := get(r, "schemas").([]any)
	if !slices.Contains(list, any(urn)) {
		r["schemas"] = append(list, urn)
	}
}

// operation gives the PATCH operation that brings a resource to this value.
func (p attr) operation(r map[string]any, v any) map[string]any {
	switch {
	case v == nil && p.kind != "" && p.sub == "value":
		whole := p
		whole.sub = ""
		return map[string]any{"op": "remove", "path": whole.String()}
	case v == nil:
		return map[string]any{"op": "remove", "path": p.String()}
	case p.kind != "":
		if m, _ := p.holder(r); m == nil {
			whole := attr{urn: p.urn, name: p.name}
			return map[string]any{"op": "add", "path": whole.String(), "value": []any{map[string]any{"type": p.kind, p.sub: v}}}
		}
	}
	return map[string]any{"op": "replace", "path": p.String(), "value": v}
}

// clean checks a value given by a flow. An empty text means absent.
func clean(name string, v any) (any, error) {
	switch x := v.(type) {
	case nil, bool, float64:
		return v, nil
	case int:
		return float64(x), nil
	case string:
		if x == "" {
			return nil, nil
		}
		return x, checkText(name, x)
	case []any:
		for _, e := range x {
			if _, err := clean(name, e); err != nil {
				return nil, err
			}
		}
		return x, nil
	case map[string]any:
		for k, e := range x {
			if _, err := clean(name+"."+k, e); err != nil {
				return nil, err
			}
		}
		return x, nil
	}
	return nil, fault.New(fault.Invalid, "The attribute %s needs a text, a number, yes or no, or a list of them.", short(name))
}

func checkText(name, s string) error {
	switch {
	case len(s) > maxValue:
		return fault.New(fault.Invalid, "The value for %s is %d bytes long; at most %d are possible.", short(name), len(s), maxValue)
	case !utf8.ValidString(s):
		return fault.New(fault.Invalid, "The value for %s is not valid text (UTF-8).", short(name))
	case strings.ContainsRune(s, 0):
		return fault.New(fault.Invalid, "The value for %s holds a NUL character.", short(name))
	}
	return nil
}
