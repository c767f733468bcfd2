package connector

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"joinery/internal/egress"
	"joinery/internal/fault"
	"joinery/internal/secret"
)

// Limits of the pool. Two versions of a connection's settings stay open side by
// side, because runs pinned to the release before the newest one still go on.
const (
	keepVersions = 2
	keepIdle     = 10 * time.Minute
)

// Pool opens connections and keeps them for the next user. A connection is
// known by its key and the hash of its settings; when the settings change the
// old connection closes as soon as nobody uses it.
type Pool struct {
	Catalog Catalog
	// Guard holds the installation's allow list; a connection's own private
	// hosts are added to it.
	Guard *egress.Guard
	// Secret decrypts a credential of a connection and records the use.
	Secret func(ctx context.Context, connection, name string) (secret.Value, error)
	Limits egress.Limits
	Now    func() time.Time
	Log    *slog.Logger

	mu     sync.Mutex
	closed bool
	open   map[poolKey]*pooled
	paces  map[string]*pace

	breakers breakers
}

type poolKey struct{ connection, hash string }

// pooled is one open connection. Conn and err are set once ready is closed; uses
// and last are guarded by Pool.mu.
type pooled struct {
	ready chan struct{}
	conn  Conn
	err   error
	http  *http.Client
	uses  int
	last  time.Time
}

// Use gives an open connection for these settings and the function that gives
// it back. Hash names the version of the settings. A connection that is given
// rest gives a RestingError.
func (p *Pool) Use(ctx context.Context, s Settings, hash string) (Conn, func(), error) {
	probe, err := p.breakers.enter(s.Key, p.now())
	if err != nil {
		return nil, nil, err
	}
	k := poolKey{s.Key, hash}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		p.breakers.leave(s.Key, probe)
		return nil, nil, fault.New(fault.Unavailable, "Joinery is shutting down; the call will be made after the restart.")
	}
	e, found := p.open[k]
	if !found {
		e = &pooled{ready: make(chan struct{})}
		if p.open == nil {
			p.open = map[poolKey]*pooled{}
		}
		p.open[k] = e
	}
	e.uses++
	p.mu.Unlock()

	if !found {
		// Opening is shared, so one user's cancelled context must not fail the others.
		e.conn, e.http, e.err = p.start(context.WithoutCancel(ctx), s, p.Secret, func() error { return p.breakers.may(s.Key, p.now()) })
		close(e.ready)
	}
	select {
	case <-e.ready:
	case <-ctx.Done():
		p.giveBack(k, e, probe)
		return nil, nil, fault.Wrap(fault.Unavailable, ctx.Err(), "The connection %s was not open in time.", s.Key)
	}
	if e.err != nil {
		p.giveBack(k, e, probe)
		return nil, nil, e.err
	}
	var once sync.Once
	return e.conn, func() { once.Do(func() { p.giveBack(k, e, probe) }) }, nil
}

// Test opens a connection of its own for approved settings, tries it and closes it.
func (p *Pool) Test(ctx context.Context, s Settings) []Finding {
	return p.test(ctx, s, p.Secret)
}

// TestDraft tries settings that nobody has approved. They could name any
// address, so they get no credential, and of their private hosts only those that
// approved settings already have: otherwise a test would be a way to send a
// secret anywhere and to look around inside.
func (p *Pool) TestDraft(ctx context.Context, s Settings, approvedPrivate []string) []Finding {
	s.Private = slices.DeleteFunc(slices.Clone(s.Private), func(h string) bool { return !slices.Contains(approvedPrivate, h) })
	return p.test(ctx, s, func(context.Context, string, string) (secret.Value, error) {
		return secret.Value{}, fault.New(fault.Forbidden, "Signing in was not tried: credentials go only where approved settings send them. Have the change approved, then test again.")
	})
}

func (p *Pool) test(ctx context.Context, s Settings, secrets func(ctx context.Context, connection, name string) (secret.Value, error)) []Finding {
	conn, client, err := p.start(ctx, s, secrets, func() error { return nil })
	if err != nil {
		f := Finding{Title: "Settings", Detail: fault.Sentence(err)}
		for _, problem := range fault.Problems(err) {
			f.Detail += " " + problem.Path + ": " + problem.Detail
		}
		return []Finding{f}
	}
	defer client.CloseIdleConnections()
	defer func() { _ = conn.Close() }()
	return conn.Test(ctx)
}

// Close closes what nobody uses; what is in use closes when it is given back.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.closed = true
	idle := p.takeIdle(func(poolKey, *pooled) bool { return true })
	p.mu.Unlock()
	return closeAll(idle)
}

