package connectortest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"joinery/internal/connector"
)

// Vendor is what our stand-ins for HR vendors have in common: a listener that is
// held to the vendor's description, trouble on demand, and webhooks to be sent.
// Times come from Now.
type Vendor struct {
	URL string
	Now func() time.Time

	mu         sync.Mutex
	trouble    []Trouble
	asked      []Asked
	deliveries []connector.Delivery
}

// Trouble is what one answer is instead of the right one.
type Trouble struct {
	Method, Path string // "" = any
	Status       int
	Header       map[string]string
	Body         string
	Wait         <-chan struct{} // answer only when it closes, or the caller leaves
	Times        int             // how often; 0 = once
}

// Asked is a request as it came.
type Asked struct {
	Method, Path, Query string
	Body                map[string]any
}

// listen serves next, judged by a description where there is one.
func (v *Vendor) listen(t testing.TB, s *Spec, next http.Handler) {
	t.Helper()
	if v.Now == nil {
		v.Now = time.Now
	}
	var served http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.note(r)
		if v.fails(w, r) {
			return
		}
		next.ServeHTTP(w, r)
	})
	if s != nil {
		served = s.Judge(served)
	}
	server := httptest.NewServer(served)
	t.Cleanup(server.Close)
	v.URL = server.URL
}

// note keeps the request and gives its body back to the next reader.
func (v *Vendor) note(r *http.Request) {
	a := Asked{Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery}
	if r.Body != nil {
		a.Body = bodyOf(r)
	}
	v.mu.Lock()
	v.asked = append(v.asked, a)
	v.mu.Unlock()
}

// Trouble makes the next matching answer, or several, another one.
func (v *Vendor) Trouble(t Trouble) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if t.Times == 0 {
		t.Times = 1
	}
	v.trouble = append(v.trouble, t)
}

func (v *Vendor) fails(w http.ResponseWriter, r *http.Request) bool {
	v.mu.Lock()
	var t *Trouble
	for i := range v.trouble {
		x := &v.trouble[i]
		if x.Times > 0 && (x.Method == "" || x.Method == r.Method) && (x.Path == "" || x.Path == r.URL.Path) {
			x.Times--
			t = x
			break
		}
	}
	v.mu.Unlock()
	if t == nil {
		return false
	}
	if t.Wait != nil {
		select {
		case <-t.Wait:
		case <-r.Context().Done():
		}
		if t.Status == 0 {
			return false
		}
	}
	w.Header().Set("X-Odd", "1")
	for k, x := range t.Header {
		w.Header().Set(k, x)
	}
	w.WriteHeader(t.Status)
	_, _ = w.Write([]byte(t.Body)) // the caller may be gone
	return true
}

// Asked lists the requests since the last time.
func (v *Vendor) Asked() []Asked {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := v.asked
	v.asked = nil
	return out
}

// Deliveries gives the webhooks that are to be sent, and forgets them.
func (v *Vendor) Deliveries() []connector.Delivery {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := v.deliveries
	v.deliveries = nil
	return out
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // to a recorder
}
