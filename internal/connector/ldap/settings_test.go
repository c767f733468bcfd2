package ldap

import (
	"errors"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/fault"
)

func base(change map[string]any) map[string]any {
	out := map[string]any{"urls": []any{"ldaps://dc1.corp.example"}, "bind_dn": "cn=j,dc=corp", "people_base": "ou=people,dc=corp", "groups_base": "ou=groups,dc=corp"}
	for k, v := range change {
		out[k] = v
	}
	return out
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change map[string]any
		path   string
	}{
		"fine":                     {nil, ""},
		"fine with StartTLS":       {map[string]any{"urls": []any{"ldap://dc1"}, "tls": "starttls"}, ""},
		"fine without TLS here":    {map[string]any{"urls": []any{"ldap://127.0.0.1:3890"}, "tls": "none"}, ""},
		"no TLS elsewhere":         {map[string]any{"urls": []any{"ldap://dc1.corp.example"}, "tls": "none"}, "urls"},
		"no TLS with AD":           {map[string]any{"urls": []any{"ldap://localhost"}, "tls": "none", "dialect": "ad"}, "urls"},
		"scheme against TLS":       {map[string]any{"urls": []any{"ldap://dc1"}}, "urls"},
		"not an address":           {map[string]any{"urls": []any{"dc1"}}, "urls"},
		"password in address":      {map[string]any{"urls": []any{"ldaps://u:p@dc1"}}, "urls"},
		"port":                     {map[string]any{"urls": []any{"ldaps://dc1:99999"}}, "urls"},
		"base is no DN":            {map[string]any{"people_base": "people"}, "people_base"},
		"bind DN":                  {map[string]any{"bind_dn": "j@corp"}, "bind_dn"},
		"bind by UPN in AD":        {map[string]any{"bind_dn": "j@corp", "dialect": "ad"}, ""},
		"attribute name":           {map[string]any{"stamp_attribute": "employee)(number"}, "stamp_attribute"},
		"mark is the login":        {map[string]any{"stamp_attribute": "UID"}, "stamp_attribute"},
		"certificate":              {map[string]any{"ca": "nonsense"}, "ca"},
		"too many connections":     {map[string]any{"pool_size": 1000.0}, "pool_size"},
		"time limit out of bounds": {map[string]any{"timeout": "1h"}, "timeout"},
	} {
		var paths []string
		for _, p := range (Type{}).Check(base(c.change)) {
			paths = append(paths, p.Path)
		}
		if c.path == "" {
			require.Empty(t, paths, name)
		} else {
			require.Equal(t, []string{c.path}, paths, name)
		}
	}
}

func adConn(t *testing.T, change map[string]any) *conn {
	t.Helper()
	change["dialect"] = "ad"
	s, problems := read(base(change))
	require.Empty(t, problems)
	return &conn{set: s}
}

// What Active Directory needs to be told, without one at hand.
func TestActiveDirectory(t *testing.T) {
	t.Parallel()
	c := adConn(t, map[string]any{"upn_suffix": "@corp.example"})
	req, err := c.addRequest(connector.Ensure{Stamp: "hris:1", Name: "akeller", Enabled: true, Attributes: map[string]any{"cn": "Keller, Anna", "sn": "Keller", "mail": ""}})
	require.NoError(t, err)
	require.Equal(t, `cn=Keller\, Anna,ou=people,dc=corp`, req.DN)
	got := map[string][]string{}
	for _, a := range req.Attributes {
		got[a.Type] = a.Vals
	}
	require.Equal(t, map[string][]string{
		"objectClass": {"top", "person", "organizationalPerson", "user"}, "cn": {"Keller, Anna"}, "sn": {"Keller"},
		"sAMAccountName": {"akeller"}, "userPrincipalName": {"akeller@corp.example"}, "employeeNumber": {"hris:1"}, "userAccountControl": {"514"},
	}, got, "made disabled: it is enabled after its password is set")

	require.Equal(t, "\"\x00a\x00\xfc\x00\"\x00", unicodePassword("aü"))

	for uac, enabled := range map[string]bool{"512": true, "514": false, "66048": true, "66050": false, "": false} {
		require.Equal(t, enabled, c.enabled(goldap.NewEntry("x", map[string][]string{"userAccountControl": {uac}})), uac)
	}
	for _, bad := range []string{"abcdefghijklmnopqrstu", "a/b", "a@b", `a"b`, "a.", "a*"} {
		err := c.checkName(bad)
		require.True(t, fault.Is(err, fault.Invalid), bad)
	}
	require.NoError(t, c.checkName("abcdefghijklmnopqrst"))
	for _, own := range []string{"unicodePwd", "userAccountControl", "samaccountname", "employeenumber", "objectClass"} {
		_, err := c.attributes(map[string]any{own: "x"})
		require.True(t, fault.Is(err, fault.Invalid), own)
	}
}

