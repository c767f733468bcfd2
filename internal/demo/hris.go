package demo

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// worker is a person in the demo HRIS, in its own JSON.
type worker struct {
	ID            string    `json:"id"`
	FirstName     string    `json:"first_name"`
	LastName      string    `json:"last_name"`
	PreferredName string    `json:"preferred_name,omitempty"`
	Department    string    `json:"department"`
	Title         string    `json:"title"`
	Location      string    `json:"location"`
	Country       string    `json:"country"`
	TimeZone      string    `json:"time_zone"`
	ManagerID     string    `json:"manager_id,omitempty"`
	StartDate     string    `json:"start_date"`
	EndDate       string    `json:"end_date,omitempty"`
	WorkerType    string    `json:"worker_type"`
	Status        string    `json:"status"`
	EmployeeNo    string    `json:"employee_number"`
	PersonalEmail string    `json:"personal_email,omitempty"`
	WorkEmail     string    `json:"work_email,omitempty"`
	Version       int       `json:"version"`
	UpdatedAt     time.Time `json:"updated_at"`
}

func (w worker) name() string { return strings.TrimSpace(w.FirstName + " " + w.LastName) }

// delivery is one webhook, kept until it is delivered or refused for good.
type delivery struct {
	ID      string   `json:"id"`
	Type    string   `json:"type"`
	Worker  string   `json:"worker"`
	Changed []string `json:"changed,omitempty"`
	// Actor is who made the change: hrActor, or apiActor for a program with the token.
	Actor  string    `json:"actor,omitempty"`
	At     time.Time `json:"at"`
	Tries  int       `json:"tries"`
	NextAt time.Time `json:"next_at"`
	Status int       `json:"status"`
	Error  string    `json:"error,omitempty"`
	Done   bool      `json:"done"`
}

// Who changes people.
const (
	hrActor  = "hr"
	apiActor = "api"
)

type hrisState struct {
	Workers    []worker   `json:"workers"`
	Deliveries []delivery `json:"deliveries"`
	Next       int        `json:"next"`
}

type hris struct {
	keys  keys
	cfg   Config
	mails *mailbox
	store store[hrisState]
	wake  chan struct{}

	mu    sync.Mutex
	state hrisState
}

func openHRIS(path string, k keys, cfg Config, mails *mailbox) (*hris, error) {
	h := &hris{keys: k, cfg: cfg, mails: mails, store: store[hrisState]{path: path}, wake: make(chan struct{}, 1)}
	if err := h.store.load(&h.state); err != nil {
		return nil, err
	}
	if h.state.Next == 0 {
		h.state = seed(cfg.Now())
		if err := h.store.save(h.state); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// change changes the state and keeps it; nothing is changed when f gives an error.
func (h *hris) change(f func(s *hrisState) error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	next := hrisState{Workers: slices.Clone(h.state.Workers), Deliveries: slices.Clone(h.state.Deliveries), Next: h.state.Next}
	if err := f(&next); err != nil {
		return err
	}
	if n := len(next.Deliveries); n > 300 {
		next.Deliveries = slices.DeleteFunc(next.Deliveries, func(d delivery) bool { n--; return d.Done && n >= 200 })
	}
	if err := h.store.save(next); err != nil {
		return err
	}
	h.state = next
	select {
	case h.wake <- struct{}{}:
	default:
	}
	return nil
}

func (h *hris) snapshot() hrisState {
	h.mu.Lock()
	defer h.mu.Unlock()
	return hrisState{Workers: slices.Clone(h.state.Workers), Deliveries: slices.Clone(h.state.Deliveries), Next: h.state.Next}
}

// announce adds a webhook about a worker.
func (s *hrisState) announce(kind, worker, actor string, changed []string, now time.Time) {
	s.Next++
	s.Deliveries = append(s.Deliveries, delivery{ID: fmt.Sprintf("evt_%d_%d", now.UnixMilli(), s.Next), Type: kind, Worker: worker, Changed: changed, Actor: actor, At: now, NextAt: now})
}

func (s *hrisState) find(id string) *worker {
	for i := range s.Workers {
		if s.Workers[i].ID == id {
			return &s.Workers[i]
		}
	}
	return nil
}

func (h *hris) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/workers", h.guarded(h.apiList))
	mux.HandleFunc("GET /api/workers/{id}", h.guarded(h.apiRead))
	mux.HandleFunc("PATCH /api/workers/{id}", h.guarded(h.apiUpdate))
	h.pages(mux)
	return headers(mux)
}

func (h *hris) guarded(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(token), []byte(h.keys.HRISToken)) != 1 {
			answer(w, http.StatusUnauthorized, map[string]any{"message": "the token is not valid"})
			return
		}
		next(w, r)
	}
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func etag(w worker) string { return fmt.Sprintf(`"%d"`, w.Version) }

