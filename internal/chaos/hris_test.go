package chaos

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"
)

// hris is the source of the people: it answers what a worker is now.
type hris struct {
	mu     sync.Mutex
	people map[string]map[string]any
	reads  map[string]int
}

// Set changes or adds a person.
func (h *hris) Set(id string, change map[string]any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.people == nil {
		h.people, h.reads = map[string]map[string]any{}, map[string]int{}
	}
	p := h.people[id]
	if p == nil {
		p = map[string]any{"id": id, "first_name": "Ada", "last_name": "No" + id, "department": "Engineering", "status": "planned", "worker_type": "employee", "time_zone": "UTC",
			"start_date": time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly)}
	}
	p = maps.Clone(p)
	maps.Copy(p, change)
	h.people[id] = p
}

func (h *hris) person(id string) map[string]any {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.people[id]
}

// ServeHTTP answers GET /workers/{id}.
func (h *hris) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := strings.TrimPrefix(r.URL.Path, "/workers/")
	h.mu.Lock()
	p, ok := h.people[id]
	if ok {
		h.reads[id]++
	}
	h.mu.Unlock()
	if !ok {
		http.Error(w, fmt.Sprintf("no worker %s", id), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(p)
}
