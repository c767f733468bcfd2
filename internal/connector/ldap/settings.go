package ldap

import (
	"crypto/x509"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"joinery/internal/connector"
	"joinery/internal/egress"
	"joinery/internal/fault"
)

// settings are the read and defaulted settings of a connection.
type settings struct {
	servers     []server
	tls         string
	roots       *x509.CertPool
	serverName  string
	dialect     string
	bindDN      string
	peopleBase  string
	groupsBase  string
	classes     []string
	rdn         string
	login       string
	upnSuffix   string
	stamp       string
	groupClass  string
	member      string
	emptyMember string
	disableBy   string
	timeout     time.Duration
	poolSize    int
	pageSize    uint32
}

// server is one address of the directory.
type server struct {
	host string
	port string
}

func (s server) address() string { return net.JoinHostPort(s.host, s.port) }

// attributeName is what RFC 4512 lets an attribute be called.
var attributeName = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]{0,99}|[0-9]+(\.[0-9]+)+)(;[A-Za-z0-9-]+)*$`)

func read(in map[string]any) (settings, []fault.Problem) {
	v := connector.Values(in)
	s := settings{
		tls: or(v.Text("tls"), "ldaps"), dialect: or(v.Text("dialect"), openLDAP), serverName: v.Text("server_name"),
		bindDN: v.Text("bind_dn"), peopleBase: v.Text("people_base"), groupsBase: v.Text("groups_base"), upnSuffix: strings.TrimPrefix(v.Text("upn_suffix"), "@"),
		classes: v.List("person_classes"), rdn: v.Text("rdn_attribute"), login: v.Text("login_attribute"), stamp: v.Text("stamp_attribute"),
		groupClass: v.Text("group_class"), member: or(v.Text("member_attribute"), "member"), emptyMember: v.Text("empty_member"),
		timeout: v.Duration("timeout", 10*time.Second), poolSize: v.Int("pool_size", 4), pageSize: uint32(max(1, min(5000, v.Int("page_size", 200)))), //nolint:gosec // bounded
	}
	s.fillByDialect(v.Text("disable_by"))
	var out []fault.Problem
	add := func(path, detail string) { out = append(out, fault.Problem{Path: path, Detail: detail}) }

	for _, text := range v.List("urls") {
		srv, problem := s.server(text)
		if problem != "" {
			add("urls", problem)
			continue
		}
		s.servers = append(s.servers, srv)
	}
	if len(s.servers) == 0 && len(out) == 0 {
		add("urls", "At least one address is needed.")
	}
	if ca := v.Text("ca"); ca != "" {
		pool, err := egress.Pool(ca)
		if err != nil {
			add("ca", fault.Sentence(err))
		}
		s.roots = pool
	}
	if s.timeout <= 0 || s.timeout > 2*time.Minute {
		add("timeout", "The time limit must be above 0 and at most 2m.")
	}
	if s.poolSize < 1 || s.poolSize > 64 {
		add("pool_size", "Between 1 and 64 connections are possible.")
	}
	for path, dn := range map[string]string{"people_base": s.peopleBase, "groups_base": s.groupsBase, "empty_member": s.emptyMember} {
		if _, err := goldap.ParseDN(dn); err != nil {
			add(path, "This is not a DN. Write it like ou=people,dc=corp,dc=example.")
		}
	}
	if _, err := goldap.ParseDN(s.bindDN); err != nil && !(s.dialect == activeDirectory && strings.Contains(s.bindDN, "@")) {
		add("bind_dn", "This is not a DN. Write it like cn=joinery,ou=services,dc=corp,dc=example.")
	}
	for path, name := range map[string]string{"rdn_attribute": s.rdn, "login_attribute": s.login, "stamp_attribute": s.stamp, "group_class": s.groupClass} {
		if !attributeName.MatchString(name) {
			add(path, "This is not a name that LDAP allows: letters, digits and hyphens.")
		}
	}
	if fold(s.stamp, s.login) || fold(s.stamp, s.rdn) {
		add("stamp_attribute", "The mark needs an attribute of its own, not the login or naming attribute.")
	}
	return s, out
}

func (s *settings) fillByDialect(disableBy string) {
	classes, rdn, login, stamp, group, disable := []string{"top", "person", "organizationalPerson", "inetOrgPerson"}, "uid", "uid", "employeeNumber", "groupOfNames", "pwdAccountLockedTime"
	if s.dialect == activeDirectory {
		classes, rdn, login, stamp, group, disable = []string{"top", "person", "organizationalPerson", "user"}, "cn", "sAMAccountName", "employeeNumber", "group", "userAccountControl"
		disableBy = ""
	}
	if len(s.classes) == 0 {
		s.classes = classes
	}
	s.rdn, s.login, s.stamp, s.groupClass, s.disableBy = or(s.rdn, rdn), or(s.login, login), or(s.stamp, stamp), or(s.groupClass, group), or(disableBy, disable)
}

// server reads one address and says what is wrong with it.
func (s *settings) server(text string) (server, string) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return server{}, "Write an address like ldaps://ldap.corp.example:636."
	}
	port := "389"
	switch {
	case u.Scheme == "ldaps" && s.tls == "ldaps":
		port = "636"
	case u.Scheme == "ldap" && s.tls == "starttls":
	case u.Scheme == "ldap" && s.tls == "none":
		if !loopback(u.Hostname()) {
			return server{}, "Without encryption the password would travel in the clear. Choose TLS or StartTLS, or give an address on this machine."
		}
		if s.dialect == activeDirectory {
			return server{}, "Active Directory accepts passwords only over TLS. Choose TLS or StartTLS."
		}
	case u.Scheme == "ldap" || u.Scheme == "ldaps":
		return server{}, "TLS from the start goes with ldaps://, StartTLS and no encryption with ldap://. Change the address or the encryption."
	default:
		return server{}, "Write an address like ldaps://ldap.corp.example:636."
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return server{}, "The port must be between 1 and 65535."
		}
		port = p
	}
	return server{host: u.Hostname(), port: port}, ""
}

func loopback(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.IsLoopback()
	}
	return fold(host, "localhost")
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
