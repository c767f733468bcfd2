package ldap_test

import (
	"crypto/tls"
	"fmt"
	"net"
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

func want(login string, attrs map[string]any) connector.Ensure {
	all := map[string]any{"cn": "Test Person", "sn": "Person"}
	for k, v := range attrs {
		all[k] = v
	}
	return connector.Ensure{Stamp: "hris:" + login, Name: login, Enabled: true, Attributes: all}
}

func last(fs []connector.Finding) connector.Finding { return fs[len(fs)-1] }

func TestOpenLDAP(t *testing.T) {
	t.Parallel()
	s := connectortest.StartSlapd(t)
	dir := open(t, s, connectortest.Options{}, nil).(connector.Directory)
	for name, test := range map[string]func(t *testing.T){
		"a value that must be unique is named": func(t *testing.T) {
			_, err := dir.EnsureAccount(t.Context(), want("mailer", map[string]any{"mail": "john.smith@corp.example"}))
			require.True(t, fault.Is(err, fault.Conflict), "%v", err)
			require.Contains(t, fault.Sentence(err), `mail "john.smith@corp.example"`)
		},
		"a missing attribute is said": func(t *testing.T) {
			e := want("nosn", nil)
			delete(e.Attributes, "sn")
			_, err := dir.EnsureAccount(t.Context(), e)
			require.True(t, fault.Is(err, fault.Invalid), "%v", err)
			require.Contains(t, fault.Sentence(err), "requires attribute 'sn'")
		},
		"an unknown attribute is said": func(t *testing.T) {
			_, err := dir.EnsureAccount(t.Context(), want("odd", map[string]any{"noSuchThing": "x"}))
			require.True(t, fault.Is(err, fault.Invalid), "%v", err)
			require.Contains(t, fault.Sentence(err), "noSuchThing")
		},
		"a weak password is said and finished by the retry": func(t *testing.T) {
			e := want("weak", nil)
			e.Password = secret.New("short")
			_, err := dir.EnsureAccount(t.Context(), e)
			require.True(t, fault.Is(err, fault.Invalid), "%v", err)
			require.Contains(t, fault.Sentence(err), "refused the password")
			e.Password, e.Attempted = secret.New("Long-enough-1"), true
			a, err := dir.EnsureAccount(t.Context(), e)
			require.NoError(t, err)
			require.False(t, a.Existed)
			l, err := goldap.DialURL(s.URL)
			require.NoError(t, err)
			defer func() { _ = l.Close() }()
			require.NoError(t, l.Bind(a.ID, "Long-enough-1"))
		},
		"a disabled account cannot sign in": func(t *testing.T) {
			e := want("locked", nil)
			e.Password = secret.New("Long-enough-2")
			a, err := dir.EnsureAccount(t.Context(), e)
			require.NoError(t, err)
			_, err = dir.SetEnabled(t.Context(), a.ID, false)
			require.NoError(t, err)
			l, err := goldap.DialURL(s.URL)
			require.NoError(t, err)
			defer func() { _ = l.Close() }()
			require.Error(t, l.Bind(a.ID, "Long-enough-2"))
		},
		"two accounts with one mark are a conflict": func(t *testing.T) {
			a, err := dir.EnsureAccount(t.Context(), want("twin", nil))
			require.NoError(t, err)
			root, err := s.Root()
			require.NoError(t, err)
			defer func() { _ = root.Close() }()
			req := goldap.NewAddRequest(strings.Replace(a.ID, "twin", "twin2", 1), nil)
			for k, v := range map[string]string{"objectClass": "inetOrgPerson", "cn": "x", "sn": "x", "uid": "twin2", "employeeNumber": "hris:twin"} {
				req.Attribute(k, []string{v})
			}
			require.NoError(t, root.Add(req))
			_, err = dir.EnsureAccount(t.Context(), want("twin", nil))
			require.True(t, fault.Is(err, fault.Conflict), "%v", err)
		},
		"a cut-off answer is an error": func(t *testing.T) {
			reader := open(t, s, connectortest.Options{}, map[string]any{"bind_dn": s.ReaderDN}).(connector.Directory)
			root, err := s.Root()
			require.NoError(t, err)
			defer func() { _ = root.Close() }()
			for i := range 510 {
				req := goldap.NewAddRequest(fmt.Sprintf("uid=bulk%d,%s", i, s.PeopleBase), nil)
				for k, v := range map[string]string{"objectClass": "inetOrgPerson", "cn": "x", "sn": "Bulk", "uid": fmt.Sprintf("bulk%d", i)} {
					req.Attribute(k, []string{v})
				}
				require.NoError(t, root.Add(req))
			}
			_, _, err = reader.FindAccount(t.Context(), connector.Lookup{Attribute: "sn", Value: "Bulk"})
			require.True(t, fault.Is(err, fault.Invalid), "%v", err)
			require.Contains(t, fault.Sentence(err), "limit")
		},
		"the last member may leave": func(t *testing.T) {
			require.NoError(t, s.AddGroups("lonely"))
			a, err := dir.EnsureAccount(t.Context(), want("lone", nil))
			require.NoError(t, err)
			_, err = dir.EnsureMember(t.Context(), "lonely", a.ID)
			require.NoError(t, err)
			changed, err := dir.EnsureNotMember(t.Context(), "lonely", a.ID)
			require.NoError(t, err)
			require.True(t, changed)
			strict := open(t, s, connectortest.Options{}, map[string]any{"empty_member": ""}).(connector.Directory)
			root, err := s.Root()
			require.NoError(t, err)
			defer func() { _ = root.Close() }()
			req := goldap.NewModifyRequest("cn=lonely,"+s.GroupsBase, nil)
			req.Replace("member", []string{a.ID})
			require.NoError(t, root.Modify(req))
			_, err = strict.EnsureNotMember(t.Context(), "lonely", a.ID)
			require.True(t, fault.Is(err, fault.Conflict), "%v", err)
			require.Contains(t, fault.Sentence(err), "last member")
		},
		"no rights": func(t *testing.T) {
			conn := open(t, s, connectortest.Options{}, map[string]any{"bind_dn": s.ReaderDN})
			_, err := conn.(connector.Directory).EnsureAccount(t.Context(), want("denied", nil))
			require.True(t, fault.Is(err, fault.Forbidden), "%v", err)
			f := last(conn.Test(t.Context()))
			require.False(t, f.OK)
			require.Equal(t, "May write accounts", f.Title)
		},
		"a base that is not there": func(t *testing.T) {
			conn := open(t, s, connectortest.Options{}, map[string]any{"people_base": "ou=nowhere," + s.BaseDN})
			_, err := conn.(connector.Directory).EnsureAccount(t.Context(), want("lost", nil))
			require.True(t, fault.Is(err, fault.Invalid), "%v", err)
			require.Contains(t, fault.Sentence(err), "ou=nowhere")
			require.Equal(t, "People base", last(conn.Test(t.Context())).Title)
		},
		"StartTLS": func(t *testing.T) {
			conn := open(t, s, connectortest.Options{}, map[string]any{"urls": []any{s.URL}, "tls": "starttls"})
			require.True(t, last(conn.Test(t.Context())).OK)
			wrong := open(t, s, connectortest.Options{}, map[string]any{"urls": []any{strings.Replace(s.LDAPS, "ldaps", "ldap", 1)}, "tls": "starttls", "timeout": "2s"})
			require.False(t, last(wrong.Test(t.Context())).OK)
		},
		"the second server is tried": func(t *testing.T) {
			conn := open(t, s, connectortest.Options{}, map[string]any{"urls": []any{"ldaps://127.0.0.1:1", s.LDAPS}})
			_, _, err := conn.(connector.Directory).FindAccount(t.Context(), connector.Lookup{Name: "jsmith"})
			require.NoError(t, err)
		},
		"a name search of the certificate": func(t *testing.T) {
			conn := open(t, s, connectortest.Options{}, map[string]any{"server_name": "dc1.corp.example"})
			f := last(conn.Test(t.Context()))
			require.Equal(t, "Encryption", f.Title)
			require.Contains(t, f.Detail, "for another name")
		},
		"an unknown authority": func(t *testing.T) {
			other, _, err := connectortest.Certificate(time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
			require.NoError(t, err)
			f := last(open(t, s, connectortest.Options{}, map[string]any{"ca": other}).Test(t.Context()))
			require.Equal(t, "Encryption", f.Title)
			require.Contains(t, f.Detail, "authority we do not know")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

func TestExpiredCertificate(t *testing.T) {
	t.Parallel()
	connectortest.Need(t)
	s := &connectortest.Slapd{BindDN: "cn=j,dc=x", PeopleBase: "ou=p,dc=x", GroupsBase: "ou=g,dc=x", Placeholder: "cn=n,dc=x"}
	cert, key, err := connectortest.Certificate(time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour))
	require.NoError(t, err)
	pair, err := connectortest.KeyPair(cert, key)
	require.NoError(t, err)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = c.(*tls.Conn).Read(make([]byte, 1)); _ = c.Close() }()
		}
	}()
	s.LDAPS, s.CA = "ldaps://"+l.Addr().(*net.TCPAddr).String(), cert
	f := last(open(t, s, connectortest.Options{}, nil).Test(t.Context()))
	require.Equal(t, "Encryption", f.Title)
	require.Contains(t, f.Detail, "not valid now")
}
