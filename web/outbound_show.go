package web

import (
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/egress"
	"joinery/internal/fault"
	"joinery/views/settings"
	"joinery/views/ui"
)

// OutboundSetting is the setting with the places that flows may call.
const OutboundSetting = "http_targets"

// outboundShow is GET /outbound.
func (s *Server) outboundShow(c *fiber.Ctx, who auth.Actor) error {
	var lines []string
	if _, err := s.DB.Setting(c.UserContext(), OutboundSetting, &lines); err != nil {
		return err
	}
	return s.outboundPage(c, who, strings.Join(lines, "\n"), 0, "")
}

func (s *Server) outboundPage(c *fiber.Ctx, who auth.Actor, text string, status int, wrong string) error {
	p := settings.FormPage{Head: ui.Head{Title: "Outbound calls", Text: "Where the node HTTP request may go. Private addresses stay closed unless the installation allows them (JOINERY_ALLOW_HOSTS)."}, Action: "/outbound", Submit: "Save", Legend: "Allowed places",
		Fields: []ui.Field{{Name: "targets", Label: "Addresses", Input: "code", Rows: 8, Value: text, Error: wrong, Placeholder: "https://api.example.com/joiners", Help: "One a line: https://host/path, maybe with methods before it: GET,POST https://host/path. A path stands for all below it."}}}
	return s.show(c, who, frame{Title: "Outbound calls", Status: status}, settings.Form(p))
}

// outboundSave is POST /outbound.
func (s *Server) outboundSave(c *fiber.Ctx, who auth.Actor) error {
	text := c.FormValue("targets")
	lines := []string{}
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if _, err := egress.ParseTarget(line); err != nil {
			return s.outboundPage(c, who, text, http.StatusUnprocessableEntity, fault.Sentence(err))
		}
		lines = append(lines, line)
	}
	if len(lines) > 200 {
		return s.outboundPage(c, who, text, http.StatusUnprocessableEntity, "Up to 200 places are possible.")
	}
	if err := s.DB.SaveSetting(c.UserContext(), who, OutboundSetting, lines); err != nil {
		return err
	}
	return s.done(c, "/outbound", "Saved. Runs use the list at once.")
}
