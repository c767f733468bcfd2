package engine

import (
	"context"
	"fmt"
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
func (b *boundary) paced(ctx context.Context, kind egress.Kind, given time.Time) (time.Time, error) {
	e := b.k.e
	if kind.Host == "" || !given.IsZero() && e.paces.Stands(kind, given) {
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
		back := seatOf(ctx).away()
		err := sleep(ctx, wait)
		back()
		if err != nil {
			return asked, fault.Wrap(fault.Unavailable, err, "%s asked for fewer requests, and there was no room for this one in time.", kind.Host)
		}
		if !turn.Again && e.paces.Stands(kind, asked) {
			return turn.At, nil
		}
	}
}

// send makes a request that had its turn, and tells the pace what became of it.
func (b *boundary) send(ctx context.Context, r node.Request, kind egress.Kind) (node.Response, error) {
	if kind.Host != "" {
		if err := b.gate(ctx, kind); err != nil {
			return node.Response{}, err
		}
	}
	sent := time.Now()
	out, err := b.k.e.HTTP(ctx, r)
	if kind.Host != "" && err == nil {
		now := time.Now()
		b.k.e.paces.Tell(kind, sent, now, egress.Listen(out.Status, out.Header, now))
	}
	return out, err
}

// gateFor is how long a request with a turn waits at most for its moment.
const gateFor = 5 * time.Second

// gate lets requests through one by one that had their turns while something held
// them all up, such as a slow commit.
func (b *boundary) gate(ctx context.Context, kind egress.Kind) error {
	for {
		wait := b.k.e.paces.Gate(kind, time.Now())
		switch {
		case wait <= 0:
			return nil
		case wait > gateFor:
			return fault.New(fault.Unavailable, "%s asked for fewer requests just before this one was sent.", kind.Host)
		}
		if err := sleep(ctx, wait); err != nil {
			return fault.Wrap(fault.Unavailable, err, "%s asked for fewer requests, and there was no room for this one in time.", kind.Host)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// kindOf tells whose pace a request keeps; of what is no address, none.
func kindOf(r node.Request) egress.Kind {
	u, err := url.Parse(r.URL)
	if err != nil || u.Host == "" {
		return egress.Kind{}
	}
	return egress.Kind{Method: r.Method, Host: strings.ToLower(u.Host)}
}
