package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
)

// front is a small reverse proxy as operators have one: it goes to the nodes in
// turn, and to the next one when a node does not take the connection.
type front struct {
	*httptest.Server
	password string

	mu    sync.Mutex
	nodes []*url.URL
	next  int
	asked map[string]int
}

func newFront(t *testing.T) *front {
	t.Helper()
	f := &front{asked: map[string]int{}}
	f.Server = httptest.NewServer(&httputil.ReverseProxy{Transport: f, FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.Host = r.In.Host
		r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"]
		r.SetXForwarded()
		r.Out.URL.Scheme, r.Out.URL.Host = "http", "nodes"
	}})
	t.Cleanup(f.Server.Close)
	return f
}

func (f *front) add(address string) {
	u, _ := url.Parse(address)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nodes = append(f.nodes, u)
}

// RoundTrip tries each node once, beginning with the next in turn.
func (f *front) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	f.mu.Lock()
	nodes, first := f.nodes, f.next
	f.next++
	f.mu.Unlock()
	err := errors.New("there is no node")
	for k := range nodes {
		to := nodes[(first+k)%len(nodes)]
		out := r.Clone(r.Context())
		out.URL.Host, out.Body = to.Host, io.NopCloser(bytes.NewReader(body))
		var resp *http.Response
		if resp, err = http.DefaultTransport.RoundTrip(out); err == nil {
			f.mu.Lock()
			f.asked[to.Host]++
			f.mu.Unlock()
			return resp, nil
		}
		var dial *net.OpError
		if !errors.As(err, &dial) || dial.Op != "dial" {
			return nil, err
		}
	}
	return nil, err
}

// gate holds requests that create accounts, as a slow directory does.
type gate struct {
	mu      sync.Mutex
	held    chan struct{}
	waiting int
	creates int
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = make(chan struct{})
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held != nil {
		close(g.held)
		g.held = nil
	}
}

func (g *gate) counts() (waiting, creates int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.waiting, g.creates
}

func (g *gate) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			g.mu.Lock()
			held := g.held
			g.waiting++
			g.mu.Unlock()
			if held != nil {
				select {
				case <-held:
				case <-r.Context().Done():
				}
			}
			g.mu.Lock()
			g.waiting--
			if r.Context().Err() == nil {
				g.creates++
			}
			g.mu.Unlock()
		}
		next.ServeHTTP(w, r)
	})
}
