package web

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/postgres"
	"joinery/views/settings"
	"joinery/views/ui"
)

// userShow is GET /users/:id.
func (s *Server) userShow(c *fiber.Ctx, who auth.Actor) error {
	u, err := s.DB.FindUser(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	return s.user(c, who, u, 0, nil)
}

// userChange is POST /users/:id.
func (s *Server) userChange(c *fiber.Ctx, who auth.Actor) error {
	u, err := s.DB.FindUser(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	name, active := c.FormValue("name"), c.FormValue("active") == "true"
	changed, err := s.DB.ChangeUser(c.UserContext(), who, u.ID, postgres.UserChange{Name: &name, Roles: postedRoles(c), Active: &active})
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.Conflict) {
		u.Name, u.Roles, u.Active = name, postedRoles(c), active
		return s.user(c, who, u, statusOf[fault.KindOf(err)], err)
	}
	if err != nil {
		return err
	}
	return s.done(c, "/users/"+u.ID, changed.Name+" was changed.")
}

// userPassword is POST /users/:id/password.
func (s *Server) userPassword(c *fiber.Ctx, who auth.Actor) error {
	u, err := s.DB.FindUser(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	keep, _ := c.Locals(keyToken).(string)
	err = s.DB.SetPassword(c.UserContext(), who, s.Hasher, u.ID, c.FormValue("password"), keep)
	if fault.Is(err, fault.Invalid) {
		return s.user(c, who, u, http.StatusUnprocessableEntity, err)
	}
	if err != nil {
		return err
	}
	return s.done(c, "/users/"+u.ID, "The password was set and the other sessions ended.")
}

// userEndSessions is POST /users/:id/sessions.
func (s *Server) userEndSessions(c *fiber.Ctx, who auth.Actor) error {
	u, err := s.DB.FindUser(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	if err := s.DB.EndSessions(c.UserContext(), who, u.ID); err != nil {
		return err
	}
	return s.done(c, "/users/"+u.ID, "All sessions of "+u.Name+" ended.")
}

func (s *Server) user(c *fiber.Ctx, who auth.Actor, u postgres.User, status int, err error) error {
	at := "/users/" + u.ID
	p := settings.UserPage{
		Form: settings.FormPage{Head: ui.Head{Title: u.Name, Badges: s.userBadges(u), Text: u.Email}, Action: at, Submit: "Save", CancelURL: "/users", Legend: "Person and roles", Fields: withProblems([]ui.Field{
			{Name: "name", Label: "Name", Value: u.Name, Required: true},
			rolesField(u.Roles),
			{Name: "active", Label: "May sign in", Input: "check", Checked: u.Active, Help: "Without it the person's sessions and tokens end at once; what they did stays on record."},
		}, err)},
		Pairs: []ui.Pair{{Label: "Added", Value: s.moment(u.CreatedAt)}, {Label: "Last sign-in", Value: s.momentOr(u.LastSignInAt, "never")}, {Label: "Id", Value: u.ID, Code: true, Copy: true},
			{Label: "What they did", Value: "Audit records", URL: "/audit?actor=" + u.ID}},
		PasswordURL: at + "/password",
		Password:    withProblems([]ui.Field{{Name: "password", Label: "New password", Input: "password", Required: true, Autocomplete: "new-password", Help: "At least 15 characters; a short sentence is easy to remember."}}, err),
		End:         ui.Danger{Button: "End all sessions", Title: "End all sessions of " + u.Name + "?", Text: "They must sign in again everywhere. Unsaved typing in open pages may be lost.", Post: at + "/sessions"},
	}
	if err != nil {
		p.Form.Error = fault.Sentence(err)
	}
	return s.show(c, who, frame{Title: u.Name, Crumbs: usersCrumb, Status: status}, settings.User(p))
}
