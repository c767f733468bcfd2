package web

import (
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"golang.org/x/time/rate"

	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/postgres"
	"joinery/internal/review"
)

// Bounds of intake. HRIS vendors want an answer within three seconds and treat a
// 4xx as final, so our own trouble is always 503.
const (
	hookAnswer  = 2500 * time.Millisecond
	hookRate    = 5000 // deliveries per second and connection
	hookBurst   = 10000
	refusedRate = 2 // unsigned deliveries per second and connection that are kept on record
	hookCache   = time.Second
	hookAhead   = 300 * time.Millisecond
)

// AfterAccept is the place where an event is committed and its sender has no answer.
const AfterAccept = "after accept"

// hookDoor is what intake needs of one connection, read anew every second.
type hookDoor struct {
	settings connector.Settings
	source   connector.Source
	signers  []connector.Signer
	until    time.Time
}

// hooks keeps doors and limits between requests.
type hooks struct {
	mu      sync.Mutex
	doors   map[string]hookDoor
	ahead   sync.Mutex // held by who reads a door anew before it is too old
	limits  map[string]*rate.Limiter
	refused map[string]*rate.Limiter
}

// hookReceive is POST /hooks/:key. Nothing outside is called in here.
func (s *Server) hookReceive(c *fiber.Ctx, _ auth.Actor) (err error) {
	s.First.Wait()
	ctx, cancel := context.WithTimeout(c.UserContext(), hookAnswer)
	defer cancel()
	key := c.Params("key")
	ctx, end := s.traceHook(ctx, c)
	defer func() { end(err) }()
	door, err := s.hooks.door(ctx, s, key)
	if err != nil {
		return ourTrouble(err)
	}
	if !s.hooks.allow(key) {
		return &fault.Error{Kind: fault.TooMany, Sentence: "Too many deliveries at once. Send this one again in a second.", RetryAfter: time.Second}
	}
	media, _, err := mime.ParseMediaType(c.Get("Content-Type"))
	if err != nil || !slices.Contains(door.source.ContentTypes(), media) {
		return fault.New(fault.Unsupported, "The body must be %s.", strings.Join(door.source.ContentTypes(), " or "))
	}
	d := connector.Delivery{Header: http.Header{}, Body: slices.Clone(c.BodyRaw()), At: s.Now()}
	c.Request().Header.VisitAll(func(k, v []byte) { d.Header.Add(string(k), string(v)) })
	signer, err := door.source.Verify(door.settings.Settings, door.signers, d)
	if err != nil {
		s.keepRefused(ctx, c, key, d, err)
		return err
	}
	if signer != "" { // a handshake needs none
		s.DB.SignerUsed(ctx, signer)
	}
	events, err := door.source.Events(door.settings.Settings, d)
	if err != nil {
		if _, keep := s.DB.KeepDeadLetter(ctx, key, d.Header.Get("webhook-id"), fault.Sentence(err), signer, s.address(c), d.Body); keep != nil {
			return ourTrouble(keep)
		}
		return err
	}
	out := postgres.Accepted{Runs: []string{}}
	for i, e := range events {
		a, err := s.DB.AcceptEvent(ctx, postgres.Incoming{Connection: key, Event: e, Signer: signer, Address: s.address(c), Trace: s.Trace.Parent(ctx)})
		if fault.Is(err, fault.Invalid) {
			if _, keep := s.DB.KeepDeadLetter(ctx, key, e.Key, fault.Sentence(err), signer, s.address(c), d.Body); keep != nil {
				return ourTrouble(keep)
			}
			return err
		}
		if err != nil {
			return ourTrouble(err)
		}
		if i == 0 {
			out.Event, out.Duplicate = a.Event, true
		}
		out.Runs = append(out.Runs, a.Runs...)
		out.Duplicate = out.Duplicate && a.Duplicate
	}
	if s.Reached != nil {
		s.Reached(AfterAccept)
	}
	s.kick()
	body, err := json.Marshal(out)
	if err != nil {
		return err
	}
	c.Set("Content-Type", "application/json")
	return c.Status(received(door.source)).Send(body)
}

