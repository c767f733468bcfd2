package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/postgres"
	"joinery/internal/secret"
	"joinery/views/settings"
	"joinery/views/ui"
)

// credentialForm is GET /connections/:key/credentials/:name.
func (s *Server) credentialForm(c *fiber.Ctx, who auth.Actor) error {
	at, spec, err := s.credentialPlace(c)
	if err != nil {
		return err
	}
	n := postgres.NewCredential{Connection: at.Settings.Key, Name: spec.Name, Owner: who.Email, ExpiresAt: s.Now().AddDate(1, 0, 0)}
	before, err := s.credentialNow(c, n.Connection, n.Name)
	if err != nil {
		return err
	}
	if before.ID != "" {
		n.Owner, n.Deputy, n.Purpose = before.OwnerEmail, before.DeputyEmail, before.Purpose
	}
	return s.credentialPage(c, who, at, spec, n, before.ID != "", 0, nil)
}

// credentialSet is POST /connections/:key/credentials/:name.
func (s *Server) credentialSet(c *fiber.Ctx, who auth.Actor) error {
	at, spec, err := s.credentialPlace(c)
	if err != nil {
		return err
	}
	n := postgres.NewCredential{Connection: at.Settings.Key, Name: spec.Name, Value: secret.New(strings.TrimRight(c.FormValue("value"), "\r\n")), Owner: c.FormValue("owner"), Deputy: c.FormValue("deputy"), Purpose: c.FormValue("purpose")}
	if d := day(c.FormValue("expires_at")); !d.IsZero() {
		n.ExpiresAt = d.Add(24*time.Hour - time.Second)
	}
	if hours, err := strconv.Atoi(c.FormValue("overlap")); err == nil {
		n.Overlap = time.Duration(max(-1, min(hours, 31*24))) * time.Hour // the store refuses what is out of bounds
	}
	_, err = s.DB.SetCredential(c.UserContext(), who, n)
	if fault.Is(err, fault.Invalid) {
		before, beforeErr := s.credentialNow(c, n.Connection, n.Name)
		if beforeErr != nil {
			return beforeErr
		}
		return s.credentialPage(c, who, at, spec, n, before.ID != "", http.StatusUnprocessableEntity, err)
	}
	if err != nil {
		return err
	}
	return s.done(c, "/connections/"+n.Connection, spec.Label+" was stored, sealed. Nobody can read it back.")
}

func (s *Server) credentialPlace(c *fiber.Ctx) (ConnectionState, connector.CredentialSpec, error) {
	at, err := s.connectionState(c.UserContext(), c.Params("key"))
	if err != nil {
		return at, connector.CredentialSpec{}, err
	}
	name, _ := url.PathUnescape(c.Params("name"))
	if t, ok := s.Catalog.Type(at.Settings.Type); ok {
		for _, spec := range t.Info().Credentials {
			if spec.Name == name {
				return at, spec, nil
			}
		}
	}
	return at, connector.CredentialSpec{}, fault.New(fault.NotFound, "A connection of this type has no credential of this name.")
}

// credentialNow is the current value's record, the zero one when there is none.
func (s *Server) credentialNow(c *fiber.Ctx, connection, name string) (postgres.Credential, error) {
	all, err := s.DB.Credentials(c.UserContext(), connection)
	for _, x := range all {
		if x.Name == name && !x.Superseded {
			return x, err
		}
	}
	return postgres.Credential{}, err
}

func (s *Server) credentialPage(c *fiber.Ctx, who auth.Actor, at ConnectionState, spec connector.CredentialSpec, n postgres.NewCredential, rotate bool, status int, err error) error {
	title := "Set " + spec.Label
	fields := credentialFields(spec.Label, strings.TrimSpace(spec.Help+" It is sealed at once; nobody can read it back."), n)
	if rotate {
		title = "Rotate " + spec.Label
		if spec.Name == connector.WebhookSecret {
			fields = append(fields, ui.Field{Name: "overlap", Label: "The secret before stays accepted for", Input: "select", Options: []ui.Option{
				{Value: "0", Label: "no time: it ends now"}, {Value: "24", Label: "one day", Selected: true}, {Value: "168", Label: "one week"}}})
		}
	}
	p := settings.FormPage{Head: ui.Head{Title: title, Text: at.Settings.Name}, Action: "/connections/" + n.Connection + "/credentials/" + url.PathEscape(n.Name), Submit: "Seal and store", CancelURL: "/connections/" + n.Connection, Legend: "Credential", Fields: withProblems(fields, err)}
	if err != nil {
		p.Error = fault.Sentence(err)
	}
	return s.show(c, who, frame{Title: title, Status: status, Crumbs: []ui.Link{{Text: "Connections", URL: "/connections"}, {Text: at.Settings.Name, URL: "/connections/" + n.Connection}}}, settings.Form(p))
}

// credentialFields are those that every credential has.
func credentialFields(label, help string, n postgres.NewCredential) []ui.Field {
	expires := ""
	if !n.ExpiresAt.IsZero() {
		expires = n.ExpiresAt.UTC().Format(time.DateOnly)
	}
	return []ui.Field{
		{Name: "value", Label: label, Input: "password", Required: true, Autocomplete: "new-password", Help: help},
		{Name: "owner", Label: "Owner", Input: "email", Value: n.Owner, Required: true, Help: "The e-mail address of the user who answers for it."},
		{Name: "deputy", Label: "Deputy", Input: "email", Value: n.Deputy, Help: "Another user, for when the owner is away."},
		{Name: "purpose", Label: "Purpose", Value: n.Purpose, Required: true, Placeholder: "Joinery creates accounts of joiners"},
		{Name: "expires_at", Label: "Expires", Input: "date", Value: expires, Required: true, Help: "At the end of this day, UTC. Joinery reminds from 30 days before."},
	}
}
