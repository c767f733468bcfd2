package web

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
)

// healthShow is GET /healthz: the process answers.
func (s *Server) healthShow(c *fiber.Ctx, _ auth.Actor) error { return c.SendString("ok\n") }

// readyShow is GET /readyz: the database answers and has the tables we know.
func (s *Server) readyShow(c *fiber.Ctx, _ auth.Actor) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), 3*time.Second)
	defer cancel()
	have, want, err := s.DB.SchemaState(ctx)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "The database does not answer.")
	}
	if have < want {
		return fault.New(fault.Unavailable, "The database is at migration %d and this server needs %d. Run: joinery migrate", have, want)
	}
	select {
	case <-s.stopping:
		return fault.New(fault.Unavailable, "The server is stopping.")
	default:
		return c.SendString("ready\n")
	}
}
