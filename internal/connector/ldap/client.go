package ldap

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"

	"joinery/internal/connector"
	"joinery/internal/egress"
	"joinery/internal/fault"
)

// How long a connection is trusted. Firewalls drop idle ones silently, and a bind
// password that is rotated or revoked must take effect without a restart.
const (
	checkAfter  = 20 * time.Second
	secretAfter = 2 * time.Second
	maxIdle     = 2 * time.Minute
	maxAge      = 10 * time.Minute
)

// session is one bound connection; with is the sum of the password it is bound with.
type session struct {
	*goldap.Conn
	born, used time.Time
	with       [sha256.Size]byte
}

// pool holds bound connections; slots bounds how many are out or idle at once.
type pool struct {
	slots  chan struct{}
	mu     sync.Mutex
	idle   []*session
	closed bool
	// with is the sum of the password that counts, known at a moment.
	with    [sha256.Size]byte
	knownAt time.Time
}

// do runs one exchange on a pooled connection. A cancelled context or a passed
// time limit closes that connection, since LDAP cannot take a request back.
func (c *conn) do(ctx context.Context, fn func(*goldap.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.set.timeout)
	defer cancel()
	s, err := c.take(ctx)
	if err != nil {
		return err
	}
	defer func() { <-c.pool.slots }()
	if c.cfg.Pace != nil {
		if err := c.cfg.Pace(ctx); err != nil {
			c.pool.put(s, c.cfg.Now())
			return err
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	err = fn(s.Conn)
	if !stop() && err != nil {
		return c.outOfTime(ctx)
	}
	if s.IsClosing() || goldap.IsErrorAnyOf(err, goldap.ErrorNetwork) {
		_ = s.Close()
	} else {
		c.pool.put(s, c.cfg.Now())
	}
	return err
}

func (c *conn) outOfTime(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), context.Canceled) {
		return fault.Wrap(fault.Unavailable, ctx.Err(), "The call to the directory was stopped before it was answered.")
	}
	return fault.Wrap(fault.Unavailable, ctx.Err(), "The directory did not answer within %s.", c.set.timeout)
}

// take gives a bound connection that is worth trying and holds a slot for it.
func (c *conn) take(ctx context.Context) (*session, error) {
	select {
	case c.pool.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Unavailable, errors.Join(connector.ErrBusy, ctx.Err()), "All %d connections to the directory are busy.", c.set.poolSize)
	}
	with, err := c.counts(ctx)
	if err != nil {
		<-c.pool.slots
		return nil, err
	}
	for {
		s := c.pool.get(c.cfg.Now())
		if s == nil {
			break
		}
		if s.with != with {
			_ = s.Close()
			continue
		}
		if c.cfg.Now().Sub(s.used) < checkAfter || alive(ctx, s) {
			return s, nil
		}
		_ = s.Close()
	}
	s, err := c.connect(ctx)
	if err != nil {
		<-c.pool.slots
		return nil, err
	}
	return s, nil
}

// counts gives the sum of the bind password that counts now. It is asked for
// anew every two seconds, and refused when it was revoked, although connections
// that are bound with it may still be open.
func (c *conn) counts(ctx context.Context) ([sha256.Size]byte, error) {
	c.pool.mu.Lock()
	with, known := c.pool.with, c.pool.knownAt
	c.pool.mu.Unlock()
	if c.cfg.Now().Sub(known) < secretAfter {
		return with, nil
	}
	password, err := c.cfg.Secret(ctx, bindPassword)
	if err != nil {
		return with, err
	}
	with = sha256.Sum256([]byte(password.Reveal()))
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	c.pool.with, c.pool.knownAt = with, c.cfg.Now()
	return with, nil
}

// alive asks a rested connection for the root entry before it is trusted.
func alive(ctx context.Context, s *session) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	_, err := s.Search(goldap.NewSearchRequest("", goldap.ScopeBaseObject, goldap.NeverDerefAliases, 1, 2, false, "(objectClass=*)", []string{"1.1"}, nil))
	return stop() && err == nil
}

