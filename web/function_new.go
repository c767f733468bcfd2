package web

import (
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/flows"
	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/function"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/views/functions"
	"joinery/views/ui"
)

// emptyFunction is where one begins without an example. Its case passes.
const emptyFunction = `key: new
name: New
source: |
  return function(input)
    return {}
  end
cases:
  - {name: nothing yet, input: {}, output: {}}
`

// functionNew is GET /functions/new: empty, or from an example that ships.
func (s *Server) functionNew(c *fiber.Ctx, who auth.Actor) error {
	if c.Query("as") == "yaml" {
		return s.newPage(c, who, review.Function, starters[review.Function], 0, nil)
	}
	return s.functionNewPage(c, who, "", "", c.Query("from"), nil)
}

func (s *Server) functionNewPage(c *fiber.Ctx, who auth.Actor, name, key, from string, refused error) error {
	p := functions.NewPage{Head: ui.Head{Title: "New function", Text: "Say what it is called, then write it. It is saved by itself while you type, and nothing goes live before it is reviewed."}, Action: "/functions", CancelURL: "/functions", TextURL: "/functions/new?as=yaml"}
	wrong, status := map[string]string{}, 0
	if refused != nil {
		n := refusal(refused)
		p.Notice, status = &n, http.StatusUnprocessableEntity
		for _, x := range fault.Problems(refused) {
			wrong[x.Path] = x.Detail
		}
	}
	begin := ui.Field{Name: "from", Label: "Begin with", Input: "radio", Options: []ui.Option{{Value: "empty", Label: "Nothing", Help: "A function that gives an empty result.", Selected: from == "" || from == "empty"}, {Value: "starter", Label: "A login of initial and last name", Help: "Short, with three tests.", Selected: from == "starter"}}}
	examples, err := s.functionExamples()
	if err != nil {
		return err
	}
	for _, e := range examples {
		begin.Options = append(begin.Options, ui.Option{Value: e.Key, Label: e.Name, Help: e.Description, Selected: from == e.Key})
	}
	p.Fields = []ui.Field{
		{Name: "name", Label: "Name of the function", Value: name, Required: true, MaxLength: 200, Error: wrong["name"]},
		{Name: "key", Label: "Key", Value: key, Required: true, MaxLength: 63, Error: wrong["key"], Help: "Lower-case letters, digits and hyphens. Flows name the function by it, and it never changes."},
		begin,
	}
	return s.show(c, who, frame{Title: p.Head.Title, Crumbs: crumbsOf(review.Function), Status: status}, functions.New(p))
}

// functionExamples are the functions that ship.
func (s *Server) functionExamples() ([]function.Content, error) {
	keys, err := flows.Functions()
	if err != nil {
		return nil, err
	}
	var out []function.Content
	for _, key := range keys {
		c, err := s.readExample(flows.Function(key))
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func (s *Server) readExample(text []byte) (function.Content, error) {
	var c function.Content
	if why := formYAML(string(text), &c, "a function"); why != "" {
		return c, fault.New(fault.Internal, "An example cannot be read: %s", why)
	}
	return c, nil
}

// functionAdd is POST /functions: a text, or a name and what to begin with.
func (s *Server) functionAdd(c *fiber.Ctx, who auth.Actor) error {
	if c.FormValue("text") != "" {
		return s.artifactAdd(review.Function)(c, who)
	}
	name, key, from := strings.TrimSpace(c.FormValue("name")), strings.TrimSpace(c.FormValue("key")), c.FormValue("from")
	content, err := s.beginning(from)
	if err != nil {
		return err
	}
	content.Key, content.Name = key, name
	var refused error
	if name == "" {
		refused = fault.Refuse("Give the function a name.", []fault.Problem{{Path: "name", Detail: "Name is needed."}})
	}
	if refused == nil {
		d, err := functionDraftOf([]byte(pretty(content)), 0)
		if err != nil {
			return err
		}
		doc, _, _, err := d.doc(s.kinds())
		if err == nil {
			_, err = s.DB.SaveRevision(c.UserContext(), who, postgres.Save{Doc: doc, Message: "Begun with: " + from, Base: 0, Via: "console"})
		}
		refused = err
	}
	if badContent(refused) {
		return s.functionNewPage(c, who, name, key, from, refused)
	}
	if refused != nil {
		return refused
	}
	return s.done(c, "/functions/"+key, "")
}

func (s *Server) beginning(from string) (function.Content, error) {
	switch from {
	case "", "empty":
		return s.readExample([]byte(emptyFunction))
	case "starter":
		return s.readExample([]byte(function.Starter))
	}
	all, err := s.functionExamples()
	if err != nil {
		return function.Content{}, err
	}
	for _, e := range all {
		if e.Key == from {
			return e, nil
		}
	}
	return function.Content{}, fault.New(fault.Invalid, "There is no example of that name. Open the form again.")
}
