package main

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"joinery/internal/pgtest"
)

// receiver is a collector that takes OTLP over HTTP and keeps the spans.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	raw   [][]byte
	spans []*otlp.Span
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var body io.Reader = req.Body
		if req.Header.Get("Content-Encoding") == "gzip" {
			body, _ = gzip.NewReader(req.Body)
		}
		raw, err := io.ReadAll(body)
		var in collector.ExportTraceServiceRequest
		if err != nil || req.URL.Path != "/v1/traces" || req.Header.Get("Content-Type") != "application/x-protobuf" || proto.Unmarshal(raw, &in) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.raw = append(r.raw, raw)
		for _, rs := range in.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				r.spans = append(r.spans, ss.Spans...)
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(r.Close)
	return r
}

// all gives the spans so far.
func (r *receiver) all() []*otlp.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*otlp.Span{}, r.spans...)
}

// way gives the names from the root to a span: "hook > run employee-joiner > step …".
func way(spans []*otlp.Span, s *otlp.Span) string {
	for _, p := range spans {
		if bytes.Equal(p.SpanId, s.ParentSpanId) {
			return way(spans, p) + " > " + s.Name
		}
	}
	return s.Name
}

func label(s *otlp.Span, key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value.GetStringValue()
		}
	}
	return ""
}

