package ldap

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	goldap "github.com/go-ldap/ldap/v3"

	"joinery/internal/connector"
	"joinery/internal/fault"
)

// maxValue bounds one attribute value; what HR data holds is far shorter, and
// directories refuse megabytes with anything from a code to a crash.
const maxValue = 32 << 10

// values turns what a flow gives into LDAP values; none means "absent". An empty
// text counts as absent: some directories store it, others refuse it.
func values(name string, x any) ([]string, error) {
	var out []string
	switch v := x.(type) {
	case nil:
		return nil, nil
	case []any:
		for _, e := range v {
			one, err := values(name, e)
			if err != nil {
				return nil, err
			}
			out = append(out, one...)
		}
		return out, nil
	case []string:
		out = v
	case string:
		out = []string{v}
	case bool:
		out = []string{strings.ToUpper(strconv.FormatBool(v))}
	case float64:
		out = []string{strconv.FormatFloat(v, 'f', -1, 64)}
	case int, int64, uint64:
		out = []string{fmt.Sprint(v)}
	default:
		return nil, fault.New(fault.Invalid, "The attribute %s needs a text, a number, yes or no, or a list of them.", short(name))
	}
	out = slices.DeleteFunc(slices.Clone(out), func(s string) bool { return s == "" })
	for _, s := range out {
		if err := checkValue(name, s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func checkValue(name, s string) error {
	switch {
	case len(s) > maxValue:
		return fault.New(fault.Invalid, "The value for %s is %d bytes long; at most %d are possible.", short(name), len(s), maxValue)
	case !utf8.ValidString(s):
		return fault.New(fault.Invalid, "The value for %s is not valid text (UTF-8).", short(name))
	case strings.ContainsRune(s, 0):
		return fault.New(fault.Invalid, "The value for %s holds a NUL character, which directories cut names at.", short(name))
	}
	return nil
}

// checkName refuses what cannot be a login in any directory, or not in this one.
func (c *conn) checkName(name string) error {
	limit := 256
	if fold(c.set.login, "sAMAccountName") {
		limit = 20
	}
	switch {
	case strings.TrimSpace(name) == "":
		return nameFault("The account has no name. Give it one in the flow.")
	case len(name) > maxValue || utf8.RuneCountInString(name) > limit:
		return nameFault("The name is %d characters long; %s takes at most %d. Choose another naming rule.", utf8.RuneCountInString(name), c.set.login, limit)
	case !utf8.ValidString(name):
		return nameFault("The name is not valid text (UTF-8).")
	case control(name):
		return nameFault("The name holds a control character.")
	case strings.TrimSpace(name) != name:
		return nameFault("The name begins or ends with a space, which nobody could see. Take it away in the flow.")
	case fold(c.set.login, "sAMAccountName") && (strings.ContainsAny(name, `"/\[]:;|=,+*?<>@`) || strings.HasSuffix(name, ".")):
		return nameFault("%q holds a character that sAMAccountName may not: \" / \\ [ ] : ; | = , + * ? < > @ or a dot at the end.", short(name))
	}
	return nil
}

func nameFault(format string, args ...any) *fault.Error {
	f := fault.New(fault.Invalid, format, args...)
	f.Key = "name"
	return f
}

func control(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) >= 0
}

// own lists the attributes that this connector keeps itself.
func (c *conn) own(name string) bool {
	for _, a := range []string{c.set.login, c.set.stamp, "objectClass", "userPassword", "unicodePwd", "userAccountControl", "pwdAccountLockedTime", "nsAccountLock", "memberOf"} {
		if fold(a, name) {
			return true
		}
	}
	return false
}

// attributes checks and converts what a flow gives.
func (c *conn) attributes(in map[string]any) (map[string][]string, error) {
	out := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(in)) {
		if !attributeName.MatchString(name) {
			return nil, fault.New(fault.Invalid, "%q cannot be the name of an LDAP attribute.", short(name))
		}
		if c.own(name) {
			return nil, fault.New(fault.Invalid, "The attribute %s is kept by the connection itself. Take it out of the attributes.", short(name))
		}
		vs, err := values(name, in[name])
		if err != nil {
			return nil, err
		}
		out[name] = vs
	}
	return out, nil
}

// display turns stored values into what flows and pages show.
func display(vs []string) any {
	switch len(vs) {
	case 0:
		return nil
	case 1:
		return printable(vs[0])
	}
	out := make([]any, len(vs))
	for i, v := range vs {
		out[i] = printable(v)
	}
	return out
}

func printable(s string) string {
	if !utf8.ValidString(s) {
		return fmt.Sprintf("(%d bytes)", len(s))
	}
	return s
}

// account reads an entry as an account.
func (c *conn) account(e *goldap.Entry) connector.Account {
	a := connector.Account{ID: e.DN, Name: get(e, c.set.login), Stamp: get(e, c.set.stamp), Enabled: c.enabled(e), Attributes: map[string]any{}}
	for _, attr := range e.Attributes {
		if !hidden(attr.Name) {
			a.Attributes[attr.Name] = display(attr.Values)
		}
	}
	return a
}

// hidden lists what never leaves the connector: password data, and what Account
// has fields for.
func hidden(name string) bool {
	for _, a := range []string{"userPassword", "unicodePwd", "pwdHistory", "sambaNTPassword", "sambaLMPassword", "memberOf", "objectClass", "pwdAccountLockedTime"} {
		if fold(a, name) {
			return true
		}
	}
	return false
}

func get(e *goldap.Entry, name string) string { return e.GetEqualFoldAttributeValue(name) }

// dn builds the DN of a new account and reads it back, so that no name can be
// more than one step below the people base.
func (c *conn) dn(value string) (string, error) {
	text := c.rdnText(value) + "," + c.set.peopleBase
	base, err := goldap.ParseDN(c.set.peopleBase)
	if err != nil {
		return "", fault.Wrap(fault.Invalid, err, "The people base is not a DN.")
	}
	d, err := goldap.ParseDN(text)
	if err != nil || len(d.RDNs) != len(base.RDNs)+1 || len(d.RDNs[0].Attributes) != 1 || d.RDNs[0].Attributes[0].Value != value || control(value) || strings.TrimSpace(value) == "" {
		f := nameFault("%q cannot be part of a directory name.", short(value))
		if !fold(c.set.rdn, c.set.login) {
			f.Key = c.set.rdn
		}
		return "", f
	}
	return text, nil
}

// rdnText writes the name of an entry. An equals sign needs no escape by RFC 4514,
// but Samba wants one.
func (c *conn) rdnText(value string) string {
	return c.set.rdn + "=" + strings.ReplaceAll(goldap.EscapeDN(value), "=", `\3D`)
}

// inside reports whether a DN lies below a base.
func inside(dn, base string) bool {
	d, err := goldap.ParseDN(dn)
	if err != nil {
		return false
	}
	b, err := goldap.ParseDN(base)
	return err == nil && b.AncestorOfFold(d)
}