func (p *Pool) start(ctx context.Context, s Settings, secrets func(ctx context.Context, connection, name string) (secret.Value, error), may func() error) (Conn, *http.Client, error) {
	t, ok := p.Catalog.Type(s.Type)
	if !ok {
		return nil, nil, fault.New(fault.Invalid, "There is no connector of type %q.", s.Type)
	}
	if err := fault.Refuse("The settings of this connection are not complete.", CheckSettings(p.Catalog, s)); err != nil {
		return nil, nil, err
	}
	guard := p.Guard
	if guard == nil {
		guard = &egress.Guard{}
	}
	guard, err := guard.With(s.Private)
	if err != nil {
		return nil, nil, err
	}
	client := guard.HTTPClient(p.Limits)
	conn, err := t.Open(ctx, Config{
		Key:      s.Key,
		Settings: WithDefaults(t.Info().Settings, s.Settings),
		Secret: func(ctx context.Context, name string) (secret.Value, error) {
			v, err := secrets(ctx, s.Key, name)
			if fault.Is(err, fault.Unavailable) {
				err = fault.Wrap(fault.Unavailable, errors.Join(errOurs, err), "%s", fault.Sentence(err))
			}
			return v, err
		},
		HTTP: client,
		Dial: guard.Dial,
		Pace: p.pace(s.Key, s.Limits.CallsPerSecond, may),
		Now:  p.now,
		Log:  p.Log.With("connection", s.Key),
	})
	return conn, client, err
}

func (p *Pool) now() time.Time {
	if p.Now == nil {
		return time.Now()
	}
	return p.Now()
}

// giveBack ends one use and closes what is no longer worth keeping.
func (p *Pool) giveBack(k poolKey, e *pooled, probe time.Time) {
	p.breakers.leave(k.connection, probe)
	p.mu.Lock()
	now := p.now()
	e.uses--
	e.last = now
	if failed(e) && p.open[k] == e {
		delete(p.open, k) // the next user tries again
	}
	newest := p.newest(k.connection)
	idle := p.takeIdle(func(other poolKey, o *pooled) bool {
		return p.closed || now.Sub(o.last) > keepIdle || other.connection == k.connection && !newest[o]
	})
	p.mu.Unlock()
	if err := closeAll(idle); err != nil {
		p.Log.Warn("closing a connection failed", "connection", k.connection, "err", err)
	}
}

func failed(e *pooled) bool {
	select {
	case <-e.ready:
		return e.err != nil
	default:
		return false
	}
}

// newest gives the versions of one connection worth keeping: those in use and
// the most recently used of the rest.
func (p *Pool) newest(connection string) map[*pooled]bool {
	keep := map[*pooled]bool{}
	for range keepVersions {
		var best *pooled
		for k, e := range p.open {
			if k.connection == connection && !keep[e] && (best == nil || fresher(e, best)) {
				best = e
			}
		}
		if best != nil {
			keep[best] = true
		}
	}
	return keep
}

func fresher(a, b *pooled) bool {
	if (a.uses > 0) != (b.uses > 0) {
		return a.uses > 0
	}
	return a.last.After(b.last)
}

// takeIdle removes unused connections that match. The caller holds mu.
func (p *Pool) takeIdle(match func(poolKey, *pooled) bool) []*pooled {
	var out []*pooled
	for k, e := range p.open {
		if e.uses == 0 && match(k, e) {
			delete(p.open, k)
			out = append(out, e)
		}
	}
	return out
}

func closeAll(all []*pooled) error {
	var errs []error
	for _, e := range all {
		if e.conn != nil {
			errs = append(errs, e.conn.Close())
			e.http.CloseIdleConnections()
		}
	}
	return errors.Join(errs...)
}

// pace is how fast one connection may be called. It belongs to the connection's
// key and not to the open connection, so two versions of the settings share it.
type pace struct {
	limiter *rate.Limiter
}

func (p *Pool) pace(connection string, perSecond float64, may func() error) func(context.Context) error {
	if perSecond <= 0 {
		return func(context.Context) error { return may() }
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.paces[connection]
	if !ok {
		c = &pace{limiter: rate.NewLimiter(rate.Limit(perSecond), 1)}
		if p.paces == nil {
			p.paces = map[string]*pace{}
		}
		p.paces[connection] = c
	}
	c.limiter.SetLimit(rate.Limit(perSecond))
	return func(ctx context.Context) error {
		if err := c.limiter.Wait(ctx); err != nil {
			return fault.Wrap(fault.Unavailable, errors.Join(ErrBusy, err), "The limit of %g calls per second for %s leaves no time for this call now.", perSecond, connection)
		}
		return may()
	}
}
