package web

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/postgres"
)

// guard decides whether a request may reach its handler: who asks, whether the
// request is theirs and not another site's, and whether they may.
func (s *Server) guard(r route) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if strings.HasPrefix(r.path, "/hooks/") && len(c.Request().Body()) > hookBodyLimit {
			return fault.New(fault.TooLarge, "The body is larger than 256 KiB.")
		}
		if scraper(c, r) {
			return r.act(c, auth.Actor{})
		}
		who, bearer, err := s.reader(c, r)
		if err != nil {
			return err
		}
		if r.needs != auth.Public && who.UserID == "" {
			return fault.New(fault.Unauthenticated, "Sign in first.")
		}
		unsafe := r.method != fiber.MethodGet
		if unsafe && !bearer && !strings.HasPrefix(r.path, "/hooks/") {
			// The sign-in form has no token: a tab that was opened before signing in elsewhere must still work.
			if err := s.fromUs(c, r.needs != auth.Public); err != nil {
				return err
			}
		}
		if !who.Can(r.needs) {
			return fault.New(fault.Forbidden, "Your roles do not allow this. It needs the permission %s; an administrator can give you a role that has it.", r.needs)
		}
		return r.act(c, who)
	}
}

// reader finds who asks. A token counts only in the Authorization header and only
// for the API; a session only in its cookie.
func (s *Server) reader(c *fiber.Ctx, r route) (who auth.Actor, bearer bool, err error) {
	if h := c.Get("Authorization"); h != "" && (strings.HasPrefix(r.path, "/api/") || r.path == "/metrics") {
		scheme, secret, _ := strings.Cut(h, " ")
		if !strings.EqualFold(scheme, "bearer") {
			return who, false, fault.New(fault.Unauthenticated, "Send the token as: Authorization: Bearer jnr_…")
		}
		who, err = s.DB.ActorByToken(c.UserContext(), strings.TrimSpace(secret), s.address(c))
		if err == nil {
			c.Locals(keyActor, who)
		}
		return who, true, err
	}
	who, err = s.signedIn(c)
	if err != nil && r.needs == auth.Public && fault.Is(err, fault.Unauthenticated) {
		return auth.Actor{Address: s.address(c)}, false, nil
	}
	return who, false, err
}

// signedIn gives the person of the session, once per request.
func (s *Server) signedIn(c *fiber.Ctx) (auth.Actor, error) {
	if who, ok := c.Locals(keyActor).(auth.Actor); ok {
		return who, nil
	}
	token := c.Cookies(s.sessionCookie())
	if token == "" {
		return auth.Actor{}, fault.New(fault.Unauthenticated, "Sign in first.")
	}
	session, err := s.session(c, token)
	s.sessions.note(token, err == nil)
	if err != nil {
		return auth.Actor{}, err
	}
	c.Locals(keyActor, session.Actor)
	c.Locals(keySession, session)
	c.Locals(keyToken, token)
	return session.Actor, nil
}

// session finds a session, and where a whole page will be shown also what its
// navigation counts.
func (s *Server) session(c *fiber.Ctx, token string) (postgres.Session, error) {
	if c.Method() != fiber.MethodGet || c.Get("HX-Request") != "" || strings.HasPrefix(c.Path(), "/api/") {
		return s.DB.ActorBySession(c.UserContext(), token, s.address(c))
	}
	var ahead postgres.Ahead
	if read := aheads[c.Route().Path]; read != nil && s.sessions.seen(token) {
		ahead = read(c)
	}
	session, waits, err := s.DB.ActorAndWaiting(c.UserContext(), token, s.address(c), ahead)
	if err == nil {
		c.Locals(keyWaiting, waits)
		c.Locals(keyAhead, ahead)
	}
	return session, err
}

func sessionOf(c *fiber.Ctx) postgres.Session {
	session, _ := c.Locals(keySession).(postgres.Session)
	return session
}

// fromUs refuses what another site made the browser send. The browser says where
// a request comes from; with a session, the form must also carry its token.
func (s *Server) fromUs(c *fiber.Ctx, withToken bool) error {
	foreign := fault.New(fault.Forbidden, "This request came from another site, so it was refused. Open Joinery itself and try again.")
	if site := c.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return foreign
	}
	if origin := c.Get("Origin"); origin != "" && c.Get("Sec-Fetch-Site") == "" {
		o, err := url.Parse(origin)
		if err != nil || o.Host == "" || o.Host != s.base.Host && o.Host != string(c.Request().Host()) {
			return foreign
		}
	}
	if !withToken {
		return nil
	}
	sent := c.Get("X-CSRF-Token")
	if sent == "" {
		sent = c.FormValue("_csrf")
	}
	if !sameToken(sent, sessionOf(c).CSRF) {
		return fault.New(fault.Forbidden, "The form is no longer valid, probably because you signed in again. Go back, reload the page and send it once more.")
	}
	return nil
}

// csrf gives the session's token, masked anew for each page: pages are
// compressed, and a constant secret beside typed text could be guessed by size.
func csrf(c *fiber.Ctx) string {
	raw := []byte(sessionOf(c).CSRF)
	if len(raw) == 0 {
		return ""
	}
	out := make([]byte, 2*len(raw))
	_, _ = rand.Read(out[:len(raw)])
	subtle.XORBytes(out[len(raw):], out[:len(raw)], raw)
	return base64.RawURLEncoding.EncodeToString(out)
}

func sameToken(sent, want string) bool {
	raw, err := base64.RawURLEncoding.DecodeString(sent)
	if err != nil || want == "" || len(raw) != 2*len(want) {
		return false
	}
	got := make([]byte, len(want))
	subtle.XORBytes(got, raw[:len(want)], raw[len(want):])
	return subtle.ConstantTimeCompare(got, []byte(want)) == 1
}

// sessionCookie is bound to the host by its name where cookies can be Secure.
func (s *Server) sessionCookie() string { return s.cookieName("joinery") }

func (s *Server) cookieName(name string) string {
	if s.secure() {
		return "__Host-" + name
	}
	return name
}

func (s *Server) setCookie(c *fiber.Ctx, name, value string, expires time.Time) {
	c.Cookie(&fiber.Cookie{Name: s.cookieName(name), Value: value, Path: "/", Expires: expires, HTTPOnly: true, Secure: s.secure(), SameSite: fiber.CookieSameSiteLaxMode})
}

func (s *Server) dropCookie(c *fiber.Ctx, name string) {
	s.setCookie(c, name, "", time.Unix(1, 0))
}
