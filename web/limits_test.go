package web

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"joinery/internal/auth"
)

func TestS20_S97_TooLargeIsRefused(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	b := k.person(t, "ada@example.com", auth.Admin)
	a := b.post(t, "/users", url.Values{"name": {strings.Repeat("x", 1<<20)}, "email": {"x@example.com"}})
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
	require.Contains(t, a.body, "1 to 200 characters")
	a = b.post(t, "/users", url.Values{"name": {"bad \xff\x00 text"}, "email": {"x\x00@example.com"}, "password": {goodPassword}, "roles": {"viewer", "\xff"}})
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
	for _, path := range []string{"/users/%00", "/users/%ff", "/users/" + strings.Repeat("u", 4000), "/audit?actor=%00&before=zzz&since=never", "/users?q=%ff%00", "/static/..%2f..%2fetc%2fpasswd", "/credentials?connection=%00"} {
		require.Less(t, b.get(t, path).status, 500, path)
	}
}

// What is refused before it reaches a handler still gets a readable answer with
// all headers.
func TestS20_TooLargeToRead(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- k.app.Listener(ln) }()
	conn, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	_, err = io.WriteString(conn, "POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 10485760\r\n\r\n")
	require.NoError(t, err)
	raw, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Contains(t, string(raw), "413 Request Entity Too Large")
	require.Contains(t, string(raw), "larger than 2 MiB")
	require.Contains(t, string(raw), "Content-Security-Policy: default-src 'none'")
	require.NoError(t, conn.Close())
	require.NoError(t, k.app.Shutdown())
	require.NoError(t, <-ended)
}

// Only a trusted proxy may say on whose behalf it asks, and only its own word
// counts, not what the client wrote before it.
func TestS12_ClientAddress(t *testing.T) {
	t.Parallel()
	s := &Server{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	for name, c := range map[string]struct{ remote, header, want string }{
		"straight":                {"203.0.113.9", "", "203.0.113.9"},
		"a stranger's claim":      {"203.0.113.9", "198.51.100.1", "203.0.113.9"},
		"through a proxy":         {"10.0.0.1", "198.51.100.1", "198.51.100.1"},
		"invented before a proxy": {"10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"},
		"through two proxies":     {"10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"},
		"nonsense":                {"10.0.0.1", "nobody", "10.0.0.1"},
		"only proxies":            {"10.0.0.1", "", "10.0.0.1"},
	} {
		app := fiber.New()
		fctx := &fasthttp.RequestCtx{}
		addr := netip.AddrPortFrom(netip.MustParseAddr(c.remote), 1234)
		fctx.SetRemoteAddr(tcp(addr))
		fctx.Request.Header.Set("X-Forwarded-For", c.header)
		ctx := app.AcquireCtx(fctx)
		require.Equal(t, c.want, s.address(ctx), name)
		app.ReleaseCtx(ctx)
	}
}

func tcp(a netip.AddrPort) net.Addr { return net.TCPAddrFromAddrPort(a) }
