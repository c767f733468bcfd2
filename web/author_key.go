package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/author"
	"joinery/internal/fault"
	"joinery/internal/postgres"
	"joinery/internal/secret"
	views "joinery/views/author"
	"joinery/views/settings"
	"joinery/views/ui"
)

// modelKey says whether there is a key, and where it is set.
func (s *Server) modelKey(c *fiber.Ctx, who auth.Actor, set author.Setting) (views.Key, error) {
	now, err := s.credentialNow(c, author.CredentialPlace, author.CredentialName)
	if err != nil {
		return views.Key{}, err
	}
	k := views.Key{Text: "The key is sealed in the inventory of credentials. Nobody can read it back, and it goes to the saved address only: after a change of the address it has to be set again."}
	button := ui.Button{Text: "Set the key", Icon: "key-round", URL: "/system/author/key"}
	switch {
	case now.ID == "" && set.NoKey:
		k.Text = "This address needs no key."
	case now.ID == "":
		k.Pairs = []ui.Pair{{Label: "Key", Value: "not set", Badge: &ui.Badge{Tone: "warn", Text: "Missing"}}}
	default:
		button.Text = "Set a new key"
		k.Pairs = []ui.Pair{{Label: "Key", Value: "set", URL: "/credentials/" + now.ID}, {Label: "Owner", Value: now.OwnerName}, {Label: "Expires", Value: s.moment(now.ExpiresAt)}}
	}
	if who.Can(auth.CredentialWrite) {
		k.Buttons = []ui.Button{button}
	}
	return k, nil
}

// usageOfAll is what everybody used of the model today.
func (s *Server) usageOfAll(ctx context.Context, l author.Limits) ([]ui.Tile, error) {
	all, err := s.DB.AuthorUsage(ctx, "")
	return []ui.Tile{{Label: "Calls", Value: thousands(int64(all.Calls))}, {Label: "Tokens", Value: thousands(all.TokensIn + all.TokensOut), Note: "of " + thousands(l.AllPerDay)}}, err
}

// modelKeyForm is GET /system/author/key.
func (s *Server) modelKeyForm(c *fiber.Ctx, who auth.Actor) error {
	n := postgres.NewCredential{Owner: who.Email, Purpose: "Functions are asked for in plain words", ExpiresAt: s.Now().AddDate(1, 0, 0)}
	before, err := s.credentialNow(c, author.CredentialPlace, author.CredentialName)
	if err != nil {
		return err
	}
	if before.ID != "" {
		n.Owner, n.Deputy, n.Purpose = before.OwnerEmail, before.DeputyEmail, before.Purpose
	}
	return s.modelKeyPage(c, who, n, 0, nil)
}

// modelKeySet is POST /system/author/key.
func (s *Server) modelKeySet(c *fiber.Ctx, who auth.Actor) error {
	n := postgres.NewCredential{Connection: author.CredentialPlace, Name: author.CredentialName, Value: secret.New(strings.TrimSpace(c.FormValue("value"))), Owner: c.FormValue("owner"), Deputy: c.FormValue("deputy"), Purpose: c.FormValue("purpose")}
	if d := day(c.FormValue("expires_at")); !d.IsZero() {
		n.ExpiresAt = d.Add(24*time.Hour - time.Second)
	}
	_, err := s.DB.SetCredential(c.UserContext(), who, n)
	if fault.Is(err, fault.Invalid) {
		return s.modelKeyPage(c, who, n, http.StatusUnprocessableEntity, err)
	}
	if err != nil {
		return err
	}
	return s.done(c, "/system/author", "The key was stored, sealed. Nobody can read it back.")
}

func (s *Server) modelKeyPage(c *fiber.Ctx, who auth.Actor, n postgres.NewCredential, status int, err error) error {
	fields := credentialFields("Key of the language model", "It is sealed at once; nobody can read it back.", n)
	p := settings.FormPage{Head: ui.Head{Title: "Key of the language model"}, Action: "/system/author/key", Submit: "Seal and store", CancelURL: "/system/author", Legend: "Credential", Fields: withProblems(fields, err)}
	if err != nil {
		p.Error = fault.Sentence(err)
	}
	return s.show(c, who, frame{Title: p.Head.Title, Nav: "/system/author", Status: status, Crumbs: []ui.Link{{Text: "System", URL: "/system"}, {Text: "Language model", URL: "/system/author"}}}, settings.Form(p))
}
