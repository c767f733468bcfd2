package web

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/flow"
)

// canvasPaste is POST /flows/:key/canvas/paste: text that somebody copied, a whole
// flow or nodes and edges in YAML or JSON, as nodes and edges.
func (s *Server) canvasPaste(c *fiber.Ctx, _ auth.Actor) error {
	var in struct {
		Text string `json:"text"`
	}
	if err := readJSON(c, &in); err != nil {
		return err
	}
	f, err := flow.Parse([]byte(in.Text))
	if err != nil {
		return err
	}
	edges := f.Edges
	if edges == nil {
		edges = []flow.Edge{}
	}
	return sendJSON(c, http.StatusOK, map[string]any{"nodes": f.Nodes, "edges": edges})
}
