package web

import (
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/postgres"
	"joinery/views/settings"
	"joinery/views/ui"
)

var tokensCrumb = []ui.Link{{Text: "Tokens", URL: "/tokens"}}

// tokenIndex is GET /tokens.
func (s *Server) tokenIndex(c *fiber.Ctx, who auth.Actor) error {
	all, err := s.DB.Tokens(c.UserContext())
	if err != nil {
		return err
	}
	return s.show(c, who, frame{Title: "Tokens"}, settings.List(s.tokenListPage(all)))
}

func (s *Server) tokenListPage(all []postgres.APIToken) settings.ListPage {
	p := settings.ListPage{
		Head:  ui.Head{Title: "Tokens", Text: "Programs that use the API, who answers for them, and until when.", Actions: []ui.Button{{Text: "New token", Icon: "plus", Tone: "primary", URL: "/tokens/new"}}},
		Table: ui.Table{Label: "API tokens", Columns: append(ui.Columns("Name", "Roles", "Owner", "State", "Last used", "Expires"), ui.Column{})},
		Empty: ui.Empty{Icon: "fingerprint", Title: "No token yet", Text: "A token lets a program use the API in the name of a person, with some of that person's roles."},
	}
	for _, t := range all {
		last := "never"
		if t.LastUsedAt != nil {
			last = s.ago(*t.LastUsedAt)
		}
		badge := s.tokenBadge(t)
		row := []ui.Cell{{Text: t.Name, Sub: "ends in " + t.Hint}, {Text: roleList(t.Roles)}, {Text: t.OwnerName, Sub: t.OwnerEmail}, {Badges: []ui.Badge{badge}}, {Text: last, NoWrap: true}, {Text: t.ExpiresAt.UTC().Format("2 Jan 2006"), NoWrap: true}, {}}
		if t.RevokedAt == nil {
			row[6].Buttons = []ui.Button{{Text: "Revoke", Tone: "danger", Post: "/tokens/" + t.ID + "/revoke", Confirm: "Revoke the token “" + t.Name + "”? What uses it is refused at once. This cannot be undone; make a new token instead."}}
		}
		p.Table.Rows = append(p.Table.Rows, row)
	}
	return p
}

func (s *Server) tokenBadge(t postgres.APIToken) ui.Badge {
	now := s.Now()
	switch {
	case t.RevokedAt != nil:
		return ui.Badge{Tone: "neutral", Text: "Revoked"}
	case !t.ExpiresAt.After(now):
		return ui.Badge{Tone: "bad", Text: "Expired"}
	case !t.OwnerActive:
		return ui.Badge{Tone: "bad", Text: "Owner not active"}
	case t.ExpiresAt.Before(now.AddDate(0, 0, 14)):
		return ui.Badge{Tone: "warn", Text: "Expires soon"}
	}
	return ui.Badge{Tone: "good", Text: "In force"}
}

// tokenNew is GET /tokens/new.
func (s *Server) tokenNew(c *fiber.Ctx, who auth.Actor) error {
	return s.tokenForm(c, who, postgres.NewToken{OwnerEmail: who.Email, ExpiresAt: s.Now().AddDate(0, 0, 90)}, 0, nil)
}

// tokenCreate is POST /tokens. The secret is on the answer itself, once, and in no
// address and no cookie.
func (s *Server) tokenCreate(c *fiber.Ctx, who auth.Actor) error {
	t := postgres.NewToken{Name: c.FormValue("name"), OwnerEmail: c.FormValue("owner"), Roles: postedRoles(c)}
	if day, err := time.Parse(time.DateOnly, c.FormValue("expires")); err == nil {
		t.ExpiresAt = day.Add(24*time.Hour - time.Second)
	}
	secret, made, err := s.DB.CreateToken(c.UserContext(), who, t)
	if fault.Is(err, fault.Invalid) {
		return s.tokenForm(c, who, t, http.StatusUnprocessableEntity, err)
	}
	if err != nil {
		return err
	}
	return s.show(c, who, frame{Title: "New token", Crumbs: tokensCrumb}, settings.Made(settings.TokenMade{
		Head: ui.Head{Title: "Token “" + made.Name + "”"}, Secret: secret,
		Use:   "curl -H 'Authorization: Bearer " + secret + "' " + s.BaseURL + "/api/v1/flows",
		Pairs: []ui.Pair{{Label: "Roles", Value: roleList(made.Roles)}, {Label: "Owner", Value: made.OwnerEmail}, {Label: "Expires", Value: s.moment(made.ExpiresAt)}},
	}))
}

func (s *Server) tokenForm(c *fiber.Ctx, who auth.Actor, t postgres.NewToken, status int, err error) error {
	expires := ""
	if !t.ExpiresAt.IsZero() {
		expires = t.ExpiresAt.UTC().Format(time.DateOnly)
	}
	roles := rolesField(t.Roles)
	roles.Help = "Some or all of the owner's own roles. When the owner loses one, the token loses it too."
	p := settings.FormPage{Head: ui.Head{Title: "New token"}, Action: "/tokens", Submit: "Make token", CancelURL: "/tokens", Legend: "Token", Fields: withProblems([]ui.Field{
		{Name: "name", Label: "What uses it", Value: t.Name, Required: true, Placeholder: "nightly export"},
		{Name: "owner", Label: "Owner", Input: "email", Value: t.OwnerEmail, Required: true, Help: "The e-mail address of the user who answers for it. The token acts for that person; only one that the owner made can decide reviews and sign-offs."},
		{Name: "expires", Label: "Expires", Input: "date", Value: expires, Required: true, Help: "At the end of this day, UTC. At most 366 days."},
		roles,
	}, err)}
	if err != nil {
		p.Error = fault.Sentence(err)
	}
	return s.show(c, who, frame{Title: "New token", Crumbs: tokensCrumb, Status: status}, settings.Form(p))
}

// tokenRevoke is POST /tokens/:id/revoke.
func (s *Server) tokenRevoke(c *fiber.Ctx, who auth.Actor) error {
	if err := s.DB.RevokeToken(c.UserContext(), who, c.Params("id")); err != nil {
		return err
	}
	return s.done(c, "/tokens", "The token was revoked.")
}
