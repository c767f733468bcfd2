package web

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/views/layout"
	"joinery/views/ui"
)

// frame is what a handler says about its page; show adds the rest.
type frame struct {
	Title string
	// Nav is the address of the navigation item to mark; empty takes the first
	// part of the path.
	Nav string
	// Crumbs lead to the page; its own title is added.
	Crumbs  []ui.Link
	Notices []ui.Notice
	// Island loads the flow canvas.
	Island bool
	// Editor loads the editor of functions.
	Editor bool
	// Status is 200 when 0.
	Status int
}

// show answers with a page of the console.
func (s *Server) show(c *fiber.Ctx, who auth.Actor, f frame, body templ.Component) error {
	if f.Nav == "" {
		first, _, _ := strings.Cut(strings.TrimPrefix(c.Path(), "/"), "/")
		f.Nav = "/" + first
	}
	roles := make([]string, len(who.Roles))
	for i, r := range who.Roles {
		roles[i] = string(r)
	}
	p := s.basics(c, f.Title)
	p.Crumbs = append(f.Crumbs, ui.Link{Text: f.Title})
	p.Nav = s.navigation(c, who, f.Nav)
	p.User, p.Email, p.Roles, p.CSRF, p.Demo = who.Name, who.Email, strings.Join(roles, ", "), csrf(c), demoParts(s.Demo)
	p.Notices = append(s.notices(c), f.Notices...)
	if f.Island {
		p.Assets.MoreStyle, p.Assets.MoreScript = s.assets.URL("flow.css"), s.assets.URL("flow.js")
	}
	if f.Editor {
		p.Assets.MoreStyle, p.Assets.MoreScript = s.assets.URL("function.css"), s.assets.URL("function.js")
	}
	if f.Status != 0 {
		c.Status(f.Status)
	}
	return sendHTML(c, layout.Shell(p, body))
}

// plain answers with a page outside of the console.
func (s *Server) plain(c *fiber.Ctx, title string, body templ.Component, notices ...ui.Notice) error {
	p := s.basics(c, title)
	p.Notices = append(s.notices(c), notices...)
	return sendHTML(c, layout.Plain(p, body))
}

// fragment renders a part of a page, for a stream.
func (s *Server) fragment(c *fiber.Ctx) func(context.Context, templ.Component) (string, error) {
	p := s.basics(c, "")
	p.CSRF = csrf(c)
	return func(ctx context.Context, body templ.Component) (string, error) {
		var b bytes.Buffer
		err := layout.Fragment(p, body).Render(ctx, &b)
		return b.String(), err
	}
}

func (s *Server) basics(c *fiber.Ctx, title string) layout.Page {
	theme := c.Cookies("joinery-theme")
	if theme != "light" && theme != "dark" {
		theme = ""
	}
	return layout.Page{Title: title, Theme: theme, Version: "Joinery " + s.Version, Assets: layout.Assets{
		Style: s.assets.URL("style.css"), Script: s.assets.URL("app.js"), Icons: s.assets.URL("icons.svg"), Favicon: s.assets.URL("favicon.svg")}}
}

// sendHTML renders first and sends then, so that a failing page is an error page
// and not half a page.
func sendHTML(c *fiber.Ctx, body templ.Component) error {
	var b bytes.Buffer
	if err := body.Render(c.UserContext(), &b); err != nil {
		return err
	}
	c.Set("Content-Type", "text/html; charset=utf-8")
	return c.Send(b.Bytes())
}

const noticeCookie = "joinery-notice"

// done goes to another page after an act, and says there what happened.
func (s *Server) done(c *fiber.Ctx, to, sentence string) error {
	if sentence != "" {
		s.setCookie(c, noticeCookie, base64.RawURLEncoding.EncodeToString([]byte(sentence)), s.Now().Add(time.Minute))
	}
	return c.Redirect(to, http.StatusSeeOther)
}

func (s *Server) notices(c *fiber.Ctx) []ui.Notice {
	sent := c.Cookies(s.cookieName(noticeCookie))
	if sent == "" {
		return nil
	}
	s.dropCookie(c, noticeCookie)
	text, err := base64.RawURLEncoding.DecodeString(sent)
	if err != nil || len(text) > 500 {
		return nil
	}
	return []ui.Notice{{Tone: "good", Text: string(text)}}
}

// demoParts makes links of the addresses in the sentence that a demo shows.
func demoParts(sentence string) []ui.Link {
	var out []ui.Link
	text := ""
	for word := range strings.SplitSeq(sentence, " ") {
		if !strings.HasPrefix(word, "http://") && !strings.HasPrefix(word, "https://") {
			text += word + " "
			continue
		}
		address := strings.TrimRight(word, ".,;")
		out = append(out, ui.Link{Text: text}, ui.Link{Text: address, URL: address})
		text = word[len(address):] + " "
	}
	if text = strings.TrimRight(text, " "); text != "" {
		out = append(out, ui.Link{Text: text})
	}
	return out
}
