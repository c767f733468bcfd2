// Package faultproxy is a TCP proxy that misbehaves on demand: it delays, slices,
// swallows and cuts what passes, at a moment that a test chooses by the bytes.
// Only tests use it.
package faultproxy

import (
	"net"
	"sync"
	"time"
)

// Verdict says what becomes of one chunk of bytes.
type Verdict int

// What can become of a chunk.
const (
	Pass    Verdict = iota // it is passed on
	Cut                    // both sides are cut, and the chunk is lost
	PassCut                // it is passed on, and then both sides are cut: the answer is lost
	Swallow                // it and all that follows on this connection is lost; nobody is told
)

// Chunk is what one side sent.
type Chunk struct {
	// ToServer is true for what the client sent.
	ToServer bool
	Bytes    []byte
}

// Proxy stands between clients and one server.
type Proxy struct {
	listener net.Listener

	mu    sync.Mutex
	dial  func() (net.Conn, error)
	judge func(Chunk) Verdict
	delay time.Duration
	slice int
	down  bool
	mute  bool
	conns map[net.Conn]bool
	work  sync.WaitGroup
}

// New listens on a free port of this machine and passes on to a server; network
// and address may name a Unix socket.
func New(network, address string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: l, conns: map[net.Conn]bool{}, dial: dialer(network, address)}
	p.work.Go(p.accept)
	return p, nil
}

// Addr is where clients connect.
func (p *Proxy) Addr() *net.TCPAddr { return p.listener.Addr().(*net.TCPAddr) }

// To passes new connections on to another server.
func (p *Proxy) To(network, address string) {
	p.set(func() { p.dial = dialer(network, address) })
}

func dialer(network, address string) func() (net.Conn, error) {
	return func() (net.Conn, error) { return net.DialTimeout(network, address, 5*time.Second) }
}

// Judge asks f about every chunk from now on; nil passes all.
func (p *Proxy) Judge(f func(Chunk) Verdict) { p.set(func() { p.judge = f }) }

// Slow delays every chunk and cuts it into pieces of at most slice bytes; 0 for
// either switches it off.
func (p *Proxy) Slow(delay time.Duration, slice int) {
	p.set(func() { p.delay, p.slice = delay, slice })
}

// Down cuts every connection and refuses new ones; Up ends it.
func (p *Proxy) Down() { p.set(func() { p.down = true }); p.CutAll() }

// Up accepts and passes on again.
func (p *Proxy) Up() { p.set(func() { p.down, p.mute = false, false }) }

// Mute lets connections stand and lets nothing through, as a network that drops
// packets does. Up ends it for new connections.
func (p *Proxy) Mute() { p.set(func() { p.mute = true }) }

func (p *Proxy) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// CutAll cuts every connection now.
func (p *Proxy) CutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

// Close ends the proxy and all its connections.
func (p *Proxy) Close() {
	_ = p.listener.Close()
	p.Down()
	p.work.Wait()
}

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.work.Go(func() { p.serve(c) })
	}
}

func (p *Proxy) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	if !p.keep(client) {
		return
	}
	defer p.drop(client)
	p.mu.Lock()
	dial := p.dial
	p.mu.Unlock()
	server, err := dial()
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	if !p.keep(server) {
		return
	}
	defer p.drop(server)
	var both sync.WaitGroup
	cut := func() { _ = client.Close(); _ = server.Close() }
	both.Go(func() { defer cut(); p.pump(client, server, true) })
	both.Go(func() { defer cut(); p.pump(server, client, false) })
	both.Wait()
}

func (p *Proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return false
	}
	p.conns[c] = true
	return true
}

func (p *Proxy) drop(c net.Conn) { p.set(func() { delete(p.conns, c) }) }

// pump passes one direction on until something cuts it.
func (p *Proxy) pump(from, to net.Conn, toServer bool) {
	buf := make([]byte, 64<<10)
	swallowed := false
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		judge, delay, slice, mute := p.judge, p.delay, p.slice, p.mute
		p.mu.Unlock()
		if swallowed = swallowed || mute; swallowed {
			continue
		}
		verdict := Pass
		if judge != nil {
			verdict = judge(Chunk{ToServer: toServer, Bytes: buf[:n]})
		}
		switch verdict {
		case Cut:
			return
		case Swallow:
			swallowed = true
			continue
		}
		if verdict == PassCut {
			_ = from.Close() // first: an answer may be quicker than the cut
		}
		if !write(to, buf[:n], delay, slice) || verdict == PassCut {
			return
		}
	}
}

func write(to net.Conn, b []byte, delay time.Duration, slice int) bool {
	for len(b) > 0 {
		time.Sleep(delay)
		n := len(b)
		if slice > 0 {
			n = min(n, slice)
		}
		if _, err := to.Write(b[:n]); err != nil {
			return false
		}
		b = b[n:]
	}
	return true
}
