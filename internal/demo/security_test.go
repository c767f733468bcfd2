package demo_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/connector/hrisrest"
	"joinery/internal/connectortest"
)

// A worker's id is one segment of a path, whatever it holds: what reaches the HRIS
// is the id itself, and nothing beside it.
func TestS84_WorkerIDsInPaths(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var asked []string
	server := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.RequestURI)
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "{}")
	}))
	conn := connectortest.Open(t, hrisrest.Type{}, connector.Settings{Key: "hr", Name: "HR", Type: "hris-rest", Settings: map[string]any{"base_url": server + "/api"}, Private: []string{"127.0.0.1"}}, map[string]string{"token": "x"})
	for _, id := range append(connectortest.Injections(), "1?admin=true", "1#x", "1/../../users", "1%2f..%2f2", "1;a=b", "1\\..\\2", "{id}", "//evil.example/x", "http://evil.example", "@evil.example", "1\r\nX: y", "1 HTTP/1.1") {
		asked = nil
		_, err := conn.(connector.Workers).Worker(t.Context(), id)
		require.Error(t, err, "%q", id)
		for _, uri := range asked {
			last, ok := strings.CutPrefix(uri, "/api/workers/")
			require.True(t, ok, "%q asked for %s", id, uri)
			require.NotContains(t, last, "/", "%q", id)
			require.NotContains(t, last, "?", "%q", id)
			plain, err := url.PathUnescape(last)
			require.NoError(t, err)
			require.Equal(t, id, plain, "literally this worker")
			require.NotContains(t, []string{".", ".."}, last)
		}
	}
}
