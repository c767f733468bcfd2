package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/author"
	"joinery/internal/fault"
	"joinery/internal/postgres"
	"joinery/views/settings"
	"joinery/views/ui"
)

// credentialIndex is GET /credentials.
func (s *Server) credentialIndex(c *fiber.Ctx, who auth.Actor) error {
	connection := strings.TrimSpace(c.Query("connection"))
	all, err := s.DB.Credentials(c.UserContext(), connection)
	if err != nil {
		return err
	}
	p := settings.ListPage{
		Head:    ui.Head{Title: "Credentials", Text: "Every secret that Joinery holds: who answers for it, what uses it, until when. Values are sealed and never shown."},
		Filters: &ui.Filters{Action: "/credentials", Fields: []ui.Field{{Name: "connection", Label: "Connection", Input: "search", Value: connection, Placeholder: "key"}}},
		Table:   ui.Table{Label: "Credentials", Columns: ui.Columns("Credential", "Owner", "Used by", "State", "Last used", "Expires")},
		Empty:   ui.Empty{Icon: "key-round", Title: "No credential", Text: "Credentials are set on the page of a connection."},
	}
	if connection != "" {
		p.Filters.ClearURL = "/credentials"
	}
	for _, x := range all {
		p.Table.Rows = append(p.Table.Rows, []ui.Cell{{Text: x.Connection + " · " + x.Name, Sub: x.Purpose, URL: "/credentials/" + x.ID}, {Text: x.OwnerName, Sub: x.OwnerEmail}, {Text: credentialFlows(x)},
			{Badges: s.credentialBadges(x)}, {Text: s.lastUsed(x), NoWrap: true}, {Text: x.ExpiresAt.UTC().Format("2 Jan 2006"), NoWrap: true}})
	}
	if len(all) > 0 {
		p.Pager.Text = plural(len(all), "credential", "credentials")
	}
	return s.show(c, who, frame{Title: "Credentials"}, settings.List(p))
}

func credentialFlows(x postgres.Credential) string {
	if len(x.Flows) == 0 {
		return "no live flow"
	}
	return strings.Join(x.Flows, ", ")
}

func (s *Server) lastUsed(x postgres.Credential) string {
	if x.LastUsedAt == nil {
		return "never"
	}
	return s.ago(*x.LastUsedAt)
}

func (s *Server) credentialBadges(x postgres.Credential) []ui.Badge {
	now := s.Now()
	var out []ui.Badge
	switch {
	case x.RevokedAt != nil:
		out = append(out, ui.Badge{Tone: "neutral", Text: "Revoked"})
	case x.Superseded:
		out = append(out, ui.Badge{Tone: "warn", Text: "Before, still accepted"})
	case !x.ExpiresAt.After(now):
		out = append(out, ui.Badge{Tone: "bad", Text: "Expired"})
	case x.ExpiresAt.Before(now.AddDate(0, 0, 30)):
		out = append(out, ui.Badge{Tone: "warn", Text: "Expires soon"})
	default:
		out = append(out, ui.Badge{Tone: "good", Text: "In force"})
	}
	if !x.OwnerActive && x.RevokedAt == nil {
		out = append(out, ui.Badge{Tone: "bad", Text: "Owner not active"})
	}
	return out
}

// credentialShow is GET /credentials/:id.
func (s *Server) credentialShow(c *fiber.Ctx, who auth.Actor) error {
	x, err := s.DB.Credential(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	return s.credential(c, who, x, 0, nil)
}

// credentialRevoke is POST /credentials/:id/revoke. The name must be typed.
func (s *Server) credentialRevoke(c *fiber.Ctx, who auth.Actor) error {
	x, err := s.DB.Credential(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	if strings.TrimSpace(c.FormValue("confirm")) != x.Name {
		return s.credential(c, who, x, http.StatusUnprocessableEntity, fault.Refuse("Nothing was revoked.", []fault.Problem{{Path: "confirm", Detail: "Type " + x.Name + " exactly."}}))
	}
	err = s.DB.RevokeCredential(c.UserContext(), who, x.ID, c.FormValue("reason"))
	if fault.Is(err, fault.Invalid) {
		return s.credential(c, who, x, http.StatusUnprocessableEntity, err)
	}
	if err != nil {
		return err
	}
	return s.done(c, "/credentials/"+x.ID, "The credential was revoked. Set a new one, or the connection cannot work.")
}

// belongsTo is what a credential is for: a connection, or the language model.
func belongsTo(x postgres.Credential) ui.Pair {
	if x.Connection == author.CredentialPlace {
		return ui.Pair{Label: "For", Value: "the language model", URL: "/system/author"}
	}
	return ui.Pair{Label: "Connection", Value: x.Connection, URL: "/connections/" + x.Connection}
}

func rotateURL(x postgres.Credential) string {
	if x.Connection == author.CredentialPlace {
		return "/system/author/key"
	}
	return "/connections/" + x.Connection + "/credentials/" + url.PathEscape(x.Name)
}

func (s *Server) credential(c *fiber.Ctx, who auth.Actor, x postgres.Credential, status int, err error) error {
	deputy := x.DeputyEmail
	if deputy == "" {
		deputy = "none"
	}
	p := settings.CredentialPage{
		Head: ui.Head{Title: x.Connection + " · " + x.Name, Badges: s.credentialBadges(x), Text: x.Purpose},
		Pairs: []ui.Pair{belongsTo(x), {Label: "Version", Value: fmt.Sprint(x.Version)}, {Label: "Owner", Value: x.OwnerName + ", " + x.OwnerEmail}, {Label: "Deputy", Value: deputy},
			{Label: "Set", Value: s.moment(x.CreatedAt)}, {Label: "Last used", Value: s.momentOr(x.LastUsedAt, "never")}, {Label: "Expires", Value: s.moment(x.ExpiresAt)}, {Label: "Used by live flows", Value: credentialFlows(x)}},
	}
	if x.RevokedAt != nil {
		p.Pairs = append(p.Pairs, ui.Pair{Label: "Revoked", Value: s.moment(*x.RevokedAt)}, ui.Pair{Label: "Why", Value: x.RevokedWhy})
	}
	if who.Can(auth.CredentialWrite) && x.RevokedAt == nil {
		if !x.Superseded {
			p.Head.Actions = []ui.Button{{Text: "Rotate", Icon: "rotate-ccw", Tone: "primary", URL: rotateURL(x)}}
		}
		effect := "No live flow uses the connection."
		if x.Connection == author.CredentialPlace {
			effect = "The function author asks no model until another key is set."
		} else if len(x.Flows) > 0 {
			effect = "These live flows use the connection and will stop at their next call: " + strings.Join(x.Flows, ", ") + "."
		}
		p.Revoke = &ui.Danger{Button: "Revoke", Title: "Revoke this credential?", Text: effect + " It cannot be undone. Revoke it at the system it belongs to as well.", Word: x.Name, Post: "/credentials/" + x.ID + "/revoke",
			Fields: withProblems([]ui.Field{{Name: "reason", Label: "Reason", Value: c.FormValue("reason"), Required: true}}, err)}
		for _, w := range fault.Problems(err) {
			p.Revoke.Open = true
			if w.Path == "confirm" {
				p.Revoke.Error = w.Detail
			}
		}
	}
	return s.show(c, who, frame{Title: x.Connection + " · " + x.Name, Crumbs: []ui.Link{{Text: "Credentials", URL: "/credentials"}}, Status: status}, settings.Credential(p))
}
