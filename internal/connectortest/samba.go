package connectortest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"joinery/internal/connector"
)

// Samba is a running Active Directory domain controller.
type Samba struct {
	Address    string // 127.x.y.z:636, LDAPS
	CA         string // PEM
	ServerName string
	BaseDN     string
	PeopleBase string
	GroupsBase string
	BindDN     string
	Password   string

	process *process
}

const (
	sambaBase = "DC=ad,DC=joinery,DC=test"
	sambaName = "dc1.ad.joinery.test"
	sambaPass = "Adm1n-Passw0rd"
)

// sharedSamba is the domain controller of this test process.
var sharedSamba struct {
	once sync.Once
	s    *Samba
	err  error
	dir  string
}

// SharedSamba gives the domain controller of this test process, started at first
// use and shared by all tests: provisioning a domain takes seconds. It has the
// groups all-staff, engineering and sales and the user jsmith; tests make accounts
// of their own. The package's TestMain runs its tests with Run, which stops it.
// Where it cannot run, the test is skipped with the reason.
func SharedSamba(t testing.TB) *Samba {
	t.Helper()
	Need(t)
	if why := NoSamba(); why != "" {
		t.Skip("SKIPPED, Active Directory is not proven here: " + why)
	}
	sharedSamba.once.Do(func() {
		if sharedSamba.dir, sharedSamba.err = os.MkdirTemp("", "joinery-samba-"); sharedSamba.err == nil {
			sharedSamba.s, sharedSamba.err = newSamba(context.WithoutCancel(t.Context()), sharedSamba.dir)
		}
	})
	if sharedSamba.err != nil {
		t.Fatal(sharedSamba.err)
	}
	return sharedSamba.s
}

// NoSamba says why a domain controller cannot run on this machine; "" when it can.
func NoSamba() string {
	switch {
	case runtime.GOOS != "linux":
		return "Samba's domain controller runs on Linux only. Run the tests on a Debian machine to prove it."
	case find("samba") == "" || find("samba-tool") == "":
		return "install samba-ad-dc, samba-ad-provision, samba-dsdb-modules, samba-vfs-modules, python3-samba and winbind (make test does it on Debian)."
	case os.Geteuid() != 0:
		return "a domain controller listens on ports 389 and 636, which need root. Run the tests as root to prove it."
	}
	return ""
}

// Run runs a package's tests and stops what they shared.
func Run(m interface{ Run() int }) int {
	code := m.Run()
	stopTryton()
	if sharedSamba.s != nil {
		sharedSamba.s.process.stop()
	}
	if sharedSamba.dir != "" {
		_ = os.RemoveAll(sharedSamba.dir)
	}
	return code
}

func newSamba(ctx context.Context, dir string) (*Samba, error) {
	// Its ports are fixed, so each one gets a loopback address of its own.
	var b [3]byte
	if _, err := rand.Read(b[:]); err != nil {
		return nil, err
	}
	ip := net.IPv4(127, 1+b[0]%250, b[1], 1+b[2]%250).String()
	cert, key, err := Certificate(time.Now().Add(-time.Hour), time.Now().Add(48*time.Hour), sambaName, "localhost")
	if err != nil {
		return nil, err
	}
	if err := layDomain(ctx, dir, ip); err != nil {
		return nil, err
	}
	for name, text := range map[string]string{"cert.pem": cert, "key.pem": key} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	p, err := start(dir, find("samba"), "-s", filepath.Join(dir, "etc", "smb.conf"), "-i", "--no-process-group", "--debug-stdout", "-d1", "-M", "single")
	if err != nil {
		return nil, err
	}
	s := &Samba{Address: net.JoinHostPort(ip, "636"), CA: cert, ServerName: sambaName, BaseDN: sambaBase, PeopleBase: "OU=people," + sambaBase, GroupsBase: "OU=groups," + sambaBase,
		BindDN: "CN=Administrator,CN=Users," + sambaBase, Password: sambaPass, process: p}
	if err := p.ready(ctx, s.seed); err != nil {
		p.stop()
		return nil, err
	}
	return s, nil
}

// seed signs in and adds what is not there yet; it is tried until it works.
func (s *Samba) seed(context.Context) error {
	raw, err := net.DialTimeout("tcp", net.JoinHostPort(s.host(), "389"), time.Second)
	if err != nil {
		return err
	}
	_ = raw.Close()
	l, err := s.Admin()
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	entries := []*ldap.AddRequest{ldap.NewAddRequest(s.PeopleBase, nil), ldap.NewAddRequest(s.GroupsBase, nil)}
	for _, e := range entries {
		e.Attribute("objectClass", []string{"organizationalUnit"})
	}
	for _, g := range []string{"all-staff", "engineering", "sales"} {
		e := ldap.NewAddRequest("CN="+g+","+s.GroupsBase, nil)
		e.Attribute("objectClass", []string{"group"})
		e.Attribute("sAMAccountName", []string{g})
		entries = append(entries, e)
	}
	u := ldap.NewAddRequest("CN=John Smith,"+s.PeopleBase, nil)
	u.Attribute("objectClass", []string{"user"})
	u.Attribute("sAMAccountName", []string{"jsmith"})
	for _, e := range append(entries, u) {
		if err := l.Add(e); err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultEntryAlreadyExists) {
			return fmt.Errorf("add %s: %w", e.DN, err)
		}
	}
	return nil
}

func (s *Samba) host() string {
	h, _, _ := net.SplitHostPort(s.Address)
	return h
}

// Settings are a connection's settings for this domain.
func (s *Samba) Settings(key string) connector.Settings {
	return connector.Settings{Key: key, Name: "Active Directory", Type: "ldap", Private: []string{"127.0.0.0/8"},
		Settings: map[string]any{"urls": []any{"ldaps://" + s.Address}, "server_name": s.ServerName, "ca": s.CA, "dialect": "ad", "bind_dn": s.BindDN,
			"people_base": s.PeopleBase, "groups_base": s.GroupsBase, "upn_suffix": "ad.joinery.test"}}
}

// Admin gives a connection that may do anything, to look and to prepare. The
// caller closes it.
func (s *Samba) Admin() (*ldap.Conn, error) { return s.Bind(s.BindDN, s.Password) }

// Bind signs in as somebody. The caller closes the connection.
func (s *Samba) Bind(dn, password string) (*ldap.Conn, error) {
	conf, err := tlsConfig(s.CA, s.ServerName)
	if err != nil {
		return nil, err
	}
	l, err := ldap.DialURL("ldaps://"+s.Address, ldap.DialWithTLSConfig(conf))
	if err != nil {
		return nil, err
	}
	l.SetTimeout(20 * time.Second)
	if err := l.Bind(dn, password); err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

// Add makes an entry as the administrator.
func (s *Samba) Add(dn string, attributes map[string][]string) error {
	l, err := s.Admin()
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	req := ldap.NewAddRequest(dn, nil)
	for name, values := range attributes {
		req.Attribute(name, values)
	}
	return l.Add(req)
}
