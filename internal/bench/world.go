package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// joiner is one person of a measurement; times are Unix nanoseconds, 0 = not yet.
type joiner struct{ sent, accepted, created atomic.Int64 }

// world is what is outside: an HRIS that knows every worker it is asked for, and a
// directory that counts what is made in it.
type world struct {
	addr     string
	latency  atomic.Int64 // of a directory call, ns
	talks    atomic.Int64 // how long an answer of the model goes on, ns
	trouble  atomic.Pointer[trouble]
	server   *http.Server
	onCreate atomic.Pointer[func()]

	mu      sync.RWMutex
	people  map[string]*joiner
	creates atomic.Int64
	doubles atomic.Int64
	unknown atomic.Int64
	limited atomic.Int64
	// repeated are creates that came again under the same Idempotency-Key.
	repeated atomic.Int64
	keys     sync.Map
	calls    atomic.Int64

	bucket struct {
		sync.Mutex
		tokens float64
		at     time.Time
	}
}

// trouble is what the directory makes of its calls.
type trouble struct {
	late  float64 // share of creates whose answer is cut off
	fail  float64 // share of calls answered 503 without effect
	limit float64 // creates a second; 0 = no limit
}

func newWorld() (*world, error) {
	w := &world{people: map[string]*joiner{}}
	w.trouble.Store(&trouble{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	w.addr = ln.Addr().String()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{name}", w.lookup)
	mux.HandleFunc("POST /users", w.create)
	mux.HandleFunc("GET /workers/{id}", w.worker)
	mux.HandleFunc("POST /v1/chat/completions", w.talk)
	w.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = w.server.Serve(ln) }()
	return w, nil
}

func (w *world) close() { _ = w.server.Close() }

func (w *world) expect(id string) *joiner {
	j := &joiner{}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.people[id] = j
	return j
}

// forget starts a new measurement.
func (w *world) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.people = map[string]*joiner{}
	w.creates.Store(0)
	w.doubles.Store(0)
	w.unknown.Store(0)
	w.limited.Store(0)
	w.repeated.Store(0)
	w.keys.Clear()
	w.calls.Store(0)
}

func (w *world) slow() {
	if d := w.latency.Load(); d > 0 {
		time.Sleep(time.Duration(d))
	}
}

func (w *world) fails(rw http.ResponseWriter) bool {
	w.calls.Add(1)
	if rand.Float64() < w.trouble.Load().fail {
		rw.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	return false
}

func (w *world) lookup(rw http.ResponseWriter, _ *http.Request) {
	w.slow()
	if w.fails(rw) {
		return
	}
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(http.StatusNotFound)
	_, _ = io.WriteString(rw, `{"error":"not found"}`)
}

func (w *world) create(rw http.ResponseWriter, r *http.Request) {
	now := time.Now().UnixNano()
	var in struct {
		UserName   string `json:"userName"`
		EmployeeID string `json:"employeeId"`
	}
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &in) // what is not a joiner is counted as unknown
	w.slow()
	if ok, wait := w.take(); !ok {
		w.limited.Add(1)
		rw.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		rw.WriteHeader(http.StatusTooManyRequests)
		return
	}
	if w.fails(rw) {
		return
	}
	w.mu.RLock()
	j := w.people[in.EmployeeID]
	w.mu.RUnlock()
	if key := r.Header.Get("Idempotency-Key"); key != "" {
		// Like the APIs that know this header: the same request again changes nothing.
		if _, again := w.keys.LoadOrStore(key, true); again {
			j = nil
			w.repeated.Add(1)
		}
	}
	switch {
	case j == nil && r.Header.Get("Idempotency-Key") != "":
	case j == nil:
		w.unknown.Add(1)
	case !j.created.CompareAndSwap(0, now):
		w.doubles.Add(1)
	default:
		w.creates.Add(1)
		if f := w.onCreate.Load(); f != nil {
			(*f)()
		}
	}
	if rand.Float64() < w.trouble.Load().late {
		panic(http.ErrAbortHandler)
	}
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(http.StatusCreated)
	_, _ = fmt.Fprintf(rw, `{"id":"u-%s","userName":%q}`, in.EmployeeID, in.UserName)
}

// take says whether the directory's own rate limit lets one more create through.
func (w *world) take() (bool, time.Duration) {
	limit := w.trouble.Load().limit
	if limit <= 0 {
		return true, 0
	}
	b := &w.bucket
	b.Lock()
	defer b.Unlock()
	now := time.Now()
	b.tokens = min(10, b.tokens+now.Sub(b.at).Seconds()*limit)
	b.at = now
	if b.tokens >= 1 {
		b.tokens--
		return true, 0
	}
	return false, time.Duration((1 - b.tokens) / limit * 1e9)
}

// worker is the pretend HRIS: Joinery reads each joiner again, since an event is a
// hint. The baselines believe the webhook and do not call it.
func (w *world) worker(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Content-Type", "application/json")
	id := r.PathValue("id")
	_, _ = fmt.Fprintf(rw, `{"id":%q,"version":"1","first_name":"Ada","last_name":"Lovelace-%d","department":"Engineering","title":"Engineer","start_date":"2026-12-01","employee_number":%q}`, id, number(id)%977, id)
}

func number(id string) int64 {
	_, digits, _ := strings.Cut(id, "-")
	n, _ := strconv.ParseInt(digits, 10, 64)
	return n
}

// body is the webhook that the baselines get; Joinery's is signed and names the
// worker only, which is all it would believe.
func body(id string) string {
	return fmt.Sprintf(`{"employeeId":%q,"firstName":"Ada","lastName":"Lovelace-%d","department":"Engineering","title":"Engineer","startDate":"2026-12-01"}`, id, number(id)%977)
}
