package main

import (
	"debug/buildinfo"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/node"
	"joinery/web"
)

// The built program holds the versions that were looked at: older ones of these
// libraries run smuggled requests or have known holes.
func TestS02_ModulesOfTheProgram(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds the program")
	}
	program := filepath.Join(t.TempDir(), "joinery")
	out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	info, err := buildinfo.ReadFile(program)
	require.NoError(t, err)
	least := map[string][3]int{"github.com/gofiber/fiber/v2": {2, 52, 15}, "github.com/valyala/fasthttp": {1, 78, 0}, "github.com/jackc/pgx/v5": {5, 9, 2}}
	for _, m := range info.Deps {
		want, ok := least[m.Path]
		if !ok {
			continue
		}
		require.Nil(t, m.Replace, m.Path)
		var v [3]int
		_, err := fmt.Sscanf(m.Version, "v%d.%d.%d", &v[0], &v[1], &v[2])
		require.NoError(t, err)
		require.False(t, older(v, want), "%s is %s", m.Path, m.Version)
		delete(least, m.Path)
	}
	require.Empty(t, least, "not in the program")
	require.True(t, older([3]int{1, 51, 0}, [3]int{1, 78, 0}))
	require.False(t, older([3]int{2, 0, 0}, [3]int{1, 78, 0}))
}

func older(v, want [3]int) bool {
	for i := range v {
		if v[i] != want[i] {
			return v[i] < want[i]
		}
	}
	return false
}

// What a flow may call is the list at the moment of the call: a listener sees only
// what is on it, with no header that the data wrote.
func TestS80_S83_S44_CallsOfFlows(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seen []string
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.Method+" "+r.RequestURI)
		for name := range r.Header {
			if strings.Contains(name, "Evil") || name == "Authorization" || name == "X-Forwarded-For" {
				seen = append(seen, "header "+name)
			}
		}
		if r.URL.Path == "/ok/away" {
			http.Redirect(w, r, "/secret", http.StatusFound)
		}
	}))
	t.Cleanup(listener.Close)
	s := newShell(t)
	s.env["JOINERY_ALLOW_HOSTS"] = strings.TrimPrefix(listener.URL, "http://")
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY"} {
		s.env[name] = "http://127.0.0.1:1"
	}
	tl := &tool{env: func(k string) string { return s.env[k] }, out: io.Discard, errs: io.Discard}
	h, err := tl.open(t.Context())
	require.NoError(t, err)
	t.Cleanup(h.close)
	allow := func(lines ...string) {
		require.NoError(t, h.db.SaveSetting(t.Context(), auth.Engine(), web.OutboundSetting, lines))
	}
	do := func(method, path string, header http.Header) error {
		_, err := h.call()(t.Context(), node.Request{Method: method, URL: listener.URL + path, Header: header})
		return err
	}
	require.Error(t, do("GET", "/ok/a", nil), "nothing is allowed at first")
	allow("GET,POST " + listener.URL + "/ok")
	require.NoError(t, do("GET", "/ok/a", nil))
	require.NoError(t, do("POST", "/ok/b", http.Header{"Authorization": {"Bearer x"}, "X-Forwarded-For": {"1.2.3.4"}, "Host": {"evil"}}), "what is ours is dropped")
	require.NoError(t, do("GET", "/ok/away", nil), "the answer, not where it points")
	for name, f := range map[string]func() error{
		"another method": func() error { return do("DELETE", "/ok/c", nil) },
		"another path":   func() error { return do("GET", "/secret", nil) },
		"a longer name":  func() error { return do("GET", "/okay", nil) },
		"up and over":    func() error { return do("GET", "/ok/../secret", nil) },
		"encoded":        func() error { return do("GET", "/ok/%2e%2e/secret", nil) },
		"a line break":   func() error { return do("GET", "/ok/d", http.Header{"X-Note": {"a\r\nX-Evil: 1"}}) },
		"in a name":      func() error { return do("GET", "/ok/d", http.Header{"X-Note\r\nX-Evil": {"1"}}) },
		"in the address": func() error { return do("GET", "/ok/d HTTP/1.1\r\nX-Evil: 1\r\n", nil) },
		"in the method":  func() error { return do("GET /ok/d HTTP/1.1\r\nX-Evil: 1\r\n\r\nGET", "/ok/d", nil) },
		"another port": func() error {
			_, err := h.call()(t.Context(), node.Request{Method: "GET", URL: "http://127.0.0.1:1/ok"})
			return err
		},
		"metadata": func() error {
			_, err := h.call()(t.Context(), node.Request{Method: "GET", URL: "http://169.254.169.254/"})
			return err
		},
		"another scheme": func() error {
			_, err := h.call()(t.Context(), node.Request{Method: "GET", URL: "gopher://" + s.env["JOINERY_ALLOW_HOSTS"] + "/ok"})
			return err
		},
		"with a password": func() error {
			_, err := h.call()(t.Context(), node.Request{Method: "GET", URL: strings.Replace(listener.URL, "http://", "http://u:p@", 1) + "/ok"})
			return err
		},
	} {
		require.Error(t, f(), name)
	}
	allow()
	require.Error(t, do("GET", "/ok/a", nil), "taken off the list, refused at the next call")
	require.Equal(t, []string{"GET /ok/a", "POST /ok/b", "GET /ok/away"}, seen)
}