func (h *hris) apiRead(w http.ResponseWriter, r *http.Request) {
	s := h.snapshot()
	x := s.find(r.PathValue("id"))
	if x == nil {
		answer(w, http.StatusNotFound, map[string]any{"message": "there is no such worker"})
		return
	}
	w.Header().Set("ETag", etag(*x))
	answer(w, http.StatusOK, x)
}

func (h *hris) apiList(w http.ResponseWriter, r *http.Request) {
	const size = 50
	s := h.snapshot()
	since, _ := time.Parse(time.RFC3339, r.URL.Query().Get("updated_since"))
	from, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
	slices.SortStableFunc(s.Workers, func(a, b worker) int { return a.UpdatedAt.Compare(b.UpdatedAt) })
	all := slices.DeleteFunc(s.Workers, func(x worker) bool { return !x.UpdatedAt.After(since) })
	from = max(0, min(from, len(all)))
	to := min(from+size, len(all))
	next := ""
	if to < len(all) {
		next = strconv.Itoa(to)
	}
	answer(w, http.StatusOK, map[string]any{"items": all[from:to], "next": next})
}

// apiUpdate takes the write-back fields and no others.
func (h *hris) apiUpdate(w http.ResponseWriter, r *http.Request) {
	var in map[string]json.RawMessage
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&in); err != nil {
		answer(w, http.StatusBadRequest, map[string]any{"message": "the body is not JSON"})
		return
	}
	status, message := http.StatusOK, ""
	var out worker
	err := h.change(func(s *hrisState) error {
		x := s.find(r.PathValue("id"))
		refuse := func(code int, why string) error {
			status, message = code, why
			return fmt.Errorf("refused")
		}
		switch {
		case x == nil:
			return refuse(http.StatusNotFound, "there is no such worker")
		case r.Header.Get("If-Match") != "" && r.Header.Get("If-Match") != etag(*x):
			return refuse(http.StatusPreconditionFailed, "the worker changed meanwhile")
		}
		var changed []string
		for name, raw := range in {
			var text string
			if json.Unmarshal(raw, &text) != nil || len(text) > 320 {
				return refuse(http.StatusUnprocessableEntity, name+" must be a text")
			}
			field := map[string]*string{"work_email": &x.WorkEmail, "employee_number": &x.EmployeeNo}[name]
			if field == nil {
				return refuse(http.StatusUnprocessableEntity, name+" cannot be written through the API")
			}
			if *field != text {
				*field = text
				changed = append(changed, name)
			}
		}
		if len(changed) > 0 {
			slices.Sort(changed)
			x.Version++
			x.UpdatedAt = h.cfg.Now().UTC()
			s.announce("worker.updated", x.ID, apiActor, changed, x.UpdatedAt)
		}
		out = *x
		return nil
	})
	if err != nil {
		if status == http.StatusOK {
			status, message = http.StatusInternalServerError, "the change could not be kept"
		}
		answer(w, status, map[string]any{"message": message})
		return
	}
	w.Header().Set("ETag", etag(out))
	answer(w, http.StatusOK, out)
}
