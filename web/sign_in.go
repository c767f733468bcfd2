package web

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/postgres"
	"joinery/views/account"
)

// signInForm is GET /sign-in.
func (s *Server) signInForm(c *fiber.Ctx, who auth.Actor) error {
	if who.UserID != "" {
		return c.Redirect(localPath(c.Query("next")), http.StatusSeeOther)
	}
	needs, err := s.DB.NeedsSetup(c.UserContext())
	if err != nil {
		return err
	}
	if needs {
		// People may be there before the first administrator (a demo, the command line).
		if people, err := s.DB.HasUsers(c.UserContext()); err != nil || !people {
			if err != nil {
				return err
			}
			return s.plain(c, "Set-up", account.NotSetUp())
		}
	}
	return s.plain(c, "Sign in", account.SignIn(account.SignInPage{Next: localPath(c.Query("next")), Hint: s.signInHint()}))
}

// signIn is POST /sign-in.
func (s *Server) signIn(c *fiber.Ctx, who auth.Actor) error {
	email, next := c.FormValue("email"), localPath(c.FormValue("next"))
	in, err := s.DB.SignIn(c.UserContext(), s.Hasher, email, c.FormValue("password"), s.address(c), clip(c.Get("User-Agent"), 200))
	if fault.Is(err, fault.Unauthenticated) || fault.Is(err, fault.TooMany) {
		c.Status(statusOf[fault.KindOf(err)])
		return s.plain(c, "Sign in", account.SignIn(account.SignInPage{Email: email, Next: next, Error: fault.Sentence(err), Hint: s.signInHint()}))
	}
	if err != nil {
		return err
	}
	// A session that the browser had before must not live on beside the new one.
	if token, ok := c.Locals(keyToken).(string); ok && who.UserID != "" {
		if err := s.DB.SignOut(c.UserContext(), who, token); err != nil {
			return err
		}
	}
	s.openSession(c, in)
	return c.Redirect(next, http.StatusSeeOther)
}

func (s *Server) openSession(c *fiber.Ctx, in postgres.SignedIn) {
	s.setCookie(c, "joinery", in.Token, in.ExpiresAt)
}

// signOut is POST /sign-out.
func (s *Server) signOut(c *fiber.Ctx, who auth.Actor) error {
	token, _ := c.Locals(keyToken).(string)
	if err := s.DB.SignOut(c.UserContext(), who, token); err != nil {
		return err
	}
	s.dropCookie(c, "joinery")
	c.Set("Clear-Site-Data", `"cache"`)
	return c.Redirect("/sign-in", http.StatusSeeOther)
}

// localPath keeps only an address on this site; else the first page.
func localPath(next string) string {
	odd := func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' || r == utf8.RuneError }
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsFunc(next, odd) || strings.HasPrefix(next, "/sign-") {
		return "/"
	}
	return next
}

// clip bounds a text by its runes.
func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}

func (s *Server) signInHint() string {
	if s.Demo == "" {
		return ""
	}
	return "This is a demo. Its people and their passwords were printed in the terminal when it first started."
}
