package ldap

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"joinery/internal/connector"
	"joinery/internal/fault"
)

// Test tries what a run would need, on a connection of its own.
func (c *conn) Test(ctx context.Context) []connector.Finding {
	ctx, cancel := context.WithTimeout(ctx, 3*c.set.timeout)
	defer cancel()
	t := &tester{c: c}
	for _, srv := range c.set.servers {
		l := t.reach(ctx, srv)
		if l == nil {
			continue
		}
		defer func() { _ = l.Close() }()
		stop := context.AfterFunc(ctx, func() { _ = l.Close() })
		defer stop()
		if t.signIn(ctx, l) && t.kind(l) && t.base(l, "People base", c.set.peopleBase) && t.base(l, "Groups base", c.set.groupsBase) && t.attributes(ctx) {
			t.mayCreate(l)
		}
		return t.findings
	}
	return t.findings
}

type tester struct {
	c        *conn
	findings []connector.Finding
}

func (t *tester) add(title string, ok bool, format string, args ...any) bool {
	t.findings = append(t.findings, connector.Finding{Title: title, OK: ok, Detail: fmt.Sprintf(format, args...)})
	return ok
}

// reach finds, dials and secures one server; nil when it did not work.
func (t *tester) reach(ctx context.Context, srv server) *goldap.Conn {
	raw, err := t.c.cfg.Dial(ctx, "tcp", srv.address())
	var dns *net.DNSError
	if errors.As(err, &dns) || fault.Is(err, fault.Forbidden) {
		t.add("Address", false, "%s", fault.Sentence(err))
		return nil
	}
	if err != nil {
		t.add("Address", true, "%s was found.", srv.host)
		t.add("Connect", false, "%s", fault.Sentence(err))
		return nil
	}
	t.add("Address", true, "%s is %s.", srv.host, raw.RemoteAddr())
	t.add("Connect", true, "Port %s answers.", srv.port)
	secured, err := t.c.secure(ctx, raw, srv)
	if err != nil {
		_ = raw.Close()
		t.add("Encryption", false, "%s", fault.Sentence(err))
		return nil
	}
	if conn, ok := secured.(*tls.Conn); ok {
		s := conn.ConnectionState()
		t.add("Encryption", true, "%s, %s", tls.VersionName(s.Version), expiry(s.PeerCertificates, t.c.cfg.Now()))
	} else {
		t.add("Encryption", true, "None: the directory is on this machine.")
	}
	l := goldap.NewConn(secured, t.c.set.tls != "none")
	l.Start()
	return l
}

func expiry(chain []*x509.Certificate, now time.Time) string {
	if len(chain) == 0 {
		return "no certificate."
	}
	end := chain[0].NotAfter
	text := "certificate valid until " + end.Format("2 Jan 2006") + "."
	if end.Sub(now) < 14*24*time.Hour {
		text += " Renew it soon."
	}
	return text
}

func (t *tester) signIn(ctx context.Context, l *goldap.Conn) bool {
	if _, err := t.c.bind(ctx, l); err != nil {
		return t.add("Sign in", false, "%s", fault.Sentence(err))
	}
	return t.add("Sign in", true, "%s signed in.", t.c.set.bindDN)
}

// adCapability is what Active Directory lists among its capabilities ([MS-ADTS] 3.1.1.3.4.3).
const adCapability = "1.2.840.113556.1.4.800"

// kind notices settings for the other kind of directory: accounts would be made
// with the wrong classes and enabled in the wrong way.
func (t *tester) kind(l *goldap.Conn) bool {
	const title = "Kind of directory"
	res, err := l.Search(goldap.NewSearchRequest("", goldap.ScopeBaseObject, goldap.NeverDerefAliases, 1, 0, false, "(objectClass=*)", []string{"supportedCapabilities", "vendorName", "vendorVersion"}, nil))
	if err != nil || len(res.Entries) == 0 {
		return t.add(title, true, "The directory does not say what it is.")
	}
	root := res.Entries[0]
	ad := slices.Contains(root.GetEqualFoldAttributeValues("supportedCapabilities"), adCapability)
	switch {
	case ad && !t.c.ad():
		return t.add(title, false, "This is Active Directory, but the settings say OpenLDAP or another LDAP directory. Choose Active Directory.")
	case !ad && t.c.ad():
		return t.add(title, false, "This is no Active Directory, but the settings say so. Choose OpenLDAP or another LDAP directory.")
	case ad && contains(get(root, "vendorName"), "samba"):
		return t.add(title, true, "Active Directory by Samba. It tells ü from u and ß from ss in names, which Microsoft's does not.")
	case ad:
		return t.add(title, true, "Active Directory.")
	}
	return t.add(title, true, "%s.", strings.TrimSpace(or(printable(get(root, "vendorName")), "An LDAP directory")+" "+printable(get(root, "vendorVersion"))))
}

