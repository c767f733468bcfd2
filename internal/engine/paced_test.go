package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/connector/all"
	"joinery/internal/connector/fake"
	"joinery/internal/joiner"
	"joinery/internal/node"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
)

// limited is a service that takes 100 requests a second, 10 at once.
type limited struct {
	mu              sync.Mutex
	tokens          float64
	at              time.Time
	taken           map[string]int
	refused         int
	pausedUntil     time.Time
	early           int // came before the time that was asked for
	begun, finished time.Time
}

func (l *limited) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.begun.IsZero() {
		l.begun, l.at, l.tokens = now, now, 10
	}
	l.tokens = min(10, l.tokens+now.Sub(l.at).Seconds()*100)
	l.at = now
	if l.tokens < 1 {
		l.refused++
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		l.pausedUntil = now.Add(time.Second)
		return
	}
	if now.Before(l.pausedUntil.Add(-50*time.Millisecond)) && now.After(l.pausedUntil.Add(-950*time.Millisecond)) {
		l.early++
	}
	l.tokens--
	l.taken[string(body)]++
	l.finished = now
	w.WriteHeader(http.StatusCreated)
}

// everybody is an HRIS that knows every worker by number, and at once.
type everybody struct{ fake.HRIS }

func (everybody) Open(context.Context, connector.Config) (connector.Conn, error) {
	return everyone{}, nil
}

type everyone struct{ connector.Conn }

func (everyone) Close() error { return nil }

func (everyone) Worker(_ context.Context, id string) (joiner.Worker, error) {
	return joiner.Worker{ID: id, Attributes: map[string]any{"last_name": "L", "employee_number": id}}, nil
}

func (everyone) Changed(context.Context, time.Time, string) ([]joiner.Worker, string, error) {
	return nil, "", nil
}

// A bulk run into a service that limits its callers meets few refusals, loses
// nothing and does nothing twice. How near it comes to what is allowed is proved by
// a clock of its own in the room egress.
func TestHTTPRequest_LearnsThePace(t *testing.T) {
	if testing.Short() {
		t.Skip("runs in real time")
	}
	t.Parallel()
	h := open(t)
	l := &limited{taken: map[string]int{}}
	server := httptest.NewServer(l)
	t.Cleanup(server.Close)
	client := server.Client()
	h.e.HTTP = func(ctx context.Context, r node.Request) (node.Response, error) {
		req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, bytes.NewReader(r.Body))
		if err != nil {
			return node.Response{}, err
		}
		resp, err := client.Do(req)
		if err != nil {
			return node.Response{}, err
		}
		defer func() { _ = resp.Body.Close() }()
		return node.Response{Status: resp.StatusCode, Header: resp.Header}, nil
	}
	h.live(review.Flow, "push", fmt.Sprintf("key: push\nname: Push\ntrigger: hired\nnodes:\n  - {id: hired, type: hris.event, params: {connection: hr, events: [worker.hired]}}\n  - {id: push, type: http.request, params: {method: POST, url: %q, body: \"{{ joiner.employee_number }}\"}}\nedges:\n  - {from: hired.started, to: push}\n", server.URL))
	const runs = 1000
	h.e.Pool.Catalog = all.Of(everybody{})
	h.start()
	workers := make([]string, runs)
	for i := range workers {
		workers[i] = fmt.Sprint(i)
	}
	_, err := h.db.StartRuns(t.Context(), anna, postgres.Start{Flow: "push", Mode: run.Live, Workers: workers})
	require.NoError(t, err)
	for end, last := time.Now().Add(60*time.Second), time.Now(); ; time.Sleep(20 * time.Millisecond) {
		now := time.Now()
		h.clock.Forward(now.Sub(last)) // the clock goes as time does
		last = now
		l.mu.Lock()
		done := len(l.taken) == runs
		l.mu.Unlock()
		if done {
			break
		}
		require.True(t, now.Before(end), "not done in time")
		h.e.Kick()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	t.Logf("%d requests in %s, %d refused, %d too early", runs, l.finished.Sub(l.begun), l.refused, l.early)
	for id, n := range l.taken {
		require.Equal(t, 1, n, id)
	}
	require.Less(t, l.refused, runs/20)
}
