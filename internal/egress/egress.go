// Package egress decides which addresses outbound calls may reach. Whatever an
// admin, an HRIS or a flow writes into an address, a Guard resolves it once,
// checks every address it resolves to, and dials the very address it checked,
// so a name that changes its mind in between cannot lead inside.
package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"joinery/internal/fault"
)

// dialTimeout bounds one attempt at one address.
const dialTimeout = 10 * time.Second

// Guard allows public addresses and what its lists name. The zero Guard allows
// public addresses only.
type Guard struct {
	allow []entry
	// lookup and dial are the system's; tests put their own.
	lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	dial   func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error)
}

// entry is one line of an allow list: a host name or a range, maybe one port.
type entry struct {
	host  string
	cidr  netip.Prefix
	exact bool // an address or range: also lets metadata and link-local through
	port  uint16
}

// New makes a guard from an allow list: "ldap.corp.example", "10.2.0.0/16",
// "127.0.0.1:8091", "[::1]:636".
func New(allow ...string) (*Guard, error) {
	return (&Guard{}).With(allow)
}

// With gives a guard that also allows these (a connection's private hosts).
func (g *Guard) With(allow []string) (*Guard, error) {
	out := *g
	out.allow = append([]entry(nil), g.allow...)
	for _, text := range allow {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		e, err := parseEntry(text)
		if err != nil {
			return nil, err
		}
		out.allow = append(out.allow, e)
	}
	return &out, nil
}

// CheckList finds what is wrong with an allow list; paths are indexes.
func CheckList(allow []string) []fault.Problem {
	var out []fault.Problem
	for i, text := range allow {
		if _, err := parseEntry(strings.TrimSpace(text)); err != nil {
			out = append(out, fault.Problem{Path: strconv.Itoa(i), Detail: fault.Sentence(err)})
		}
	}
	return out
}

func parseEntry(text string) (entry, error) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return entry{cidr: p.Masked(), exact: true}, nil
	}
	host, port := text, uint16(0)
	if h, p, err := net.SplitHostPort(text); err == nil {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return entry{}, fault.New(fault.Invalid, "%q has no valid port. Write a host, host:port, or a range such as 10.2.0.0/16.", short(text))
		}
		host, port = h, uint16(n)
	}
	host = strings.Trim(host, "[]")
	if a, err := netip.ParseAddr(host); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return entry{cidr: netip.PrefixFrom(a, a.BitLen()), exact: true, port: port}, nil
	}
	if err := checkHost(host); err != nil {
		return entry{}, fault.Wrap(fault.Invalid, err, "%q is neither a host name nor an address range. Write a host, host:port, or a range such as 10.2.0.0/16.", short(text))
	}
	return entry{host: normalHost(host), port: port}, nil
}

// allows reports whether a list entry names this destination.
func (e entry) allows(host string, to netip.AddrPort) bool {
	if e.port != 0 && e.port != to.Port() {
		return false
	}
	if e.host != "" {
		return e.host == normalHost(host)
	}
	return e.cidr.Contains(to.Addr())
}

// check judges one resolved address. Listed says that an entry named it.
func (g *Guard) check(host string, to netip.AddrPort) (listed bool, err error) {
	why, severe := refusal(to.Addr())
	for _, e := range g.allow {
		// A name is only as good as whoever answers for it, so a name alone
		// never opens the way to metadata services or link-local addresses.
		if e.allows(host, to) && (e.exact || !severe) {
			return true, nil
		}
	}
	if why == "" {
		return false, nil
	}
	at := to.Addr().String()
	if host != at {
		at = fmt.Sprintf("%s (%s)", short(host), at)
	}
	return false, fault.New(fault.Forbidden,
		"%s is %s, which outbound calls may not reach. If it is meant, add it to the connection's private hosts or to JOINERY_ALLOW_HOSTS.", at, why)
}

// plainKey marks a dial for an unencrypted protocol that needs a listed host.
type plainKey struct{}

// Dial opens a connection to host:port under the guard. It is a
// net.Dialer.DialContext in shape.
func (g *Guard) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if t, ok := ctx.Value(turnKey{}).(*turn); ok {
		t.had.Store(true)
	}
	if network != "tcp" && network != "tcp4" && network != "tcp6" {
		return nil, fault.New(fault.Forbidden, "Only TCP connections may go out, not %s.", short(network))
	}
	targets, host, err := g.resolve(ctx, address)
	if err != nil {
		return nil, err
	}
	for _, to := range targets {
		listed, err := g.check(host, to)
		if err != nil {
			return nil, err
		}
		if !listed && ctx.Value(plainKey{}) != nil {
			return nil, fault.New(fault.Forbidden, "%s would be called without encryption. Use https:// or, for a host of your own, add it to the connection's private hosts.", short(host))
		}
	}
	var first error
	for _, to := range targets {
		conn, err := g.dialOne(ctx, network, to)
		if err == nil {
			return conn, nil
		}
		if first == nil {
			first = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, explainDial(host, targets[0].Port(), first)
}

func (g *Guard) dialOne(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if g.dial != nil {
		return g.dial(ctx, network, to)
	}
	var d net.Dialer
	return d.DialContext(ctx, network, to.String())
}

// resolve turns host:port into the addresses to check, in the resolver's order.
func (g *Guard) resolve(ctx context.Context, address string) ([]netip.AddrPort, string, error) {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return nil, "", fault.Wrap(fault.Invalid, err, "%q is not an address of the form host:port.", short(address))
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || port == 0 {
		return nil, "", fault.New(fault.Invalid, "%q has no valid port.", short(address))
	}
	if a, err := netip.ParseAddr(host); err == nil {
		if a.Zone() != "" {
			return nil, "", fault.New(fault.Forbidden, "%s names a network interface, which outbound calls may not.", short(host))
		}
		return []netip.AddrPort{netip.AddrPortFrom(a.Unmap(), uint16(port))}, host, nil
	}
	if err := checkHost(host); err != nil {
		return nil, "", err
	}
	lookup := g.lookup
	if lookup == nil {
		lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	addrs, err := lookup(ctx, host)
	if err != nil {
		return nil, "", explainLookup(host, err)
	}
	if len(addrs) == 0 {
		return nil, "", explainLookup(host, errors.New("no addresses"))
	}
	out := make([]netip.AddrPort, len(addrs))
	for i, a := range addrs {
		out[i] = netip.AddrPortFrom(a.Unmap(), uint16(port))
	}
	return out, host, nil
}
