package web

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/postgres"
	"joinery/views/account"
	"joinery/views/ui"
)

// setupForm is GET /setup?token=….
func (s *Server) setupForm(c *fiber.Ctx, _ auth.Actor) error {
	needs, err := s.DB.NeedsSetup(c.UserContext())
	if err != nil {
		return err
	}
	if !needs {
		return c.Redirect("/sign-in", http.StatusSeeOther)
	}
	if c.Query("token") == "" {
		return s.plain(c, "Set-up", account.NotSetUp())
	}
	return s.plain(c, "Set-up", account.Setup(setupPage(c.Query("token"), "", "", nil)))
}

// setup is POST /setup: it makes the first administrator and signs them in.
func (s *Server) setup(c *fiber.Ctx, _ auth.Actor) error {
	token, name, email, password := c.FormValue("token"), c.FormValue("name"), c.FormValue("email"), c.FormValue("password")
	_, err := s.DB.Setup(c.UserContext(), s.Hasher, token, postgres.NewUser{Email: email, Name: name, Password: password})
	if fault.Is(err, fault.Invalid) {
		c.Status(http.StatusUnprocessableEntity)
		return s.plain(c, "Set-up", account.Setup(setupPage(token, name, email, err)))
	}
	if err != nil {
		return err
	}
	in, err := s.DB.SignIn(c.UserContext(), s.Hasher, email, password, s.address(c), clip(c.Get("User-Agent"), 200))
	if err != nil {
		return err
	}
	s.openSession(c, in)
	return s.done(c, "/", "Welcome. You are the first administrator; add the others under Users.")
}

func setupPage(token, name, email string, err error) account.SetupPage {
	p := account.SetupPage{Token: token}
	if err != nil {
		p.Error = fault.Sentence(err)
	}
	p.Fields = withProblems([]ui.Field{
		{Name: "name", Label: "Name", Value: name, Required: true, Autocomplete: "name"},
		{Name: "email", Label: "E-mail address", Input: "email", Value: email, Required: true, Autocomplete: "username"},
		{Name: "password", Label: "Password", Input: "password", Required: true, Autocomplete: "new-password", Help: "At least 15 characters; a short sentence is easy to remember."},
	}, err)
	return p
}

// withProblems puts what is wrong beside the field it is about.
func withProblems(fields []ui.Field, err error) []ui.Field {
	for i := range fields {
		for _, p := range fault.Problems(err) {
			if p.Path != fields[i].Name {
				continue
			}
			if fields[i].Error != "" {
				fields[i].Error += " "
			}
			fields[i].Error += p.Detail
		}
	}
	return fields
}
