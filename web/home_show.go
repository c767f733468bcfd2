package web

import (
	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/views/home"
	"joinery/views/ui"
)

// homeShow is GET /.
func (s *Server) homeShow(c *fiber.Ctx, who auth.Actor) error {
	return s.show(c, who, frame{Title: "Home"}, home.Show(home.Page{Head: ui.Head{Title: "Home"}}))
}
