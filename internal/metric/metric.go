// Package metric alone knows what Joinery counts and how Prometheus reads it. A
// Set is handed to the rooms where the numbers arise; a nil Set counts nothing,
// so that tests and commands need none. Labels take few values: node types,
// connections, operations, kinds of outcome. None is about a person.
package metric

import (
	"fmt"
	"io"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"
)

// ContentType is how Write writes.
func ContentType() string { return string(expfmt.NewFormat(expfmt.TypeTextPlain)) }

// maxConnections bounds the label "connection"; what is past it counts as "other".
const maxConnections = 200

// Set is everything one process counts.
type Set struct {
	registry *prometheus.Registry

	stepSeconds, callSeconds, hookSeconds *prometheus.HistogramVec
	batchItems, batchSeconds              *prometheus.HistogramVec
	runsEnded, answers, polls, recovered  *prometheus.CounterVec
	takenOver, echoes                     prometheus.Counter
	writeBacks, driftChecks               *prometheus.CounterVec

	mu          sync.Mutex
	connections map[string]bool
}

// New makes a set that says which build it counts for.
func New(version, revision string) *Set {
	s := &Set{registry: prometheus.NewRegistry(), connections: map[string]bool{}}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	}
	outside := []float64{.005, .025, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	inside := []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5}
	s.stepSeconds = histogram("joinery_step_seconds", "How long tries at steps took, by node type and outcome.", outside, "type", "outcome")
	s.callSeconds = histogram("joinery_connector_call_seconds", "How long calls to outside systems took, by connection, operation and outcome.", outside, "connection", "operation", "outcome")
	s.hookSeconds = histogram("joinery_hook_seconds", "How long webhooks took to be answered, by status code.", inside, "code")
	s.batchItems = histogram("joinery_batch_items", "How many writes shared one commit.", []float64{1, 2, 4, 8, 16, 32, 64, 128, 256}, "batch")
	s.batchSeconds = histogram("joinery_batch_seconds", "How long a shared commit took.", inside, "batch")
	s.runsEnded = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "joinery_runs_ended_total", Help: "Runs that this process brought to an end or parked, by state."}, []string{"state"})
	s.polls = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "joinery_polls_total", Help: "How often an HRIS was asked what has changed, by connection and outcome."}, []string{"connection", "outcome"})
	s.recovered = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "joinery_poll_recovered_total", Help: "Changes found by asking that a webhook should have told, by connection."}, []string{"connection"})
	s.answers = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "joinery_http_answers_total", Help: "Answered HTTP requests by status code."}, []string{"code"})
	s.takenOver = prometheus.NewCounter(prometheus.CounterOpts{Name: "joinery_lease_takeovers_total", Help: "Runs that this process took over because their lease had run out."})
	s.echoes = prometheus.NewCounter(prometheus.CounterOpts{Name: "joinery_echoes_total", Help: "Events that only told of our own write and started no run."})
	s.writeBacks = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "joinery_write_backs_total", Help: "Fields of an HRIS that were to be written back, by how it went."}, []string{"outcome"})
	s.driftChecks = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "joinery_drift_checks_total", Help: "Fields of an HRIS that were looked at again, by what was found."}, []string{"outcome"})
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "joinery_build_info", Help: "Which program this is; always 1."}, []string{"version", "revision", "go"})
	build.WithLabelValues(version, revision, runtime.Version()).Set(1)
	s.registry.MustRegister(s.stepSeconds, s.callSeconds, s.hookSeconds, s.batchItems, s.batchSeconds, s.runsEnded, s.answers, s.polls, s.recovered, s.takenOver, s.echoes, s.writeBacks, s.driftChecks, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return s
}

// Step counts one try at a step. Outcome is passed, waits, retries, failed, parked or given_back.
func (s *Set) Step(nodeType, outcome string, took time.Duration) {
	if s != nil {
		s.stepSeconds.WithLabelValues(nodeType, outcome).Observe(took.Seconds())
	}
}

// Call counts one call to an outside system. Outcome is ok or a kind of fault.
func (s *Set) Call(connection, operation, outcome string, took time.Duration) {
	if s != nil {
		s.callSeconds.WithLabelValues(s.bounded(connection), operation, outcome).Observe(took.Seconds())
	}
}

