package connectortest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"joinery/internal/connector"
)

// Slapd is a running OpenLDAP server with TLS, a password policy, unique logins
// and mail addresses, and referential integrity. Passwords are of the fixture.
type Slapd struct {
	URL, LDAPS string // ldap://127.0.0.1:port (offers StartTLS), ldaps://127.0.0.1:port
	CA         string // PEM
	BaseDN     string
	PeopleBase string
	GroupsBase string
	BindDN     string // may write people and groups
	Password   string
	ReaderDN   string // may only read; the same password
	RootDN     string
	RootPass   string
	// Placeholder keeps groupOfNames groups from being empty.
	Placeholder string

	process *process
}

const (
	slapdBase = "dc=joinery,dc=test"
	slapdPass = "svcpw-12345"
)

// StartSlapd starts a server for one test, with these groups besides all-staff,
// engineering and sales. It fails the test when slapd is not installed.
func StartSlapd(t testing.TB, groups ...string) *Slapd {
	t.Helper()
	Need(t)
	s, err := NewSlapd(t.Context(), t.TempDir(), groups...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// NewSlapd starts a server that keeps its files in dir. Stop ends it.
func NewSlapd(ctx context.Context, dir string, groups ...string) (*Slapd, error) {
	binary, adder := find("slapd"), find("slapadd")
	if binary == "" || adder == "" {
		return nil, errors.New("slapd is not installed: apt-get install slapd slapd-contrib (make test does it)")
	}
	cert, err := writeSlapd(dir)
	if err != nil {
		return nil, err
	}
	if out, err := exec.CommandContext(ctx, adder, "-f", filepath.Join(dir, "slapd.conf"), "-l", filepath.Join(dir, "seed.ldif")).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("load the seed: %w: %s", err, out)
	}
	var last error
	for range 3 { // a free port may be taken before slapd listens
		s, err := startSlapd(ctx, binary, dir, cert)
		if err != nil {
			last = err
			continue
		}
		if err := s.AddGroups(append([]string{"all-staff", "engineering", "sales"}, groups...)...); err != nil {
			s.Stop()
			return nil, err
		}
		return s, nil
	}
	return nil, last
}

func find(name string) string {
	for _, path := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name, "/usr/local/libexec/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	return ""
}

func startSlapd(ctx context.Context, binary, dir, cert string) (*Slapd, error) {
	plain, err := freePort()
	if err != nil {
		return nil, err
	}
	secure, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &Slapd{
		URL: fmt.Sprintf("ldap://127.0.0.1:%d", plain), LDAPS: fmt.Sprintf("ldaps://127.0.0.1:%d", secure), CA: cert,
		BaseDN: slapdBase, PeopleBase: "ou=people," + slapdBase, GroupsBase: "ou=groups," + slapdBase,
		BindDN: "cn=joinery,ou=svc," + slapdBase, Password: slapdPass, ReaderDN: "cn=reader,ou=svc," + slapdBase,
		RootDN: "cn=admin," + slapdBase, RootPass: "adminpw", Placeholder: "cn=nobody,ou=svc," + slapdBase,
	}
	s.process, err = start(dir, binary, "-f", filepath.Join(dir, "slapd.conf"), "-h", s.URL+"/ "+s.LDAPS+"/", "-d", "0")
	if err != nil {
		return nil, err
	}
	if err := s.process.ready(ctx, func(ctx context.Context) error { return errors.Join(accepts(plain)(ctx), accepts(secure)(ctx)) }); err != nil {
		s.process.stop()
		return nil, err
	}
	return s, nil
}

// Stop kills the server.
func (s *Slapd) Stop() { s.process.stop() }

// Root gives a connection that may do anything, to look and to prepare. The
// caller closes it.
func (s *Slapd) Root() (*ldap.Conn, error) {
	l, err := ldap.DialURL(s.URL)
	if err != nil {
		return nil, err
	}
	l.SetTimeout(10 * time.Second)
	return l, l.Bind(s.RootDN, s.RootPass)
}

// AddGroups makes groupOfNames groups that hold only the placeholder. They are
// added over LDAP because slapadd runs no overlays.
func (s *Slapd) AddGroups(names ...string) error {
	l, err := s.Root()
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	for _, name := range names {
		req := ldap.NewAddRequest("cn="+ldap.EscapeDN(name)+","+s.GroupsBase, nil)
		req.Attribute("objectClass", []string{"groupOfNames"})
		req.Attribute("cn", []string{name})
		req.Attribute("member", []string{s.Placeholder})
		if err := l.Add(req); err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultEntryAlreadyExists) {
			return fmt.Errorf("add group %s: %w", name, err)
		}
	}
	return nil
}

// Settings are a connection's settings for this server.
func (s *Slapd) Settings(key string) connector.Settings {
	return connector.Settings{
		Key: key, Name: "OpenLDAP", Type: "ldap", Private: []string{"127.0.0.1"},
		Settings: map[string]any{
			"urls": []any{s.LDAPS}, "tls": "ldaps", "ca": s.CA, "dialect": "openldap", "bind_dn": s.BindDN,
			"people_base": s.PeopleBase, "groups_base": s.GroupsBase, "empty_member": s.Placeholder,
		},
	}
}

func writeSlapd(dir string) (cert string, err error) {
	cert, key, err := Certificate(time.Now().Add(-time.Hour), time.Now().Add(48*time.Hour))
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Join(dir, "db"), 0o700); err != nil {
		return "", err
	}
	modules := "/usr/lib/ldap"
	for _, path := range []string{"/usr/lib/openldap", "/usr/lib64/openldap", "/usr/local/libexec/openldap"} {
		if _, err := os.Stat(filepath.Join(path, "back_mdb.la")); err == nil {
			modules = path
		}
	}
	fill := strings.NewReplacer("$DIR", dir, "$MODULES", modules, "$BASE", slapdBase, "$PASS", slapdPass)
	for name, text := range map[string]string{"cert.pem": cert, "key.pem": key, "slapd.conf": fill.Replace(slapdConf), "seed.ldif": fill.Replace(slapdSeed)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	return cert, nil
}
