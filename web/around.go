package web

import (
	"context"
	"fmt"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"joinery/internal/auth"
	"joinery/internal/fault"
)

// csp allows what is ours and nothing inline.
const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

var requestIDShape = regexp.MustCompile(`^[A-Za-z0-9._-]{8,64}$`)

// around is what every request passes first: nothing escapes it, neither a panic
// nor an error, and every request leaves one line in the log, with ids only.
func (s *Server) around(c *fiber.Ctx) (err error) {
	start := time.Now() // how long it took is told by the machine's clock, not by an injected one
	id := c.Get("X-Request-Id")
	if !requestIDShape.MatchString(id) {
		id = uuid.Must(uuid.NewV7()).String()
	}
	c.Locals(keyRequest, id)
	s.headers(c)
	if s.ending() {
		c.Response().Header.SetConnectionClose() // the next request goes to another process
	}
	// Not a child of fasthttp's context: that one is used again for other requests.
	ctx, cancel := context.WithTimeout(context.Background(), requestLimit)
	defer cancel()
	c.SetUserContext(ctx)
	if conn := c.Context().Conn(); conn != nil {
		// WriteTimeout would cut streams; a slow reader of a page is cut here instead.
		_ = conn.SetWriteDeadline(time.Now().Add(requestLimit + readLimit))
	}
	if awaited(c.Path()) {
		defer s.First.Page()()
	}
	if err = checkWire(c); err == nil {
		err = s.checkHost(c)
	}
	if err == nil {
		err = s.next(c)
	}
	if err != nil {
		err = s.fail(c, err)
	}
	took := time.Since(start)
	s.Metrics.Answer(c.Response().StatusCode(), strings.HasPrefix(c.Path(), "/hooks/"), took)
	s.note(c, id, took)
	return err
}

// awaited says that a person may be waiting for the answer.
func awaited(path string) bool {
	for _, beginning := range []string{"/hooks/", "/api/", "/static/", "/healthz", "/readyz", "/metrics"} {
		if strings.HasPrefix(path, beginning) {
			return false
		}
	}
	return true
}

// next runs the rest and turns a panic into an error.
func (s *Server) next(c *fiber.Ctx) (err error) {
	defer func() {
		if r := recover(); r != nil {
			s.Log.Error("request panicked", "request", requestID(c), "route", c.Route().Path, "err", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = fault.New(fault.Internal, "Something went wrong on our side. The log has the details under request %s.", requestID(c))
		}
	}()
	return c.Next()
}

func (s *Server) note(c *fiber.Ctx, id string, took time.Duration) {
	path := c.Route().Path
	if strings.HasPrefix(path, "/static/") || path == "/healthz" || path == "/readyz" {
		return
	}
	actor := ""
	if a, ok := c.Locals(keyActor).(auth.Actor); ok {
		actor = a.ID
	}
	s.Log.Info("request", "request", id, "method", c.Method(), "route", path, "status", c.Response().StatusCode(), "actor", actor, "took", took.Round(time.Microsecond))
}

func (s *Server) headers(c *fiber.Ctx) {
	c.Set("Content-Security-Policy", csp)
	c.Set("X-Content-Type-Options", "nosniff")
	c.Set("X-Frame-Options", "DENY")
	c.Set("Referrer-Policy", "same-origin")
	c.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	c.Set("Cross-Origin-Opener-Policy", "same-origin")
	c.Set("Cross-Origin-Resource-Policy", "same-origin")
	c.Set("Cache-Control", "no-store")
	c.Set("Vary", "Accept, Accept-Encoding, Cookie")
	c.Set("X-Request-Id", requestID(c))
	if s.secure() {
		c.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	}
}

// local keeps our keys in fiber's request values apart from others.
type local int

const (
	keyRequest local = iota
	keyActor
	keySession
	keyToken
)

func requestID(c *fiber.Ctx) string {
	id, _ := c.Locals(keyRequest).(string)
	return id
}