func (p *pool) get(now time.Time) *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 {
		s := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if s.IsClosing() || now.Sub(s.used) > maxIdle || now.Sub(s.born) > maxAge {
			_ = s.Close()
			continue
		}
		return s
	}
	return nil
}

func (p *pool) put(s *session, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = s.Close()
		return
	}
	s.used = now
	p.idle = append(p.idle, s)
}

// Close closes idle connections; busy ones close when their exchange ends.
func (c *conn) Close() error {
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	c.pool.closed = true
	var errs []error
	for _, s := range c.pool.idle {
		errs = append(errs, s.Close())
	}
	c.pool.idle = nil
	return errors.Join(errs...)
}

// connect opens and binds, trying the servers in turn.
func (c *conn) connect(ctx context.Context) (*session, error) {
	var first error
	for _, srv := range c.set.servers {
		l, err := c.open(ctx, srv)
		if err == nil {
			with, err := c.bind(ctx, l)
			if err != nil {
				_ = l.Close()
				return nil, err
			}
			now := c.cfg.Now()
			return &session{Conn: l, born: now, used: now, with: with}, nil
		}
		if first == nil {
			first = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, first
}

// open dials one server and sets up TLS.
func (c *conn) open(ctx context.Context, srv server) (*goldap.Conn, error) {
	raw, err := c.cfg.Dial(ctx, "tcp", srv.address())
	if err != nil {
		return nil, err
	}
	secured, err := c.secure(ctx, raw, srv)
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	l := goldap.NewConn(secured, c.set.tls != "none")
	l.Start()
	return l, nil
}

// secure does the TLS handshake. StartTLS is spoken here and not by the library,
// because the library loses what was wrong with the certificate.
func (c *conn) secure(ctx context.Context, raw net.Conn, srv server) (net.Conn, error) {
	if c.set.tls == "none" {
		return raw, nil
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	if c.set.tls == "starttls" {
		if err := startTLS(raw); err != nil {
			if ctx.Err() != nil {
				return nil, c.outOfTime(ctx)
			}
			return nil, err
		}
	}
	secured := tls.Client(raw, &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.set.roots, ServerName: or(c.set.serverName, srv.host)})
	if err := secured.HandshakeContext(ctx); err != nil {
		if why := egress.ExplainTLS(or(c.set.serverName, srv.host), err); why != nil {
			return nil, why
		}
		if ctx.Err() != nil {
			return nil, c.outOfTime(ctx)
		}
		return nil, fault.Wrap(fault.Unavailable, err, "%s ended the connection during the TLS handshake. Check the port and the kind of encryption.", srv.host)
	}
	return secured, nil
}

func startTLS(raw net.Conn) error {
	packet := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	packet.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, int64(1), ""))
	request := ber.Encode(ber.ClassApplication, ber.TypeConstructed, goldap.ApplicationExtendedRequest, nil, "")
	request.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, "1.3.6.1.4.1.1466.20037", ""))
	packet.AppendChild(request)
	if _, err := raw.Write(packet.Bytes()); err != nil {
		return fault.Wrap(fault.Unavailable, err, "The directory ended the connection when asked for TLS.")
	}
	answer, err := ber.ReadPacket(raw)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "The directory did not answer the wish for TLS. Check the port and the kind of encryption.")
	}
	if err := goldap.GetLDAPError(answer); err != nil {
		return fault.Wrap(fault.Invalid, err, "The directory does not offer StartTLS. Switch it on there, or use ldaps://.")
	}
	return nil
}

func (c *conn) bind(ctx context.Context, l *goldap.Conn) (with [sha256.Size]byte, err error) {
	password, err := c.cfg.Secret(ctx, bindPassword)
	if err != nil {
		return with, err
	}
	if password.Empty() {
		return with, fault.New(fault.Invalid, "The password of the bind account is empty. Set it with the connection's credentials.")
	}
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	err = l.Bind(c.set.bindDN, password.Reveal())
	if !stop() {
		return with, c.outOfTime(ctx)
	}
	if err != nil {
		return with, explainBind(c.set.bindDN, err)
	}
	return sha256.Sum256([]byte(password.Reveal())), nil
}