// attributes reads the schema: it finds object classes and a mark that are not there.
func (t *tester) attributes(ctx context.Context) bool {
	const title = "Attributes"
	list, err := t.c.Schema(ctx)
	if fault.Is(err, fault.NotFound) {
		return t.add(title, true, "%s", fault.Sentence(err))
	}
	if err != nil {
		return t.add(title, false, "%s", fault.Sentence(err))
	}
	settable := 0
	for _, a := range list {
		if !a.ReadOnly {
			settable++
		}
	}
	for _, name := range []string{t.c.set.login, t.c.set.stamp} {
		if _, ok := connector.FindAttribute(list, name); !ok {
			return t.add(title, false, "The object classes of a new account do not allow %s. Correct the object classes, or the login or mark attribute, in the settings.", name)
		}
	}
	return t.add(title, true, "A flow may set %d attributes of an account.", settable)
}

func (t *tester) base(l *goldap.Conn, title, dn string) bool {
	res, err := l.Search(goldap.NewSearchRequest(dn, goldap.ScopeBaseObject, goldap.NeverDerefAliases, 1, 0, false, "(objectClass=*)", []string{"1.1"}, nil))
	if noSuchObject(err) || err == nil && len(res.Entries) == 0 {
		return t.add(title, false, "The directory has no entry %s, or the bind account may not see it. Check the spelling and the rights.", dn)
	}
	if err != nil {
		return t.add(title, false, "%s", fault.Sentence(explain("read "+dn, err)))
	}
	return t.add(title, true, "%s can be read.", dn)
}

// mayCreate finds out, without writing, whether accounts could be created.
func (t *tester) mayCreate(l *goldap.Conn) {
	const title = "May create accounts"
	if t.c.ad() {
		res, err := l.Search(goldap.NewSearchRequest(t.c.set.peopleBase, goldap.ScopeBaseObject, goldap.NeverDerefAliases, 1, 0, false, "(objectClass=*)", []string{"allowedChildClassesEffective"}, nil))
		switch {
		case err != nil || len(res.Entries) == 0:
			t.add(title, true, "Could not be found out without writing.")
		case strings.Contains(strings.ToLower(" "+strings.Join(res.Entries[0].GetEqualFoldAttributeValues("allowedChildClassesEffective"), " ")+" "), " user "):
			t.add(title, true, "The bind account may create users below %s.", t.c.set.peopleBase)
		default:
			t.add(title, false, "The bind account may not create users below %s. Give it that right there.", t.c.set.peopleBase)
		}
		return
	}
	t.mayChange(l)
}

// mayChange takes a value from somebody that nobody has. With the right to write
// the answer is "no such value", without it "no right"; either way nothing
// changes. The no-op control would tell more, but it must not be used: with
// OpenLDAP 2.5 an add under it that names an attribute the database has never
// held makes later entries lose or swap that attribute.
func (t *tester) mayChange(l *goldap.Conn) {
	const title = "May write accounts"
	class := t.c.set.classes[len(t.c.set.classes)-1]
	res, err := l.Search(goldap.NewSearchRequest(t.c.set.peopleBase, goldap.ScopeWholeSubtree, goldap.NeverDerefAliases, 1, 0, false, "(objectClass="+class+")", []string{"1.1"}, nil))
	if err != nil && !goldap.IsErrorAnyOf(err, goldap.LDAPResultSizeLimitExceeded) {
		t.add(title, false, "%s", fault.Sentence(explain("look for accounts", err)))
		return
	}
	if res == nil || len(res.Entries) == 0 {
		t.add(title, true, "There is no account yet to try it on; the first one created will show it.")
		return
	}
	req := goldap.NewModifyRequest(res.Entries[0].DN, nil)
	req.Delete("cn", []string{"joinery-test-" + rand.Text()})
	switch err := l.Modify(req); {
	case alreadyGone(err):
		t.add(title, true, "The bind account may change accounts below %s. (Tried without changing anything.)", t.c.set.peopleBase)
	case goldap.IsErrorAnyOf(err, goldap.LDAPResultInsufficientAccessRights):
		t.add(title, false, "The bind account may only read below %s. Give it the right to write there.", t.c.set.peopleBase)
	case err != nil:
		t.add(title, true, "Could not be found out without writing.")
	}
}
