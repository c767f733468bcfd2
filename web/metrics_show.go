package web

import (
	"bytes"
	"context"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"

	"joinery/internal/auth"
	"joinery/internal/postgres"
)

// metricsShow is GET /metrics, in the Prometheus text format: for this machine, and
// for those who may see the system page (a token works here as for the API).
func (s *Server) metricsShow(c *fiber.Ctx, _ auth.Actor) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), 5*time.Second)
	defer cancel()
	m, err := s.DB.Metrics(ctx)
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), numbers{m})
	families, err := registry.Gather()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	enc := expfmt.NewEncoder(&b, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, f := range families {
		if err := enc.Encode(f); err != nil {
			return err
		}
	}
	c.Set("Content-Type", string(expfmt.NewFormat(expfmt.TypeTextPlain)))
	return c.Send(b.Bytes())
}

// scraper reports whether a request for the metrics comes from this machine
// itself; it needs no sign-in.
func scraper(c *fiber.Ctx, r route) bool {
	return r.path == "/metrics" && c.Context().RemoteIP().IsLoopback() && c.Get("X-Forwarded-For") == ""
}

// numbers are what the database knows at the moment of the scrape.
type numbers struct{ m []postgres.Metric }

var _ prometheus.Collector = numbers{}

// Describe describes nothing: the numbers are made at each scrape.
func (n numbers) Describe(chan<- *prometheus.Desc) {}

// Collect gives the numbers.
func (n numbers) Collect(out chan<- prometheus.Metric) {
	for _, m := range n.m {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc("joinery_"+m.Name, m.Help, []string{m.Label}, nil), prometheus.GaugeValue, m.Value, m.Key)
	}
}
