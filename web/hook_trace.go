package web

import (
	"context"
	"net/netip"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/fault"
	"joinery/internal/trace"
)

// traceHook begins the span of a delivery; end closes it. A traceparent is taken
// from a trusted proxy only: a sender's could claim to be part of anything. The
// address is not named, because made-up ones can be anything too.
func (s *Server) traceHook(ctx context.Context, c *fiber.Ctx) (context.Context, func(error)) {
	if s.Trace == nil {
		return ctx, func(error) {}
	}
	if at, ok := netip.AddrFromSlice(c.Context().RemoteIP()); ok && s.trusts(at.Unmap()) {
		ctx = s.Trace.Under(ctx, c.Get("traceparent"))
	}
	ctx, span := s.Trace.Receive(ctx, "hook", "")
	return ctx, func(err error) {
		if err != nil {
			span.End(string(fault.KindOf(err)))
			return
		}
		// Only the address of a live connection is ever accepted.
		span.End("", trace.Label{Key: "connection", Value: c.Params("key")})
	}
}
