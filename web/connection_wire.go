package web

import (
	"context"
	"time"

	"github.com/a-h/templ"
	"github.com/gofiber/fiber/v2"

	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/canon"
	"joinery/internal/connector"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/views/ui"
)

// connection makes a route out of a page of connections, for the reader who asks.
func (s *Server) connection(page func(ConnectionPages, *fiber.Ctx) error) handler {
	return func(c *fiber.Ctx, who auth.Actor) error { return page(s.connectionPages(who), c) }
}

func pauseConnection(p ConnectionPages, c *fiber.Ctx) error  { return p.SetPaused(true)(c) }
func resumeConnection(p ConnectionPages, c *fiber.Ctx) error { return p.SetPaused(false)(c) }

func (s *Server) connectionPages(who auth.Actor) ConnectionPages {
	may := func(p auth.Permission) func(*fiber.Ctx) bool {
		return func(*fiber.Ctx) bool { return who.Can(p) }
	}
	return ConnectionPages{
		Catalog: s.Catalog, BaseURL: s.BaseURL, List: s.connectionStates, Load: s.connectionState,
		Try: s.tryConnection, TryDraft: s.Pool.TestDraft, CSRF: csrf,
		SaveRevision: func(c *fiber.Ctx, settings connector.Settings, message string, base int) error {
			raw, err := canon.Value(settings)
			if err != nil {
				return err
			}
			doc, err := artifact.Kinds{Connectors: s.Catalog}.Read(review.Connection, settings.Key, raw)
			if err != nil {
				return err
			}
			_, err = s.DB.SaveRevision(c.UserContext(), who, postgres.Save{Doc: doc, Message: message, Base: base, Via: "console"})
			return err
		},
		Pause: func(c *fiber.Ctx, key string, paused bool) error {
			return s.DB.SetPaused(c.UserContext(), who, review.Connection, key, paused, clip(c.FormValue("why"), 500))
		},
		Render: func(c *fiber.Ctx, title string, body templ.Component) error {
			f := frame{Title: title}
			if c.Path() != "/connections" || c.Method() != fiber.MethodGet {
				f.Crumbs = []ui.Link{{Text: "Connections", URL: "/connections"}}
			}
			return s.show(c, who, f, body)
		},
		When:    func(t time.Time) string { return s.moment(t) },
		MayEdit: may(auth.ArtifactWrite), MayTest: may(auth.ConnectionTest), MayPause: may(auth.RunOperate), MayCredential: may(auth.CredentialWrite),
	}
}

func (s *Server) connectionStates(ctx context.Context) ([]ConnectionState, error) {
	all, _, err := s.DB.Artifacts(ctx, review.Connection, "", "", 200)
	if err != nil {
		return nil, err
	}
	out := make([]ConnectionState, len(all))
	for i, a := range all {
		if out[i], err = s.connectionOf(ctx, a); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *Server) connectionState(ctx context.Context, key string) (ConnectionState, error) {
	a, err := s.DB.Artifact(ctx, review.Connection, key)
	if err != nil {
		return ConnectionState{}, err
	}
	out, err := s.connectionOf(ctx, a)
	if err != nil {
		return out, err
	}
	if a.Live != nil {
		_, content, err := s.DB.Release(ctx, a.Live.ID)
		if err != nil {
			return out, err
		}
		approved, err := artifact.Settings(content)
		if err != nil {
			return out, err
		}
		out.Approved = &approved
	}
	if status, wanted, err := s.DB.PollOf(ctx, key); err != nil {
		return out, err
	} else if wanted {
		out.Poll = &status
	} else if out.Unwatched, err = s.DB.Unwatched(ctx, key); err != nil {
		return out, err
	}
	set, err := s.DB.Credentials(ctx, key)
	if err != nil {
		return out, err
	}
	out.Credentials = map[string]bool{}
	for _, c := range set {
		if !c.Superseded && c.RevokedAt == nil && c.ExpiresAt.After(s.Now()) {
			out.Credentials[c.Name] = true
		}
	}
	return out, nil
}

// connectionOf adds the newest revision's content to what the store knows.
func (s *Server) connectionOf(ctx context.Context, a postgres.Artifact) (ConnectionState, error) {
	newest, err := s.DB.Revision(ctx, review.Connection, a.Key, 0)
	if err != nil {
		return ConnectionState{}, err
	}
	settings, err := artifact.Settings([]byte(newest.Content))
	if err != nil {
		return ConnectionState{}, err
	}
	out := ConnectionState{Settings: settings, Revision: newest.Number, Paused: a.Paused, Health: s.Pool.Health(a.Key)}
	if a.Live != nil {
		out.Live = a.Live.Revision
	}
	return out, nil
}
