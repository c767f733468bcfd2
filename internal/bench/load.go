package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"joinery/internal/connector/hrisrest"
)

// load is how joiners are sent.
type load struct {
	clients int
	// warm and length bound a closed loop; each client keeps one joiner between
	// webhook and create.
	warm, length time.Duration
	// rate is an open loop, webhooks a second for length; its answer times count
	// from the intended moment of sending.
	rate float64
	// total sends that many as fast as they are accepted and waits for all.
	total int
	drain time.Duration
	kind  string // type of event, for the Joinery row
}

// Result is one measurement of one row.
type Result struct {
	Row       string      `json:"row"`
	Scenario  string      `json:"scenario"`
	Clients   int         `json:"clients"`
	LatencyMS float64     `json:"latency_ms"`
	Seconds   float64     `json:"seconds"`
	Accepted  int64       `json:"accepted"`
	Done      int64       `json:"done"`
	PerSecond float64     `json:"per_second"`
	Answer    percentiles `json:"answer_ms"`
	EndToEnd  percentiles `json:"end_to_end_ms"`
	EngineCPU float64     `json:"engine_cpu_ms_per_run"`
	PgCPU     float64     `json:"postgres_cpu_ms_per_run"`
	LoadCPU   float64     `json:"load_cpu_ms_per_run"` // of the load generator and the pretend systems
	Rows      float64     `json:"rows_written_per_run"`
	WALKB     float64     `json:"wal_kb_per_run"`
	IdleMB    float64     `json:"idle_mb"`
	PeakMB    float64     `json:"peak_mb"`
	Errors    int64       `json:"errors"`
	Doubles   int64       `json:"doubles"`
	Lost      int64       `json:"lost"`
	Limited   int64       `json:"limited"`
	// Forecast is how far from the end the forecast after a minute was, as a share of the whole time.
	Forecast float64     `json:"forecast_error,omitempty"`
	First    string      `json:"first_error,omitempty"`
	Pages    percentiles `json:"pages_ms"` // of the run list meanwhile, where asked for
}

// sender posts webhooks to one row.
type sender struct {
	w      *world
	row    *row
	client *http.Client
	prefix string
	seq    atomic.Int64
	kind   string
	slots  chan struct{}

	measuring atomic.Bool
	errors    atomic.Int64
	mu        sync.Mutex
	first     string
	answers   []float64
	all       []*joiner
}

func (s *sender) send(intended time.Time) {
	id := fmt.Sprintf("%s-%d", s.prefix, s.seq.Add(1))
	j := s.w.expect(id)
	if s.slots != nil {
		s.slots <- struct{}{}
	}
	counts := s.measuring.Load()
	begin := time.Now()
	if !intended.IsZero() {
		begin = intended
	}
	j.sent.Store(begin.UnixNano())
	err := s.post(id)
	end := time.Now()
	if err != nil {
		s.errors.Add(1)
		s.mu.Lock()
		if s.first == "" {
			s.first = err.Error()
		}
		s.mu.Unlock()
		s.free()
		return
	}
	j.accepted.Store(end.UnixNano())
	if counts {
		s.mu.Lock()
		s.answers = append(s.answers, float64(end.Sub(begin).Microseconds())/1000)
		s.all = append(s.all, j)
		s.mu.Unlock()
	}
}

func (s *sender) free() {
	if s.slots != nil {
		select {
		case <-s.slots:
		default:
		}
	}
}