// received is the status that the sender takes for an answer.
func received(source connector.Source) int {
	if a, ok := source.(connector.Answering); ok {
		return a.Received()
	}
	return http.StatusAccepted
}

// ourTrouble answers 503 for what is not the sender's doing.
func ourTrouble(err error) error {
	switch fault.KindOf(err) {
	case fault.Unavailable, fault.Internal:
		return &fault.Error{Kind: fault.Unavailable, Sentence: "Joinery cannot take this delivery at the moment. Send it again.", RetryAfter: 5 * time.Second, Cause: err}
	}
	return err
}

// keepRefused keeps a few of the unsigned deliveries on record, so that a wrong
// secret is seen on the events page and a flood fills nothing.
func (s *Server) keepRefused(ctx context.Context, c *fiber.Ctx, key string, d connector.Delivery, why error) {
	if !s.hooks.note(key) {
		return
	}
	if _, err := s.DB.KeepDeadLetter(ctx, key, d.Header.Get("webhook-id"), fault.Sentence(why), "", s.address(c), nil); err != nil {
		s.Log.Warn("keeping a refused delivery failed", "connection", key, "err", err)
	}
}

func (h *hooks) allow(key string) bool {
	return h.limiter(&h.limits, key, hookRate, hookBurst).Allow()
}
func (h *hooks) note(key string) bool {
	return h.limiter(&h.refused, key, refusedRate, 10).Allow()
}

func (h *hooks) limiter(all *map[string]*rate.Limiter, key string, perSecond rate.Limit, burst int) *rate.Limiter {
	h.mu.Lock()
	defer h.mu.Unlock()
	if *all == nil {
		*all = map[string]*rate.Limiter{}
	}
	l, ok := (*all)[key]
	if !ok {
		l = rate.NewLimiter(perSecond, burst)
		(*all)[key] = l
	}
	return l
}

// forget lets the next delivery see what is live now.
func (h *hooks) forget(key string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.doors, key)
}

// door finds a live connection that receives webhooks. Limits and doors are kept
// for live connections only, so made-up keys take no memory. One delivery reads a
// door anew shortly before it is too old, and the others go on with it meanwhile.
func (h *hooks) door(ctx context.Context, s *Server, key string) (hookDoor, error) {
	h.mu.Lock()
	d, ok := h.doors[key]
	h.mu.Unlock()
	if left := time.Until(d.until); ok && left > 0 {
		if left > hookAhead || !h.ahead.TryLock() {
			return d, nil
		}
		defer h.ahead.Unlock()
		if fresh, err := h.read(ctx, s, key); err == nil {
			return fresh, nil
		}
		return d, nil // it holds a moment longer
	}
	return h.read(ctx, s, key)
}

func (h *hooks) read(ctx context.Context, s *Server, key string) (d hookDoor, err error) {
	none := fault.New(fault.NotFound, "No live connection receives webhooks at this address.")
	if artifact.CheckKey(key) != nil {
		return d, none
	}
	a, err := s.DB.Artifact(ctx, review.Connection, key)
	if fault.Is(err, fault.NotFound) || err == nil && a.Live == nil {
		return d, none
	}
	if err != nil {
		return d, err
	}
	_, content, err := s.DB.Release(ctx, a.Live.ID)
	if err != nil {
		return d, err
	}
	if d.settings, err = artifact.Settings(content); err != nil {
		return d, err
	}
	t, ok := s.Catalog.Type(d.settings.Type)
	if !ok {
		return d, none
	}
	if d.source, ok = t.(connector.Source); !ok {
		return d, none
	}
	d.settings.Settings = connector.WithDefaults(t.Info().Settings, d.settings.Settings)
	if d.signers, err = s.DB.WebhookSigners(ctx, key, connector.WebhookSecret); err != nil {
		return d, err
	}
	d.until = time.Now().Add(hookCache)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.doors == nil {
		h.doors = map[string]hookDoor{}
	}
	h.doors[key] = d
	return d, nil
}

// kick tells the engine that there is something to do.
func (s *Server) kick() {
	if s.Kick != nil {
		s.Kick()
	}
}
