package web

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/views/account"
	"joinery/views/ui"
)

// accountShow is GET /account.
func (s *Server) accountShow(c *fiber.Ctx, who auth.Actor) error {
	return s.account(c, who, 0, nil)
}

// accountPassword is POST /account/password. It ends the other sessions.
func (s *Server) accountPassword(c *fiber.Ctx, who auth.Actor) error {
	ok, err := s.DB.PasswordMatches(c.UserContext(), s.Hasher, who.UserID, c.FormValue("current"))
	if err != nil {
		return err
	}
	if !ok {
		err = &fault.Error{Kind: fault.Invalid, Sentence: "The password was not changed.", Problems: []fault.Problem{{Path: "current", Detail: "This is not your current password."}}}
		return s.account(c, who, http.StatusUnprocessableEntity, err)
	}
	token, _ := c.Locals(keyToken).(string)
	err = s.DB.SetPassword(c.UserContext(), who, s.Hasher, who.UserID, c.FormValue("password"), token)
	if fault.Is(err, fault.Invalid) {
		return s.account(c, who, http.StatusUnprocessableEntity, err)
	}
	if err != nil {
		return err
	}
	return s.done(c, "/account", "Your password was changed. Your other sessions ended.")
}

func (s *Server) account(c *fiber.Ctx, who auth.Actor, status int, err error) error {
	p := account.Page{Head: ui.Head{Title: "Your account"}, Pairs: []ui.Pair{
		{Label: "Name", Value: who.Name}, {Label: "E-mail address", Value: who.Email}, {Label: "Roles", Value: roleList(who.Roles)},
		{Label: "Session ends", Value: s.moment(sessionOf(c).ExpiresAt)},
	}}
	if err != nil {
		p.Error = fault.Sentence(err)
	}
	p.Password = withProblems([]ui.Field{
		{Name: "current", Label: "Current password", Input: "password", Required: true, Autocomplete: "current-password"},
		{Name: "password", Label: "New password", Input: "password", Required: true, Autocomplete: "new-password", Help: "At least 15 characters; a short sentence is easy to remember."},
	}, err)
	return s.show(c, who, frame{Title: "Your account", Status: status}, account.Show(p))
}
