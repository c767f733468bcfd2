package engine

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"joinery/internal/egress"
	"joinery/internal/fault"
	"joinery/internal/node"
)

// paced waits until a host that asked for fewer calls may be called again, and
// gives the moment that this was decided. A short wait is made here; for a long one
// the step comes back later, without a try. given is an earlier such moment: nobody
// waits again as long as that still holds.
func (b *boundary) paced(ctx context.Context, r node.Request, given time.Time) (time.Time, error) {
	kind, ok := kindOf(r)
	e := b.k.e
	if !ok || !given.IsZero() && e.paces.Stands(kind, given) {
		return given, nil // what is no address is refused by the call
	}
	for {
		asked := time.Now()
		turn := e.paces.Ask(kind, asked)
		wait := turn.At.Sub(asked)
		if turn.Away {
			return asked, &waitError{until: e.Now().Add(wait), what: fmt.Sprintf("%s to take more requests: it asked for fewer", kind.Host)}
		}
		if wait <= 0 {
			return asked, nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return asked, fault.Wrap(fault.Unavailable, ctx.Err(), "%s asked for fewer requests, and there was no room for this one in time.", kind.Host)
		}
		if !turn.Again && e.paces.Stands(kind, asked) {
			return turn.At, nil
		}
	}
}

// send makes a request that was let go at a moment, and tells the pace what became
// of it.
func (b *boundary) send(ctx context.Context, r node.Request, given time.Time) (node.Response, error) {
	out, err := b.k.e.HTTP(ctx, r)
	if kind, ok := kindOf(r); ok && err == nil {
		now := time.Now()
		after := egress.RetryAfter(out.Header, now)
		refused := out.Status == http.StatusTooManyRequests || out.Status == http.StatusServiceUnavailable && after > 0
		b.k.e.paces.Tell(kind, given, now, refused, after)
	}
	return out, err
}

func kindOf(r node.Request) (egress.Kind, bool) {
	u, err := url.Parse(r.URL)
	if err != nil || u.Host == "" {
		return egress.Kind{}, false
	}
	return egress.Kind{Method: r.Method, Host: strings.ToLower(u.Host)}, true
}
