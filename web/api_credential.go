package web

import (
	"context"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/postgres"
	"joinery/internal/secret"
)

type apiCredential struct {
	ID         string   `json:"id"`
	Connection string   `json:"connection"`
	Name       string   `json:"name"`
	Version    int      `json:"version"`
	Owner      string   `json:"owner"`
	Deputy     string   `json:"deputy,omitempty"`
	Purpose    string   `json:"purpose"`
	CreatedAt  string   `json:"created_at"`
	ExpiresAt  string   `json:"expires_at"`
	LastUsedAt *string  `json:"last_used_at"`
	State      string   `json:"state"`
	UsedBy     []string `json:"used_by"`
}

func (s *Server) asAPICredential(r postgres.Credential) apiCredential {
	state := "in_force"
	switch {
	case r.RevokedAt != nil:
		state = "revoked"
	case !r.ExpiresAt.After(s.Now()):
		state = "expired"
	case r.Superseded:
		state = "superseded"
	}
	return apiCredential{ID: r.ID, Connection: r.Connection, Name: r.Name, Version: r.Version, Owner: r.OwnerEmail, Deputy: r.DeputyEmail, Purpose: r.Purpose, CreatedAt: stamp(r.CreatedAt), ExpiresAt: stamp(r.ExpiresAt),
		LastUsedAt: stampOf(r.LastUsedAt), State: state, UsedBy: append([]string{}, r.Flows...)}
}

func (s *Server) apiCredentials(c *fiber.Ctx, _ auth.Actor) error {
	limit, after, err := pageOf(c, credentialCursor)
	if err != nil {
		return err
	}
	rows, next, err := s.DB.CredentialPage(c.UserContext(), c.Query("connection"), after, limit)
	if err != nil {
		return err
	}
	var out []apiCredential
	for _, r := range rows {
		out = append(out, s.asAPICredential(r))
	}
	return sendPage(c, credentialCursor, out, next)
}

func (s *Server) apiCredentialSet(c *fiber.Ctx, who auth.Actor) error {
	var in struct {
		Value        string    `json:"value"`
		Owner        string    `json:"owner"`
		Deputy       string    `json:"deputy"`
		Purpose      string    `json:"purpose"`
		ExpiresAt    time.Time `json:"expires_at"`
		OverlapHours int       `json:"overlap_hours"`
	}
	if err := readJSON(c, &in); err != nil {
		return err
	}
	overlap, err := overlapOf(in.OverlapHours)
	if err != nil {
		return err
	}
	r, err := s.DB.SetCredential(c.UserContext(), who, postgres.NewCredential{Connection: c.Params("key"), Name: c.Params("name"), Value: secret.New(in.Value), Owner: in.Owner, Deputy: in.Deputy, Purpose: in.Purpose, ExpiresAt: in.ExpiresAt, Overlap: overlap})
	if err != nil {
		return err
	}
	return sendJSON(c, http.StatusCreated, s.asAPICredential(r))
}

// overlapOf bounds the hours before they are multiplied: a very large number
// would come out as a small one.
func overlapOf(hours int) (time.Duration, error) {
	if hours < 0 || hours > 30*24 {
		return 0, fault.Refuse("The value before may stay accepted for up to 30 days.", []fault.Problem{{Path: "overlap_hours", Detail: "A number from 0 to 720."}})
	}
	return time.Duration(hours) * time.Hour, nil
}

func (s *Server) apiCredentialRotate(c *fiber.Ctx, who auth.Actor) error {
	var in struct {
		Value        string    `json:"value"`
		ExpiresAt    time.Time `json:"expires_at"`
		OverlapHours int       `json:"overlap_hours"`
	}
	if err := readJSON(c, &in); err != nil {
		return err
	}
	overlap, err := overlapOf(in.OverlapHours)
	if err != nil {
		return err
	}
	r, err := s.DB.RotateCredential(c.UserContext(), who, c.Params("id"), secret.New(in.Value), in.ExpiresAt, overlap)
	if err != nil {
		return err
	}
	return sendJSON(c, http.StatusCreated, s.asAPICredential(r))
}

func (s *Server) apiCredentialRevoke(c *fiber.Ctx, who auth.Actor) error {
	var in struct {
		Reason string `json:"reason"`
	}
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if err := s.DB.RevokeCredential(c.UserContext(), who, c.Params("id"), in.Reason); err != nil {
		return err
	}
	r, err := s.DB.Credential(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	return sendJSON(c, http.StatusOK, s.asAPICredential(r))
}

// apiConnectionTest tries the newest settings, as far as they may be trusted.
func (s *Server) apiConnectionTest(c *fiber.Ctx, who auth.Actor) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), testLimit)
	defer cancel()
	p := s.connectionPages(who)
	st, err := p.Load(ctx, c.Params("key"))
	if err != nil {
		return err
	}
	findings := p.try(ctx, c, st.Settings, st.Approved)
	ok := true
	for _, f := range findings {
		ok = ok && f.OK
	}
	return sendJSON(c, http.StatusOK, map[string]any{"ok": ok, "findings": findings})
}
