package web

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"joinery/internal/pgtest"
)

// listening serves the console on a real socket; seen counts the requests that
// reached a route.
func listening(t *testing.T, k *console, more func(app *fiber.App)) (address string, seen *atomic.Int32) {
	t.Helper()
	app, err := k.server.App()
	require.NoError(t, err)
	seen = &atomic.Int32{}
	app.All("/count", func(c *fiber.Ctx) error {
		seen.Add(1)
		return c.SendString("counted")
	})
	if more != nil {
		more(app)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- app.Listener(strict{ln}) }()
	t.Cleanup(func() {
		require.NoError(t, app.ShutdownWithTimeout(10*time.Second))
		require.NoError(t, <-ended)
	})
	return ln.Addr().String(), seen
}

// raw sends bytes as they are and gives all that comes back within two seconds.
func raw(t *testing.T, address, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, text)
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(2*time.Second)))
	out, _ := io.ReadAll(conn)
	return string(out)
}

// A request that two servers could read differently is refused, closed or not
// answered, and what is smuggled behind it never runs.
func TestS01_MalformedRequests(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	address, seen := listening(t, k, nil)
	ok := raw(t, address, "GET /count HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	require.Contains(t, ok, "200 OK", "the probe works")
	require.EqualValues(t, 1, seen.Load())
	smuggled := "GET /count HTTP/1.1\r\nHost: localhost\r\n\r\n"
	for name, text := range map[string]string{
		"content length and transfer encoding": "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
		"transfer encoding and content length": fmt.Sprintf("POST /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: %d\r\n\r\n0\r\n\r\n%s", 5+len(smuggled), smuggled),
		"two content lengths":                  "POST /count HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 40\r\n\r\n" + smuggled,
		"bare line feeds":                      "GET /count HTTP/1.1\nHost: localhost\n\n" + smuggled,
		"a request line ended by a line feed":  "GET /count HTTP/1.1\nHost: localhost\r\n\r\n" + smuggled,
		"a header continued on the next line":  "POST /count HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding:\r\n chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + smuggled,
		"space before the colon":               "POST /count HTTP/1.1\r\nHost: localhost\r\nContent-Length : 4\r\n\r\n0000" + smuggled,
		"unknown transfer encoding":            "POST /count HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\nContent-Length: 4\r\n\r\n0000" + smuggled,
		"no host":                              "GET /count HTTP/1.1\r\n\r\n" + smuggled,
		"a bare line feed within a header":     "POST /count HTTP/1.1\r\nHost: localhost\r\nX-A: b\nContent-Length: 4\r\n\r\n0000" + smuggled,
		"a bare carriage return":               "GET /count HTTP/1.1\r\nHost: localhost\r\nX-A: b\rX-B: c\r\n\r\n" + smuggled,
		"a chunk's size ended by a line feed":  "POST /count HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n" + smuggled,
		"a negative content length":            "POST /count HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n" + smuggled,
		"a content length with a plus":         "POST /count HTTP/1.1\r\nHost: localhost\r\nContent-Length: +4\r\n\r\n0000" + smuggled,
		"two hosts":                            "GET /count HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n" + smuggled,
	} {
		t.Run(name, func(t *testing.T) {
			before := seen.Load()
			out := raw(t, address, text)
			t.Logf("%.60q", out)
			require.Equal(t, before, seen.Load(), "a request ran: %q", out)
			require.LessOrEqual(t, strings.Count(out, "HTTP/1.1 "), 1, "only one answer")
			require.NotContains(t, out, " 200 OK")
		})
	}
}

// The line feed is found wherever the request begins in what is read at once, and a
// body may hold such lines.
func TestS01_BareLineFeedBehindOthers(t *testing.T) {
	t.Parallel()
	address, seen := listening(t, newConsole(t, "http://localhost:8080"), nil)
	good := func(pad int) string {
		return "GET /count HTTP/1.1\r\nHost: localhost\r\nX-Pad: " + strings.Repeat("x", pad) + "\r\n\r\n"
	}
	for _, pad := range []int{1, 3000, 4020, 4030, 4040, 4050, 4060, 9000} {
		before := seen.Load()
		out := raw(t, address, good(pad)+"GET /count?x HTTP/1.1\nHost: localhost\r\n\r\n"+good(1))
		require.Equal(t, before+1, seen.Load(), "pad %d: %q", pad, out)
		require.Contains(t, out, "HTTP/1.1 400 Bad Request")
	}
	before := seen.Load()
	body := "GET /other HTTP/1.1\nPOST /count HTTP/1.0\n"
	out := raw(t, address, fmt.Sprintf("POST /count HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(body), body))
	require.Equal(t, before+1, seen.Load(), "%q", out)
}

// Another name than ours is refused, whatever it says about proxies; links are
// made of the configured address only.
func TestS12_S13_HostAndForwardedHeaders(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://joinery.example")
	address, _ := listening(t, k, nil)
	ask := func(host, more string) string {
		return raw(t, address, "GET /account HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n"+more+"\r\n")
	}
	for _, host := range []string{"joinery.example", "JOINERY.example:80", address, "localhost:99"} {
		require.Contains(t, ask(host, ""), "303 See Other", host)
	}
	for _, host := range []string{"evil.example", "joinery.example.evil.example", "10.0.0.1", "[::1]", "joinery.example@evil.example", "127.0.0.2", "xjoinery.example"} {
		out := ask(host, "")
		require.NotContains(t, out, "303 See Other", host)
		require.Regexp(t, `^HTTP/1.1 4(00|21) `, out, host)
		if strings.Contains(out, "421") {
			require.Contains(t, out, "Content-Security-Policy: default-src 'none'")
		}
	}
	forged := "X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https\r\nForwarded: host=evil.example;proto=https\r\nX-Forwarded-For: 198.51.100.7\r\nX-Original-URL: /users\r\nX-HTTP-Method-Override: DELETE\r\n"
	plain, other := ask("joinery.example", ""), ask("joinery.example", forged)
	require.Equal(t, withoutIDs(plain), withoutIDs(other), "nothing of the answer follows from them")
	require.NotContains(t, other, "Strict-Transport-Security", "the scheme is the configured one")
	for path, want := range map[string]string{"/healthz": " 200 ", "/metrics": " 421 ", "/api/v1/flows": " 421 ", "/hooks/none": " 405 ", "/static/style.css": " 421 "} {
		require.Contains(t, raw(t, address, "GET "+path+" HTTP/1.1\r\nHost: joinery.svc\r\nConnection: close\r\n\r\n"), want, path)
	}
	for path, want := range map[string]string{"/metrics": "Location: /sign-in", "/api/v1/flows": " 401 "} {
		require.Contains(t, raw(t, address, "GET "+path+" HTTP/1.1\r\nHost: joinery.svc\r\nAuthorization: Bearer jnr_x\r\nConnection: close\r\n\r\n"), want, "a token may ask by any name, if it is one: "+path)
	}

	// The address in the audit log, and so the one that failed sign-ins count for.
	body := "email=nobody%40x.example&password=wrong"
	out := raw(t, address, fmt.Sprintf("POST /sign-in HTTP/1.1\r\nHost: joinery.example\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n%sContent-Length: %d\r\n\r\n%s", forged, len(body), body))
	require.Contains(t, out, "401 Unauthorized")
	var by, counted string
	require.NoError(t, k.server.DB.RawScan(context.Background(), &by, `SELECT address FROM audit_events WHERE action = 'sign_in.failed'`))
	require.NoError(t, k.server.DB.RawScan(context.Background(), &counted, `SELECT address FROM sign_in_failures`))
	require.Equal(t, []string{"127.0.0.1", "127.0.0.1"}, []string{by, counted})
}

func withoutIDs(answer string) string {
	var out []string
	for line := range strings.SplitSeq(answer, "\r\n") {
		if !strings.HasPrefix(line, "X-Request-Id: ") && !strings.HasPrefix(line, "Date: ") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

// 300 clients that send a byte now and then do not hold up the others.
func TestS19_SlowClients(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	address, _ := listening(t, k, nil)
	stop := make(chan struct{})
	var clients sync.WaitGroup
	t.Cleanup(func() { close(stop); clients.Wait() })
	for i := range 300 {
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		text := "GET /account HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
		if i%2 == 1 {
			text = "POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\nemail="
		}
		_, err = io.WriteString(conn, text)
		require.NoError(t, err)
		clients.Go(func() {
			defer func() { _ = conn.Close() }()
			tick := time.NewTicker(200 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-stop:
					return
				case <-tick.C:
					if _, err := io.WriteString(conn, "x"); err != nil {
						return
					}
				}
			}
		})
	}
	client := &http.Client{Timeout: pgtest.Hang}
	var took []time.Duration
	for range 60 {
		begin := time.Now()
		resp, err := client.Get("http://" + address + "/healthz")
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	conf := k.app.Config()
	// Who had to wait for them would wait until they are cut off.
	require.Less(t, took[len(took)/2], conf.ReadTimeout/10)
	require.Positive(t, conf.ReadTimeout)
	require.LessOrEqual(t, conf.ReadTimeout, time.Minute)
	require.Positive(t, conf.IdleTimeout)
}

// A file's name leads nowhere else, and only listed methods are answered.
func TestS21_StaticFilesAndMethods(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	address, _ := listening(t, k, nil)
	for _, path := range []string{"/static/../go.mod", "/static/..%2fgo.mod", "/static/%2e%2e/go.mod", "/static/%2e%2e%2fgo.mod", "/static/..%252fgo.mod", "/static/..\\go.mod", "/static/..%5cgo.mod", "/static/.hidden", "/static/.env", "/static/.git/config", "/static//etc/passwd",
		"/static/style.css%00.js", "/static/./style.css/../../go.mod", "/static/src/app.js", "/static/", "/static", "/.git/config", "/.env", "/static/%c0%ae%c0%ae/go.mod"} {
		out := raw(t, address, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		require.Regexp(t, `^HTTP/1.1 (404|400) `, out, path)
		require.NotContains(t, out, "module joinery")
	}
	for _, method := range []string{"TRACE", "CONNECT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "FOO"} {
		for _, path := range []string{"/sign-in", "/users", "/static/style.css", "/healthz"} {
			out := raw(t, address, method+" "+path+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Secret: echo-me\r\n\r\n")
			require.Regexp(t, `^HTTP/1.1 (405|501|400) `, out, "%s %s", method, path)
			require.NotContains(t, out, "echo-me")
		}
	}
}

// What is larger than a route takes is refused before anything is read from it.
func TestS20_TooLargeBeforeParsing(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	address, _ := listening(t, k, nil)
	for path, size := range map[string]int{"/sign-in": bodyLimit + 1, "/hooks/nobody": hookBodyLimit + 1, "/api/v1/flows/x": bodyLimit + 1} {
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", path, size)
		require.NoError(t, err)
		if size < bodyLimit { // a hook's body is read up to the server's bound, then judged
			_, err = io.WriteString(conn, strings.Repeat("x", size))
			require.NoError(t, err)
		}
		line, err := bufio.NewReader(conn).ReadString('\n')
		require.NoError(t, err, path)
		require.Contains(t, line, " 413 ", path)
		_ = conn.Close()
	}
}
