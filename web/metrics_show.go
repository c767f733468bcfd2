package web

import (
	"bytes"
	"context"
	"time"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/metric"
)

// metricsShow is GET /metrics, in the Prometheus text format: for this machine, and
// for those who may see the system page (a token works here as for the API). While
// the database is away it gives what the process itself knows, and says so.
func (s *Server) metricsShow(c *fiber.Ctx, _ auth.Actor) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), 5*time.Second)
	defer cancel()
	readings := s.DB.PoolUse()
	known, err := s.DB.Metrics(ctx)
	up := 1.0
	if err != nil {
		s.Log.Warn("counting in the database failed", "err", err)
		up = 0
	}
	readings = append(append(readings, known...), metric.Reading{Name: "joinery_database_up", Help: "Whether the database answered this scrape.", Value: up})
	if s.Beat != nil {
		readings = append(readings, metric.Reading{Name: "joinery_engine_beat_age_seconds", Help: "How long ago the engine last went round its loop.", Value: time.Since(s.Beat()).Seconds()},
			metric.Reading{Name: "joinery_engine_runs_in_hand", Help: "Runs that this process carries.", Value: float64(s.InHand())})
	}
	if s.Pool != nil {
		for _, h := range s.Pool.Healths() {
			resting := 0.0
			if h.Resting {
				resting = 1
			}
			readings = append(readings, metric.Reading{Name: "joinery_connection_resting", Help: "Whether calls to a connection are held back because it failed.", Label: "connection", Key: h.Connection, Value: resting})
		}
	}
	var b bytes.Buffer
	if err := s.Metrics.Write(&b, readings); err != nil {
		return err
	}
	c.Set("Content-Type", metric.ContentType())
	return c.Send(b.Bytes())
}

// scraper reports whether a request for the metrics comes from this machine
// itself; it needs no sign-in. One that brings a token is judged by that.
func scraper(c *fiber.Ctx, r route) bool {
	return r.path == "/metrics" && c.Context().RemoteIP().IsLoopback() && c.Get("X-Forwarded-For") == "" && c.Get("Authorization") == ""
}
