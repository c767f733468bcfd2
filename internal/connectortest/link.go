package connectortest

import (
	"net"
	"sync"
	"testing"
)

// Link is a wire between a connector and a server that can lose replies and go
// silent. A server with a certificate for 127.0.0.1 is none the wiser.
type Link struct {
	Addr string // connect here

	target string
	mu     sync.Mutex
	cutAt  int // lose this reply from now; 0 = none
	seen   int
	cut    bool
	beside func() // done before this reply is passed on
	at     int
	muted  bool
	conns  map[net.Conn]bool
}

// NewLink listens for a connector and passes on to target (host:port).
func NewLink(t testing.TB, target string) *Link {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	link := &Link{Addr: l.Addr().String(), target: target, conns: map[net.Conn]bool{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			link.keep(c)
			wg.Go(func() { link.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		link.drop()
		wg.Wait()
	})
	return link
}

// CutReply loses the nth reply from now and breaks that connection; 0 stops it.
// The request has reached the server by then.
func (k *Link) CutReply(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cutAt, k.seen, k.cut = n, 0, false
}

// WasCut reports whether a reply was lost since CutReply.
func (k *Link) WasCut() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.cut
}

// Beside does something while the nth reply from now is on its way; it is done once.
func (k *Link) Beside(n int, do func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.at, k.seen, k.beside = n, 0, do
}

// Mute swallows all replies from now on and keeps the connections open.
func (k *Link) Mute(on bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.muted = on
}

func (k *Link) keep(c net.Conn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.conns[c] = true
}

func (k *Link) drop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for c := range k.conns {
		_ = c.Close()
	}
}

func (k *Link) serve(client net.Conn) {
	server, err := net.Dial("tcp", k.target)
	if err != nil {
		_ = client.Close()
		return
	}
	k.keep(server)
	end := func() { _ = client.Close(); _ = server.Close() }
	defer end()
	asked := make(chan struct{}, 1) // a request went out since the last reply
	go func() {
		defer end()
		buf := make([]byte, 64<<10)
		for {
			n, err := client.Read(buf)
			if n > 0 {
				select {
				case asked <- struct{}{}:
				default:
				}
				if _, err := server.Write(buf[:n]); err != nil {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := server.Read(buf)
		if n > 0 {
			first := false
			select {
			case <-asked:
				first = true
			default:
			}
			pass, keep := k.reply(first)
			if !keep {
				return
			}
			if pass {
				if _, err := client.Write(buf[:n]); err != nil {
					return
				}
			}
		}
		if err != nil {
			return
		}
	}
}

// reply decides what happens to data from the server.
func (k *Link) reply(first bool) (pass, keep bool) {
	k.mu.Lock()
	if first {
		k.seen++
	}
	if do := k.beside; do != nil && k.seen >= k.at {
		k.beside = nil
		k.mu.Unlock()
		do()
		k.mu.Lock()
	}
	defer k.mu.Unlock()
	if k.cutAt > 0 && !k.cut && k.seen >= k.cutAt {
		k.cut = true
		return false, false
	}
	return !k.muted, true
}
