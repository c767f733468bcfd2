package web

import (
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
)

// assetShow is GET /static/:name. With the version in its address, or the hash in
// its name, a file never changes, so it may be kept for good.
func (s *Server) assetShow(c *fiber.Ctx, _ auth.Actor) error {
	a, ok := s.assets.Find(c.Params("name"))
	if !ok {
		return fault.New(fault.NotFound, "There is no such file.")
	}
	c.Set("Cache-Control", "no-cache")
	if c.Query("v") == a.Version || a.Fixed {
		c.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	c.Set("Vary", "Accept-Encoding")
	c.Set("Content-Type", a.Type)
	c.Set("ETag", `"`+a.Version+`"`)
	if c.Get("If-None-Match") == `"`+a.Version+`"` {
		return c.SendStatus(http.StatusNotModified)
	}
	accepts := c.Get("Accept-Encoding")
	if strings.Contains(accepts, "br") {
		if packed := a.Brotli(); packed != nil {
			c.Set("Content-Encoding", "br")
			return c.Send(packed)
		}
	}
	if strings.Contains(accepts, "gzip") {
		if packed := a.Gzip(); packed != nil {
			c.Set("Content-Encoding", "gzip")
			return c.Send(packed)
		}
	}
	return c.Send(a.Body)
}
