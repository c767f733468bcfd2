package web

import (
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/review"
)

func postedRevision(c *fiber.Ctx) (int, error) {
	n, err := strconv.Atoi(c.FormValue("revision"))
	if err != nil || n < 1 {
		return 0, fault.New(fault.Invalid, "Say which revision.")
	}
	return n, nil
}

func historyOf(kind review.Kind, key string) string {
	return "/" + kind.Plural() + "/" + key + "/revisions"
}

// artifactSubmit is POST /{kind}/:key/reviews.
func (s *Server) artifactSubmit(kind review.Kind) handler {
	return func(c *fiber.Ctx, who auth.Actor) error {
		n, err := postedRevision(c)
		if err != nil {
			return err
		}
		r, err := s.DB.OpenReview(c.UserContext(), who, kind, c.Params("key"), n, c.FormValue("message"))
		if err != nil {
			return err
		}
		return s.done(c, "/reviews/"+r.ID, "Submitted. Another person has to approve it.")
	}
}

// artifactRestore is POST /{kind}/:key/restore.
func (s *Server) artifactRestore(kind review.Kind) handler {
	return func(c *fiber.Ctx, who auth.Actor) error {
		n, err := postedRevision(c)
		if err != nil {
			return err
		}
		base, err := postedBase(c)
		if err != nil {
			return err
		}
		saved, err := s.DB.RestoreRevision(c.UserContext(), who, kind, c.Params("key"), n, base, "console")
		if err != nil {
			return err
		}
		return s.done(c, historyOf(kind, c.Params("key")), savedSentence(saved))
	}
}

// artifactRollback is POST /{kind}/:key/rollback.
func (s *Server) artifactRollback(kind review.Kind) handler {
	return func(c *fiber.Ctx, who auth.Actor) error {
		n, err := postedRevision(c)
		if err != nil {
			return err
		}
		if _, err := s.DB.Rollback(c.UserContext(), who, kind, c.Params("key"), n, c.FormValue("reason")); err != nil {
			return err
		}
		return s.done(c, historyOf(kind, c.Params("key")), "Revision "+itoa(n)+" is live again.")
	}
}

// artifactRefresh is POST /flows/:key/refresh.
func (s *Server) artifactRefresh(kind review.Kind) handler {
	return func(c *fiber.Ctx, who auth.Actor) error {
		if _, err := s.DB.RefreshPins(c.UserContext(), who, kind, c.Params("key"), c.FormValue("reason")); err != nil {
			return err
		}
		return s.done(c, historyOf(kind, c.Params("key")), "It uses the newest parts now.")
	}
}

// artifactBreakGlass is POST /{kind}/:key/breakglass.
func (s *Server) artifactBreakGlass(kind review.Kind) handler {
	return func(c *fiber.Ctx, who auth.Actor) error {
		n, err := postedRevision(c)
		if err != nil {
			return err
		}
		if strings.TrimSpace(c.FormValue("confirm")) != c.Params("key") {
			return fault.New(fault.Invalid, "Nothing was released, because the key was not typed. Go back and type it.")
		}
		if _, err := s.DB.BreakGlass(c.UserContext(), who, kind, c.Params("key"), n, c.FormValue("reason")); err != nil {
			return err
		}
		return s.done(c, historyOf(kind, c.Params("key")), "It is live without approval. A second person has to ratify it.")
	}
}

// artifactRatify is POST /{kind}/:key/ratify.
func (s *Server) artifactRatify(kind review.Kind) handler {
	return func(c *fiber.Ctx, who auth.Actor) error {
		if err := s.DB.Ratify(c.UserContext(), who, c.FormValue("release"), c.FormValue("comment")); err != nil {
			return err
		}
		return s.done(c, historyOf(kind, c.Params("key")), "The release is ratified.")
	}
}

// flowPause is POST /flows/:key/pause and /resume.
func (s *Server) flowPause(paused bool) handler {
	return func(c *fiber.Ctx, who auth.Actor) error {
		key := c.Params("key")
		if err := s.DB.SetPaused(c.UserContext(), who, review.Flow, key, paused, c.FormValue("reason")); err != nil {
			return err
		}
		if paused {
			return s.done(c, "/flows/"+key, "The flow is paused. New runs park until it is resumed.")
		}
		if err := s.DB.ResumeFlow(c.UserContext(), key); err != nil {
			return err
		}
		s.kick()
		return s.done(c, "/flows/"+key, "The flow goes on, and so do the runs that parked.")
	}
}
