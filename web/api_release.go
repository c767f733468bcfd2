package web

import (
	"context"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/review"
)

// sendRelease answers with a release.
func sendRelease(c *fiber.Ctx, r review.Release) error {
	return sendJSON(c, http.StatusOK, map[string]any{"release": r.ID, "kind": r.Kind, "key": r.Key, "revision": r.Revision, "hash": r.Hash, "root": r.Root, "how": r.How})
}

type apiReason struct {
	Revision int    `json:"revision"`
	Reason   string `json:"reason"`
}

func (s *Server) apiRollback(kind review.Kind) handler { return apiToRevision(kind, s.DB.Rollback) }

func (s *Server) apiBreakGlass(kind review.Kind) handler { return apiToRevision(kind, s.DB.BreakGlass) }

// apiToRevision makes an earlier revision live, for a reason.
func apiToRevision(kind review.Kind, act func(ctx context.Context, by auth.Actor, kind review.Kind, key string, revision int, reason string) (review.Release, error)) handler {
	return func(c *fiber.Ctx, who auth.Actor) error {
		var in apiReason
		if err := readJSON(c, &in); err != nil {
			return err
		}
		if err := needRevision(in.Revision); err != nil {
			return err
		}
		r, err := act(c.UserContext(), who, kind, c.Params("key"), in.Revision, in.Reason)
		if err != nil {
			return err
		}
		return sendRelease(c, r)
	}
}

func (s *Server) apiRefresh(kind review.Kind) handler {
	return func(c *fiber.Ctx, who auth.Actor) error {
		var in struct {
			Reason string `json:"reason"`
		}
		if err := readJSON(c, &in); err != nil {
			return err
		}
		r, err := s.DB.RefreshPins(c.UserContext(), who, kind, c.Params("key"), in.Reason)
		if err != nil {
			return err
		}
		return sendRelease(c, r)
	}
}

// apiRatify is a second person's word on what went live without approval.
func (s *Server) apiRatify(kind review.Kind) handler {
	return func(c *fiber.Ctx, who auth.Actor) error {
		var in struct {
			Release string `json:"release"`
			Comment string `json:"comment"`
		}
		if err := readJSON(c, &in); err != nil {
			return err
		}
		r, err := s.DB.RatifyLive(c.UserContext(), who, kind, c.Params("key"), in.Release, in.Comment)
		if err != nil {
			return err
		}
		return sendRelease(c, r)
	}
}

// needRevision refuses a request that names no revision: the newest one must not
// go live because a program left the number out.
func needRevision(n int) error {
	if n < 1 {
		return fault.Refuse("Say which revision.", []fault.Problem{{Path: "revision", Detail: "The number of a revision, 1 or more."}})
	}
	return nil
}
