package egress

import (
	"compress/gzip"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/fault"
)

// local is a guard that may reach this machine.
func local(t *testing.T) *Guard {
	t.Helper()
	g, err := New("127.0.0.0/8", "::1")
	require.NoError(t, err)
	return g
}

func TestS80_ApprovedTargetsOnly(t *testing.T) {
	t.Parallel()
	var allowed []Target
	for _, text := range []string{"https://api.example.com/v1", "POST https://hooks.example.com:8443/in/", "ok.example.org"} {
		target, err := ParseTarget(text)
		require.NoError(t, err)
		allowed = append(allowed, target)
	}
	for address, ok := range map[string]bool{
		"GET https://api.example.com/v1":             true,
		"GET https://API.example.com:443/v1/x?y=1":   true,
		"GET https://api.example.com/v10":            false,
		"GET https://api.example.com/v1/../v2":       false,
		"GET https://api.example.com/v1/%2e%2e/v2":   false,
		"GET https://api.example.com/v1/..%2fv2":     false,
		"GET https://api.example.com/v1\\..\\v2":     false,
		"GET http://api.example.com/v1":              false,
		"GET https://api.example.com:444/v1":         false,
		"GET https://api.example.com.evil.test/v1":   false,
		"GET https://api.example.com@evil.test/v1":   false,
		"GET https://evil.test#api.example.com/v1":   false,
		"POST https://hooks.example.com:8443/in/a":   true,
		"DELETE https://hooks.example.com:8443/in/a": false,
		"PUT https://ok.example.org/anything":        true,
	} {
		method, target, _ := strings.Cut(address, " ")
		_, err := CheckTarget(allowed, method, target)
		if ok {
			require.NoError(t, err, address)
		} else {
			require.Error(t, err, address)
			require.NotEqual(t, fault.Internal, fault.KindOf(err))
		}
	}
	for _, bad := range []string{"", "ftp://x", "https://", "https://u@h/", "https://h/?q=1"} {
		_, err := ParseTarget(bad)
		require.True(t, fault.Is(err, fault.Invalid), bad)
	}
}

// Environment proxies must not see our calls. Not parallel: it sets variables.
func TestS80_EnvironmentProxiesIgnored(t *testing.T) {
	var proxied atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { proxied.Add(1) }))
	defer proxy.Close()
	for _, k := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(k, proxy.URL)
	}
	_, err := (&Guard{}).HTTPClient(Limits{Timeout: 2 * time.Second}).Get("https://10.0.0.1/")
	require.True(t, fault.Is(err, fault.Forbidden))
	c := local(t).HTTPClient(Limits{})
	require.Nil(t, c.Transport.(*transport).next.Proxy)
	require.Zero(t, proxied.Load())
}

func TestS81_RedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var inside atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/inside" {
			inside.Add(1)
		}
		http.Redirect(w, r, "/inside", http.StatusFound)
	}))
	defer s.Close()
	resp, err := local(t).HTTPClient(Limits{}).Get(s.URL)
	require.NoError(t, err)
	_ = resp.Body.Close()
	require.Equal(t, http.StatusFound, resp.StatusCode)
	require.Zero(t, inside.Load())
}

func TestS81_TLS(t *testing.T) {
	t.Parallel()
	serve := func(conf *tls.Config) *httptest.Server {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		s.TLS = conf
		s.Config.ErrorLog = quiet()
		s.StartTLS()
		t.Cleanup(s.Close)
		return s
	}
	modern, old := serve(nil), serve(&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}) //nolint:gosec // that is the test
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: modern.Certificate().Raw}))

	_, err := local(t).HTTPClient(Limits{}).Get(modern.URL)
	require.True(t, fault.Is(err, fault.Invalid), err)
	require.Contains(t, sentence(err), "authority we do not know")

	trusting, err := WithCA(local(t).HTTPClient(Limits{}), ca)
	require.NoError(t, err)
	resp, err := trusting.Get(modern.URL)
	require.NoError(t, err)
	_ = resp.Body.Close()

	_, err = trusting.Get(old.URL)
	require.True(t, fault.Is(err, fault.Invalid), err)
	require.Contains(t, sentence(err), "TLS 1.2")

	u, _ := url.Parse(modern.URL)
	_, err = trusting.Get("https://127.0.0.2:" + u.Port())
	require.Error(t, err)

	_, err = trusting.Get("https://" + strings.TrimPrefix(plain(t), "http://"))
	require.True(t, fault.Is(err, fault.Invalid), err)
	require.Contains(t, sentence(err), "does not speak TLS")

	_, err = WithCA(trusting, "no pem")
	require.True(t, fault.Is(err, fault.Invalid))
}

func TestS82_AnswersAreBounded(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/exact":
			_, _ = w.Write(make([]byte, 1000))
		case "/huge":
			_, _ = w.Write(make([]byte, 5000))
		case "/endless":
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 4096)); err != nil {
					return
				}
			}
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			for range 1000 {
				_, _ = z.Write(make([]byte, 100_000))
			}
			_ = z.Close()
		case "/headers":
			w.Header().Set("X-Big", strings.Repeat("x", 100_000))
		case "/silent":
			select {
			case <-done:
			case <-r.Context().Done():
			}
		case "/drip":
			for {
				_, _ = w.Write([]byte("."))
				w.(http.Flusher).Flush()
				select {
				case <-done:
					return
				case <-r.Context().Done():
					return
				case <-time.After(20 * time.Millisecond):
				}
			}
		}
	}))
	t.Cleanup(s.Close)
	for path, want := range map[string]fault.Kind{
		"/exact": "", "/huge": fault.TooLarge, "/endless": fault.TooLarge, "/bomb": fault.TooLarge,
		"/headers": fault.TooLarge, "/silent": fault.Unavailable, "/drip": fault.Unavailable,
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			limits := Limits{Timeout: 5 * time.Second, MaxBytes: 1000, MaxHeaderBytes: 10_000}
			if want == fault.Unavailable {
				limits.Timeout = 300 * time.Millisecond
			}
			resp, err := local(t).HTTPClient(limits).Get(s.URL + path)
			var data []byte
			if err == nil {
				data, err = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
			}
			require.LessOrEqual(t, len(data), 1000)
			if want == "" {
				require.NoError(t, err)
				require.Len(t, data, 1000)
				return
			}
			require.True(t, fault.Is(err, want), "%v", err)
		})
	}
}

func TestS83_HeadersOfFlows(t *testing.T) {
	t.Parallel()
	out, err := CleanHeader(http.Header{
		"x-ok": {"1"}, "Host": {"evil"}, "authorization": {"Bearer x"}, "Connection": {"X-Drop, close"}, "X-Drop": {"1"},
		"Transfer-Encoding": {"chunked"}, "te": {"trailers"}, "Content-Length": {"3"}, "Content-Type": {"application/json"}, "Metadata-Flavor": {"Google"},
	})
	require.NoError(t, err)
	require.Equal(t, http.Header{"X-Ok": {"1"}, "Content-Type": {"application/json"}}, out)
	for k, v := range map[string]string{"X": "a\r\nHost: evil", "X\r\nY": "1", "": "1", "Y": "a\x00b", "Z": "a\nb"} {
		_, err := CleanHeader(http.Header{k: {v}})
		require.True(t, fault.Is(err, fault.Invalid), k)
	}
}

func sentence(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Sentence
	}
	return err.Error()
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

func plain(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ErrorLog = quiet()
	t.Cleanup(s.Close)
	return s.URL
}
