package egress

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/fault"
)

// watched is a guard whose resolver answers from a table and whose dialler
// counts instead of connecting: a refused target must never get that far.
func watched(t *testing.T, dns map[string]string, allow ...string) (*Guard, *atomic.Int32) {
	t.Helper()
	g, err := New(allow...)
	require.NoError(t, err)
	var dialled atomic.Int32
	g.lookup = func(_ context.Context, host string) ([]netip.Addr, error) {
		text, ok := dns[strings.ToLower(host)]
		if !ok {
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}
		var out []netip.Addr
		for a := range strings.FieldsSeq(text) {
			out = append(out, netip.MustParseAddr(a))
		}
		return out, nil
	}
	g.dial = func(context.Context, string, netip.AddrPort) (net.Conn, error) {
		dialled.Add(1)
		a, b := net.Pipe()
		_ = b.Close()
		return a, nil
	}
	return g, &dialled
}

func TestS79_RefusedBeforeConnect(t *testing.T) {
	t.Parallel()
	dns := map[string]string{
		"localhost": "127.0.0.1", "localhost.": "127.0.0.1", "rebound.example": "127.0.0.1", "mixed.example": "93.184.216.34 10.0.0.1",
		"cname.example": "192.168.1.1", "meta.example": "169.254.169.254", "six.example": "fd00:ec2::254",
		"mapped.example": "::ffff:127.0.0.1", "metadata.google.internal": "169.254.169.254",
	}
	targets := []string{
		"http://127.0.0.1/", "https://127.0.0.1:8443/", "http://127.1/", "http://127.0.1/", "http://2130706433/", "http://0x7f000001/",
		"http://0x7f.0.0.1/", "http://0177.0.0.1/", "http://017700000001/", "http://127.0.0.1.:80/", "http://127.0.0.1%00.example/", "http://localhost/",
		"http://LOCALHOST./", "http://rebound.example/", "https://mixed.example/", "https://cname.example/", "https://meta.example/",
		"https://six.example/", "https://mapped.example/", "http://metadata.google.internal/computeMetadata/v1/",
		"http://[::1]/", "http://[::]/", "http://0.0.0.0/", "http://0/", "http://[0:0:0:0:0:ffff:7f00:1]/", "https://[::ffff:10.0.0.1]/",
		"https://[::ffff:169.254.169.254]/", "https://[::127.0.0.1]/", "https://[64:ff9b::7f00:1]/", "https://[64:ff9b::a9fe:a9fe]/", "https://[64:ff9b:1::1]/",
		"https://[2002:7f00:1::]/", "https://[2001:0:4136:e378::1]/", "https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://[fc00::1]/",
		"https://[fd00:ec2::254]/", "https://[ff02::1]/", "https://[fec0::1]/", "https://[100::1]/",
		"https://169.254.169.254/latest/meta-data/", "https://100.100.100.200/", "https://168.63.129.16/", "https://192.0.0.192/", "https://100.64.0.1/",
		"https://10.1.2.3/", "https://172.16.0.1/", "https://172.31.255.255/", "https://192.168.0.1/", "https://224.0.0.1/", "https://255.255.255.255/",
		"https://198.18.0.1/", "https://192.88.99.1/", "https://240.0.0.1/", "https://203.0.113.9/",
		"https://public.example@127.0.0.1/", "https://user:pw@public.example/", "https://127.0.0.1#@public.example/", "https://127.0.0.1?@public.example/",
		"http://①②⑦.⓪.⓪.①/", "http://ⓛocalhost/", "http://public.example/", "ftp://public.example/", "file:///etc/passwd", "gopher://public.example/",
		"https://public.example:0/", "https://-/", "https://" + strings.Repeat("a", 300) + ".example/",
	}
	dns["public.example"] = "93.184.216.34"
	require.GreaterOrEqual(t, len(targets), 40)
	for _, target := range targets {
		g, dialled := watched(t, dns)
		req, err := http.NewRequest(http.MethodGet, target, nil)
		if err != nil {
			continue // not even an address; nothing can be called
		}
		resp, err := g.HTTPClient(Limits{}).Do(req)
		if resp != nil {
			_ = resp.Body.Close()
		}
		if err == nil || dialled.Load() != 0 {
			t.Errorf("%s was called", target)
			continue
		}
		if kind := fault.KindOf(err); kind == fault.Internal && !strings.Contains(err.Error(), "no Host") {
			t.Errorf("%s gave no fault: %v", target, err)
		}
	}
}

