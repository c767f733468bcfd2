package connectortest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"joinery/internal/connector"
)

// REST is a stand-in for an HRIS with a plain REST API, as the generic connector
// expects one unless its settings say otherwise.
type REST struct {
	Vendor
	Token string

	workers map[string]map[string]any
}

// StartREST starts a stand-in for one test.
func StartREST(t testing.TB, now func() time.Time) *REST {
	t.Helper()
	s := &REST{Vendor: Vendor{Now: now}, Token: "token-41c07be2d9", workers: map[string]map[string]any{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /workers", s.list)
	mux.HandleFunc("GET /workers/{id}", s.read)
	mux.HandleFunc("PATCH /workers/{id}", s.update)
	s.listen(t, nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+s.Token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	return s
}

// Settings are a connection's settings for this system.
func (s *REST) Settings(key string) connector.Settings {
	return connector.Settings{Key: key, Name: "HRIS", Type: "hris-rest", Private: []string{"127.0.0.1"}, Settings: map[string]any{"base_url": s.URL}}
}

// Hire adds a worker and gives its id.
func (s *REST) Hire(attributes map[string]any) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := strconv.Itoa(len(s.workers) + 1)
	w := maps.Clone(attributes)
	w["id"], w["version"], w["updated_at"] = id, "1", s.Now().UTC().Format(time.RFC3339)
	s.workers[id] = w
	return id
}

// Stored gives what is stored.
func (s *REST) Stored(id, name string) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.workers[id][name]
}

func (s *REST) list(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	items := []any{}
	for _, id := range slices.Sorted(maps.Keys(s.workers)) {
		items = append(items, s.workers[id])
	}
	answer(w, 200, map[string]any{"items": items, "next": ""})
}

func (s *REST) read(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.workers[r.PathValue("id")]; x != nil {
		answer(w, 200, x)
		return
	}
	w.WriteHeader(http.StatusNotFound)
}

func (s *REST) update(w http.ResponseWriter, r *http.Request) {
	var set map[string]any
	if err := json.NewDecoder(r.Body).Decode(&set); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.workers[r.PathValue("id")]
	if x == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	maps.Copy(x, set)
	answer(w, 200, x)
}
