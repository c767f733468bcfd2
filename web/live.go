package web

import (
	"bufio"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/gofiber/fiber/v2"

	"joinery/internal/fault"
)

// Bounds of a stream: how often it looks, pings, and how long it lives before the
// browser must ask again (and so prove once more that it may).
const (
	liveEvery = 700 * time.Millisecond
	livePing  = 15 * time.Second
	liveMost  = 10 * time.Minute
)

// live streams a part of a page: look gives the part as it is now and whether it
// is final; it is sent when it differs from what was sent last. Look runs after
// the handler has returned, so it must not touch the fiber.Ctx. The stream ends as
// soon as the session does or the person's roles change.
func (s *Server) live(c *fiber.Ctx, look func(ctx context.Context) (part templ.Component, final bool, err error)) error {
	render, still := s.fragment(c), s.still(c)
	return s.streaming(c, func(ctx context.Context, w *bufio.Writer) error { return s.stream(ctx, w, still, render, look) })
}

// streaming answers with what write writes, until it returns.
func (s *Server) streaming(c *fiber.Ctx, write func(ctx context.Context, w *bufio.Writer) error) error {
	c.Set("Content-Type", "text/event-stream")
	c.Set("Cache-Control", "no-cache, no-transform")
	c.Set("X-Accel-Buffering", "no")
	conn := c.Context().Conn()
	log, id := s.Log, requestID(c)
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer func() {
			if r := recover(); r != nil {
				log.Error("stream panicked", "request", id, "err", r)
			}
		}()
		ctx, cancel := context.WithTimeout(context.Background(), liveMost)
		defer cancel()
		if conn != nil {
			_ = conn.SetWriteDeadline(time.Now().Add(liveMost + time.Minute))
		}
		if err := write(ctx, w); err != nil {
			log.Debug("stream ended", "request", id, "err", err)
		}
	})
	return nil
}

// still tells whether the reader is who they were: same session, same roles.
func (s *Server) still(c *fiber.Ctx) func(context.Context) error {
	token, _ := c.Locals(keyToken).(string)
	who, address := sessionOf(c).Actor, s.address(c)
	token = strings.Clone(token)
	return func(ctx context.Context) error {
		if token == "" {
			return nil // no session to lose
		}
		now, err := s.DB.ActorBySession(ctx, token, address)
		if err == nil && !slices.Equal(now.Actor.Roles, who.Roles) {
			err = fault.New(fault.Unauthenticated, "The roles changed.")
		}
		return err
	}
}

func (s *Server) stream(ctx context.Context, w *bufio.Writer, still func(context.Context) error, render func(context.Context, templ.Component) (string, error), look func(context.Context) (templ.Component, bool, error)) error {
	if _, err := w.WriteString("retry: 2000\n\n"); err != nil {
		return err
	}
	tick := time.NewTicker(liveEvery)
	defer tick.Stop()
	last, spoke := "", time.Now()
	for {
		if err := still(ctx); err != nil {
			return err
		}
		part, final, err := look(ctx)
		if err != nil {
			return err
		}
		html, err := render(ctx, part)
		if err != nil {
			return err
		}
		if html != last {
			last, spoke = html, time.Now()
			writeEvent(w, "fragment", html)
		}
		if final {
			writeEvent(w, "done", "")
			return w.Flush()
		}
		if time.Since(spoke) > livePing {
			spoke = time.Now()
			_, _ = w.WriteString(": ping\n\n")
		}
		if err := w.Flush(); err != nil {
			return err // the browser is gone
		}
		select {
		case <-s.stopping:
			return nil
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func writeEvent(w *bufio.Writer, name, data string) {
	_, _ = w.WriteString("event: " + name + "\n")
	for line := range strings.SplitSeq(strings.ReplaceAll(data, "\r", ""), "\n") {
		_, _ = w.WriteString("data: " + line + "\n")
	}
	_, _ = w.WriteString("\n")
}