func (s *sender) post(id string) error {
	text := body(id)
	header := map[string]string{}
	if s.row.joinery {
		text = fmt.Sprintf(`{"type":%q,"timestamp":%q,"data":{"worker_id":%q}}`, s.kind, time.Now().UTC().Format(time.RFC3339), id)
		var err error
		if header, err = hrisrest.Sign(hookSecret, "msg_"+id, time.Now(), []byte(text)); err != nil {
			return err
		}
	}
	req, err := http.NewRequest(http.MethodPost, s.row.hook(), strings.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	for k, v := range header {
		req.Header.Set(k, v)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	said, _ := io.ReadAll(io.LimitReader(res.Body, 2048))
	if res.StatusCode != http.StatusAccepted && (s.row.joinery || res.StatusCode/100 != 2) {
		return fmt.Errorf("%s %s", res.Status, said)
	}
	return nil
}

// measure sends one load to one row.
func (b *Bench) measure(ctx context.Context, r *row, scenario string, l load) Result {
	b.world.forget()
	s := &sender{w: b.world, row: r, kind: l.kind, prefix: fmt.Sprintf("w%x", time.Now().UnixMilli()), client: &http.Client{Timeout: 2 * time.Minute,
		Transport: &http.Transport{MaxIdleConns: l.clients + 600, MaxIdleConnsPerHost: l.clients + 600, DisableCompression: true}}}
	defer s.client.CloseIdleConnections()
	if s.kind == "" {
		s.kind = "worker.hired"
	}
	out := Result{Row: r.name, Scenario: scenario, Clients: l.clients, LatencyMS: float64(b.world.latency.Load()) / 1e6}
	_, out.IdleMB = usage(r.pid())
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var peak atomic.Int64
	go func() {
		for tick := time.NewTicker(500 * time.Millisecond); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
				if _, mb := usage(r.pid()); int64(mb) > peak.Load() {
					peak.Store(int64(mb))
				}
			}
		}
	}()
	var cpu, pg, own float64
	var began time.Time
	var before, after writes
	begin := func() {
		before = r.written(ctx)
		cpu, _ = usage(r.pid())
		pg, _ = usage(b.pgPID)
		own = ownCPU()
		began = time.Now()
		s.measuring.Store(true)
	}
	end := func() {
		c, _ := usage(r.pid())
		p, _ := usage(b.pgPID)
		out.EngineCPU, out.PgCPU, out.LoadCPU = c-cpu, p-pg, ownCPU()-own
		after = r.written(ctx)
	}
	drain := l.drain
	if drain == 0 {
		drain = time.Minute
	}
	switch {
	case l.total > 0:
		begin()
		s.closed(ctx, l.clients, l.total)
		s.wait(ctx, drain)
		end()
	case l.rate > 0:
		begin()
		s.open(ctx, l.rate, l.length)
		s.wait(ctx, drain)
		end()
	default:
		s.slots = make(chan struct{}, l.clients)
		free := s.free
		b.world.onCreate.Store(&free)
		loop, cancel := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() { s.closed(loop, l.clients, 1<<40); close(done) }()
		sleep(ctx, l.warm)
		begin()
		before := b.world.creates.Load()
		sleep(ctx, l.length)
		out.Done, out.Seconds = b.world.creates.Load()-before, time.Since(began).Seconds()
		end()
		s.measuring.Store(false)
		cancel()
		for range l.clients { // whoever waits for a free place goes on and ends
			s.free()
		}
		<-done
		s.wait(ctx, drain)
		b.world.onCreate.Store(nil)
	}
	s.sum(&out, began)
	wrote := after.since(before, out.Done)
	out.Rows, out.WALKB = wrote.rows, wrote.walBytes/1024
	out.PeakMB = float64(peak.Load())
	return out
}

func (s *sender) closed(ctx context.Context, clients, total int) {
	var left atomic.Int64
	left.Store(int64(total))
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for ctx.Err() == nil && left.Add(-1) >= 0 {
				s.send(time.Time{})
			}
		})
	}
	wg.Wait()
}

func (s *sender) open(ctx context.Context, rate float64, length time.Duration) {
	began := time.Now()
	var wg sync.WaitGroup
	for i := range int(rate * length.Seconds()) {
		at := began.Add(time.Duration(float64(i) / rate * 1e9))
		sleep(ctx, time.Until(at))
		wg.Go(func() { s.send(at) })
	}
	wg.Wait()
}

// wait ends when every accepted joiner has an account, or after a while.
func (s *sender) wait(ctx context.Context, most time.Duration) {
	for end := time.Now().Add(most); s.missing() > 0 && time.Now().Before(end) && ctx.Err() == nil; {
		sleep(ctx, 50*time.Millisecond)
	}
}

func (s *sender) missing() (n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.all {
		if j.created.Load() == 0 {
			n++
		}
	}
	return n
}

func (s *sender) sum(out *Result, began time.Time) {
	out.Lost = s.missing()
	s.mu.Lock()
	defer s.mu.Unlock()
	var times []float64
	var last int64
	for _, j := range s.all {
		if c := j.created.Load(); c > 0 {
			times = append(times, float64(c-j.sent.Load())/1e6)
			last = max(last, c)
		}
	}
	out.Accepted = int64(len(s.all))
	out.Forecast = forecastAfter(s.all, began, time.Minute)
	if out.Seconds == 0 {
		out.Done, out.Seconds = int64(len(times)), float64(last-began.UnixNano())/1e9
	}
	if out.Seconds > 0 {
		out.PerSecond = float64(out.Done) / out.Seconds
	}
	if out.Done > 0 {
		out.EngineCPU, out.PgCPU, out.LoadCPU = out.EngineCPU/float64(out.Done), out.PgCPU/float64(out.Done), out.LoadCPU/float64(out.Done)
	}
	out.Answer, out.EndToEnd = percentilesOf(s.answers), percentilesOf(times)
	out.Errors, out.Doubles, out.Limited, out.First = s.errors.Load(), s.w.doubles.Load(), s.w.limited.Load(), s.first
}

func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