// Answer counts one answered request; hook says that it came to a webhook address.
func (s *Set) Answer(code int, hook bool, took time.Duration) {
	if s == nil {
		return
	}
	text := strconv.Itoa(code)
	s.answers.WithLabelValues(text).Inc()
	if hook {
		s.hookSeconds.WithLabelValues(text).Observe(took.Seconds())
	}
}

// Batch counts one shared commit of checkpoints, events or intents.
func (s *Set) Batch(batch string, items int, took time.Duration) {
	if s != nil {
		s.batchItems.WithLabelValues(batch).Observe(float64(items))
		s.batchSeconds.WithLabelValues(batch).Observe(took.Seconds())
	}
}

// RunEnded counts a run that came to an end, or parked.
func (s *Set) RunEnded(state string) {
	if s != nil {
		s.runsEnded.WithLabelValues(state).Inc()
	}
}

// Poll counts one look at what has changed in an HRIS. Outcome is ok or a kind of fault.
func (s *Set) Poll(connection, outcome string) {
	if s != nil {
		s.polls.WithLabelValues(s.bounded(connection), outcome).Inc()
	}
}

// Recovered counts changes whose webhook never came.
func (s *Set) Recovered(connection string, n int) {
	if s != nil && n > 0 {
		s.recovered.WithLabelValues(s.bounded(connection)).Add(float64(n))
	}
}

// TakenOver counts runs taken from processes that died.
func (s *Set) TakenOver(n int) {
	if s != nil {
		s.takenOver.Add(float64(n))
	}
}

// Echo counts events that were our own echo.
func (s *Set) Echo(n int) {
	if s != nil && n > 0 {
		s.echoes.Add(float64(n))
	}
}

// WriteBack counts one field that was to be written back. Outcome is written,
// verified, conflict, refused, not_verified or undone.
func (s *Set) WriteBack(outcome string) {
	if s != nil {
		s.writeBacks.WithLabelValues(outcome).Inc()
	}
}

// DriftCheck counts one field that was looked at again. Outcome is same, drift,
// gone, released or unavailable.
func (s *Set) DriftCheck(outcome string) {
	if s != nil {
		s.driftChecks.WithLabelValues(outcome).Inc()
	}
}

// bounded keeps the number of connections that are told apart in bounds.
func (s *Set) bounded(connection string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.connections[connection] {
		return connection
	}
	if len(s.connections) >= maxConnections {
		return "other"
	}
	s.connections[connection] = true
	return connection
}

// Reading is a number read at the moment of the scrape.
type Reading struct {
	Name, Help string
	// Label and Key are "" where there is only one such number.
	Label, Key string
	Value      float64
	// Counter says that it only grows.
	Counter bool
}

// Write writes everything in the Prometheus text format, with the readings.
func (s *Set) Write(w io.Writer, readings []Reading) error {
	now := prometheus.NewRegistry()
	if err := now.Register(scrape(readings)); err != nil {
		return fmt.Errorf("read numbers: %w", err)
	}
	families, err := prometheus.Gatherers{s.registry, now}.Gather()
	if err != nil {
		return fmt.Errorf("gather numbers: %w", err)
	}
	enc := expfmt.NewEncoder(w, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, f := range families {
		if err := enc.Encode(f); err != nil {
			return fmt.Errorf("write numbers: %w", err)
		}
	}
	return nil
}

type scrape []Reading

var _ prometheus.Collector = scrape{}

// Describe describes nothing: the numbers are made at each scrape.
func (r scrape) Describe(chan<- *prometheus.Desc) {}

// Collect gives the readings.
func (r scrape) Collect(out chan<- prometheus.Metric) {
	for _, n := range r {
		kind := prometheus.GaugeValue
		if n.Counter {
			kind = prometheus.CounterValue
		}
		var labels, keys []string
		if n.Label != "" {
			labels, keys = []string{n.Label}, []string{n.Key}
		}
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(n.Name, n.Help, labels, nil), kind, n.Value, keys...)
	}
}
