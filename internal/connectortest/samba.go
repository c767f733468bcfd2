package connectortest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
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

// StartSamba starts a domain controller for one test, with the groups all-staff,
// engineering and sales and the user jsmith. The test is skipped where Samba's
// domain controller is not installed or, for want of root, cannot use port 636.
func StartSamba(t testing.TB) *Samba {
	t.Helper()
	Need(t)
	if find("samba") == "" || find("samba-tool") == "" {
		t.Skip("SKIPPED, Active Directory is not proven here: install samba-ad-dc and samba-ad-provision to run it")
	}
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED, Active Directory is not proven here: a domain controller listens on port 636, which needs root")
	}
	s, err := newSamba(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.process.stop)
	return s
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
	if err := os.MkdirAll(filepath.Join(dir, "tls"), 0o700); err != nil {
		return nil, err
	}
	for name, text := range map[string]string{"cert.pem": cert, "key.pem": key} {
		if err := os.WriteFile(filepath.Join(dir, "tls", name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	if err := provision(ctx, dir, ip); err != nil {
		return nil, err
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

func provision(ctx context.Context, dir, ip string) error {
	tls := filepath.Join(dir, "tls")
	args := []string{"domain", "provision", "--targetdir=" + dir, "--realm=AD.JOINERY.TEST", "--domain=JOINERY", "--server-role=dc", "--dns-backend=SAMBA_INTERNAL",
		"--adminpass=" + sambaPass, "--host-name=dc1", "--host-ip=" + ip}
	for _, o := range []string{"interfaces=" + ip + "/8", "bind interfaces only=yes", "vfs objects=", "ldb:nosync=true", "server services=ldap cldap kdc rpc",
		"log file=" + filepath.Join(dir, "log.%m"), "tls certfile=" + filepath.Join(tls, "cert.pem"), "tls keyfile=" + filepath.Join(tls, "key.pem"), "tls cafile=" + filepath.Join(tls, "cert.pem")} {
		args = append(args, "--option="+o)
	}
	if out, err := exec.CommandContext(ctx, find("samba-tool"), args...).CombinedOutput(); err != nil {
		return fmt.Errorf("provision a domain: %w: %s", err, out)
	}
	return nil
}

// seed signs in and adds what is not there yet; it is tried until it works.
func (s *Samba) seed(context.Context) error {
	raw, err := net.DialTimeout("tcp", net.JoinHostPort(s.host(), "389"), time.Second)
	if err != nil {
		return err
	}
	_ = raw.Close()
	pool, err := tlsConfig(s.CA, s.ServerName)
	if err != nil {
		return err
	}
	l, err := ldap.DialURL("ldaps://"+s.Address, ldap.DialWithTLSConfig(pool))
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	l.SetTimeout(20 * time.Second)
	if err := l.Bind(s.BindDN, s.Password); err != nil {
		return err
	}
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
