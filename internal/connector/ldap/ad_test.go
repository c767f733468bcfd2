package ldap_test

import (
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/connectortest"
	"joinery/internal/fault"
	"joinery/internal/secret"
)

// adWant asks for an account of Active Directory, where cn names the entry.
func adWant(login string, attrs map[string]any) connector.Ensure {
	e := connector.Ensure{Stamp: "hris:" + login, Name: login, Enabled: true, Attributes: map[string]any{"sn": "Person"}, Password: secret.New("Str0ng-" + login)}
	for k, v := range attrs {
		e.Attributes[k] = v
	}
	return e
}

func requireFault(t *testing.T, err error, kind fault.Kind, key, says string) {
	t.Helper()
	var f *fault.Error
	require.ErrorAs(t, err, &f)
	require.Equal(t, kind, f.Kind, "%v", err)
	require.Equal(t, key, f.Key, "%v", err)
	require.Contains(t, f.Sentence, says)
}

// What Active Directory answers, and what the connection makes of it.
func TestActiveDirectory(t *testing.T) {
	t.Parallel()
	s := connectortest.SharedSamba(t)
	dir := openAD(t, s, connectortest.Options{}, nil).(connector.Directory)
	ensure := func(t *testing.T, e connector.Ensure) connector.Account {
		t.Helper()
		a, err := dir.EnsureAccount(t.Context(), e)
		require.NoError(t, err)
		return a
	}
	raw := func(t *testing.T, dn string, attributes ...string) *goldap.Entry {
		t.Helper()
		l, err := s.Admin()
		require.NoError(t, err)
		defer func() { _ = l.Close() }()
		res, err := l.Search(goldap.NewSearchRequest(dn, goldap.ScopeBaseObject, goldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", attributes, nil))
		require.NoError(t, err)
		return res.Entries[0]
	}
	canSignIn := func(t *testing.T, who, password string) error {
		t.Helper()
		l, err := s.Bind(who, password)
		if err == nil {
			_ = l.Close()
		}
		return err
	}
	for name, test := range map[string]func(t *testing.T){
		"an account as Windows knows it": func(t *testing.T) {
			a := ensure(t, adWant("whole", map[string]any{"cn": "Whole, Ada", "givenName": "Ada", "displayName": "Ada Whole", "mail": "ada@corp.example", "proxyAddresses": []any{"SMTP:ada@corp.example"},
				"accountExpires": "133000000000000000"}))
			require.Equal(t, `CN=Whole\, Ada,`+s.PeopleBase, a.ID)
			require.True(t, a.Enabled)
			e := raw(t, a.ID, "*")
			for attribute, want := range map[string]string{"sAMAccountName": "whole", "userPrincipalName": "whole@ad.joinery.test", "userAccountControl": "512", "employeeNumber": "hris:whole",
				"sAMAccountType": "805306368", "primaryGroupID": "513"} {
				require.Equal(t, want, e.GetAttributeValue(attribute), attribute)
			}
			require.NotEmpty(t, e.GetRawAttributeValue("objectSid"))
			require.NotContains(t, a.Attributes, "unicodePwd")
			if err := canSignIn(t, "whole@ad.joinery.test", "Str0ng-whole"); err != nil {
				// It has expired in 2022: the password is right, the account may not be used.
				require.ErrorContains(t, err, "data 701")
			}
		},
		"the password signs in by every name": func(t *testing.T) {
			a := ensure(t, adWant("signer", nil))
			for _, who := range []string{a.ID, "signer@ad.joinery.test", `JOINERY\signer`} {
				require.NoError(t, canSignIn(t, who, "Str0ng-signer"), who)
			}
		},
		"a password with letters of any script": func(t *testing.T) {
			e := adWant("umlaut", nil)
			e.Password = secret.New("Größe-密码-€9x")
			a := ensure(t, e)
			require.NoError(t, canSignIn(t, a.ID, "Größe-密码-€9x"))
		},
		"a weak password is said and finished by the retry": func(t *testing.T) {
			e := adWant("weak", nil)
			e.Password = secret.New("weak")
			_, err := dir.EnsureAccount(t.Context(), e)
			requireFault(t, err, fault.Invalid, "", "refused the password")
			found, ok, err := dir.FindAccount(t.Context(), connector.Lookup{Stamp: e.Stamp})
			require.NoError(t, err)
			require.True(t, ok)
			require.False(t, found.Enabled, "without a password it must not be enabled")
			e.Password, e.Attempted = secret.New("Long-enough-1"), true
			a := ensure(t, e)
			require.False(t, a.Existed)
			require.True(t, a.Enabled)
			require.NoError(t, canSignIn(t, a.ID, "Long-enough-1"))
		},
		"a disabled account cannot sign in, and an enabled one can again": func(t *testing.T) {
			a := ensure(t, adWant("onoff", nil))
			_, err := dir.SetEnabled(t.Context(), a.ID, false)
			require.NoError(t, err)
			require.ErrorContains(t, canSignIn(t, a.ID, "Str0ng-onoff"), "data 533")
			require.Equal(t, "514", raw(t, a.ID, "userAccountControl").GetAttributeValue("userAccountControl"))
			_, err = dir.SetEnabled(t.Context(), a.ID, true)
			require.NoError(t, err)
			require.NoError(t, canSignIn(t, a.ID, "Str0ng-onoff"))
		},
		"other bits of the state stay as they are": func(t *testing.T) {
			a := ensure(t, adWant("bits", nil))
			l, err := s.Admin()
			require.NoError(t, err)
			defer func() { _ = l.Close() }()
			req := goldap.NewModifyRequest(a.ID, nil)
			req.Replace("userAccountControl", []string{"66048"}) // the password never expires
			require.NoError(t, l.Modify(req))
			_, err = dir.SetEnabled(t.Context(), a.ID, false)
			require.NoError(t, err)
			require.Equal(t, "66050", raw(t, a.ID, "userAccountControl").GetAttributeValue("userAccountControl"))
		},
		"the password must be changed first": func(t *testing.T) {
			a := ensure(t, adWant("first", nil))
			_, err := dir.UpdateAccount(t.Context(), a.ID, map[string]any{"pwdLastSet": 0.0})
			require.NoError(t, err)
			err = canSignIn(t, a.ID, "Str0ng-first")
			require.ErrorContains(t, err, "data 773")
			conn := openAD(t, s, connectortest.Options{Password: "Str0ng-first"}, map[string]any{"bind_dn": a.ID})
			f := last(conn.Test(t.Context()))
			require.Equal(t, "Sign in", f.Title)
			require.Contains(t, f.Detail, "must be changed first")
		},
		"privileged accounts are never adopted": func(t *testing.T) {
			find := dir.(connector.Adopter)
			l, err := s.Admin()
			require.NoError(t, err)
			defer func() { _ = l.Close() }()
			for login, make := range map[string]func(dn string) *goldap.ModifyRequest{
				"wasadmin": func(dn string) *goldap.ModifyRequest {
					req := goldap.NewModifyRequest(dn, nil)
					req.Replace("adminCount", []string{"1"})
					return req
				},
				"isadmin": func(dn string) *goldap.ModifyRequest {
					req := goldap.NewModifyRequest("CN=Backup Operators,CN=Builtin,DC=ad,DC=joinery,DC=test", nil)
					req.Add("member", []string{dn})
					return req
				},
			} {
				a := ensure(t, adWant(login, map[string]any{"employeeID": login}))
				_, err := find.Abandon(t.Context(), a.ID, a.Stamp)
				require.NoError(t, err)
				require.NoError(t, l.Modify(make(a.ID)))
				found, err := find.AccountsWith(t.Context(), map[string]string{"employeeID": login}, 5)
				require.NoError(t, err)
				require.Len(t, found, 1)
				require.Contains(t, found[0].Protected, "privileged group")
				_, err = find.Adopt(t.Context(), a.ID, "hris:"+login)
				require.True(t, fault.Is(err, fault.Forbidden), "%v", err)
				require.Empty(t, raw(t, a.ID, "employeeNumber").GetAttributeValue("employeeNumber"))
			}
		},
		"a login is taken in the whole domain": func(t *testing.T) {
			for _, login := range []string{"SALES", "guest", "krbtgt", "JSmith"} {
				_, err := dir.EnsureAccount(t.Context(), adWant(login, map[string]any{"cn": "Taken " + login}))
				requireFault(t, err, fault.Conflict, "name", "taken")
			}
		},
		"a principal name is taken": func(t *testing.T) {
			ensure(t, adWant("owner", map[string]any{"userPrincipalName": "Owner.Of@corp.example"}))
			_, err := dir.EnsureAccount(t.Context(), adWant("second", map[string]any{"userPrincipalName": "owner.of@CORP.example"}))
			requireFault(t, err, fault.Conflict, "userPrincipalName", "owner.of@CORP.example")
			_, err = dir.EnsureAccount(t.Context(), adWant("third", map[string]any{"userPrincipalName": "owner@ad.joinery.test"}))
			requireFault(t, err, fault.Conflict, "userPrincipalName", "taken")
			mine := ensure(t, adWant("fourth", nil))
			_, err = dir.UpdateAccount(t.Context(), mine.ID, map[string]any{"userPrincipalName": "owner.of@corp.example"})
			requireFault(t, err, fault.Conflict, "userPrincipalName", "taken")
		},
		"a common name is taken in its folder": func(t *testing.T) {
			ensure(t, adWant("cn1", map[string]any{"cn": "Jürgen Groß"}))
			_, err := dir.EnsureAccount(t.Context(), adWant("cn2", map[string]any{"cn": "JÜRGEN  GROß"}))
			requireFault(t, err, fault.Conflict, "cn", "already has an entry")
			_, ok, err := dir.FindAccount(t.Context(), connector.Lookup{Name: "cn2"})
			require.NoError(t, err)
			require.False(t, ok)
		},
		"the same mail address twice is for the flow to refuse": func(t *testing.T) {
			ensure(t, adWant("mail1", map[string]any{"mail": "same@corp.example"}))
			ensure(t, adWant("mail2", map[string]any{"mail": "same@corp.example"}))
			held, err := dir.(connector.NameKeeper).Holders(t.Context(), connector.NameQuery{Attribute: "mail", Value: "Same@corp.example"})
			require.NoError(t, err)
			require.Len(t, held, 2)
			_, _, err = dir.FindAccount(t.Context(), connector.Lookup{Attribute: "mail", Value: "same@corp.example"})
			requireFault(t, err, fault.Conflict, "", "Several accounts")
		},
		"values that do not fit": func(t *testing.T) {
			a := ensure(t, adWant("values", nil))
			for _, c := range []struct {
				set       map[string]any
				kind      fault.Kind
				key, says string
			}{
				{map[string]any{"title": strings.Repeat("ü", 129)}, fault.Invalid, "title", "129 characters; the directory takes at most 128"},
				{map[string]any{"c": "Germany"}, fault.Invalid, "c", "at most 3"},
				{map[string]any{"accountExpires": "soon"}, fault.Invalid, "accountExpires", "not of the form"},
				{map[string]any{"msNPAllowDialin": "maybe"}, fault.Invalid, "msNPAllowDialin", "not of the form"},
				{map[string]any{"manager": "CN=Nobody," + s.PeopleBase}, fault.Invalid, "manager", "does not have"},
				{map[string]any{"title": []any{"a", "b"}}, fault.Invalid, "title", "one value"},
				{map[string]any{"noSuchThing": "x"}, fault.Invalid, "noSuchThing", "does not know the attribute"},
				{map[string]any{"objectSid": "x"}, fault.Invalid, "", "not willing"},
				{map[string]any{"cn": "Another"}, fault.Invalid, "", "part of the entry's name"},
			} {
				_, err := dir.UpdateAccount(t.Context(), a.ID, c.set)
				requireFault(t, err, c.kind, c.key, c.says)
			}
			_, err := dir.EnsureAccount(t.Context(), adWant("values2", map[string]any{"cn": strings.Repeat("x", 65)}))
			requireFault(t, err, fault.Invalid, "cn", "at most 64")
			_, err = dir.EnsureAccount(t.Context(), adWant("values3", map[string]any{"cn": "two\nlines"}))
			requireFault(t, err, fault.Invalid, "cn", "cannot be part")
			long := adWant("values4", nil)
			long.Stamp = strings.Repeat("s", 513)
			_, err = dir.EnsureAccount(t.Context(), long)
			requireFault(t, err, fault.Invalid, "employeeNumber", "at most 512")
			for _, bad := range []string{" lead", "trail ", strings.Repeat("x", 21), "a@b", "dot."} {
				_, err = dir.EnsureAccount(t.Context(), adWant(bad, map[string]any{"cn": "Fine"}))
				require.True(t, fault.Is(err, fault.Invalid), bad)
			}
		},
		"every sign in a common name": func(t *testing.T) {
			for i, r := range `#,+;"<>=\/'*()` {
				cn := "signs a" + string(r) + "b"
				a := ensure(t, adWant("sign"+string(rune('a'+i)), map[string]any{"cn": cn}))
				require.Equal(t, cn, a.Attributes["cn"])
				_, err := dir.UpdateAccount(t.Context(), a.ID, map[string]any{"title": "x"})
				require.NoError(t, err, cn)
				_, err = dir.EnsureMember(t.Context(), "all-staff", a.ID)
				require.NoError(t, err, cn)
				found, _, err := dir.FindAccount(t.Context(), connector.Lookup{ID: a.ID})
				require.NoError(t, err)
				require.Equal(t, []string{"all-staff"}, found.Groups, cn)
			}
		},
		"the manager and an empty value": func(t *testing.T) {
			boss, a := ensure(t, adWant("boss", nil)), ensure(t, adWant("report", map[string]any{"title": "", "description": ""}))
			require.NotContains(t, a.Attributes, "title")
			changes, err := dir.UpdateAccount(t.Context(), a.ID, map[string]any{"manager": boss.ID})
			require.NoError(t, err)
			require.Equal(t, []connector.Change{{Attribute: "manager", After: boss.ID}}, changes)
		},
		"the last member may leave and no group needs one": func(t *testing.T) {
			require.NoError(t, s.Add("CN=lonely,"+s.GroupsBase, map[string][]string{"objectClass": {"group"}, "sAMAccountName": {"lonely"}}))
			a := ensure(t, adWant("lone", nil))
			for _, step := range []struct {
				do      func() (bool, error)
				changed bool
			}{
				{func() (bool, error) { return dir.EnsureMember(t.Context(), "lonely", a.ID) }, true},
				{func() (bool, error) { return dir.EnsureNotMember(t.Context(), "LONELY", a.ID) }, true},
				{func() (bool, error) { return dir.EnsureNotMember(t.Context(), "lonely", a.ID) }, false},
			} {
				changed, err := step.do()
				require.NoError(t, err)
				require.Equal(t, step.changed, changed)
			}
		},
		"a computer is nobody's account": func(t *testing.T) {
			require.NoError(t, s.Add("CN=PC7,"+s.PeopleBase, map[string][]string{"objectClass": {"computer"}, "sAMAccountName": {"PC7$"}, "userAccountControl": {"4096"}}))
			_, ok, err := dir.FindAccount(t.Context(), connector.Lookup{Name: "PC7$"})
			require.NoError(t, err)
			require.False(t, ok)
		},
		"no rights": func(t *testing.T) {
			low := ensure(t, adWant("lowly", nil))
			victim := ensure(t, adWant("victim", nil))
			conn := openAD(t, s, connectortest.Options{Password: "Str0ng-lowly"}, map[string]any{"bind_dn": "lowly@ad.joinery.test"})
			d := conn.(connector.Directory)
			_, err := d.EnsureAccount(t.Context(), adWant("denied", nil))
			requireFault(t, err, fault.Forbidden, "", "no right to create an account")
			_, err = d.UpdateAccount(t.Context(), victim.ID, map[string]any{"title": "x"})
			requireFault(t, err, fault.Forbidden, "", "no right to change an account")
			_, err = d.SetEnabled(t.Context(), victim.ID, false)
			requireFault(t, err, fault.Forbidden, "", "no right")
			_, err = d.EnsureMember(t.Context(), "sales", low.ID)
			requireFault(t, err, fault.Forbidden, "", "no right to add a member")
			f := last(conn.Test(t.Context()))
			require.Equal(t, "May create accounts", f.Title)
			require.False(t, f.OK)
		},
		"a base that is not there": func(t *testing.T) {
			conn := openAD(t, s, connectortest.Options{}, map[string]any{"people_base": "OU=nowhere," + s.BaseDN})
			_, err := conn.(connector.Directory).EnsureAccount(t.Context(), adWant("lost", nil))
			requireFault(t, err, fault.Invalid, "", "OU=nowhere")
			require.Equal(t, "People base", last(conn.Test(t.Context())).Title)
		},
		"StartTLS": func(t *testing.T) {
			conn := openAD(t, s, connectortest.Options{}, map[string]any{"urls": []any{"ldap://" + strings.Replace(s.Address, ":636", ":389", 1)}, "tls": "starttls"})
			for _, f := range conn.Test(t.Context()) {
				require.True(t, f.OK, "%v", f)
			}
		},
		"the certificate of another name": func(t *testing.T) {
			f := last(openAD(t, s, connectortest.Options{}, map[string]any{"server_name": "dc2.ad.joinery.test"}).Test(t.Context()))
			require.Equal(t, "Encryption", f.Title)
			require.Contains(t, f.Detail, "for another name")
		},
		"an unknown authority": func(t *testing.T) {
			other, _, err := connectortest.Certificate(time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
			require.NoError(t, err)
			f := last(openAD(t, s, connectortest.Options{}, map[string]any{"ca": other}).Test(t.Context()))
			require.Equal(t, "Encryption", f.Title)
		},
		"settings of the other kind of directory are noticed": func(t *testing.T) {
			conn := openAD(t, s, connectortest.Options{}, map[string]any{"dialect": "openldap"})
			f := last(conn.Test(t.Context()))
			require.Equal(t, "Kind of directory", f.Title)
			require.False(t, f.OK)
			require.Contains(t, f.Detail, "Active Directory")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}
