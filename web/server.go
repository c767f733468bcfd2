// Package web speaks HTTP: pages, forms and the JSON API. routes.go is the map;
// a handler reads, calls one verb or query, maps and renders. fiber.Ctx never
// leaves this package.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/compress"
	"github.com/valyala/fasthttp"

	"joinery/internal/auth"
	"joinery/internal/author"
	"joinery/internal/connector"
	"joinery/internal/engine"
	"joinery/internal/first"
	"joinery/internal/luavm"
	"joinery/internal/metric"
	"joinery/internal/node"
	"joinery/internal/policy"
	"joinery/internal/postgres"
	"joinery/internal/trace"
	"joinery/static"
)

// Bounds of one request.
const (
	bodyLimit     = 2 << 20
	hookBodyLimit = 256 << 10
	requestLimit  = 60 * time.Second
	readLimit     = 30 * time.Second
	idleLimit     = 2 * time.Minute
)

// Server is the HTTP side. Fill the fields, then App or Serve.
type Server struct {
	DB     *postgres.DB
	Hasher *auth.Hasher
	Log    *slog.Logger
	Now    func() time.Time
	// BaseURL is where browsers reach Joinery; https makes cookies Secure.
	BaseURL string
	// TrustedProxies may say on whose behalf they ask (X-Forwarded-For).
	TrustedProxies []netip.Prefix
	Version        string
	// Demo is the sentence a demo shows on every page; "" outside of a demo.
	Demo    string
	Catalog connector.Catalog
	// Nodes are the node types of flows; Pool tests connections; Kick wakes the engine.
	Nodes node.Types
	Pool  *connector.Pool
	Kick  func()
	// CheckList foresees an uploaded list beside; nil where no engine runs.
	CheckList func(id, release string)
	// Known finds joiners whom rules fit; nil where no engine runs.
	Known func(ctx context.Context, joinerID string, attributes map[string]any, rules []policy.MatchRule) ([]node.Known, error)
	// Try foresees one run; nil where no engine runs.
	Try func(context.Context, engine.Try) (engine.Tried, error)
	// Functions run the code of drafts: tests, tries and replays; nil where this process runs no functions.
	Functions *luavm.Pool
	// Author carries what is asked of the language model; nil where this process carries none.
	Author *author.Author
	// Beat is when the engine last went round its loop, InHand how many runs it
	// carries; nil where no engine runs beside the site.
	Beat   func() time.Time
	InHand func() int
	// Metrics counts answers; nil counts them for nobody. Trace follows webhooks; nil does not.
	Metrics *metric.Set
	Trace   *trace.Tracer
	// Drain is how long the site goes on answering after it has begun to say that
	// it is not ready, so that a proxy can turn to another one first.
	Drain time.Duration
	// First lets pages go before deliveries and runs; nil lets nobody.
	First *first.First
	// System adds facts to the system page; nil adds none.
	System func(context.Context) []SystemFact
	// Static are the files that pages are built of; nil loads them. They are compressed at their first use.
	Static *static.Assets
	// Reached is told when an event is kept and not answered yet. Only tests set it.
	Reached func(place string)

	hooks    hooks
	sessions sessions
	tries    tries
	seats    chan struct{}
	base     *url.URL
	assets   *static.Assets
	nav      []navItem
	stopping chan struct{}
	// wasUnready is why the last probe was refused, so that a change is logged once.
	wasUnready atomic.Value
	stop       sync.Once
}

// SystemFact is one line of the system page.
type SystemFact struct {
	Label, Value string
	// Tone is good, warn or bad where the fact is a finding, else "".
	Tone string
}

// App builds the application; it fails when a route is not as it must be.
func (s *Server) App() (*fiber.App, error) {
	if err := s.prepare(); err != nil {
		return nil, err
	}
	app := fiber.New(fiber.Config{
		AppName: "Joinery", Immutable: true, BodyLimit: bodyLimit, ReadTimeout: readLimit, IdleTimeout: idleLimit, ReadBufferSize: 16 << 10,
		DisableStartupMessage: true, StrictRouting: true, CaseSensitive: true, ErrorHandler: s.fail, GETOnly: false, UnescapePath: true, DisablePreParseMultipartForm: true, // only one form has a file
	})
	app.Server().FormValueFunc = formValue
	app.Server().HeaderReceived = bodyLimits
	app.Use(s.around)
	app.Use(wire)
	app.Use(compress.New(compress.Config{Level: compress.LevelBestSpeed, Next: func(c *fiber.Ctx) bool {
		return strings.HasPrefix(c.Path(), "/static/") || strings.HasPrefix(c.Path(), "/hooks/") || strings.HasSuffix(c.Path(), "/live")
	}}))
	return app, s.mount(app)
}

// formValue gives the first value of a field of the form itself: one in the
// address must not stand in for it.
func formValue(c *fasthttp.RequestCtx, name string) []byte {
	if v, ok := uploaded(c, name); ok {
		return v
	}
	return c.PostArgs().Peek(name)
}

func (s *Server) prepare() error {
	base, err := url.Parse(s.BaseURL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return fmt.Errorf("the base URL %q is not an http or https address", s.BaseURL)
	}
	s.base = base
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.assets = s.Static; s.assets == nil {
		if s.assets, err = static.Load(); err != nil {
			return err
		}
	}
	if s.Metrics == nil {
		s.Metrics = metric.New(s.Version, "")
	}
	s.stopping = make(chan struct{})
	s.seats = make(chan struct{}, functionSeats)
	return nil
}

// Serve answers on ln until ctx ends. Then it says that it is not ready, ends the
// open streams, goes on answering for Drain, closes the door, and lets requests
// finish for up to ten seconds.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	app, err := s.App()
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- app.Listener(strict{ln}) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.stop.Do(func() { close(s.stopping) })
	select {
	case err := <-failed:
		return err
	case <-time.After(s.Drain):
	}
	if err := app.ShutdownWithTimeout(10 * time.Second); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("stop answering: %w", err)
	}
	return nil
}

// secure reports whether browsers reach us over https.
func (s *Server) secure() bool { return s.base.Scheme == "https" }

// address gives the client's IP address. Behind trusted proxies it is the last
// address in X-Forwarded-For that is no trusted proxy: everything left of it may
// be invented by the client.
func (s *Server) address(c *fiber.Ctx) string {
	at, ok := netip.AddrFromSlice(c.Context().RemoteIP())
	if !ok {
		return ""
	}
	at = at.Unmap()
	if !s.trusts(at) {
		return at.String()
	}
	hops := strings.Split(c.Get("X-Forwarded-For"), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		if at = hop.Unmap(); !s.trusts(at) {
			break
		}
	}
	return at.String()
}

func (s *Server) trusts(a netip.Addr) bool {
	for _, p := range s.TrustedProxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
