package egress

import (
	"net/netip"
	"strings"

	"joinery/internal/fault"
)

// special lists the ranges that are not the public internet, most telling first.
// Severe ones open only to an explicit address or range, never to a name.
var special = []struct {
	cidr   netip.Prefix
	why    string
	severe bool
}{
	{netip.MustParsePrefix("169.254.169.254/32"), "a cloud metadata address", true},
	{netip.MustParsePrefix("169.254.170.0/24"), "a cloud metadata address", true},
	{netip.MustParsePrefix("100.100.100.200/32"), "a cloud metadata address", true},
	{netip.MustParsePrefix("168.63.129.16/32"), "a cloud metadata address", true},
	{netip.MustParsePrefix("192.0.0.192/32"), "a cloud metadata address", true},
	{netip.MustParsePrefix("fd00:ec2::254/128"), "a cloud metadata address", true},
	{netip.MustParsePrefix("fd20:ce::254/128"), "a cloud metadata address", true},
	{netip.MustParsePrefix("127.0.0.0/8"), "this machine itself", false},
	{netip.MustParsePrefix("::1/128"), "this machine itself", false},
	{netip.MustParsePrefix("0.0.0.0/8"), "no real destination", true},
	{netip.MustParsePrefix("::/128"), "no real destination", true},
	{netip.MustParsePrefix("10.0.0.0/8"), "a private address", false},
	{netip.MustParsePrefix("172.16.0.0/12"), "a private address", false},
	{netip.MustParsePrefix("192.168.0.0/16"), "a private address", false},
	{netip.MustParsePrefix("100.64.0.0/10"), "a carrier's shared address", false},
	{netip.MustParsePrefix("fc00::/7"), "a private address", false},
	{netip.MustParsePrefix("fec0::/10"), "a private address", false},
	{netip.MustParsePrefix("169.254.0.0/16"), "a link-local address", true},
	{netip.MustParsePrefix("fe80::/10"), "a link-local address", true},
	{netip.MustParsePrefix("224.0.0.0/4"), "a multicast address", true},
	{netip.MustParsePrefix("ff00::/8"), "a multicast address", true},
	{netip.MustParsePrefix("240.0.0.0/4"), "a reserved address", true},
	{netip.MustParsePrefix("192.0.0.0/24"), "a reserved address", true},
	{netip.MustParsePrefix("192.0.2.0/24"), "an address for documentation", true},
	{netip.MustParsePrefix("198.51.100.0/24"), "an address for documentation", true},
	{netip.MustParsePrefix("203.0.113.0/24"), "an address for documentation", true},
	{netip.MustParsePrefix("2001:db8::/32"), "an address for documentation", true},
	{netip.MustParsePrefix("3fff::/20"), "an address for documentation", true},
	{netip.MustParsePrefix("198.18.0.0/15"), "a benchmarking address", true},
	{netip.MustParsePrefix("192.88.99.0/24"), "a tunnel to another address", true},
	{netip.MustParsePrefix("64:ff9b::/96"), "a tunnel to another address", true},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "a tunnel to another address", true},
	{netip.MustParsePrefix("2002::/16"), "a tunnel to another address", true},
	{netip.MustParsePrefix("2001::/23"), "a tunnel or special-purpose address", true},
	{netip.MustParsePrefix("::/96"), "a tunnel to another address", true},
	{netip.MustParsePrefix("::ffff:0:0:0/96"), "a tunnel to another address", true},
}

// public is where all public IPv6 addresses are; what lies outside is refused.
var public6 = netip.MustParsePrefix("2000::/3")

// refusal says why an address is not the public internet; "" when it is.
func refusal(a netip.Addr) (why string, severe bool) {
	a = a.Unmap()
	for _, s := range special {
		if s.cidr.Contains(a) {
			return s.why, s.severe
		}
	}
	if a.Is6() && !public6.Contains(a) {
		return "a reserved address", true
	}
	return "", false
}

// checkHost refuses spellings of addresses that only some resolvers read as
// numbers (2130706433, 0x7f.1, 0177.0.0.1) and names no resolver should see.
func checkHost(host string) error {
	name := strings.TrimSuffix(host, ".")
	if name == "" || len(name) > 253 {
		return fault.New(fault.Invalid, "%q is not a host name.", short(host))
	}
	labels := strings.Split(name, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 {
			return fault.New(fault.Invalid, "%q is not a host name.", short(host))
		}
		for _, r := range l {
			if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_') {
				return fault.New(fault.Invalid, "%q is not a host name. Write names of other scripts in their xn-- form.", short(host))
			}
		}
	}
	if last := labels[len(labels)-1]; last[0] >= '0' && last[0] <= '9' {
		return fault.New(fault.Forbidden, "%q is not a usual spelling of an address. Write a host name or an address such as 192.0.2.10.", short(host))
	}
	return nil
}

func normalHost(h string) string { return strings.ToLower(strings.TrimSuffix(h, ".")) }

// short keeps a hostile value from filling a sentence.
func short(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}
