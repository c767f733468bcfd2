package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"joinery/internal/fault"
)

// Limits bound one HTTP exchange. Zero fields take the defaults.
type Limits struct {
	Timeout        time.Duration // whole exchange, body included; 30 s
	MaxBytes       int64         // body after decompression; 8 MiB
	MaxHeaderBytes int64         // 64 KiB
	MaxConns       int           // per host; 64
}

func (l Limits) filled() Limits {
	if l.Timeout <= 0 {
		l.Timeout = 30 * time.Second
	}
	if l.MaxBytes <= 0 {
		l.MaxBytes = 8 << 20
	}
	if l.MaxHeaderBytes <= 0 {
		l.MaxHeaderBytes = 64 << 10
	}
	if l.MaxConns <= 0 {
		l.MaxConns = 64
	}
	return l
}

// HTTPClient makes a client that calls only where the guard lets it, follows no
// redirects, knows no proxies from the environment and bounds what comes back.
// Its errors are faults.
func (g *Guard) HTTPClient(l Limits) *http.Client {
	return client(g, l.filled(), nil)
}

// Send makes one exchange by a client of HTTPClient. It is http.Client.Do without what
// that does for redirects and cookies, of which there are none: copies of headers and
// of the request. Errors are faults as they are.
func Send(c *http.Client, req *http.Request) (*http.Response, error) {
	if t, ok := c.Transport.(*transport); ok {
		return t.RoundTrip(req)
	}
	return c.Do(req)
}

// WithCA gives a copy of a client of HTTPClient that trusts only these
// authorities (PEM).
func WithCA(c *http.Client, pem string) (*http.Client, error) {
	t, ok := c.Transport.(*transport)
	if !ok {
		return nil, fault.New(fault.Internal, "This HTTP client is not one that a certificate can be added to.")
	}
	pool, err := Pool(pem)
	if err != nil {
		return nil, err
	}
	return client(t.guard, t.limits, pool), nil
}

// Pool reads authorities from PEM text.
func Pool(pem string) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(pem)) {
		return nil, fault.New(fault.Invalid, "The certificate is not in PEM form. It starts with -----BEGIN CERTIFICATE-----.")
	}
	return pool, nil
}

func client(g *Guard, l Limits, roots *x509.CertPool) *http.Client {
	t := &transport{guard: g, limits: l, next: &http.Transport{
		DialContext:            g.Dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout:    dialTimeout,
		ResponseHeaderTimeout:  l.Timeout,
		MaxResponseHeaderBytes: l.MaxHeaderBytes,
		MaxConnsPerHost:        l.MaxConns,
		MaxIdleConnsPerHost:    l.MaxConns,
		IdleConnTimeout:        60 * time.Second,
		ForceAttemptHTTP2:      true,
	}}
	return &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// transport checks before, bounds after, and gives faults. The time limit is
// here and not on the client, because the client's own would swallow our faults.
type transport struct {
	guard  *Guard
	limits Limits
	next   *http.Transport
}

// CloseIdleConnections lets http.Client close what is pooled.
func (t *transport) CloseIdleConnections() { t.next.CloseIdleConnections() }

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	host := req.URL.Hostname()
	if req.URL.User != nil {
		return nil, refuseRequest(req, "The address of %s holds a user name or password. Keep them in the credentials.", short(host))
	}
	// An id such as ".." in a path would lead to another resource than the one that is meant.
	for segment := range strings.SplitSeq(req.URL.Path, "/") {
		if segment == "." || segment == ".." {
			return nil, fault.Wrap(fault.Invalid, refuseRequest(req, "dots"), "The address at %s leads up by dots. A name or an id of dots cannot be looked up.", short(host))
		}
	}
	ctx, cancel := within(req.Context(), t.limits.Timeout)
	switch req.URL.Scheme {
	case "https":
	case "http":
		ctx = context.WithValue(ctx, plainKey{}, true)
	default:
		cancel()
		return nil, refuseRequest(req, "Only https:// addresses can be called, not %s://.", short(req.URL.Scheme))
	}
	turn := &turn{}
	ctx = httptrace.WithClientTrace(context.WithValue(ctx, turnKey{}, turn), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { turn.had.Store(true) }})
	resp, err := t.next.RoundTrip(req.WithContext(ctx))
	if err != nil {
		cancel()
		if !turn.had.Load() && isTimeout(err) {
			return nil, fault.Wrap(fault.Unavailable, errors.Join(ErrBusy, err), "All %d connections to %s are busy with other calls of ours.", t.limits.MaxConns, short(host))
		}
		return nil, explainHTTP(host, err)
	}
	resp.Body = &body{next: resp.Body, left: t.limits.MaxBytes, host: host, done: cancel}
	return resp, nil
}

// ErrBusy is the cause of a failure that is our own limit and says nothing about
// the other side.
var ErrBusy = errors.New("our own limit left no room for the call")

// turn notes whether a request was given a connection, or one was begun for it; before
// that it waits for other requests of ours.
type turn struct{ had atomic.Bool }

type turnKey struct{}

// within bounds a context that is not bounded more tightly already.
func within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if until, ok := ctx.Deadline(); ok && time.Until(until) <= limit {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, limit)
}

func refuseRequest(req *http.Request, format string, args ...any) error {
	if req.Body != nil {
		_ = req.Body.Close()
	}
	return fault.New(fault.Forbidden, format, args...)
}

func explainHTTP(host string, err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return err
	}
	if err := ExplainTLS(host, err); err != nil {
		return err
	}
	switch {
	case errors.Is(err, context.Canceled):
		return fault.Wrap(fault.Unavailable, err, "The call to %s was stopped before it was answered.", short(host))
	case isTimeout(err):
		return fault.Wrap(fault.Unavailable, err, "%s did not answer in time.", short(host))
	case contains(err, "server response headers exceeded"), contains(err, "response header list larger"):
		return fault.Wrap(fault.TooLarge, err, "%s answered with more header data than we accept.", short(host))
	}
	return fault.Wrap(fault.Unavailable, err, "The connection to %s broke before the answer was complete.", short(host))
}

func contains(err error, text string) bool { return strings.Contains(err.Error(), text) }

// body bounds an answer after decompression and releases the timer at its end.
type body struct {
	next io.ReadCloser
	left int64
	host string
	done context.CancelFunc
}

func (b *body) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, b.tooLarge()
	}
	// One byte more than allowed tells "exactly full" from "too much".
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.next.Read(p)
	b.left -= int64(n)
	switch {
	case b.left < 0:
		return n - 1, b.tooLarge()
	case err != nil && !errors.Is(err, io.EOF):
		return n, explainHTTP(b.host, err)
	}
	return n, err
}

func (b *body) tooLarge() error {
	return fault.New(fault.TooLarge, "%s answered with more data than we accept.", short(b.host))
}

func (b *body) Close() error {
	defer b.done()
	return b.next.Close()
}
