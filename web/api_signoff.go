package web

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/postgres"
)

type apiSignoff struct {
	ID       string  `json:"id"`
	Run      string  `json:"run"`
	Title    string  `json:"title"`
	Question string  `json:"question"`
	Role     string  `json:"role"`
	Person   string  `json:"person"`
	Deadline *string `json:"deadline"`
	State    string  `json:"state"`
}

func asAPISignoff(g postgres.SignoffLine) apiSignoff {
	return apiSignoff{ID: g.ID, Run: g.RunID, Title: g.Title, Question: g.Question, Role: g.Role, Person: g.Person, Deadline: stampOf(g.Deadline), State: g.State}
}

func (s *Server) apiSignoffs(c *fiber.Ctx, who auth.Actor) error {
	limit, after, err := pageOf(c, signoffCursor)
	if err != nil {
		return err
	}
	rows, next, err := s.DB.OpenSignoffPage(c.UserContext(), after, limit)
	if err != nil {
		return err
	}
	var out []apiSignoff
	for _, g := range rows {
		out = append(out, asAPISignoff(questionFor(g, who)))
	}
	return sendPage(c, signoffCursor, out, next)
}

func (s *Server) apiSignoffDecide(c *fiber.Ctx, who auth.Actor) error {
	var in struct {
		Decision string         `json:"decision"`
		Comment  string         `json:"comment"`
		Form     map[string]any `json:"form"`
	}
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if in.Decision != "approved" && in.Decision != "rejected" {
		return fault.Refuse("The decision is approved or rejected.", []fault.Problem{{Path: "decision", Detail: "Write approved or rejected."}})
	}
	id, err := s.DB.DecideSignoff(c.UserContext(), who, c.Params("id"), in.Decision == "approved", in.Comment, in.Form)
	if err != nil {
		return err
	}
	s.kick()
	return sendJSON(c, http.StatusOK, map[string]any{"run": id, "decision": in.Decision})
}
