package web

import (
	"context"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
)

// Bounds of readiness: how long the database may take to answer, and how long
// the engine may be silent. The engine goes round its loop twice a second.
const (
	readyWithin = 2 * time.Second
	beatWithin  = 15 * time.Second
)

// healthShow is GET /healthz: the process answers.
func (s *Server) healthShow(c *fiber.Ctx, _ auth.Actor) error { return c.SendString("ok\n") }

// readyShow is GET /readyz: this process can do its work. If not, it answers 503
// with the reason in one line, for whoever watches. With ?verbose it also tells how
// functions are shut in.
func (s *Server) readyShow(c *fiber.Ctx, _ auth.Actor) error {
	why := s.unready(c.UserContext())
	if s.Beat != nil && s.Beat().IsZero() {
		return c.Status(http.StatusServiceUnavailable).SendString("not ready: The engine has not begun.\n")
	}
	if before, _ := s.wasUnready.Swap(why).(string); before != why {
		if why == "" {
			s.Log.Info("ready again")
		} else {
			s.Log.Warn("not ready", "reason", why)
		}
	}
	if why != "" {
		return c.Status(http.StatusServiceUnavailable).SendString("not ready: " + why + "\n")
	}
	if c.Context().QueryArgs().Has("verbose") {
		return c.SendString("ready\n" + s.sheltered())
	}
	return c.SendString("ready\n")
}

// unready says why this process cannot do its work; "" when it can.
func (s *Server) unready(ctx context.Context) string {
	if s.ending() {
		return "This process is stopping."
	}
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	have, want, err := s.DB.SchemaState(ctx)
	switch {
	case err != nil:
		return "The database does not answer."
	case have < want:
		return "The database is older than this program. Run: joinery migrate"
	case have > want:
		return "The database was migrated by a newer program. Start the newer one in place of this one."
	case s.Beat != nil && time.Since(s.Beat()) > beatWithin:
		return "The engine stands still."
	}
	return ""
}

// ending says that the process is about to end.
func (s *Server) ending() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}