// The same against a real listener with the system's resolver: it must see nothing.
func TestS79_NothingReachesAListener(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	var seen atomic.Int32
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			seen.Add(1)
			_ = c.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::1]", "0.0.0.0", "127.1", "2130706433", "0x7f000001", "[::]"} {
		for _, scheme := range []string{"http://", "https://"} {
			resp, err := (&Guard{}).HTTPClient(Limits{}).Get(scheme + host + ":" + port)
			if resp != nil {
				_ = resp.Body.Close()
			}
			require.Error(t, err, host)
		}
		_, err := (&Guard{}).Dial(t.Context(), "tcp", net.JoinHostPort(strings.Trim(host, "[]"), port))
		require.Error(t, err, host)
	}
	require.Zero(t, seen.Load())
}

// A name that answers with another address the second time must not matter: the
// address that was checked is the address that is dialled.
func TestS79_RebindingCannotChangeTheTarget(t *testing.T) {
	t.Parallel()
	g, _ := watched(t, nil)
	var asked int
	g.lookup = func(context.Context, string) ([]netip.Addr, error) {
		asked++
		if asked == 1 {
			return []netip.Addr{netip.MustParseAddr("93.184.216.34")}, nil
		}
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	var to netip.AddrPort
	g.dial = func(_ context.Context, _ string, a netip.AddrPort) (net.Conn, error) {
		to = a
		c, _ := net.Pipe()
		return c, nil
	}
	conn, err := g.Dial(t.Context(), "tcp", "rebind.example:443")
	require.NoError(t, err)
	_ = conn.Close()
	require.Equal(t, "93.184.216.34:443", to.String())
	require.Equal(t, 1, asked)
}

func TestAllowList(t *testing.T) {
	t.Parallel()
	dns := map[string]string{"ldap.corp": "10.2.3.4", "evil.corp": "169.254.169.254", "pub.example": "93.184.216.34"}
	cases := []struct {
		name, address string
		allow         []string
		ok            bool
	}{
		{"public needs no entry", "pub.example:443", nil, true},
		{"private by name", "ldap.corp:636", []string{"LDAP.corp."}, true},
		{"private by range", "ldap.corp:636", []string{"10.2.0.0/16"}, true},
		{"another range", "ldap.corp:636", []string{"10.3.0.0/16"}, false},
		{"port named", "ldap.corp:636", []string{"ldap.corp:636"}, true},
		{"another port", "ldap.corp:22", []string{"ldap.corp:636"}, false},
		{"address and port", "127.0.0.1:8091", []string{"127.0.0.1:8091"}, true},
		{"address in another name's entry", "10.2.3.4:636", []string{"ldap.corp"}, false},
		{"v6 address and port", "[::1]:636", []string{"[::1]:636"}, true},
		{"a name never opens metadata", "evil.corp:80", []string{"evil.corp"}, false},
		{"an address does", "evil.corp:80", []string{"169.254.169.254"}, true},
		{"unknown name", "nowhere.example:443", nil, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g, dialled := watched(t, dns, c.allow...)
			conn, err := g.Dial(t.Context(), "tcp", c.address)
			if c.ok {
				require.NoError(t, err)
				_ = conn.Close()
				return
			}
			require.Error(t, err)
			require.NotEqual(t, fault.Internal, fault.KindOf(err))
			require.Zero(t, dialled.Load())
		})
	}
	g, dialled := watched(t, dns)
	_, err := g.Dial(t.Context(), "udp", "pub.example:53")
	require.True(t, fault.Is(err, fault.Forbidden))
	require.Zero(t, dialled.Load())
	require.Len(t, CheckList([]string{"10.0.0.0/8", "host", "bad host", "10.0.0.0/99", "h:99999", ""}), 4)
}
