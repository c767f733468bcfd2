package web

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/postgres"
	"joinery/views/settings"
	"joinery/views/ui"
)

var usersCrumb = []ui.Link{{Text: "Users", URL: "/users"}}

// userIndex is GET /users.
func (s *Server) userIndex(c *fiber.Ctx, who auth.Actor) error {
	all, err := s.DB.Users(c.UserContext())
	if err != nil {
		return err
	}
	return s.show(c, who, frame{Title: "Users"}, settings.List(s.userListPage(all, strings.TrimSpace(c.Query("q")), c.Query("role"))))
}

func (s *Server) userListPage(all []postgres.User, q, role string) settings.ListPage {
	p := settings.ListPage{
		Head:    ui.Head{Title: "Users", Text: "Who may sign in, and what they may do.", Actions: []ui.Button{{Text: "Add user", Icon: "plus", Tone: "primary", URL: "/users/new"}}},
		Filters: &ui.Filters{Action: "/users", Fields: []ui.Field{{Name: "q", Label: "Name or e-mail address", Input: "search", Value: q}, roleFilter(role)}},
		Table:   ui.Table{Label: "Users", Columns: ui.Columns("Name", "Roles", "State", "Last sign-in")},
		Empty:   ui.Empty{Icon: "users", Title: "Nobody found", Text: "No user matches this filter."},
	}
	if q != "" || role != "" {
		p.Filters.ClearURL = "/users"
	}
	for _, u := range all {
		if q != "" && !strings.Contains(strings.ToLower(u.Name+" "+u.Email), strings.ToLower(q)) || role != "" && !slices.Contains(u.Roles, auth.Role(role)) {
			continue
		}
		last := "never"
		if u.LastSignInAt != nil {
			last = s.ago(*u.LastSignInAt)
		}
		p.Table.Rows = append(p.Table.Rows, []ui.Cell{{Text: u.Name, Sub: u.Email, URL: "/users/" + u.ID}, {Text: roleList(u.Roles)}, {Badges: s.userBadges(u)}, {Text: last, NoWrap: true}})
	}
	p.Pager.Text = fmt.Sprintf("%d of %d users", len(p.Table.Rows), len(all))
	return p
}

func roleFilter(role string) ui.Field {
	f := ui.Field{Name: "role", Label: "Role", Input: "select", Options: []ui.Option{{Label: "Any role"}}}
	for _, r := range auth.Roles() {
		f.Options = append(f.Options, ui.Option{Value: string(r), Label: string(r), Selected: string(r) == role})
	}
	return f
}

func (s *Server) userBadges(u postgres.User) []ui.Badge {
	if !u.Active {
		return []ui.Badge{{Tone: "neutral", Text: "Not active"}}
	}
	out := []ui.Badge{{Tone: "good", Text: "Active"}}
	if u.LockedUntil != nil && u.LockedUntil.After(s.Now()) {
		out = append(out, ui.Badge{Tone: "warn", Text: "Locked"})
	}
	return out
}

// userNew is GET /users/new.
func (s *Server) userNew(c *fiber.Ctx, who auth.Actor) error {
	return s.userForm(c, who, postgres.NewUser{Roles: []auth.Role{auth.Viewer}}, 0, nil)
}

// userAdd is POST /users.
func (s *Server) userAdd(c *fiber.Ctx, who auth.Actor) error {
	u := postgres.NewUser{Email: c.FormValue("email"), Name: c.FormValue("name"), Password: c.FormValue("password"), Roles: postedRoles(c)}
	made, err := s.DB.AddUser(c.UserContext(), who, s.Hasher, u)
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.Conflict) {
		return s.userForm(c, who, u, http.StatusUnprocessableEntity, err)
	}
	if err != nil {
		return err
	}
	return s.done(c, "/users/"+made.ID, made.Name+" can sign in now.")
}

func (s *Server) userForm(c *fiber.Ctx, who auth.Actor, u postgres.NewUser, status int, err error) error {
	p := settings.FormPage{Head: ui.Head{Title: "Add user"}, Action: "/users", Submit: "Add user", CancelURL: "/users", Legend: "Person", Fields: withProblems([]ui.Field{
		{Name: "name", Label: "Name", Value: u.Name, Required: true},
		{Name: "email", Label: "E-mail address", Input: "email", Value: u.Email, Required: true, Help: "They sign in with it. It cannot be changed later."},
		{Name: "password", Label: "First password", Input: "password", Required: true, Autocomplete: "new-password", Help: "At least 15 characters; a short sentence is easy to remember. Hand it over on a safe way; they can change it under their account."},
		rolesField(u.Roles),
	}, err)}
	if err != nil {
		p.Error = fault.Sentence(err)
	}
	return s.show(c, who, frame{Title: "Add user", Crumbs: usersCrumb, Status: status}, settings.Form(p))
}

func rolesField(roles []auth.Role) ui.Field {
	f := ui.Field{Name: "roles", Label: "Roles", Input: "checks"}
	for _, r := range auth.Roles() {
		f.Options = append(f.Options, ui.Option{Value: string(r), Label: string(r), Help: roleHelp[r], Selected: slices.Contains(roles, r)})
	}
	return f
}

func postedRoles(c *fiber.Ctx) []auth.Role {
	out := []auth.Role{}
	for _, v := range c.Request().PostArgs().PeekMulti("roles") {
		out = append(out, auth.Role(v))
	}
	return out
}
