package web

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/postgres"
	"joinery/internal/review"
)

type apiReview struct {
	ID       string         `json:"id"`
	Kind     review.Kind    `json:"kind"`
	Key      string         `json:"key"`
	Revision int            `json:"revision"`
	Hash     string         `json:"hash"`
	State    review.State   `json:"state"`
	Message  string         `json:"message"`
	OpenedBy string         `json:"opened_by"`
	OpenedAt string         `json:"opened_at"`
	Base     int            `json:"base_revision"`
	Checks   []review.Check `json:"checks"`
	Comments []apiComment   `json:"comments,omitempty"`
	Authors  []string       `json:"authors,omitempty"`
	Release  string         `json:"release,omitempty"`
}

type apiComment struct {
	Author string `json:"author"`
	What   string `json:"what"`
	Body   string `json:"body"`
	At     string `json:"at"`
}

func (s *Server) apiReviewOpen(kind review.Kind) handler {
	return func(c *fiber.Ctx, who auth.Actor) error {
		var in struct {
			Revision int    `json:"revision"`
			Message  string `json:"message"`
		}
		if err := readJSON(c, &in); err != nil {
			return err
		}
		if err := needRevision(in.Revision); err != nil {
			return err
		}
		r, err := s.DB.OpenReview(c.UserContext(), who, kind, c.Params("key"), in.Revision, in.Message)
		if err != nil {
			return err
		}
		return s.sendReview(c, http.StatusCreated, r.ID)
	}
}

func (s *Server) sendReview(c *fiber.Ctx, status int, id string) error {
	d, err := s.DB.Review(c.UserContext(), id)
	if err != nil {
		return err
	}
	out := apiReview{ID: d.ID, Kind: d.Kind, Key: d.Key, Revision: d.Revision, Hash: d.Hash, State: d.State, Message: d.Message, OpenedBy: d.OpenedByName, OpenedAt: stamp(d.OpenedAt), Base: d.BaseRevision, Checks: d.Checks, Authors: d.AuthorNames, Release: d.Release}
	for _, m := range d.Comments {
		out.Comments = append(out.Comments, apiComment{m.AuthorName, m.What, m.Body, stamp(m.At)})
	}
	return sendJSON(c, status, out)
}

func (s *Server) apiReviews(c *fiber.Ctx, _ auth.Actor) error {
	limit, after, err := pageOf(c, reviewCursor)
	if err != nil {
		return err
	}
	state, err := queryWord(c, "state", reviewStates())
	if err != nil {
		return err
	}
	rows, next, err := s.DB.Reviews(c.UserContext(), review.State(state), after, limit)
	if err != nil {
		return err
	}
	var out []apiReview
	for _, r := range rows {
		out = append(out, asAPIReview(r))
	}
	return sendPage(c, reviewCursor, out, next)
}

func asAPIReview(r postgres.ReviewRow) apiReview {
	return apiReview{ID: r.ID, Kind: r.Kind, Key: r.Key, Revision: r.Revision, Hash: r.Hash, State: r.State, Message: r.Message, OpenedBy: r.OpenedByName, OpenedAt: stamp(r.OpenedAt), Base: r.BaseRevision, Checks: r.Checks}
}

func (s *Server) apiReviewShow(c *fiber.Ctx, _ auth.Actor) error {
	return s.sendReview(c, http.StatusOK, c.Params("id"))
}

func (s *Server) apiApprove(c *fiber.Ctx, who auth.Actor) error {
	var in struct {
		Hash    string `json:"hash"`
		Comment string `json:"comment"`
	}
	if err := readJSON(c, &in); err != nil {
		return err
	}
	r, err := s.DB.ApproveReview(c.UserContext(), who, c.Params("id"), in.Hash, in.Comment)
	if err != nil {
		return err
	}
	if r.ID == "" { // the first of two: nothing is live yet
		return s.sendReview(c, http.StatusAccepted, c.Params("id"))
	}
	return sendRelease(c, r)
}

func (s *Server) apiRequestChanges(c *fiber.Ctx, who auth.Actor) error {
	var in struct {
		Comment string `json:"comment"`
	}
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if err := s.DB.RequestChanges(c.UserContext(), who, c.Params("id"), in.Comment); err != nil {
		return err
	}
	return s.sendReview(c, http.StatusOK, c.Params("id"))
}

func (s *Server) apiComment(c *fiber.Ctx, who auth.Actor) error {
	var in struct {
		Body string `json:"body"`
	}
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if err := s.DB.CommentReview(c.UserContext(), who, c.Params("id"), in.Body); err != nil {
		return err
	}
	return s.sendReview(c, http.StatusCreated, c.Params("id"))
}
