package chaos

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// call is one request that reached a system.
type call struct {
	n            int // from 1, among all
	method, path string
	query, body  string
	at           time.Time
}

// creates reports whether a call makes an account.
func (c call) creates() bool { return c.method == "POST" && strings.HasSuffix(c.path, "/Users") }

// answer is what goes wrong with one call; the zero value goes well.
type answer struct {
	wait       time.Duration
	until      <-chan struct{} // waits until it is closed
	status     int             // answered without the call having any effect
	retryAfter string
	lose       bool // the call has its effect, and the connection ends without an answer
	truncate   bool // … and the answer ends in the middle
	late       int  // … and the answer is this status
	garbage    bool // … and the answer is a page of a proxy
	refuse     bool // the connection ends without any effect
}

// trouble is a door before a system: it notes every call and lets go wrong what
// a test wants.
type trouble struct {
	URL string

	next http.Handler
	mu   sync.Mutex
	all  []call
	plan func(call) answer
	// look is asked before a call has its effect.
	look func(call)
}

func newTrouble(t *testing.T, next http.Handler) *trouble {
	d := &trouble{next: next}
	s := httptest.NewServer(d)
	t.Cleanup(s.Close)
	d.URL = s.URL
	return d
}

func before(t *testing.T, address string) *trouble {
	u, err := url.Parse(address)
	require.NoError(t, err)
	p := httputil.NewSingleHostReverseProxy(u)
	p.Transport = &http.Transport{MaxIdleConnsPerHost: 64}
	p.ErrorLog = log.New(io.Discard, "", 0) // clients that go away are what is tested
	return newTrouble(t, p)
}

// Plan says from now on what goes wrong; nil nothing.
func (d *trouble) Plan(f func(call) answer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.plan = f
}

func (d *trouble) calls() []call {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]call{}, d.all...)
}

func (d *trouble) count(which func(call) bool) (n int) {
	for _, c := range d.calls() {
		if which(c) {
			n++
		}
	}
	return n
}

// ServeHTTP is the door.
func (d *trouble) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	d.mu.Lock()
	c := call{n: len(d.all) + 1, method: r.Method, path: r.URL.Path, query: r.URL.RawQuery, body: string(body), at: time.Now()}
	d.all = append(d.all, c)
	plan, look := d.plan, d.look
	d.mu.Unlock()
	if look != nil {
		look(c)
	}
	var a answer
	if plan != nil {
		a = plan(c)
	}
	if a.until != nil {
		select {
		case <-a.until:
		case <-r.Context().Done():
			return
		}
	}
	select {
	case <-time.After(a.wait):
	case <-r.Context().Done():
		return
	}
	if a.refuse {
		panic(http.ErrAbortHandler)
	}
	if a.status != 0 {
		if a.retryAfter != "" {
			w.Header().Set("Retry-After", a.retryAfter)
		}
		w.WriteHeader(a.status)
		return
	}
	if !a.lose && !a.truncate && !a.garbage && a.late == 0 {
		d.next.ServeHTTP(w, r)
		return
	}
	kept := httptest.NewRecorder()
	d.next.ServeHTTP(kept, r)
	switch {
	case a.lose:
		panic(http.ErrAbortHandler)
	case a.late != 0:
		w.WriteHeader(a.late)
	case a.truncate:
		w.Header().Set("Content-Type", kept.Header().Get("Content-Type"))
		w.Header().Set("Content-Length", kept.Header().Get("Content-Length"))
		w.WriteHeader(kept.Code)
		_, _ = w.Write(kept.Body.Bytes()[:kept.Body.Len()/2])
		panic(http.ErrAbortHandler)
	default:
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html>Your request is being looked at.</html>")
	}
}