// The table of real-systems 1.4: code and text → kind.
func TestExplain(t *testing.T) {
	t.Parallel()
	answer := func(code uint16, text string) error { return goldap.NewError(code, errors.New(text)) }
	for code, kind := range map[uint16]fault.Kind{
		3: fault.Unavailable, 51: fault.Unavailable, 52: fault.Unavailable, 200: fault.Unavailable, 4: fault.Invalid, 11: fault.Invalid, 16: fault.Invalid, 17: fault.Invalid,
		19: fault.Conflict, 20: fault.Conflict, 21: fault.Invalid, 32: fault.NotFound, 34: fault.Invalid, 50: fault.Forbidden, 53: fault.Invalid, 64: fault.Invalid,
		65: fault.Invalid, 67: fault.Invalid, 68: fault.Conflict, 8: fault.Invalid, 10: fault.Invalid, 80: fault.Invalid,
	} {
		err := explain("do it", answer(code, "said\nso"))
		require.Equal(t, kind, fault.KindOf(err), code)
		require.NotContains(t, fault.Sentence(err), "\n")
	}
	for _, code := range []uint16{68, 19, 20} {
		require.True(t, alreadyThere(answer(code, "")))
	}
	for _, code := range []uint16{16, 32, 53} {
		require.True(t, alreadyGone(answer(code, "")))
	}
	require.True(t, aboutPassword(answer(19, "Password fails quality checking policy")))
	require.True(t, aboutPassword(answer(19, "0000052D: Constraint violation")))
	require.False(t, aboutPassword(answer(19, "some attributes not unique")))
	for text, says := range map[string]string{
		"80090308: LdapErr: DSID, comment: AcceptSecurityContext error, data 52e, v1": "password is wrong",
		"AcceptSecurityContext error, data 533":                                       "disabled", "AcceptSecurityContext error, data 773": "changed first", "": "password is wrong",
	} {
		require.Contains(t, fault.Sentence(explainBind("cn=j", answer(49, text))), says)
	}
}

func TestDN(t *testing.T) {
	t.Parallel()
	c := &conn{set: settings{rdn: "uid", peopleBase: "ou=people,dc=corp"}}
	for _, name := range []string{"a,ou=svc", "a+cn=b", "#04024869", " a ", `a\,b`, `a"b`, "a=b", "ü", "a;b<c>"} {
		dn, err := c.dn(name)
		require.NoError(t, err, name)
		parsed, err := goldap.ParseDN(dn)
		require.NoError(t, err, name)
		require.Len(t, parsed.RDNs, 3, name)
		require.Equal(t, name, parsed.RDNs[0].Attributes[0].Value)
	}
	require.True(t, inside("uid=a,OU=People,dc=corp", "ou=people,dc=corp"))
	require.False(t, inside("ou=people,dc=corp", "ou=people,dc=corp"))
	require.False(t, inside("uid=a,ou=svc,dc=corp", "ou=people,dc=corp"))
	require.False(t, inside("junk", "ou=people,dc=corp"))
}
