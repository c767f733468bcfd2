// Package trace alone knows OpenTelemetry: it follows a webhook to its run, its
// steps and their calls. A nil Tracer traces nothing and costs nothing. Labels
// are ids, node types, operations and kinds of outcome; values of joiners,
// sentences and secrets have no way in here.
package trace

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	otel "go.opentelemetry.io/otel/trace"

	"joinery/internal/fault"
)

// Tracer sends spans to a collector.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   otel.Tracer
}

// Open sends spans by OTLP over HTTP to an endpoint such as
// http://collector:4318; with "" it gives nil. Headers, sampling and more
// attributes of this process come from OpenTelemetry's own variables.
func Open(ctx context.Context, endpoint, version string, log *slog.Logger) (*Tracer, error) {
	if endpoint == "" {
		return nil, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fault.New(fault.Invalid, "OTEL_EXPORTER_OTLP_ENDPOINT must be the address of a collector, such as http://localhost:4318.")
	}
	u.Path = strings.TrimRight(u.Path, "/") + "/v1/traces"
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(u.String()), otlptracehttp.WithTimeout(5*time.Second))
	if err != nil {
		return nil, fmt.Errorf("open tracing: %w", err)
	}
	own := resource.NewSchemaless(attribute.String("service.name", "joinery"), attribute.String("service.version", version))
	given, err := resource.New(ctx, resource.WithFromEnv())
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "OTEL_RESOURCE_ATTRIBUTES cannot be read.")
	}
	if own, err = resource.Merge(own, given); err != nil {
		return nil, fmt.Errorf("open tracing: %w", err)
	}
	p := sdk.NewTracerProvider(sdk.WithResource(own), sdk.WithBatcher(&quiet{SpanExporter: exporter, log: log}, sdk.WithBatchTimeout(2*time.Second)))
	return &Tracer{provider: p, tracer: p.Tracer("joinery")}, nil
}

// Close sends what is left.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// Label is one fact about a span.
type Label struct{ Key, Value string }

// Span is a piece of work under way. A nil Span is none.
type Span struct{ span otel.Span }

// Start begins a span below the one in ctx, named by what is done and on which:
// "step account.ensure".
func (t *Tracer) Start(ctx context.Context, what, which string, labels ...Label) (context.Context, *Span) {
	return t.start(ctx, what, which, otel.SpanKindInternal, labels)
}

// Receive begins the span of a request that came in.
func (t *Tracer) Receive(ctx context.Context, what, which string, labels ...Label) (context.Context, *Span) {
	return t.start(ctx, what, which, otel.SpanKindServer, labels)
}

// Call begins the span of a request that goes out.
func (t *Tracer) Call(ctx context.Context, what, which string, labels ...Label) (context.Context, *Span) {
	return t.start(ctx, what, which, otel.SpanKindClient, labels)
}

func (t *Tracer) start(ctx context.Context, what, which string, kind otel.SpanKind, labels []Label) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	name := what
	if which != "" {
		name += " " + which
	}
	ctx, span := t.tracer.Start(ctx, name, otel.WithSpanKind(kind), otel.WithAttributes(attributes(labels)...))
	return ctx, &Span{span}
}

func attributes(labels []Label) []attribute.KeyValue {
	out := make([]attribute.KeyValue, len(labels))
	for i, l := range labels {
		out[i] = attribute.String("joinery."+l.Key, l.Value)
	}
	return out
}

// End ends the span with facts known only now; a trouble is a kind of fault, "" when there was none.
func (s *Span) End(trouble string, labels ...Label) {
	if s == nil {
		return
	}
	s.span.SetAttributes(attributes(labels)...)
	if trouble != "" {
		s.span.SetStatus(codes.Error, trouble)
	}
	s.span.End()
}

// Parent gives the traceparent of the span in ctx, to be kept or sent on; "" without one.
func (t *Tracer) Parent(ctx context.Context) string {
	if t == nil {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier["traceparent"]
}

// Under puts what follows below a span that was kept; anything that is no
// traceparent is ignored.
func (t *Tracer) Under(ctx context.Context, traceparent string) context.Context {
	if t == nil || traceparent == "" {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": traceparent})
}

// quiet logs that the collector does not take spans once a minute, and no more.
type quiet struct {
	sdk.SpanExporter
	log  *slog.Logger
	mu   sync.Mutex
	last time.Time
}

func (q *quiet) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := q.SpanExporter.ExportSpans(ctx, spans)
	if err == nil {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if time.Since(q.last) > time.Minute {
		q.last = time.Now()
		q.log.Warn("sending traces failed", "err", err)
	}
	return nil
}
