package web

import (
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/views/artifacts"
	"joinery/views/ui"
)

// blankTemplate is the template that is nothing yet.
const blankTemplate = "canvas"

func (s *Server) blankPage(c *fiber.Ctx, who auth.Actor, name, key string, refused error) error {
	p := artifacts.BlankPage{Head: ui.Head{Title: "Empty canvas", Text: "Say what it is called, then draw it. It is saved by itself, and nothing goes live before it is reviewed."}, Action: "/templates/" + blankTemplate, CancelURL: "/flows/new"}
	wrong, status := map[string]string{}, 0
	if refused != nil {
		n := refusal(refused)
		p.Notice, status = &n, http.StatusUnprocessableEntity
		for _, x := range fault.Problems(refused) {
			wrong[x.Path] = x.Detail
		}
	}
	p.Fields = []ui.Field{
		{Name: "name", Label: "Name of the flow", Value: name, Required: true, MaxLength: 200, Error: wrong["name"]},
		{Name: "key", Label: "Key", Value: key, Required: true, MaxLength: 63, Error: wrong["key"], Help: "Lower-case letters, digits and hyphens. It never changes."},
	}
	return s.show(c, who, frame{Title: p.Head.Title, Nav: "/flows", Crumbs: crumbsOf(review.Flow, ui.Link{Text: "New flow", URL: "/flows/new"}), Status: status}, artifacts.Blank(p))
}

// blankTake saves a flow with nothing in it, and opens its canvas.
func (s *Server) blankTake(c *fiber.Ctx, who auth.Actor) error {
	name, key := strings.TrimSpace(c.FormValue("name")), strings.TrimSpace(c.FormValue("key"))
	doc, err := s.kinds().Read(review.Flow, key, contentOf(flow.Content{Key: key, Name: name, Nodes: []flow.Node{}}))
	if err == nil {
		_, err = s.DB.SaveRevision(c.UserContext(), who, postgres.Save{Doc: doc, Message: "An empty canvas", Base: 0, Via: "console"})
	}
	if badContent(err) {
		return s.blankPage(c, who, name, key, err)
	}
	if err != nil {
		return err
	}
	return s.done(c, "/flows/"+key+"/canvas", "")
}
