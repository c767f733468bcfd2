package web

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/run"
)

// operate runs a verb on a run and comes back to it. A refusal is shown there.
func (s *Server) operate(c *fiber.Ctx, sentence string, verb func(id string) error) error {
	id := c.Params("id")
	if err := verb(id); err != nil {
		return err
	}
	s.kick()
	return s.done(c, "/runs/"+id, sentence)
}

// runRetry is POST /runs/:id/retry.
func (s *Server) runRetry(c *fiber.Ctx, who auth.Actor) error {
	return s.operate(c, "The run goes on from where it stopped.", func(id string) error { return s.DB.RetryRun(c.UserContext(), who, id) })
}

// runRetryNewest is POST /runs/:id/retry-newest.
func (s *Server) runRetryNewest(c *fiber.Ctx, who auth.Actor) error {
	return s.operate(c, "The run goes on by the live revision.", func(id string) error { return s.DB.RetryRunNewest(c.UserContext(), who, id) })
}

// runCancel is POST /runs/:id/cancel.
func (s *Server) runCancel(c *fiber.Ctx, who auth.Actor) error {
	return s.operate(c, "The run is canceled.", func(id string) error { return s.DB.CancelRun(c.UserContext(), who, id, c.FormValue("reason")) })
}

// runResume is POST /runs/:id/resume.
func (s *Server) runResume(c *fiber.Ctx, who auth.Actor) error {
	return s.operate(c, "The run goes on.", func(id string) error { return s.DB.ResumeRun(c.UserContext(), who, id, c.FormValue("reason")) })
}

// runCompensate is POST /runs/:id/compensate.
func (s *Server) runCompensate(c *fiber.Ctx, who auth.Actor) error {
	if c.FormValue("confirm") != "undo" {
		return fault.New(fault.Invalid, "Nothing was undone, because the word undo was not typed. Go back and type it.")
	}
	return s.operate(c, "What the run did is being undone.", func(id string) error { return s.DB.CompensateRun(c.UserContext(), who, id, c.FormValue("reason")) })
}

// runSkip is POST /runs/:id/skip.
func (s *Server) runSkip(c *fiber.Ctx, who auth.Actor) error {
	return s.operate(c, "The step is skipped.", func(id string) error {
		return s.DB.SkipStep(c.UserContext(), who, id, flow.NodeID(c.FormValue("node")), c.FormValue("port"), c.FormValue("reason"))
	})
}

// runStart is POST /flows/:key/runs: a live or a simulated run by hand.
func (s *Server) runStart(c *fiber.Ctx, who auth.Actor) error {
	mode := run.Simulate
	if c.FormValue("mode") == string(run.Live) {
		mode = run.Live
		if !who.Can(auth.RunStart) {
			return fault.New(fault.Forbidden, "Starting a live run needs the role operator.")
		}
	}
	id, err := s.DB.StartRun(c.UserContext(), who, c.Params("key"), strings.TrimSpace(c.FormValue("worker")), mode)
	if err != nil {
		return err
	}
	s.kick()
	return s.done(c, "/runs/"+string(id), "The run has started.")
}