// A delivery, its run, the run's steps, their calls and checkpoints are one trace,
// and nothing of the person or of a secret is in it or in the metrics.
func TestTrace_FromTheWebhookToTheCall(t *testing.T) {
	t.Parallel()
	i, r := install(t), newReceiver(t)
	n := i.serve("OTEL_EXPORTER_OTLP_ENDPOINT="+r.URL, "OTEL_SERVICE_NAME=joiners")
	i.hire("Canaria", "Zwitscher", time.Now().AddDate(0, 0, -1))
	i.until(30*time.Second, 1, `SELECT count(*) FROM runs WHERE state = 'succeeded'`)
	want := []string{
		"hook",
		"hook > run employee-joiner",
		"hook > run employee-joiner > checkpoint",
		"hook > run employee-joiner > step hris.event",
		"hook > run employee-joiner > step hris.event > call worker.read",
		"hook > run employee-joiner > step account.ensure > call account.find",
		"hook > run employee-joiner > step account.ensure > call account.ensure",
		"hook > run employee-joiner > step group.sync > call group.add",
		"hook > run employee-joiner > step notify.email > call notify.email",
	}
	missing := ""
	pgtest.Eventually(t, 20*time.Second, "the spans of the run came", func() bool {
		spans := r.all()
		have := map[string]bool{}
		for _, s := range spans {
			have[way(spans, s)] = true
		}
		for _, w := range want {
			if missing = w; !have[w] {
				return false
			}
		}
		return true
	})
	require.Equal(t, want[len(want)-1], missing)
	spans := r.all()
	id := one[string](i, `SELECT id FROM runs`)
	trace := ""
	for _, s := range spans {
		if s.Name == "run employee-joiner" {
			trace = hex.EncodeToString(s.TraceId)
		}
	}
	// The HRIS also tells of the e-mail that was written back; that starts no run.
	spans = slices.DeleteFunc(spans, func(s *otlp.Span) bool { return way(spans, s) == "hook" && hex.EncodeToString(s.TraceId) != trace })
	for _, s := range spans {
		if s.Name == "hook" {
			require.Equal(t, otlp.Span_SPAN_KIND_SERVER, s.Kind)
			require.Equal(t, "demo-hris", label(s, "joinery.connection"))
		}
	}
	for _, s := range spans {
		require.Equal(t, trace, hex.EncodeToString(s.TraceId), s.Name)
		require.NotEqual(t, otlp.Status_STATUS_CODE_ERROR, s.GetStatus().GetCode(), s.Name)
		switch s.Name {
		case "run employee-joiner":
			require.Equal(t, id, label(s, "joinery.run"))
			require.Equal(t, "succeeded", label(s, "joinery.state"))
		case "call account.ensure":
			require.Equal(t, otlp.Span_SPAN_KIND_CLIENT, s.Kind)
			require.Equal(t, "demo-scim", label(s, "joinery.connection"))
		}
	}
	require.Contains(t, one[string](i, `SELECT traceparent FROM runs`), trace)

	_, numbers, err := n.get("/metrics")
	require.NoError(t, err)
	for _, line := range []string{
		`joinery_runs_ended_total{state="succeeded"} 1`,
		`joinery_step_seconds_count{outcome="passed",type="account.ensure"} 1`,
		`joinery_connector_call_seconds_count{connection="demo-scim",operation="account.ensure",outcome="ok"} 1`,
		`joinery_connector_call_seconds_count{connection="none",operation="notify.email",outcome="ok"} 1`,
		`joinery_runs{state="queued"} 0`, `joinery_due_runs_age_seconds 0`, `joinery_database_up 1`, `joinery_engine_runs_in_hand 0`,
	} {
		require.Contains(t, numbers, line+"\n")
	}
	require.Regexp(t, `joinery_hook_seconds_count\{code="202"\} [12]\n`, numbers) // the hire, and soon our own write
	require.Regexp(t, `joinery_batch_items_count\{batch="checkpoint"\} [1-9]`, numbers)

	// A traceparent is a trusted proxy's to give; anybody else's is not listened to,
	// and what is refused says so by its kind.
	wary := i.serve("OTEL_EXPORTER_OTLP_ENDPOINT="+r.URL, "JOINERY_TRUSTED_PROXIES=")
	given := map[string]string{"4bf92f3577b34da6a3ce929d0e0e4736": n.url, "5bf92f3577b34da6a3ce929d0e0e4736": wary.url}
	for id, at := range given {
		req, err := http.NewRequest(http.MethodPost, at+"/hooks/demo-hris", strings.NewReader("{}"))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("traceparent", "00-"+id+"-00f067aa0ba902b7-01")
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
	}
	var refused []string
	pgtest.Eventually(t, 10*time.Second, "the refused deliveries are traced", func() bool {
		refused = nil
		for _, s := range r.all() {
			if s.Name == "hook" && s.GetStatus().GetMessage() == "unauthenticated" {
				refused = append(refused, hex.EncodeToString(s.TraceId))
			}
		}
		return len(refused) == 2
	})
	require.Contains(t, refused, "4bf92f3577b34da6a3ce929d0e0e4736")
	require.NotContains(t, refused, "5bf92f3577b34da6a3ce929d0e0e4736")

	// A run that waits is one trace with its webhook, whoever carries it on and when.
	i.hire("Canaria", "Wartezeit", time.Now().AddDate(0, 0, 3))
	i.until(20*time.Second, 1, `SELECT count(*) FROM runs WHERE state = 'waiting'`)
	waiting, started := one[string](i, `SELECT id FROM runs WHERE state = 'waiting'`), one[string](i, `SELECT split_part(traceparent, '-', 2) FROM runs WHERE state = 'waiting'`)
	n.signal(15)
	n.ends(20 * time.Second)
	i.move(one[string](i, `SELECT j.worker FROM joiners j JOIN runs r ON r.joiner_id = j.id WHERE r.state = 'waiting'`), "Canaria", "Wartezeit", time.Now().AddDate(0, 0, -1))
	i.until(30*time.Second, 2, `SELECT count(*) FROM runs WHERE state = 'succeeded'`)
	pgtest.Eventually(t, 10*time.Second, "both parts of the run are in the trace of its webhook", func() bool {
		states := map[string]bool{}
		for _, s := range r.all() {
			if label(s, "joinery.run") == waiting && hex.EncodeToString(s.TraceId) == started {
				states[label(s, "joinery.state")] = true
			}
		}
		return states["waiting"] && states["succeeded"]
	})
	wary.signal(15)
	wary.ends(20 * time.Second)
	r.mu.Lock()
	defer r.mu.Unlock()
	var sent strings.Builder
	for _, raw := range r.raw {
		sent.Write(raw)
	}
	require.Contains(t, sent.String(), "joiners", "the service's name is the operator's")
	for _, canary := range []string{"Canaria", "Zwitscher", "Wartezeit", "canaria", "zwitscher", "new@example.com", i.company.Credentials()["demo-scim"]["token"], testKey, "postgres://"} {
		require.NotContains(t, sent.String(), canary, "traces")
		require.NotContains(t, numbers, canary, "metrics")
		require.NotContains(t, n.log.String()+wary.log.String(), canary, "log")
	}
}

// A collector that is away costs one line a minute and nothing else.
func TestTrace_CollectorAway(t *testing.T) {
	t.Parallel()
	i := install(t)
	n := i.serve("OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1")
	i.hire("Ada", "Lovelace", time.Now().AddDate(0, 0, -1))
	i.until(30*time.Second, 1, `SELECT count(*) FROM runs WHERE state = 'succeeded'`)
	n.signal(15)
	n.ends(20 * time.Second)
	require.Zero(t, n.cmd.ProcessState.ExitCode())
	require.LessOrEqual(t, strings.Count(n.log.String(), "sending traces failed"), 1)
	_, errs := (&shell{t: t, env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "collector", "JOINERY_MASTER_KEY": testKey, "DATABASE_URL": "postgres://x@127.0.0.1:1/x"}}).run("", 1, "serve")
	require.Contains(t, errs, "OTEL_EXPORTER_OTLP_ENDPOINT")
}
