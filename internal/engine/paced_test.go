package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/connector/all"
	"joinery/internal/connector/fake"
	"joinery/internal/joiner"
	"joinery/internal/node"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
)

// limited is a service that takes so many requests a second, 10 at once.
type limited struct {
	mu              sync.Mutex
	rate            float64
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
	l.tokens = min(10, l.tokens+now.Sub(l.at).Seconds()*l.rate)
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
// nothing, does nothing twice and comes near to what is allowed. The service allows a
// quarter of what this machine manages at the moment without a limit, and the time in
// which the machine then stood still does not count, nor what that costs, so that its
// other work does not decide. How near it comes to the limit, on machines that stand
// still too, is proved by a clock of its own in the room egress. It has three goes.
func TestHTTPRequest_LearnsThePace(t *testing.T) {
	if testing.Short() {
		t.Skip("runs in real time")
	}
	pgtest.WithoutRaceDetector(t)
	h := open(t) // alone: others beside it would be measured, too
	l := &limited{taken: map[string]int{}, rate: 1e9}
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
	const flow = "key: push\nname: Push\ntrigger: hired\nnodes:\n  - {id: hired, type: hris.event, params: {connection: hr, events: [worker.hired]}}\n  - {id: push, type: http.request, params: {method: POST, url: \"URL\", body: \"{{ joiner.employee_number }}\"}}\nedges:\n  - {from: hired.started, to: push}\n"
	h.live(review.Flow, "push", strings.ReplaceAll(flow, "URL", server.URL))
	h.e.Pool.Catalog = all.Of(everybody{})
	h.start()
	l.bulk(h, 400)
	able := 400 / l.finished.Sub(l.begun).Seconds()

	for goes := 1; ; goes++ {
		if took, enough := l.limitedBulk(h, flow, min(100, able/4)); took < enough {
			return
		}
		require.Less(t, goes, 3, "three of fifteen seconds go into learning; none of three goes came near")
	}
}

// limitedBulk sends 15 seconds' worth of requests to a host whose pace nobody knows. It
// gives how long they took, and what would be too long.
func (l *limited) limitedBulk(h *house, flow string, rate float64) (took, enough time.Duration) {
	server := httptest.NewServer(l)
	defer server.Close()
	h.live(review.Flow, "push", strings.ReplaceAll(flow, "URL", server.URL))
	*l = limited{taken: map[string]int{}, rate: rate}
	runs := int(15 * rate)
	held := l.bulk(h, runs)
	took, ideal := l.finished.Sub(l.begun), time.Duration(float64(runs)/rate*float64(time.Second))
	h.t.Logf("%d requests at %.0f a second: %s instead of %s, stood still for %s, %d refused, %d too early", runs, rate, took, ideal, held, l.refused, l.early)
	for id, n := range l.taken {
		require.Equal(h.t, 1, n, id)
	}
	require.Less(h.t, l.refused, 24+runs/50, "the first volley, and few after it")
	return took, 2*ideal + 3*held
}

// bulk starts so many runs and waits until the service took a request of each. It
// gives how long the machine was held up meanwhile: what it took longer than 60 ms
// for a rest of 20 ms and one commit.
func (l *limited) bulk(h *house, runs int) (held time.Duration) {
	h.t.Helper()
	workers := make([]string, runs)
	for i := range workers {
		workers[i] = fmt.Sprint(int(l.rate), "-", i)
	}
	_, err := h.db.StartRuns(h.t.Context(), anna, postgres.Start{Flow: "push", Mode: run.Live, Workers: workers})
	require.NoError(h.t, err)
	for end, last := time.Now().Add(10*time.Minute), time.Now(); ; time.Sleep(20 * time.Millisecond) {
		now := time.Now()
		h.clock.Forward(now.Sub(last)) // the clock goes as time does
		held += max(0, now.Sub(last)-60*time.Millisecond)
		last = now
		l.mu.Lock()
		done := len(l.taken)
		l.mu.Unlock()
		if done == runs {
			return held
		}
		require.True(h.t, now.Before(end), "%d of %d before the test is taken to hang", done, runs)
		h.e.Kick()
		require.NoError(h.t, h.db.SaveSetting(h.t.Context(), anna, "probe", done))
	}
}
